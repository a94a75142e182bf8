//! Where a key stands, in ways that the examples do not have.

use std::collections::BTreeSet;

use rotate::rotation::credential::{SlotName, TargetId};
use rotate::rotation::effect::Effect;
use rotate::rotation::phase::{Direction, EndedRotation, Ending, KeyState, Phase, Propagation, Rotation};

use super::sample::{self, credential, grace, idle, over, promoted, revoked, with_intent};

/// At rest, after a rotation that ended in this way.
pub fn ended_as(ended: Ending) -> KeyState {
    KeyState { last_rotation: Some(EndedRotation { rotation: sample::rotation(), ended }), ..idle() }
}

/// Revoked, with so many seconds more in which it can be undone.
pub fn undone_until(seconds: i64) -> KeyState {
    let mut state = revoked();
    if let Phase::Revoked { revoked, .. } = &mut state.phase {
        revoked.undo_until = Some(sample::at(over().wall.as_second() + seconds).wall);
    }
    state
}

/// In its window, with a credential whose id is not on record.
pub fn nameless(name: &str) -> KeyState {
    let mut state = grace();
    if let Phase::GraceWindow { active, retiring, .. } = &mut state.phase {
        let nameless = if name == "new" { active } else { retiring };
        nameless.provider_key_id = None;
    }
    state
}

/// Making a key was begun by an earlier command.
pub fn interrupted_making() -> KeyState {
    let rotation = Rotation { id: "r-0".to_owned(), ..sample::rotation() };
    with_intent(Effect::Mint { rotation, existing: BTreeSet::new() }, idle())
}

/// Storing a candidate was begun by an earlier command.
pub fn interrupted_storing() -> KeyState {
    let rotation = Rotation { id: "r-0".to_owned(), ..sample::rotation() };
    let slot = SlotName::Secondary;
    with_intent(Effect::StoreStaged { slot, credential: credential("new"), rotation }, idle())
}

/// Making a key was begun so many seconds ago.
pub fn making_for(seconds: i64) -> KeyState {
    let mut state = with_intent(sample::mint(), idle());
    if let Some(intent) = &mut state.intent {
        intent.begun_at = sample::at(over().wall.as_second() - seconds);
    }
    state
}

/// The same, so many seconds ago by the clock that tells when keys are made.
pub fn by_providers_clock(mut state: KeyState, seconds: i64) -> KeyState {
    if let Some(intent) = &mut state.intent {
        intent.begun_at.provider = Some(sample::at(over().wall.as_second() - seconds).wall);
    }
    state
}

/// An emergency came in between while a key was swept.
pub fn left_over() -> KeyState {
    KeyState { left_over: Some(sample::intent(sample::sweep("third"))), ..idle() }
}

/// In its window, with a target that was not written in it.
pub fn unwritten() -> KeyState {
    let mut state = grace();
    if let Phase::GraceWindow { propagation, .. } = &mut state.phase {
        propagation.clear();
    }
    state
}

/// An emergency left a target behind.
pub fn left_behind(mut state: KeyState) -> KeyState {
    state.stale_targets.insert(TargetId("app".to_owned()), "it was down".to_owned());
    state
}

/// In its window, with one id on record for both credentials.
pub fn grace_with_one_id() -> KeyState {
    let mut state = grace();
    if let Phase::GraceWindow { active, .. } = &mut state.phase {
        active.provider_key_id = credential("old").provider_key_id;
    }
    state
}

/// Consumers are with the new one, and the old one has leaked.
pub fn leaked_forward() -> KeyState {
    leaked_in(promoted(Direction::Forward, &Propagation::Confirmed))
}

/// The old one has leaked.
pub fn leaked_in(state: KeyState) -> KeyState {
    sample::with_emergency(&["old"], false, state)
}
