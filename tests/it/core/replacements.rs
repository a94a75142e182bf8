//! What takes the place of a suspect, where a replacement came with the command.

use rotate::rotation::credential::Verdict;
use rotate::rotation::phase::{KeyState, Phase};
use rotate::rotation::plan::{Facts, Goal, RevokeNow, plan};

use super::plan_table::{ideal, policy, word};
use super::sample::{credential, idle, outage, over, rotation, store, with_dead, with_intent};
use super::standings::leaked_forward;

/// The first step where `old` has leaked and this one came with the command.
fn first_step(state: &KeyState, replacement: &str, facts: &Facts) -> String {
    let goal = Goal::RevokeNow(RevokeNow {
        suspects: [credential("old").fingerprint].into(),
        reason: "it leaked".to_owned(),
        replacement: Some(credential(replacement)),
        accept_outage: false,
        rotation: rotation(),
    });
    word(&plan(Some(state), &goal, facts, &policy(), &over()))
}

/// Nothing serves, and this one is staged; the emergency that goes on with it is declared.
fn staged_in_an_outage(name: &str) -> KeyState {
    let mut state = super::sample::with_emergency(&["old"], false, with_dead("old", idle()));
    state.outage = true;
    state.phase =
        Phase::SecondaryStaged { active: credential("old"), staged: credential(name), rotation: rotation() };
    state
}

#[test]
fn where_nothing_serves_the_replacement_is_stored_and_then_takes_over() {
    let stands = |state: &KeyState| first_step(state, "third", &ideal(Some(state)));
    assert_eq!(stands(&outage()), "+alarm");
    assert_eq!(stands(&staged_in_an_outage("third")), "+switched");
    assert_eq!(stands(&staged_in_an_outage("new")), "store_staged", "another one is staged");
    let in_doubt = with_intent(store("third"), staged_in_an_outage("third"));
    assert_eq!(stands(&in_doubt), "store_staged", "nobody knows what lies in the slot");
}

#[test]
fn a_dead_one_that_serves_is_replaced_by_another_one_only() {
    let state = leaked_forward();
    let mut facts = ideal(Some(&state));
    assert_eq!(first_step(&state, "third", &facts), "revoke", "the active one serves");
    facts.probes.insert(credential("new").fingerprint, Verdict::Rejected);
    assert_eq!(first_step(&state, "third", &facts), "+alarm");
    assert_eq!(first_step(&state, "new", &facts), "-needs other", "it cannot replace itself");
    assert_eq!(first_step(&state, "old", &facts), "-needs other", "a suspect replaces nobody");
}
