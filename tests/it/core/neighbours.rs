//! What another key of the configuration holds, and until when.

use rotate::rotation::grace::{GraceFrom, GracePolicy};
use rotate::rotation::phase::{Direction, KeyState, Propagation, Window};
use rotate::store::StateStore;
use rotate::store::format::encode;
use rotate::workflow::held_by;

use crate::store::swap;

use super::sample::{GRACE, credential, grace, idle, outage, promoted, record, staged, window, with_dead};

/// By name and by the window in which it is being left.
fn held(state: Option<KeyState>, policy: &GracePolicy) -> Vec<(&'static str, Option<Window>)> {
    let directory = swap::directory();
    let store = swap::store(directory.path());
    if let Some(state) = state {
        store.compare_and_swap("other", None, &encode(&record("other", state)).unwrap(), &|| true);
    }
    let name = |fingerprint| {
        ["old", "new", "third"].into_iter().find(|name| credential(name).fingerprint == fingerprint).unwrap()
    };
    held_by(&store, "other", policy)
        .unwrap()
        .into_iter()
        .map(|held| {
            assert_eq!(held.key, "other");
            (name(held.fingerprint), held.leaving)
        })
        .collect()
}

#[test]
fn what_serves_and_what_is_to_serve_is_held() {
    assert_eq!(held(None, &GRACE), []);
    assert_eq!(held(Some(idle()), &GRACE), [("old", None)]);
    assert_eq!(held(Some(staged()), &GRACE), [("old", None), ("new", None)]);
    let moving = promoted(Direction::Forward, &Propagation::Pending);
    assert_eq!(held(Some(moving), &GRACE), [("new", None), ("old", None)]);
}

#[test]
fn what_is_being_left_is_held_until_the_window_is_over() {
    assert_eq!(held(Some(grace()), &GRACE), [("new", None), ("old", Some(window()))]);
    let longer_jobs = GracePolicy { longest_job_seconds: 7200, ..GRACE };
    let grown = Window { length_seconds: 7860, ..window() };
    assert_eq!(held(Some(grace()), &longer_jobs), [("new", None), ("old", Some(grown))]);
    // Before the clock of its window has started, nobody knows until when.
    let from_use = GracePolicy { from: GraceFrom::FirstUse, ..GRACE };
    assert_eq!(held(Some(grace()), &from_use), [("new", None), ("old", None)]);
}

#[test]
fn what_is_dead_is_held_by_nobody() {
    assert_eq!(held(Some(outage()), &GRACE), []);
    assert_eq!(held(Some(with_dead("old", grace())), &GRACE), [("new", None)]);
}
