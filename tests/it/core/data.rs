//! What an event says must fit what the state remembers: another key, another slot or another credential is refused.

use std::collections::BTreeSet;

use rotate::rotation::credential::{Placement, ProviderKeyId, SlotName};
use rotate::rotation::effect::Effect;
use rotate::rotation::event::Event;
use rotate::rotation::phase::KeyState;
use rotate::rotation::transition::{Illegal, apply};

use super::sample::{
    credential, grace, idle, intent, opened, over, reactivate, revoked, rotation, staged, store, sweep,
    with_emergency, with_intent,
};

#[track_caller]
fn refused(state: &KeyState, event: &Event, expected: &str) {
    match apply(Some(state), event) {
        Err(Illegal::Data { reason, .. }) => assert_eq!(reason, expected),
        other => panic!("not refused for its data: {other:?}"),
    }
}

fn swept(name: &str) -> Event {
    Event::Swept { ids: BTreeSet::from([ProviderKeyId(format!("id-{name}"))]) }
}

#[test]
fn only_what_was_to_be_swept_was_swept() {
    let reason = "no sweep of these keys was intended";
    let sweeping = with_intent(sweep("third"), idle());
    refused(&sweeping, &swept("new"), reason);
    refused(&idle(), &swept("third"), reason);
    apply(Some(&sweeping), &swept("third")).unwrap();
}

#[test]
fn only_what_was_to_be_brought_back_was_brought_back() {
    let undone = |name: &str| Event::RevocationUndone {
        fingerprint: credential(name).fingerprint,
        reason: "because".to_owned(),
    };
    let reason = "no reactivation of this credential was intended";
    let taking_back = with_intent(reactivate("old"), grace());
    refused(&taking_back, &undone("new"), reason);
    refused(&grace(), &undone("old"), reason);
    assert_eq!(apply(Some(&taking_back), &undone("old")).unwrap().intent, None);
}

#[test]
fn an_emergency_is_not_over_while_its_revocation_is_taken_back() {
    let over =
        |state: KeyState| apply(Some(&with_emergency(&["third"], false, state)), &Event::EmergencyEnded);
    let taking_back = with_emergency(&["third"], false, with_intent(reactivate("old"), grace()));
    refused(&taking_back, &Event::EmergencyEnded, "taking back a revocation was begun");
    // An undo that somebody had begun before goes on afterwards.
    let undoing = over(with_intent(reactivate("old"), revoked())).unwrap();
    assert!(undoing.emergency.is_none() && undoing.is_undoing());
    assert!(over(grace()).unwrap().emergency.is_none());
    refused(&grace(), &Event::EmergencyEnded, "no emergency was declared");
}

#[test]
fn a_candidate_lies_in_the_slot_that_is_not_active() {
    let stages = |slot, name| Event::Staged {
        slot,
        credential: credential(name),
        rotation: rotation(),
        placement: None,
    };
    let reason = "the candidate must lie in the slot that is not active";
    refused(&idle(), &stages(SlotName::Primary, "new"), reason);
    let reason = "the candidate is the active credential";
    refused(&idle(), &stages(SlotName::Secondary, "old"), reason);
}

#[test]
fn a_value_is_stored_beside_the_active_one_and_is_another_one() {
    let intends = |slot, name| {
        let effect = Effect::StoreStaged { slot, credential: credential(name), rotation: rotation() };
        Event::Intended { intent: intent(effect) }
    };
    let reason = "the effect has no place here";
    refused(&idle(), &intends(SlotName::Primary, "new"), reason);
    refused(&idle(), &intends(SlotName::Secondary, "old"), reason);
    apply(Some(&idle()), &intends(SlotName::Secondary, "new")).unwrap();
}

#[test]
fn where_values_lie_is_remembered_until_they_are_moved() {
    let placement = |place: &str| Some(Placement { place: place.to_owned(), version: None });
    let adopted = Event::Adopted {
        credential: credential("old"),
        slot: SlotName::Secondary,
        at: opened().wall,
        placement: placement("arn:one"),
    };
    let state = apply(None, &adopted).unwrap();
    assert_eq!((state.place.as_deref(), state.active_slot), (Some("arn:one"), SlotName::Secondary));
    assert_eq!((state.active(), state.active_since), (&credential("old"), opened().wall));
    let staged_at = |placement| Event::Staged {
        slot: SlotName::Primary,
        credential: credential("new"),
        rotation: rotation(),
        placement,
    };
    let place = |event| apply(Some(&state), &event).unwrap().place;
    assert_eq!(place(staged_at(None)).as_deref(), Some("arn:one"));
    assert_eq!(place(staged_at(placement("arn:two"))).as_deref(), Some("arn:two"));
}

#[test]
fn each_rotation_learns_anew_how_long_jobs_run() {
    let seen = |state: &KeyState, seconds| apply(Some(state), &Event::LongerJobSeen { seconds });
    let state = seen(&staged(), 9000).unwrap();
    assert_eq!(state.longest_job_seen_seconds, 9000);
    for seconds in [8999, 9000] {
        refused(&state, &Event::LongerJobSeen { seconds }, "a longer job was seen before");
    }
    assert_eq!(seen(&state, 9001).unwrap().longest_job_seen_seconds, 9001);
    let anew = Event::Staged {
        slot: SlotName::Secondary,
        credential: credential("third"),
        rotation: rotation(),
        placement: None,
    };
    assert_eq!(apply(Some(&state), &anew).unwrap().longest_job_seen_seconds, 0);
}

#[test]
fn a_first_use_is_seen_once() {
    let used = Event::FirstUseSeen { at: over().wall, window: None };
    let state = apply(Some(&grace()), &used).unwrap();
    assert_eq!(state.first_used_at, Some(over().wall));
    refused(&state, &used, "a use was seen before");
}

#[test]
fn what_was_called_off_leaves_no_intent() {
    let dropped = Event::IntentDropped { reason: "because".to_owned() };
    refused(&idle(), &dropped, "nothing was intended");
    assert_eq!(apply(Some(&with_intent(store("new"), idle())), &dropped).unwrap(), idle());
}
