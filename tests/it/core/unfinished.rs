//! What is left to be done where something else came in between: keys that the provider made, targets that were not
//! reached.

use std::collections::BTreeMap;

use rotate::rotation::credential::{Credential, SlotName, TargetId};
use rotate::rotation::effect::{Effect, Intent};
use rotate::rotation::event::{Event, RevokedBy};
use rotate::rotation::phase::{Direction, KeyState, Propagation};
use rotate::rotation::transition::apply;

use super::sample::{
    credential, ends, idle, intent, mint, promoted, rotation, store, sweep, targets, with_emergency,
    with_intent,
};

/// Storing a key that the provider made.
fn store_made(name: &str) -> Effect {
    let credential = Credential { never_served: true, ..credential(name) };
    Effect::StoreStaged { slot: SlotName::Secondary, credential, rotation: rotation() }
}

/// What is left over of the first effect when the second one takes its place, begun by this command.
fn left_by(begun: Effect, next: Effect, command: &str) -> Option<Effect> {
    let next = Intent { command: command.to_owned(), ..intent(next) };
    let state = apply(Some(&with_intent(begun, idle())), &Event::Intended { intent: next }).unwrap();
    state.left_over.map(|left| left.effect)
}

#[test]
fn a_key_that_is_being_made_is_gone_on_with_or_left_over() {
    assert_eq!(left_by(mint(), mint(), "test"), None);
    assert_eq!(left_by(mint(), sweep("third"), "test"), None);
    assert_eq!(left_by(mint(), store_made("third"), "test"), None, "that is what was made");
    assert_eq!(left_by(mint(), store("third"), "revoke-now"), Some(mint()));
}

#[test]
fn a_key_that_is_being_stored_is_gone_on_with_or_left_over() {
    let left = |next| left_by(store_made("third"), next, "test");
    assert_eq!(left(store_made("third")), None);
    assert_eq!(left(sweep("third")), None);
    assert_eq!(left(store("new")), Some(sweep("third")));
    assert_eq!(left(sweep("new")), Some(sweep("third")));
    assert_eq!(left(mint()), Some(sweep("third")));
    assert_eq!(left_by(store("third"), store("new"), "test"), None, "a person has that one");
}

#[test]
fn a_key_that_nobody_has_stays_to_be_deleted() {
    assert_eq!(left_by(sweep("third"), sweep("third"), "test"), None);
    assert_eq!(left_by(sweep("third"), mint(), "test"), None);
    assert_eq!(left_by(sweep("third"), store("new"), "revoke-now"), Some(sweep("third")));
}

fn app() -> TargetId {
    TargetId("app".to_owned())
}

/// The old one has leaked and is dead, with the target in this state.
fn ended_with(how: &Propagation) -> KeyState {
    let state = with_emergency(&["old"], false, promoted(Direction::Forward, how));
    apply(Some(&state), &ends("old", RevokedBy::Elsewhere, true)).unwrap()
}

#[test]
fn a_target_that_was_not_reached_is_left_behind_with_the_reason() {
    let failed = Propagation::Failed { reason: "disk full".to_owned() };
    let left = |how: &Propagation| ended_with(how).stale_targets.get(&app()).cloned();
    assert_eq!(left(&failed).as_deref(), Some("disk full"));
    assert_eq!(left(&Propagation::Pending).as_deref(), Some("it was not written"));
    assert_eq!(left(&Propagation::Confirmed), None);
    assert_eq!(left(&Propagation::Written), None);
}

#[test]
fn a_target_that_was_left_behind_stays_so_until_it_is_reached() {
    let state = apply(Some(&ended_with(&Propagation::Pending)), &Event::EmergencyEnded).unwrap();
    let written = |how: &Propagation| {
        let event = Event::TargetsWritten {
            outcomes: targets().into_iter().map(|target| (target, how.clone())).collect(),
            versions: BTreeMap::new(),
            places: BTreeMap::from([(app(), "host-one".to_owned())]),
        };
        apply(Some(&state), &event).unwrap()
    };
    let failed = written(&Propagation::Failed { reason: "disk full".to_owned() });
    assert_eq!(failed.stale_targets.get(&app()).map(String::as_str), Some("disk full"));
    let reached = written(&Propagation::Confirmed);
    assert!(reached.stale_targets.is_empty());
    assert_eq!(reached.target_places.get(&app()).map(String::as_str), Some("host-one"));
}
