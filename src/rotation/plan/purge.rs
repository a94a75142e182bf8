//! Revoked, for good: the provider deletes or archives the revoked credential.

use super::{Refusal, Step, View, wrong_phase};
use crate::rotation::credential::KeyStatus;
use crate::rotation::effect::Effect;
use crate::rotation::event::Event;
use crate::rotation::phase::{Direction, KeyState, Phase, RevokedCredential};

pub(super) fn plan(state: &KeyState, view: View<'_>) -> Step {
    let step = match &state.phase {
        Phase::Revoked { revoked, .. } => delete(state, revoked, view),
        Phase::Idle { .. } => Err(wrong_phase(&["stage"])),
        Phase::SecondaryStaged { .. } => Err(wrong_phase(&["promote", "abort"])),
        Phase::Promoted { direction: Direction::Back, .. } => Err(wrong_phase(&["abort"])),
        Phase::Promoted { .. } => Err(wrong_phase(&["promote", "abort"])),
        Phase::GraceWindow { .. } => Err(wrong_phase(&["finish", "abort"])),
    };
    step.unwrap_or_else(|step| step)
}

fn delete(state: &KeyState, revoked: &RevokedCredential, view: View<'_>) -> Result<Step, Step> {
    if revoked.purged {
        return Ok(Step::Done);
    }
    let fingerprint = revoked.credential.fingerprint;
    let Some(id) = revoked.credential.provider_key_id.clone() else {
        return Err(Step::Refused(Refusal::CannotDelete));
    };
    if !view.policy.capabilities.delete {
        return Err(Step::Refused(Refusal::CannotDelete));
    }
    let facts = view.facts;
    if let Some(detail) = view.definite_refusal(fingerprint)? {
        if state.intent.is_some() {
            return Ok(Step::Record(Event::IntentDropped { reason: detail.clone() }));
        }
        return Err(Step::Refused(Refusal::ProviderRefused { act: "delete", detail: detail.clone() }));
    }
    if facts.confirmed_calls.contains(&fingerprint) {
        return Ok(Step::Record(Event::Purged));
    }
    view.tried_enough(fingerprint)?;
    match view.status(fingerprint)? {
        None | Some(KeyStatus::Archived) => Ok(Step::Record(Event::Purged)),
        // Someone brought it back at the console: that is a use, and deleting it would end it.
        Some(KeyStatus::Active) if state.intent.is_some() => {
            Ok(Step::Record(Event::IntentDropped { reason: "the credential is active again".to_owned() }))
        }
        Some(KeyStatus::Active) => Err(Step::Refused(Refusal::StillAccepted { fingerprint })),
        Some(_) => Ok(Step::Act(Effect::Delete { id, fingerprint })),
    }
}
