//! The checks of a round find what they are there for.

use std::collections::BTreeMap;

use rotate::store::{Journal as _, JournalFile};

use super::ledger::{LastEntry, Ledger};
use super::round::{Arena, repeats};

#[test]
fn an_update_that_is_lost_is_found() {
    let mut arena = Arena::new();
    arena.prepare(0);
    arena.check_ledger(&[]).unwrap();
    arena.new_key("fresh");
    let before = arena.lab.read("state/prod.json");
    arena.lab.run("stage prod --from file:fresh.key").expect(0);
    let after = arena.lab.read("state/prod.json");
    // What a writer does that does not look at what it replaces.
    arena.lab.write("state/prod.json", &before);
    let fault = arena.check_ledger(&[]).unwrap_err();
    assert!(fault.contains("do not add up"), "{fault}");
    arena.lab.write("state/prod.json", &after);
    arena.check_ledger(&[]).unwrap();
}

#[test]
fn entries_that_do_not_add_up_are_found() {
    let mut arena = Arena::new();
    arena.new_key("fresh");
    for command in ["stage prod --from file:fresh.key", "promote prod"] {
        arena.lab.run(command).expect(0);
    }
    let record = arena.record();
    let entries = JournalFile::new(&arena.lab.path("state"), "prod").entries().unwrap();
    let take_in =
        |entries: &[_], killed: &BTreeMap<_, _>| Ledger::default().take_in(entries, killed, &record);
    take_in(&entries, &BTreeMap::new()).unwrap();
    for at in 0..entries.len() {
        let mut without = entries.clone();
        without.remove(at);
        take_in(&without, &BTreeMap::new()).unwrap_err();
        let mut twice = entries.clone();
        twice.insert(at, entries[at].clone());
        take_in(&twice, &BTreeMap::new()).unwrap_err();
    }
    // The last entry of a process that was killed may have come to nothing. This one did not.
    let last = entries.last().unwrap().by.pid;
    take_in(&entries, &[(last, LastEntry::Unknown)].into()).unwrap();
    take_in(&entries, &[(last, LastEntry::NotCommitted)].into()).unwrap_err();
}

#[test]
fn a_key_that_is_refused_is_found() {
    let arena = Arena::new();
    arena.ask().unwrap();
    let id = arena.lab.status("prod")["active"]["provider_key_id"].as_str().unwrap().to_owned();
    arena.lab.console_set(&id, "inactive");
    let fault = arena.ask().unwrap_err();
    assert!(fault.contains("refused"), "{fault}");
}

#[test]
fn what_is_asked_for_twice_is_found() {
    let change = |path: &str, body: &str| (path.to_owned(), body.to_owned());
    let once =
        [change("a", "inactive"), change("b", "inactive"), change("a", "active"), change("a", "inactive")];
    assert!(repeats(&once).is_empty());
    let twice = [change("a", "inactive"), change("b", "inactive"), change("a", "inactive")];
    assert_eq!(repeats(&twice), [&twice[2]]);
}

#[test]
fn what_is_left_behind_or_held_is_found() {
    let mut arena = Arena::new();
    arena.check_leftovers(0).unwrap();
    arena.lab.write("state/.prod.json.rotate-aaaaaa", "");
    let fault = arena.check_leftovers(0).unwrap_err();
    assert!(fault.contains("leftovers of state/prod.json"), "{fault}");
    arena.check_locks().unwrap();
    let lock = std::fs::File::open(arena.lab.path("state/prod.lock")).unwrap();
    lock.lock().unwrap();
    let fault = arena.check_locks().unwrap_err();
    assert!(fault.contains("prod.lock is not free"), "{fault}");
}
