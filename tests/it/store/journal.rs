//! The journal: a chain in which every cut, edit, swap and gap shows.

use std::path::Path;

use rotate::store::actor::Actor;
use rotate::store::journal::{Draft, Head, Tail, Verification};
use rotate::store::{Journal as _, JournalFile, StoreError};
use serde_json::json;
use tempfile::TempDir;

use crate::core::sample;

pub fn draft(event: &str) -> Draft {
    Draft {
        at: sample::opened(),
        by: Actor { user: "ops".to_owned(), host: "host".to_owned(), pid: 1, command: "test".to_owned() },
        rotation: Some("r-1".to_owned()),
        event: event.to_owned(),
        data: json!({ "event": event, "text": "with \"hash\":\" and \n in it" }),
    }
}

/// A journal of so many entries, and its newest one.
pub fn journal(entries: usize) -> (TempDir, JournalFile, Option<Head>) {
    let directory = tempfile::tempdir().unwrap();
    let journal = JournalFile::new(directory.path(), "prod");
    let mut head = None;
    for number in 0..entries {
        head = Some(journal.append(draft(&format!("event-{number}")), head.as_ref()).unwrap());
    }
    (directory, journal, head)
}

pub fn text(journal: &JournalFile) -> String {
    std::fs::read_to_string(journal.path()).unwrap()
}

pub fn write(journal: &JournalFile, text: impl AsRef<[u8]>) {
    std::fs::write(journal.path(), text).unwrap();
}

pub fn problems(journal: &JournalFile, head: Option<&Head>) -> Vec<(u64, String)> {
    journal.verify(head).unwrap().problems
}

#[test]
fn what_is_appended_is_read_back_and_verified() {
    let (_directory, journal, head) = journal(5);
    let found = journal.verify(head.as_ref()).unwrap();
    let intact = Verification { entries: 5, head: head.clone(), problems: Vec::new(), cut_short: None };
    assert_eq!(found, intact);
    let entries = journal.entries().unwrap();
    assert_eq!(entries.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(entries.iter().all(|entry| entry.dropped_bytes.is_none()));
    assert_eq!(entries[2].event, "event-2");
    assert_eq!(entries[2].data["text"], "with \"hash\":\" and \n in it");
    assert!(entries.windows(2).all(|pair| pair[0].previous != pair[1].previous));
}

#[test]
fn a_journal_that_is_not_there_is_empty() {
    let journal = JournalFile::new(Path::new("/nowhere"), "prod");
    let empty = Verification { entries: 0, head: None, problems: Vec::new(), cut_short: None };
    assert_eq!(journal.verify(None).unwrap(), empty);
}

#[test]
fn an_entry_torn_by_a_crash_is_dropped_and_the_next_one_says_so() {
    let (_directory, journal, head) = journal(2);
    let whole = text(&journal);
    for torn in ["{", "{\"sequence\":3,\"at\"", &"x".repeat(5000)] {
        write(&journal, format!("{whole}{torn}"));
        assert_eq!(problems(&journal, head.as_ref()), [], "a torn tail alone is a crash, not an edit");
        journal.append(draft("after"), head.as_ref()).unwrap();
        let entries = journal.entries().unwrap();
        assert_eq!(entries[2].dropped_bytes, Some(torn.len() as u64));
        assert_eq!(problems(&journal, head.as_ref()), []);
    }
}

#[test]
fn a_first_entry_torn_by_a_crash_is_dropped() {
    let (_directory, journal, _) = journal(1);
    let line = text(&journal);
    write(&journal, &line[..line.len() / 2]);
    journal.append(draft("again"), None).unwrap();
    let entries = journal.entries().unwrap();
    assert_eq!((entries.len(), entries[0].sequence), (1, 1));
    assert_eq!(entries[0].dropped_bytes, Some(line.len() as u64 / 2));
}

#[test]
fn an_edited_entry_shows() {
    let (_directory, journal, head) = journal(3);
    write(&journal, text(&journal).replacen("event-1", "event-9", 1));
    let found = problems(&journal, head.as_ref());
    assert_eq!(found[0].0, 2);
    assert!(found[0].1.contains("edited"), "{found:?}");
}

#[test]
fn an_entry_that_was_taken_out_shows() {
    for missing in 0..3 {
        let (_directory, journal, head) = journal(4);
        let lines: Vec<_> = text(&journal).lines().map(str::to_owned).collect();
        let kept: String = lines
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != missing)
            .map(|(_, line)| format!("{line}\n"))
            .collect();
        write(&journal, kept);
        let gap = (missing as u64 + 1, format!("entry {} is missing before it", missing + 1));
        // Also without the state file's memory.
        for remembered in [head.as_ref(), None] {
            assert_eq!(problems(&journal, remembered), std::slice::from_ref(&gap));
        }
    }
}

#[test]
fn all_that_is_missing_in_one_place_is_told_at_once() {
    let (_directory, journal, head) = journal(5);
    let lines: Vec<_> = text(&journal).lines().map(str::to_owned).collect();
    write(&journal, format!("{}\n{}\n", lines[0], lines[4]));
    let gap = (2, "entries 2 to 4 are missing before it".to_owned());
    assert_eq!(problems(&journal, head.as_ref()), [gap]);
}

#[test]
fn entries_that_changed_places_show() {
    let (_directory, journal, head) = journal(4);
    let text = text(&journal);
    let mut lines: Vec<_> = text.lines().collect();
    lines.swap(1, 2);
    write(&journal, format!("{}\n", lines.join("\n")));
    let expected = [
        (2, "entry 2 is missing before it"),
        (3, "is entry 2, expected 4"),
        (4, "entry 3 is missing before it"),
    ];
    assert_eq!(problems(&journal, head.as_ref()), expected.map(|(line, what)| (line, what.to_owned())));
}

#[test]
fn a_doubled_entry_and_another_keys_entry_show() {
    let (directory, journal, head) = journal(2);
    let whole = text(&journal);
    let last = whole.lines().last().unwrap();
    write(&journal, format!("{whole}{last}\n"));
    assert_eq!(problems(&journal, head.as_ref()), [(3, "is entry 2, expected 3".to_owned())]);
    let other = JournalFile::new(directory.path(), "other");
    write(&other, &whole);
    assert!(problems(&other, None).iter().all(|(_, problem)| problem.contains("another key")));
    assert_eq!(problems(&other, None).len(), 2);
}

#[test]
fn an_entry_of_another_history_shows_though_its_number_and_hash_are_right() {
    let (_directory, journal, _) = journal(3);
    let other_directory = tempfile::tempdir().unwrap();
    let other = JournalFile::new(other_directory.path(), "prod");
    let mut head = None;
    for number in 0..3 {
        head = Some(other.append(draft(&format!("forged-{number}")), head.as_ref()).unwrap());
    }
    let (mine, forged) = (text(&journal), text(&other));
    let lines: Vec<_> = mine.lines().take(2).chain(forged.lines().skip(2)).collect();
    write(&journal, format!("{}\n", lines.join("\n")));
    let found = problems(&journal, head.as_ref());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].1.contains("does not follow"), "{found:?}");
}

#[test]
fn a_journal_cut_short_shows_by_what_the_state_file_remembers() {
    let (_directory, journal, head) = journal(4);
    let whole = text(&journal);
    let cut: String = whole.lines().take(2).map(|line| format!("{line}\n")).collect();
    write(&journal, &cut);
    assert_eq!(problems(&journal, None), [], "the chain alone cannot tell");
    let found = problems(&journal, head.as_ref());
    assert!(found[0].1.contains("entry 4"), "{found:?}");
    std::fs::remove_file(journal.path()).unwrap();
    assert!(!problems(&journal, head.as_ref()).is_empty(), "all of it is gone");
}

#[test]
fn a_cut_does_not_heal_when_the_journal_goes_on() {
    for kept in [0, 2] {
        let (_directory, journal, head) = journal(4);
        let cut: String = text(&journal).lines().take(kept).map(|line| format!("{line}\n")).collect();
        write(&journal, &cut);
        let next = journal.append(draft("later"), head.as_ref()).unwrap();
        assert_eq!(next.sequence, 5);
        let found = journal.verify(Some(&next)).unwrap();
        assert!(!found.problems.is_empty(), "{kept} of 4 were left: {found:?}");
    }
}

#[test]
fn the_next_entry_follows_what_is_written_though_the_state_remembers_another() {
    let (_directory, journal, head) = journal(2);
    let forged = Head { sequence: 2, hash: "0".repeat(64) };
    let next = journal.append(draft("later"), Some(&forged)).unwrap();
    assert_eq!(journal.entries().unwrap()[2].previous, head.unwrap().hash);
    assert_eq!(problems(&journal, Some(&next)), []);
    let absent = (3, "entry 2, which the state file remembers, is not in the journal".to_owned());
    assert_eq!(problems(&journal, Some(&forged)), [absent]);
}

#[test]
fn only_what_the_state_remembers_and_nothing_behind_it_is_known_to_be_durable() {
    let newest = Head { sequence: 2, hash: "a".to_owned() };
    let other = Head { sequence: 2, hash: "b".to_owned() };
    let whole = Tail { head: Some(newest.clone()), whole_bytes: 10, torn_bytes: 0 };
    assert!(whole.is_remembered(Some(&newest)));
    assert!(!whole.is_remembered(Some(&other)));
    assert!(!whole.is_remembered(None));
    assert!(!Tail { torn_bytes: 1, ..whole.clone() }.is_remembered(Some(&newest)));
    assert!(!Tail { head: None, ..whole }.is_remembered(None), "the file's name may not be durable");
}

#[test]
fn a_journal_ahead_of_the_state_file_is_what_a_crash_leaves() {
    let (_directory, journal, _) = journal(3);
    let second = journal.entries().unwrap()[2].previous.clone();
    let remembered = Head { sequence: 2, hash: second };
    assert_eq!(problems(&journal, Some(&remembered)), []);
    assert_eq!(journal.append(draft("next"), Some(&remembered)).unwrap().sequence, 4);
    assert_eq!(problems(&journal, Some(&remembered)), []);
}

#[test]
fn every_flipped_bit_shows() {
    let (_directory, journal, head) = journal(2);
    let whole = text(&journal).into_bytes();
    for byte in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[byte] ^= 1 << bit;
            write(&journal, &flipped);
            let noticed = match journal.verify(head.as_ref()) {
                Ok(found) => !found.problems.is_empty(),
                Err(error) => matches!(error, StoreError::Damaged { .. }),
            };
            assert!(noticed, "byte {byte}, bit {bit}");
        }
    }
}

#[test]
fn nothing_is_appended_to_a_damaged_end_and_nothing_of_it_is_lost() {
    let (_directory, journal, head) = journal(2);
    let damaged = text(&journal).replacen("event-1", "event-9", 1);
    write(&journal, &damaged);
    assert!(matches!(journal.append(draft("next"), head.as_ref()), Err(StoreError::Damaged { .. })));
    assert_eq!(text(&journal), damaged);
    let (_directory, long, head) = self::journal(1);
    let overgrown = format!("{}{}", text(&long), "x".repeat(2 << 20));
    write(&long, &overgrown);
    assert!(matches!(long.append(draft("next"), head.as_ref()), Err(StoreError::Damaged { .. })));
    assert_eq!(text(&long), overgrown, "a tail of no entries is not wiped");
}

#[test]
fn writers_that_race_make_one_chain() {
    let (_directory, journal, _) = journal(1);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let journal = &journal;
            scope.spawn(move || {
                for number in 0..5 {
                    journal.append(draft(&format!("writer-{writer}-{number}")), None).unwrap();
                }
            });
        }
    });
    let found = journal.verify(None).unwrap();
    assert_eq!((found.entries, found.problems), (21, Vec::new()));
}
