//! Idle, Revoked → SecondaryStaged.

use super::{Refusal, Step, View, Wanted, mint, wrong_phase};
use crate::rotation::credential::{Credential, Identity};
use crate::rotation::effect::Effect;
use crate::rotation::phase::{Direction, KeyState, Phase, Rotation};
use crate::secret::Fingerprint;

pub(super) fn plan(
    state: &KeyState,
    candidate: &Credential,
    rotation: &Rotation,
    replace: bool,
    view: View<'_>,
) -> Step {
    let fingerprint = candidate.fingerprint;
    match &state.phase {
        Phase::Promoted { direction: Direction::Back, .. } => return wrong_phase(&["abort"]),
        Phase::Promoted { .. } => return wrong_phase(&["promote", "abort"]),
        Phase::GraceWindow { .. } => return wrong_phase(&["finish", "abort"]),
        Phase::SecondaryStaged { staged, .. } => {
            if staged.fingerprint == fingerprint && state.intent.is_none() {
                return Step::Done;
            }
            if staged.fingerprint != fingerprint && !replace {
                return Step::Refused(Refusal::AlreadyStaged { staged: staged.fingerprint });
            }
        }
        Phase::Idle { .. } | Phase::Revoked { .. } => {}
    }
    if state.active().fingerprint == fingerprint {
        return Step::Refused(Refusal::CandidateIsActive);
    }
    if state.dead.contains(&fingerprint) {
        return Step::Refused(Refusal::RevokedBefore { fingerprint });
    }
    if let Some(key) = view.policy.holder(fingerprint, view.now) {
        return Step::Refused(Refusal::HeldElsewhere { key: key.to_owned() });
    }
    store(state, candidate, rotation, Wanted::Candidate, view).unwrap_or_else(|step| step)
}

/// Proves a candidate and stores it in the slot that is not active.
pub(super) fn store(
    state: &KeyState,
    candidate: &Credential,
    rotation: &Rotation,
    wanted: Wanted,
    view: View<'_>,
) -> Result<Step, Step> {
    let fingerprint = candidate.fingerprint;
    view.accepted(fingerprint, wanted)?;
    let identity = view.identity(fingerprint)?;
    match identity {
        Identity::Proven(key) if state.has_begun_to_delete(&key.id) => {
            return Err(Step::Refused(Refusal::BeingDeleted { fingerprint }));
        }
        Identity::Proven(_) | Identity::Unavailable => {}
        Identity::NotFound => return Err(Step::Refused(Refusal::IdNotFound { wanted, fingerprint })),
        Identity::Ambiguous(candidates) => {
            return Err(Step::Refused(Refusal::IdAmbiguous { wanted, candidates: candidates.clone() }));
        }
        Identity::Unknown(detail) => {
            return Err(Step::Refused(Refusal::AdminUnreachable { detail: detail.clone() }));
        }
    }
    in_workspace(fingerprint, view)?;
    // An emergency leaves what was begun with a key of the provider's own making until it is over.
    if !candidate.never_served && state.emergency.is_none() {
        mint::instead(state, identity, view)?;
    }
    Ok(Step::Act(Effect::StoreStaged {
        slot: state.active_slot.other(),
        credential: identified(candidate, identity),
        rotation: resumed(state, candidate, rotation),
    }))
}

/// That the credential belongs to the workspace that the configuration names, if it names one.
pub(super) fn in_workspace(fingerprint: Fingerprint, view: View<'_>) -> Result<(), Step> {
    let Some(expected) = &view.policy.workspace else {
        return Ok(());
    };
    let listed = match view.facts.identities.get(&fingerprint) {
        Some(Identity::Proven(key)) => Some(key.workspace.clone()),
        _ => None,
    };
    let found = listed.or_else(|| view.facts.workspaces.get(&fingerprint).cloned().map(Some));
    match found {
        Some(Some(workspace)) if workspace == *expected => Ok(()),
        Some(found) => Err(Step::Refused(Refusal::WrongWorkspace { expected: expected.clone(), found })),
        None => Err(Step::Refused(Refusal::WorkspaceUnknown { expected: expected.clone() })),
    }
}

/// The credential with what its identity adds.
pub(super) fn identified(candidate: &Credential, identity: &Identity) -> Credential {
    let mut credential = candidate.clone();
    if let Identity::Proven(key) = identity {
        credential.provider_key_id = Some(key.id.clone());
        credential.expires_at = key.expires_at;
    }
    credential
}

/// The rotation that an interrupted run of the same command began, or the new one.
fn resumed(state: &KeyState, candidate: &Credential, rotation: &Rotation) -> Rotation {
    match state.intent.as_ref().map(|intent| &intent.effect) {
        Some(Effect::StoreStaged { credential, rotation: begun, .. })
            if credential.fingerprint == candidate.fingerprint =>
        {
            begun.clone()
        }
        _ => rotation.clone(),
    }
}
