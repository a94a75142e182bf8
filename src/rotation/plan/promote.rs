//! SecondaryStaged → Promoted → GraceWindow; and at rest, the targets that an emergency left behind.

use std::collections::BTreeMap;

use super::{Question, Refusal, Step, View, Wanted, wrong_phase};
use crate::rotation::credential::{TargetId, TargetSet};
use crate::rotation::effect::Effect;
use crate::rotation::event::Event;
use crate::rotation::phase::{Direction, KeyState, Phase};
use crate::rotation::standing::{Standing, standing};

pub(super) fn plan(state: &KeyState, view: View<'_>) -> Step {
    let step = match &state.phase {
        Phase::Idle { .. } | Phase::Revoked { .. } if !state.outage => reach_the_stale(state, view),
        Phase::Idle { .. } | Phase::Revoked { .. } => Err(wrong_phase(&["stage"])),
        Phase::SecondaryStaged { staged, .. } => switch(staged.fingerprint, view),
        Phase::Promoted { direction: Direction::Back, .. } => Err(wrong_phase(&["abort"])),
        Phase::Promoted { direction: Direction::Forward, .. } => propagate(state, view),
        Phase::GraceWindow { .. } => mend_drift(state, view),
    };
    step.unwrap_or_else(|step| step)
}

/// An emergency does not wait for a target that fails; this writes it once it can be written again.
fn reach_the_stale(state: &KeyState, view: View<'_>) -> Result<Step, Step> {
    let stale = state.stale_targets.keys().filter(|target| view.policy.targets.contains(*target));
    let (failed, open): (TargetSet, TargetSet) =
        stale.cloned().partition(|target| view.facts.failed_targets.contains_key(target));
    if !open.is_empty() {
        view.accepted(state.active().fingerprint, Wanted::Active)?;
        return Ok(write(state, open));
    }
    if !failed.is_empty() {
        return Err(Step::Refused(Refusal::TargetsFailed { targets: view.facts.failed_targets.clone() }));
    }
    // Nothing is left behind: either this run has just seen to it, or there is nothing to promote.
    Err(if view.facts.reached_stale { Step::Done } else { wrong_phase(&["stage"]) })
}

fn switch(staged: crate::secret::Fingerprint, view: View<'_>) -> Result<Step, Step> {
    view.accepted(staged, Wanted::Staged)?;
    targets_ready(view)?;
    Ok(view.switch(Direction::Forward))
}

/// That no target is known to be unwritable, before consumers are moved at all.
pub(super) fn targets_ready(view: View<'_>) -> Result<(), Step> {
    match &view.facts.broken_targets {
        None => Err(Step::Observe(Question::CheckTargets)),
        Some(broken) if broken.is_empty() => Ok(()),
        Some(broken) => Err(Step::Refused(Refusal::TargetsBroken { targets: broken.clone() })),
    }
}

fn propagate(state: &KeyState, view: View<'_>) -> Result<Step, Step> {
    // Resumed days later, the active one may be dead; no consumer is moved to that.
    view.accepted(state.active().fingerprint, Wanted::Active)?;
    if let Some(step) = write_pending(state, view) {
        return Ok(step);
    }
    Ok(open_window(state, view))
}

/// The write of the targets that still lack the active value, or the report of those that failed.
pub(super) fn write_pending(state: &KeyState, view: View<'_>) -> Option<Step> {
    let targets = view.targets_to_write(state);
    if !targets.is_empty() {
        return Some(write(state, targets));
    }
    let failed = &view.facts.failed_targets;
    (!failed.is_empty()).then(|| Step::Refused(Refusal::TargetsFailed { targets: failed.clone() }))
}

/// The write of the active value to these targets.
pub(super) fn write(state: &KeyState, targets: TargetSet) -> Step {
    Step::Act(Effect::WriteTargets { targets, fingerprint: state.active().fingerprint })
}

fn open_window(state: &KeyState, view: View<'_>) -> Step {
    Step::Record(Event::GraceOpened {
        window: view.policy.grace.window(view.now.clone(), state.longest_job_seen_seconds),
        targets: view.policy.targets.clone(),
    })
}

/// Run again inside the window: where a target lost the active value, or was added to the
/// configuration, its consumers are moved (again), and the clock starts anew for them.
fn mend_drift(state: &KeyState, view: View<'_>) -> Result<Step, Step> {
    let mut unread = BTreeMap::new();
    let mut drifted = TargetSet::new();
    for (target, standing) in standings(state, view)? {
        match standing {
            Standing::Settled | Standing::Believed => {}
            Standing::Unread(reason) if state.phase.has_settled(&target) => {
                unread.insert(target, reason);
            }
            Standing::Astray(_) | Standing::Unwritten(_) | Standing::Unread(_) => {
                drifted.insert(target);
            }
        }
    }
    if !unread.is_empty() {
        return Err(Step::Refused(Refusal::TargetsBroken { targets: unread }));
    }
    if drifted.is_empty() {
        return Ok(Step::Done);
    }
    targets_ready(view)?;
    Ok(Step::Record(Event::Drifted { targets: drifted }))
}

/// Where every configured target stands, read in this run.
pub(super) fn standings(state: &KeyState, view: View<'_>) -> Result<Vec<(TargetId, Standing)>, Step> {
    let reads = view.facts.target_reads.as_ref().ok_or(Step::Observe(Question::ReadTargets))?;
    let each = |target: &TargetId| (target.clone(), standing(state, target, reads.get(target)));
    Ok(view.policy.targets.iter().map(each).collect())
}
