//! Each guard of the invariants by itself: a step that it alone refuses, with its number and its reason, and the nearest
//! one that it lets pass.

use rotate::rotation::event::{Event, RevokedBy};
use rotate::rotation::phase::{Direction, KeyState, Phase, Propagation, Window};
use rotate::rotation::transition::{Illegal, apply};

use super::sample::{
    at, credential, emergency, ends, grace, idle, intent, opened, outage, over, promoted, revoke, rotation,
    staged, store, targets, window, with_dead, with_emergency, with_intent,
};

#[track_caller]
fn refused(state: &KeyState, event: &Event, number: u8, reason: &str) {
    match apply(Some(state), event) {
        Err(Illegal::Invariant(broken)) => assert_eq!((broken.number, broken.reason), (number, reason)),
        other => panic!("not refused by an invariant: {other:?}"),
    }
}

#[track_caller]
fn passes(state: &KeyState, event: &Event) {
    if let Err(refused) = apply(Some(state), event) {
        panic!("refused: {refused}");
    }
}

fn stages(name: &str) -> Event {
    let slot = rotate::rotation::credential::SlotName::Secondary;
    Event::Staged { slot, credential: credential(name), rotation: rotation(), placement: None }
}

fn intends(effect: rotate::rotation::effect::Effect) -> Event {
    Event::Intended { intent: intent(effect) }
}

/// An event that changes nothing that an invariant is about: only the state itself is judged.
fn nothing_much() -> Event {
    Event::LongerJobSeen { seconds: 1 }
}

#[test]
fn what_was_revoked_is_not_staged_again() {
    let state = with_dead("new", idle());
    refused(&state, &stages("new"), 1, "the candidate was revoked before");
    refused(&state, &intends(store("new")), 1, "the candidate was revoked before");
    passes(&state, &stages("third"));
    passes(&state, &intends(store("third")));
}

#[test]
fn what_was_revoked_is_not_made_active() {
    let forward = Event::Switched { direction: Direction::Forward, targets: targets(), at: over().wall };
    refused(&with_dead("new", staged()), &forward, 1, "the next active one was revoked");
    passes(&with_dead("third", staged()), &forward);
}

#[test]
fn nothing_dead_is_active_or_staged() {
    refused(&with_dead("old", idle()), &nothing_much(), 1, "the active credential was revoked");
    passes(&outage(), &nothing_much());
    refused(&with_dead("new", staged()), &nothing_much(), 1, "the staged credential was revoked");
}

#[test]
fn the_active_credential_is_never_the_other_one() {
    let mut state = promoted(Direction::Forward, &Propagation::Pending);
    if let Phase::Promoted { retiring, .. } = &mut state.phase {
        *retiring = credential("new");
    }
    refused(&state, &nothing_much(), 2, "the active credential is also the other one");
}

#[test]
fn the_active_credential_is_revoked_only_where_the_outage_was_accepted() {
    let reason = "the active credential would be revoked";
    refused(&with_emergency(&["old"], false, idle()), &intends(revoke("old")), 2, reason);
    passes(&with_emergency(&["old"], true, idle()), &intends(revoke("old")));
    // Another suspect's outage is not this one's.
    refused(&with_emergency(&["old"], true, grace()), &intends(revoke("new")), 2, reason);
    refused(&grace(), &intends(revoke("new")), 2, reason);
    let alarm = |accept_outage| Event::EmergencyDeclared { emergency: emergency(&["new"], accept_outage) };
    refused(&with_intent(revoke("new"), grace()), &alarm(false), 2, reason);
    passes(&with_intent(revoke("new"), grace()), &alarm(true));
}

#[test]
fn a_revocation_under_way_lets_nothing_else_happen() {
    let state = with_intent(revoke("old"), grace());
    refused(&state, &nothing_much(), 2, "a revocation is under way");
    refused(&state, &ends("new", RevokedBy::Elsewhere, true), 2, "a revocation is under way");
    passes(&state, &ends("old", RevokedBy::Api, true));
}

#[test]
fn an_emergency_revokes_its_suspects_only() {
    let reason = "an emergency revokes its suspects only";
    refused(&with_emergency(&["new"], false, grace()), &intends(revoke("old")), 3, reason);
    passes(&with_emergency(&["old"], false, grace()), &intends(revoke("old")));
}

#[test]
fn a_window_is_about_its_retiring_credential_alone() {
    let mut state = grace();
    state.set_aside.push(credential("third"));
    let reason = "only a grace window or an emergency may end in a revocation";
    refused(&state, &intends(revoke("third")), 3, reason);
    passes(&state, &intends(revoke("old")));
    refused(&promoted(Direction::Forward, &Propagation::Confirmed), &intends(revoke("old")), 3, reason);
}

#[test]
fn what_was_revoked_by_order_before_may_be_seen_dead_again_by_whoever_looks() {
    let mut state = with_dead("old", grace());
    if let Phase::GraceWindow { window, .. } = &mut state.phase {
        window.opened_at = over();
        window.not_before = at(1_772_366_400 + 7200).wall;
    }
    passes(&state, &ends("old", RevokedBy::Elsewhere, true));
    refused(&state, &ends("old", RevokedBy::Api, true), 3, "the grace window is not over");
}

#[test]
fn nothing_is_staged_over_a_rotation_under_way() {
    let reason = "a rotation is under way";
    for state in [promoted(Direction::Forward, &Propagation::Confirmed), grace()] {
        refused(&state, &stages("third"), 4, reason);
        refused(&state, &intends(store("third")), 4, reason);
    }
    // A replacement of the active one, which has leaked, is another matter.
    passes(&with_emergency(&["new"], false, grace()), &intends(store("third")));
}

#[test]
fn a_window_reaches_as_far_as_the_longest_job_that_was_seen() {
    let mut state = promoted(Direction::Forward, &Propagation::Confirmed);
    let open = Event::GraceOpened { window: window(), targets: targets() };
    state.longest_job_seen_seconds = window().floor_seconds;
    passes(&state, &open);
    state.longest_job_seen_seconds += 1;
    refused(&state, &open, 6, "the grace window is shorter than the longest job seen");
}

#[test]
fn a_window_that_starts_over_ends_no_earlier() {
    let at_use = |window: Window| Event::FirstUseSeen { at: over().wall, window: Some(window) };
    let reason = "the grace window would become shorter";
    passes(&grace(), &at_use(window()));
    passes(
        &grace(),
        &at_use(Window { length_seconds: 4000, not_before: at(1_772_366_400 + 4000).wall, ..window() }),
    );
    let shorter = Window { length_seconds: 3599, ..window() };
    refused(&grace(), &at_use(shorter), 6, reason);
    let earlier = Window { opened_at: at(1_772_366_399), ..window() };
    refused(&grace(), &at_use(earlier), 6, reason);
    let later = at(1_772_366_401);
    passes(
        &grace(),
        &at_use(Window { not_before: at(1_772_366_401 + 3600).wall, opened_at: later, ..window() }),
    );
}

#[test]
fn a_window_as_long_as_its_floor_is_long_enough() {
    let state = promoted(Direction::Forward, &Propagation::Confirmed);
    let open = |window| Event::GraceOpened { window, targets: targets() };
    let floor = window().floor_seconds;
    let exact = Window {
        length_seconds: floor,
        not_before: at(opened().wall.as_second() + i64::try_from(floor).unwrap()).wall,
        ..window()
    };
    passes(&state, &open(exact.clone()));
    let reason = "the grace window is shorter than its floor";
    refused(&state, &open(Window { length_seconds: floor - 1, ..exact.clone() }), 6, reason);
    let early = at(exact.not_before.as_second() - 1).wall;
    refused(&state, &open(Window { not_before: early, ..exact }), 6, reason);
}

#[test]
fn a_revocation_is_recorded_only_with_its_proof() {
    let state = with_intent(revoke("old"), grace());
    let reason = "the active credential was not seen to be accepted afterwards";
    refused(&state, &ends("old", RevokedBy::Api, false), 7, reason);
    refused(&grace(), &ends("old", RevokedBy::Elsewhere, false), 7, reason);
    refused(&grace(), &ends("old", RevokedBy::Api, true), 7, "no revocation of this credential was intended");
    // Where the outage was accepted, nobody is asked whether the active one is well.
    passes(&with_emergency(&["old"], true, idle()), &ends("old", RevokedBy::Elsewhere, false));
}
