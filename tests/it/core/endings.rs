//! How a rotation ended, and what became of its credentials, is remembered.

use rotate::rotation::event::{Event, RevokedBy};
use rotate::rotation::phase::{Direction, Ending, KeyState, Propagation};
use rotate::rotation::transition::apply;

use super::sample::{
    credential, ends, grace, idle, promoted, revoke, staged, targets, with_emergency, with_intent,
};

fn revoked(state: &KeyState, name: &str, by: RevokedBy) -> KeyState {
    apply(Some(state), &ends(name, by, true)).unwrap()
}

/// The name of the rotation that ended last, and how.
fn last(state: &KeyState) -> (&str, Ending) {
    let last = state.last_rotation.as_ref().unwrap();
    (&last.rotation.id, last.ended)
}

fn aside(state: &KeyState) -> Vec<&str> {
    let names = ["old", "new", "third"];
    let is_aside =
        |name: &str| state.set_aside.iter().any(|aside| aside.fingerprint == credential(name).fingerprint);
    names.into_iter().filter(|name| is_aside(name)).collect()
}

#[test]
fn a_finished_one_ends_with_its_revocation() {
    let state = revoked(&with_intent(revoke("old"), grace()), "old", RevokedBy::Api);
    assert_eq!((last(&state), &state.intent), (("r-1", Ending::Finished), &None));
    let state = revoked(&grace(), "old", RevokedBy::Elsewhere);
    assert_eq!(last(&state), ("r-1", Ending::Finished));
    assert_eq!(aside(&state), [""; 0]);
}

#[test]
fn an_aborted_one_leaves_its_credential_aside() {
    let dropped = Event::StagedDropped { reason: "aborted".to_owned() };
    let state = apply(Some(&staged()), &dropped).unwrap();
    assert_eq!((last(&state), aside(&state)), (("r-1", Ending::Aborted), vec!["new"]));
    let back = promoted(Direction::Back, &Propagation::Confirmed);
    let state = apply(Some(&back), &Event::RolledBack { targets: targets() }).unwrap();
    assert_eq!((last(&state), aside(&state)), (("r-1", Ending::Aborted), vec!["new"]));
}

#[test]
fn an_emergency_is_remembered_as_the_one_it_was() {
    let of_the_old = with_emergency(&["old"], false, grace());
    assert_eq!(last(&revoked(&of_the_old, "old", RevokedBy::Elsewhere)), ("e-1", Ending::Emergency));
    let of_the_staged = with_emergency(&["new"], false, staged());
    assert_eq!(last(&revoked(&of_the_staged, "new", RevokedBy::Elsewhere)), ("e-1", Ending::Emergency));
}

#[test]
fn an_accepted_outage_leaves_the_staged_one_aside() {
    let given_up = with_emergency(&["old"], true, staged());
    let state = revoked(&given_up, "old", RevokedBy::Elsewhere);
    assert!(state.outage);
    assert_eq!((last(&state), aside(&state)), (("e-1", Ending::Emergency), vec!["new"]));
}

#[test]
fn one_that_was_set_aside_ends_in_an_emergency_where_the_rotation_stands() {
    let mut state = with_emergency(&["third"], false, idle());
    state.set_aside.push(credential("third"));
    let gone = revoked(&state, "third", RevokedBy::Elsewhere);
    assert_eq!((gone.phase.name(), last(&gone), aside(&gone)), ("Idle", ("e-1", Ending::Emergency), vec![]));
    assert!(gone.dead.contains(&credential("third").fingerprint));
}
