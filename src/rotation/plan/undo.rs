//! Revoked → GraceWindow, where the provider can reactivate.

use std::collections::BTreeMap;

use super::{Question, Refusal, Step, View, Wanted, wrong_phase};
use crate::rotation::credential::{KeyStatus, ReadBack, TargetId, Verdict};
use crate::rotation::effect::Effect;
use crate::rotation::event::Event;
use crate::rotation::phase::{Direction, Ending, KeyState, Phase, Propagation, RevokedCredential};

pub(super) fn plan(state: &KeyState, view: View<'_>) -> Step {
    let step = match &state.phase {
        Phase::Revoked { revoked, .. } => bring_back(state, revoked, view),
        Phase::Idle { .. } | Phase::GraceWindow { .. } if is_undone(state) => Ok(Step::Done),
        Phase::Idle { .. } => Err(wrong_phase(&["stage"])),
        Phase::SecondaryStaged { .. } => Err(wrong_phase(&["abort", "promote"])),
        Phase::Promoted { direction: Direction::Back, .. } => Err(wrong_phase(&["abort"])),
        Phase::Promoted { .. } => Err(wrong_phase(&["abort", "promote"])),
        Phase::GraceWindow { .. } => Err(wrong_phase(&["abort", "finish"])),
    };
    step.unwrap_or_else(|step| step)
}

fn bring_back(state: &KeyState, revoked: &RevokedCredential, view: View<'_>) -> Result<Step, Step> {
    let fingerprint = revoked.credential.fingerprint;
    let facts = view.facts;
    if revoked.purged {
        return Err(Step::Refused(Refusal::Purged));
    }
    let Some(id) = revoked.credential.provider_key_id.clone() else {
        return Err(Step::Refused(Refusal::CannotReactivate));
    };
    if !view.policy.capabilities.reactivate {
        return Err(Step::Refused(Refusal::CannotReactivate));
    }
    if revoked.undo_until.is_some_and(|until| view.now.wall > until) && state.intent.is_none() {
        return Err(Step::Refused(Refusal::UndoExpired));
    }
    if let Some(detail) = view.definite_refusal(fingerprint)? {
        return Err(refused_by_provider(state, detail));
    }
    let is_confirmed = facts.confirmed_calls.contains(&fingerprint);
    if is_confirmed && !facts.probes.contains_key(&fingerprint) {
        return Err(Step::Observe(Question::AwaitAcceptance(fingerprint)));
    }
    match view.probe(fingerprint)? {
        // A provider that lags accepts for a while what it has on record as revoked.
        Verdict::Accepted if is_confirmed || view.status(fingerprint)? == Some(KeyStatus::Active) => {
            Ok(Step::Record(Event::Undone {
                window: view.policy.grace.window(view.now.clone(), state.longest_job_seen_seconds),
                propagation: propagation(state, view)?,
            }))
        }
        Verdict::Rejected if is_confirmed => Err(Step::Refused(Refusal::Rejected {
            wanted: Wanted::Revoked,
            fingerprint,
            detail: facts.probe_detail(fingerprint),
        })),
        Verdict::Accepted | Verdict::Rejected => {
            view.tried_enough(fingerprint)?;
            Ok(Step::Act(Effect::Reactivate { id, fingerprint }))
        }
        Verdict::Unknown => Err(view.no_verdict(fingerprint, Wanted::Revoked)),
    }
}

/// How far the active value has come, by a look at every target: the new window starts with that.
fn propagation(state: &KeyState, view: View<'_>) -> Result<BTreeMap<TargetId, Propagation>, Step> {
    let reads = view.facts.target_reads.as_ref().ok_or(Step::Observe(Question::ReadTargets))?;
    let active = state.active().fingerprint;
    let each = |target: &TargetId| {
        let at = match reads.get(target) {
            Some(ReadBack::Holds(found)) if *found == active => Propagation::Confirmed,
            Some(ReadBack::NotReadable) if !state.stale_targets.contains_key(target) => Propagation::Written,
            _ => Propagation::Pending,
        };
        (target.clone(), at)
    };
    Ok(view.policy.targets.iter().map(each).collect())
}

/// Whether the last thing that happened to the rotation was just this.
fn is_undone(state: &KeyState) -> bool {
    let Some(last) = state.last_rotation.as_ref().filter(|last| last.ended == Ending::Undone) else {
        return false;
    };
    state.phase.rotation().is_none_or(|rotation| rotation.id == last.rotation.id)
}

/// A definite refusal ends the attempt: first the intent is dropped, then it is said.
fn refused_by_provider(state: &KeyState, detail: &str) -> Step {
    if state.intent.is_some() {
        return Step::Record(Event::IntentDropped { reason: detail.to_owned() });
    }
    Step::Refused(Refusal::ProviderRefused { act: "reactivate", detail: detail.to_owned() })
}
