//! The checker finds what it is there for: a recording without one of its safeguards leaves disks with faults.

use std::collections::{BTreeMap, HashSet};

use super::cuts::{self, Care};
use super::disk::{Change, Node};
use super::history::{JOURNAL, SLOTS, SPOOL, STATE, TARGETS};
use super::judge::{Faults, Judge};
use super::recording::{Recording, Step};
use super::{Case, SEED, Trouble};
use crate::chance::Chance;
use crate::crash::scenario::{Bench, Scenario, Start};

/// A safeguard that is taken away from how one file is written.
#[derive(Clone, Copy, Debug)]
enum Lack {
    /// The new bytes are not synced before the rename.
    FileSync,
    /// The directory is not synced after the rename.
    DirectorySync,
    /// The new file is renamed first and synced then.
    RenameFirst,
    /// The bytes are written over the old ones.
    InPlace,
}

const LACKS: [Lack; 4] = [Lack::FileSync, Lack::DirectorySync, Lack::RenameFirst, Lack::InPlace];

#[test]
fn a_write_of_the_state_that_lacks_a_safeguard_is_found() {
    for lack in LACKS {
        assert_found(&Scenario::new("finish prod", Bench::wait), STATE, lack, "state");
    }
}

#[test]
fn a_write_of_a_slot_that_lacks_a_safeguard_is_found() {
    let scenario = Scenario::new("stage prod --from file:other.key --replace", Bench::stage);
    for lack in LACKS {
        assert_found(&scenario, SLOTS[1], lack, SLOTS[1]);
    }
}

#[test]
fn a_write_of_a_target_that_lacks_a_safeguard_is_found() {
    for path in TARGETS {
        for lack in LACKS {
            assert_found(&Scenario::new("promote prod", Bench::stage), path, lack, path);
        }
    }
}

#[test]
fn a_journal_that_is_not_synced_is_found() {
    let case = case(&Scenario::new("finish prod", Bench::wait));
    let node = case.history.after.at(JOURNAL).unwrap();
    let faults = faults(&case, &without_sync(&case.recording, &[node].into()));
    assert!(faults.kinds().contains("journal"), "{:#?}", faults.counts);
}

#[test]
fn a_new_journal_whose_directory_is_not_synced_is_found() {
    let case = case(&Scenario::new("adopt prod --from file:old.key", |_| ()));
    let node = case.history.after.at("state/journal").unwrap();
    let faults = faults(&case, &without_sync(&case.recording, &[node].into()));
    assert!(faults.kinds().contains("journal"), "{:#?}", faults.counts);
}

#[test]
fn an_effect_whose_intent_is_not_synced_before_is_found() {
    let case = case(&Scenario::new("finish prod", Bench::wait));
    let mut recording = case.recording.clone();
    let is_request =
        |step: &Step| matches!(step, Step::Sent(bytes) if bytes.starts_with(b"POST /v1/organizations/"));
    let at = recording.steps.iter().position(is_request).unwrap();
    let sync = recording.steps[..at].iter().rposition(|step| matches!(step, Step::Synced(_))).unwrap();
    recording.steps[sync] = Step::Changed(Vec::new());
    let faults = faults(&case, &recording);
    assert!(faults.kinds().contains("state"), "{:#?}", faults.counts);
}

#[track_caller]
fn assert_found(scenario: &Scenario, path: &str, lack: Lack, kind: &str) {
    let case = case(scenario);
    let faults = faults(&case, &without(&case, path, lack));
    assert!(faults.kinds().contains(kind), "{path} without {lack:?}: {:#?}", faults.counts);
}

fn case(scenario: &Scenario) -> Case {
    Case::record(&Start::new(scenario), scenario, Trouble::Nothing)
}

fn faults(case: &Case, recording: &Recording) -> Faults {
    let care = Care { torn_ends: Some(4), drawn: 100 };
    let (mut judge, mut seen, mut faults) =
        (Judge::new(&case.history, true), HashSet::new(), Faults::default());
    cuts::every(recording, care, &mut Chance::new(SEED), &mut |at, disk| {
        if seen.insert((disk.hash(), case.history.demands[at].number))
            && let Some(fault) = judge.fault(at, disk)
        {
            faults.add(fault);
        }
    });
    faults
}

/// The recording with as many steps, some of which do nothing or something else.
fn without(case: &Case, path: &str, lack: Lack) -> Recording {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let renamed = case.recording.steps.iter().flat_map(changes).filter_map(|change| match change {
        Change::Move { to, node, .. } if to == name => Some(*node),
        _ => None,
    });
    let temporary: HashSet<Node> = renamed.collect();
    assert!(!temporary.is_empty(), "{path} is not written");
    match lack {
        Lack::FileSync => without_sync(&case.recording, &temporary),
        Lack::DirectorySync => {
            without_sync(&case.recording, &[case.history.after.at(directory).unwrap()].into())
        }
        Lack::RenameFirst => rename_first(&case.recording, &temporary),
        Lack::InPlace => in_place(&case.recording, &temporary, case.recording.before.at(path).unwrap()),
    }
}

fn changes(step: &Step) -> &[Change] {
    match step {
        Step::Changed(changes) => changes,
        _ => &[],
    }
}

fn without_sync(recording: &Recording, nodes: &HashSet<Node>) -> Recording {
    mapped(recording, |step| match step {
        Step::Synced(node) if nodes.contains(node) => Step::Changed(Vec::new()),
        step => step.clone(),
    })
}

fn rename_first(recording: &Recording, temporary: &HashSet<Node>) -> Recording {
    let mut recording = recording.clone();
    let mut synced = BTreeMap::new();
    for at in 0..recording.steps.len() {
        if let Step::Synced(node) = recording.steps[at] {
            synced.insert(node, at);
        }
        let moved = changes(&recording.steps[at]).iter().find_map(|change| match change {
            Change::Move { node, .. } if temporary.contains(node) => Some(*node),
            _ => None,
        });
        if let Some(node) = moved {
            let sync = synced[&node];
            recording.steps.swap(sync, at);
            // A target is synced twice before.
            for step in &mut recording.steps[..sync] {
                if *step == Step::Synced(node) {
                    *step = Step::Changed(Vec::new());
                }
            }
        }
    }
    recording
}

fn in_place(recording: &Recording, temporary: &HashSet<Node>, original: Node) -> Recording {
    mapped(recording, |step| match step {
        Step::Synced(node) if temporary.contains(node) => Step::Synced(original),
        Step::Changed(changes) => {
            Step::Changed(changes.iter().filter_map(|change| instead(change, temporary, original)).collect())
        }
        step => step.clone(),
    })
}

/// Truncated where a new file was made, written where that was written, and not renamed.
fn instead(change: &Change, temporary: &HashSet<Node>, original: Node) -> Option<Change> {
    match change {
        Change::Name { node: Some(node), .. } if temporary.contains(node) => {
            Some(Change::Length { node: original, length: 0 })
        }
        Change::Move { node, .. } if temporary.contains(node) => None,
        Change::Bytes { node, offset, bytes } if temporary.contains(node) => {
            Some(Change::Bytes { node: original, offset: *offset, bytes: bytes.clone() })
        }
        Change::Length { node, length } if temporary.contains(node) => {
            Some(Change::Length { node: original, length: *length })
        }
        Change::Mode { node, .. } if temporary.contains(node) => None,
        change => Some(change.clone()),
    }
}

fn mapped(recording: &Recording, step: impl Fn(&Step) -> Step) -> Recording {
    Recording { before: recording.before.clone(), steps: recording.steps.iter().map(step).collect() }
}

#[test]
fn a_note_that_is_not_synced_is_found() {
    let scenario = Scenario::new("finish prod", Bench::wait);
    let case = Case::record(&Start::new(&scenario), &scenario, Trouble::NoRoom);
    let node = case.history.after.at(SPOOL).unwrap();
    let faults = faults(&case, &without_sync(&case.recording, &[node].into()));
    assert!(faults.kinds().contains("spool"), "{:#?}", faults.counts);
}
