//! SecondaryStaged, Promoted, GraceWindow → Idle, with the old credential active.

use std::collections::BTreeSet;

use super::{Refusal, Step, View, Wanted, mint, promote};
use crate::rotation::effect::Effect;
use crate::rotation::event::Event;
use crate::rotation::phase::{Direction, Ending, KeyState, Phase};
use crate::secret::Fingerprint;

pub(super) fn plan(state: &KeyState, view: View<'_>) -> Step {
    if state.emergency.is_some() {
        return Step::Record(Event::EmergencyEnded);
    }
    let step = match &state.phase {
        Phase::SecondaryStaged { staged, .. } => Ok(erase(state, Some(staged.fingerprint))),
        Phase::Promoted { direction: Direction::Forward, retiring, .. }
        | Phase::GraceWindow { retiring, .. } => switch_back(state, retiring.fingerprint, view),
        Phase::Promoted { direction: Direction::Back, retiring, .. } => {
            propagate_back(state, retiring.fingerprint, view)
        }
        Phase::Idle { .. } | Phase::Revoked { .. } => nothing_staged(state, view),
    };
    step.unwrap_or_else(|step| step)
}

fn switch_back(state: &KeyState, old: Fingerprint, view: View<'_>) -> Result<Step, Step> {
    if state.dead.contains(&old) {
        let detail = "it was revoked".to_owned();
        return Err(Step::Refused(Refusal::Rejected { wanted: Wanted::Retiring, fingerprint: old, detail }));
    }
    view.may_serve_again(old, Wanted::Retiring)?;
    promote::targets_ready(view)?;
    Ok(view.switch(Direction::Back))
}

fn propagate_back(state: &KeyState, new: Fingerprint, view: View<'_>) -> Result<Step, Step> {
    if !view.targets_to_write(state).is_empty() {
        // Resumed days later, the old one may be dead; no consumer is moved to that.
        view.accepted(state.active().fingerprint, Wanted::Active)?;
    }
    if let Some(step) = promote::write_pending(state, view) {
        return Ok(step);
    }
    Ok(erase(state, Some(new)))
}

/// Takes the values out of the slot that is not active: the one that was staged, and the one that an
/// interrupted `stage` may have left there.
pub(super) fn erase(state: &KeyState, known: Option<Fingerprint>) -> Step {
    let begun = match state.intent.as_ref().map(|intent| &intent.effect) {
        Some(Effect::StoreStaged { credential, .. }) => BTreeSet::from([credential.fingerprint]),
        Some(Effect::Erase { fingerprints, .. }) => fingerprints.clone(),
        _ => BTreeSet::new(),
    };
    let fingerprints = begun.into_iter().chain(known).collect();
    Step::Act(Effect::Erase { slot: state.active_slot.other(), fingerprints })
}

fn nothing_staged(state: &KeyState, view: View<'_>) -> Result<Step, Step> {
    if let Some(step) = mint::clear_away(state, view)? {
        return Ok(step);
    }
    let interrupted = matches!(
        state.intent.as_ref().map(|intent| &intent.effect),
        Some(Effect::StoreStaged { .. } | Effect::Erase { .. })
    );
    if interrupted {
        return Ok(erase(state, None));
    }
    match &state.last_rotation {
        // Calling an emergency off was all there was to do.
        _ if view.facts.emergency_ended || view.facts.has_dropped || !view.facts.swept.is_empty() => {
            Ok(Step::Done)
        }
        Some(last) if last.ended == Ending::Aborted => Ok(Step::Done),
        _ if can_be_undone(state, view) => {
            Err(Step::Refused(Refusal::WrongPhase { next: &["undo", "stage"] }))
        }
        _ => Err(Step::Refused(Refusal::WrongPhase { next: &["stage"] })),
    }
}

/// Whether `undo` is worth naming: there is a revocation, and it can still be taken back from here.
fn can_be_undone(state: &KeyState, view: View<'_>) -> bool {
    matches!(&state.phase, Phase::Revoked { revoked, .. }
        if !revoked.purged && revoked.undo_until.is_some_and(|until| view.now.wall <= until))
}
