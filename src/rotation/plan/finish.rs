//! GraceWindow → Revoked.

use std::collections::BTreeSet;

use super::{Question, Refusal, Step, View, Wait, revocation, wrong_phase};
use crate::rotation::credential::Verdict;
use crate::rotation::effect::Effect;
use crate::rotation::event::Event;
use crate::rotation::evidence::{self, Evidence, Finding, Item};
use crate::rotation::phase::{Direction, KeyState, Phase};
use crate::secret::Fingerprint;

pub(super) fn plan(state: &KeyState, accept_unknown: &BTreeSet<Item>, view: View<'_>) -> Step {
    let retiring = match &state.phase {
        Phase::GraceWindow { retiring, .. } => retiring,
        Phase::Revoked { .. } => return Step::Done,
        Phase::Idle { .. } => return wrong_phase(&["stage"]),
        Phase::SecondaryStaged { .. } => return wrong_phase(&["promote", "abort"]),
        Phase::Promoted { direction: Direction::Forward, .. } => return wrong_phase(&["promote", "abort"]),
        Phase::Promoted { direction: Direction::Back, .. } => return wrong_phase(&["abort"]),
    };
    if let Some(taken_back) = &view.facts.taken_back
        && state.intent.is_none()
    {
        return Step::Refused(Refusal::TakenBack { reason: taken_back.reason.clone() });
    }
    let begun = matches!(
        state.intent.as_ref().map(|intent| &intent.effect),
        Some(Effect::Revoke { .. } | Effect::Reactivate { .. })
    );
    if begun {
        // The evidence was weighed before the intent was written; now the only way is to its end.
        return revocation::plan(state, retiring, view);
    }
    match dead_already(state, retiring.fingerprint, view) {
        Ok(true) => return revocation::plan(state, retiring, view),
        Ok(false) => {}
        Err(step) => return step,
    }
    match gate(state, accept_unknown, view) {
        Ok(()) if view.policy.capabilities.last_used && !view.facts.has_announced => {
            let at = view.now.provider.unwrap_or(view.now.wall);
            Step::Record(Event::ProbeAnnounced { at })
        }
        Ok(()) => revocation::plan(state, retiring, view),
        Err(step) => step,
    }
}

/// Whether the retiring credential was revoked by order before this rotation and still is: then nobody
/// can be using it, and there is nothing to wait for.
fn dead_already(state: &KeyState, retiring: Fingerprint, view: View<'_>) -> Result<bool, Step> {
    Ok(state.dead.contains(&retiring) && view.probe(retiring)? == Verdict::Rejected)
}

/// Lets through only what the evidence allows.
fn gate(state: &KeyState, accept_unknown: &BTreeSet<Item>, view: View<'_>) -> Result<(), Step> {
    if view.facts.target_reads.is_none() {
        return Err(Step::Observe(Question::ReadTargets));
    }
    view.probe(state.active().fingerprint)?;
    // Before the old one is probed, which is a use of it as well.
    if let Some(retiring) = state.phase.retiring()
        && view.policy.capabilities.last_used
        && !view.facts.last_uses.contains_key(&retiring.fingerprint)
    {
        return Err(Step::Observe(Question::LastUse(retiring.fingerprint)));
    }
    let table = evidence::weigh(state, view.facts, view.policy, view.now).unwrap_or_default();
    if let Some(wait) = window_open(state, &table, view) {
        return Err(Step::Wait(wait));
    }
    let active_is_dead = table.iter().any(|row| row.item == Item::Active && row.verdict == Finding::Unmet);
    if active_is_dead {
        return Err(Step::Refused(Refusal::ActiveRejected { table }));
    }
    let blocked = !evidence::blocking(&table, &view.policy.required_evidence, accept_unknown).is_empty();
    if blocked {
        return Err(Step::Refused(Refusal::EvidenceMissing { table }));
    }
    Ok(())
}

fn window_open(state: &KeyState, table: &[Evidence], view: View<'_>) -> Option<Wait> {
    let Phase::GraceWindow { window, .. } = &state.phase else {
        return None;
    };
    let remaining = view.policy.remaining(state, window, view.now);
    (remaining.seconds > 0).then(|| Wait {
        remaining_seconds: remaining.seconds,
        clock_went_backwards: remaining.clock_went_backwards,
        evidence: table.to_vec(),
    })
}
