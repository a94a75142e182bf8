//! GraceWindow → Revoked.

use std::collections::BTreeSet;

use super::{Question, Refusal, Step, View, Wait, revocation, wrong_phase};
use crate::rotation::effect::Effect;
use crate::rotation::event::Event;
use crate::rotation::evidence::{self, Evidence, Finding, Item, usage};
use crate::rotation::grace::GraceFrom;
use crate::rotation::phase::{Direction, KeyState, Phase};

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
    match view.dead_by_order(state, retiring.fingerprint) {
        // There is nothing to wait for.
        Ok(true) => return revocation::plan(state, retiring, view),
        Ok(false) => {}
        Err(step) => return step,
    }
    match gate(state, accept_unknown, view) {
        Ok(()) if view.policy.capabilities.last_used && !view.facts.has_announced => {
            let at = view.now.by_provider();
            Step::Record(Event::ProbeAnnounced { at })
        }
        Ok(()) => revocation::plan(state, retiring, view),
        Err(step) => step,
    }
}

/// Lets through only what the evidence allows.
fn gate(state: &KeyState, accept_unknown: &BTreeSet<Item>, view: View<'_>) -> Result<(), Step> {
    observed(state, view)?;
    if let Some(step) = first_use(state, view) {
        return Err(step);
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

/// Asks for every fact that the table rests on. The leases come last, for they change fastest.
fn observed(state: &KeyState, view: View<'_>) -> Result<(), Step> {
    let ask = |question| Err(Step::Observe(question));
    let (facts, capabilities) = (view.facts, &view.policy.capabilities);
    let (active, Some(retiring)) = (state.active(), state.phase.retiring()) else { return Ok(()) };
    if facts.target_reads.is_none() {
        return ask(Question::ReadTargets);
    }
    if capabilities.last_used {
        // Before they are probed, which is a use as well.
        let wanted = [(retiring, true), (active, state.first_used_at.is_none())];
        let unseen = wanted.into_iter().find(|(credential, is_wanted)| {
            *is_wanted && !facts.last_uses.contains_key(&credential.fingerprint)
        });
        if let Some((credential, _)) = unseen {
            return ask(Question::LastUse(credential.fingerprint));
        }
    }
    // It tells the provider's time, too.
    view.probe(active.fingerprint)?;
    if capabilities.usage && facts.usage.is_none() {
        for credential in [retiring, active] {
            if facts.id_of(credential).is_none() && !facts.identities.contains_key(&credential.fingerprint) {
                return ask(Question::Identify(credential.fingerprint));
            }
        }
        return ask(Question::Usage);
    }
    if facts.leases.is_none() {
        return ask(Question::Leases);
    }
    Ok(())
}

/// Writes down that the new credential was seen in use, where that starts the window, and where the provider tells of
/// the last use alone, which our own next probe hides. A report can be asked again.
fn first_use(state: &KeyState, view: View<'_>) -> Option<Step> {
    let Phase::GraceWindow { window, .. } = &state.phase else { return None };
    let starts_clock = view.policy.grace.from == GraceFrom::FirstUse;
    if state.first_used_at.is_some() || !(starts_clock || view.policy.capabilities.last_used) {
        return None;
    }
    let at = usage::first_use(state, view.facts, view.policy, view.now)?;
    let from_use = || view.policy.grace.window_from_use(window, at, state.longest_job_seen_seconds);
    let window = starts_clock.then(from_use);
    Some(Step::Record(Event::FirstUseSeen { at, window }))
}

fn window_open(state: &KeyState, table: &[Evidence], view: View<'_>) -> Option<Wait> {
    let Phase::GraceWindow { window, .. } = &state.phase else {
        return None;
    };
    let remaining = view.policy.grace.remaining(state, window, view.now);
    (remaining.seconds > 0).then(|| Wait {
        remaining_seconds: remaining.seconds,
        clock_went_backwards: remaining.clock_went_backwards,
        awaits_first_use: view.policy.grace.from.awaits_first_use(state),
        evidence: table.to_vec(),
    })
}
