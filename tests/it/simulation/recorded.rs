//! What is kept beside an event and around a write: the evidence on which a revocation rested, and who is kept away.

use std::collections::BTreeMap;

use rotate::rotation::evidence::Item;
use rotate::rotation::plan::Suspect;
use rotate::store::journal;
use serde_json::{Value, json};

use super::fault::Fault;
use super::story::Command;
use super::told::{Story, has_keys, leaks};

/// Beside each event of the story's journal that has some: the effect or the event, and the evidence.
fn evidence(story: &Story) -> Vec<(String, Value)> {
    let entries = journal::entries(&story.simulation.world.borrow().disk.journal);
    let about = |data: &Value, event: &str| {
        data.pointer("/intent/effect").and_then(Value::as_str).unwrap_or(event).to_owned()
    };
    let seen = entries.into_iter().filter_map(|entry| {
        let evidence = entry.data.get("evidence").cloned()?;
        Some((about(&entry.data, &entry.event), evidence))
    });
    seen.collect()
}

fn verdicts(evidence: &Value) -> BTreeMap<String, String> {
    let rows = evidence["table"].as_array().unwrap();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    rows.iter().map(|row| (text(row, "item"), text(row, "verdict"))).collect()
}

#[test]
fn a_revocation_rests_on_the_evidence_that_stands_beside_it() {
    let story = Story::new("", |world| has_keys(world, 1))
        .after_the_window()
        .types(&Command::Finish { wait: false, accept: [Item::Leases].into() });
    let seen = evidence(&story);
    let events: Vec<_> = seen.iter().map(|(event, _)| event.as_str()).collect();
    assert_eq!(events, ["revoke", "revoked"]);
    for (event, evidence) in &seen {
        let verdicts = verdicts(evidence);
        assert_eq!(verdicts.len(), 6, "{event}: {verdicts:?}");
        for item in ["grace", "targets", "active", "leases"] {
            assert_eq!(verdicts[item], "met", "{event}: {item}");
        }
        assert_eq!(evidence["accepted_unknown"], json!(["leases"]), "{event}");
    }
}

#[test]
fn whoever_goes_on_with_a_revocation_weighs_nothing_anew() {
    let story = Story::new("", |world| has_keys(world, 1))
        .after_the_window()
        .goes_wrong("", 0, Fault::HoldFailed)
        .finishes()
        .finishes();
    let events: Vec<_> = evidence(&story).into_iter().map(|(event, _)| event).collect();
    assert_eq!(events, ["revoke"], "the table stands beside the intent alone");
}

#[test]
fn an_emergency_rests_on_no_evidence() {
    let story =
        Story::new("", |world| has_keys(world, 1)).in_the_window().types(&leaks(Suspect::Old, None, false));
    assert_eq!(evidence(&story), []);
}

#[test]
fn a_slot_on_this_machine_is_written_while_nobody_else_commits() {
    let written = |is_remote| {
        let story = Story::new("", |world| {
            has_keys(world, 1);
            world.setting.remote_slots = is_remote;
        });
        let story = story.types(&Command::Adopt(0)).stages(1);
        let world = story.simulation.world.borrow();
        world.written_alone.clone()
    };
    // Before anything is adopted there is nothing to be overtaken by.
    assert_eq!(written(false)[1..], [true]);
    assert_eq!(written(true)[1..], [false], "nobody is kept away for as long as a network takes");
}

#[test]
fn every_entry_names_the_rotation_that_it_is_of() {
    let story =
        Story::new("", |world| has_keys(world, 2)).in_the_window().types(&leaks(Suspect::Old, None, false));
    let entries = journal::entries(&story.simulation.world.borrow().disk.journal);
    let named: Vec<_> = entries
        .iter()
        .map(|entry| (entry.event.as_str(), entry.rotation.as_deref().unwrap_or("-")))
        .collect();
    let first = "rotation-1";
    assert_eq!(
        named,
        [
            ("adopted", "-"),
            ("intended", "-"),
            ("staged", first),
            ("switched", first),
            ("grace_opened", first),
            ("emergency_declared", "rotation-2"),
            ("intended", first),
            ("revoked", first),
            ("emergency_ended", first),
        ]
    );
}
