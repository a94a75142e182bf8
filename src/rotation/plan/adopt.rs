//! (nothing) → Idle.

use super::{Refusal, Step, View, Wanted, stage};
use crate::rotation::credential::{Credential, Identity, SlotName};
use crate::rotation::effect::Effect;
use crate::rotation::phase::KeyState;

pub(super) fn plan(candidate: &Credential, slot: SlotName, view: View<'_>) -> Step {
    stored(candidate, slot, view).unwrap_or_else(|step| step)
}

fn stored(candidate: &Credential, slot: SlotName, view: View<'_>) -> Result<Step, Step> {
    view.accepted(candidate.fingerprint, Wanted::Candidate)?;
    // A live key of today is adopted even where its id cannot be proven: recording it changes nothing
    // outside, and every later revocation proves the id again.
    let identity = view.identity(candidate.fingerprint)?;
    if let Identity::Unknown(detail) = identity {
        return Err(Step::Refused(Refusal::AdminUnreachable { detail: detail.clone() }));
    }
    stage::in_workspace(candidate.fingerprint, view)?;
    let credential = stage::identified(candidate, identity);
    Ok(Step::Act(Effect::StoreAdopted { slot, credential }))
}

pub(super) fn again(state: &KeyState, candidate: &Credential) -> Step {
    if state.active().fingerprint == candidate.fingerprint {
        Step::Done
    } else {
        Step::Refused(Refusal::AlreadyAdopted)
    }
}
