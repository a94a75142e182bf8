//! What must never be false, checked on every transition of the code that ships.
//!
//! The numbers are those of the design: 1 something accepted is active; 2 the active one is not the
//! one revoked; 3 no revocation before its time; 4 one rotation at a time; 5 every crash point resumes
//! (by the shape of intents, and by the crash tests); 6 the window is long enough; 7 revoked only with
//! proof.

use super::effect::Effect;
use super::event::{Event, Proof, RevokedBy};
use super::phase::{KeyState, Phase, Window};
use super::stamp::{Stamp, elapsed};
use crate::secret::Fingerprint;

/// An invariant that a step would break. Reaching this is a defect, and the step is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invariant {number} would be broken: {reason}")]
pub struct Violation {
    pub number: u8,
    pub reason: &'static str,
}

fn broken(number: u8, reason: &'static str) -> Result<(), Violation> {
    Err(Violation { number, reason })
}

/// Whether `event` may happen to `state` at all.
///
/// # Errors
/// The invariant it would break.
pub fn allows(state: &KeyState, event: &Event) -> Result<(), Violation> {
    one_way(state, event)?;
    match event {
        Event::Intended { intent } => match &intent.effect {
            Effect::Revoke { fingerprint, .. } => may_revoke(state, *fingerprint, &intent.begun_at),
            Effect::StoreStaged { credential, .. } => may_stage(state, credential.fingerprint),
            _ => Ok(()),
        },
        Event::Staged { credential, .. } => may_stage(state, credential.fingerprint),
        Event::Switched { .. } => match state.phase.other() {
            Some(next) if state.dead.contains(&next.fingerprint) => {
                broken(1, "the next active one was revoked")
            }
            _ => Ok(()),
        },
        Event::Revoked { fingerprint, proof } => {
            // With the intent durable the right was established; a clock set back since, or a clock
            // that was not at hand then, does not make the outcome unrecordable.
            // And one that was revoked by order before ends nobody's use when it is seen dead once more.
            let dead_before = state.dead.contains(fingerprint) && proof.by == RevokedBy::Elsewhere;
            if state.pending_revocation().is_none() && !dead_before {
                may_revoke(state, *fingerprint, &proof.at)?;
            }
            has_proof(state, *fingerprint, proof)
        }
        Event::GraceOpened { window, .. } | Event::Undone { window, .. }
            if window.floor_seconds < state.longest_job_seen_seconds =>
        {
            broken(6, "the grace window is shorter than the longest job seen")
        }
        Event::FirstUseSeen { window: Some(later), .. } => match &state.phase {
            Phase::GraceWindow { window, .. }
                if later.length_seconds < window.length_seconds
                    || later.opened_at.wall < window.opened_at.wall =>
            {
                broken(6, "the grace window would become shorter")
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// A revocation whose intent is durable is a one-way door: only its own outcome comes next.
fn one_way(state: &KeyState, event: &Event) -> Result<(), Violation> {
    let Some((_, revoking)) = state.pending_revocation() else {
        return Ok(());
    };
    match event {
        Event::Intended { .. } | Event::IntentDropped { .. } | Event::EmergencyDeclared { .. } => Ok(()),
        Event::Revoked { fingerprint, .. } if *fingerprint == revoking => Ok(()),
        _ => broken(2, "a revocation is under way"),
    }
}

/// Whether `state` may exist.
///
/// # Errors
/// The invariant it breaks.
pub fn holds(state: &KeyState) -> Result<(), Violation> {
    let active = state.active().fingerprint;
    if !state.outage && state.dead.contains(&active) {
        return broken(1, "the active credential was revoked");
    }
    if state.phase.staged().is_some_and(|staged| state.dead.contains(&staged.fingerprint)) {
        return broken(1, "the staged credential was revoked");
    }
    let other = state.phase.other().map(|other| other.fingerprint);
    if other == Some(active) && !state.outage {
        return broken(2, "the active credential is also the other one");
    }
    if state.pending_revocation().is_some_and(|(_, revoking)| revoking == active)
        && !outage_accepted(state, active)
    {
        return broken(2, "the active credential would be revoked");
    }
    match &state.phase {
        Phase::GraceWindow { window, .. } => long_enough(window),
        _ => Ok(()),
    }
}

fn may_stage(state: &KeyState, candidate: Fingerprint) -> Result<(), Violation> {
    let under_way = matches!(state.phase, Phase::Promoted { .. } | Phase::GraceWindow { .. });
    if under_way && !state.is_suspect(state.active().fingerprint) {
        return broken(4, "a rotation is under way");
    }
    if state.dead.contains(&candidate) {
        return broken(1, "the candidate was revoked before");
    }
    Ok(())
}

fn may_revoke(state: &KeyState, victim: Fingerprint, at: &Stamp) -> Result<(), Violation> {
    if victim == state.active().fingerprint && !outage_accepted(state, victim) {
        return broken(2, "the active credential would be revoked");
    }
    if state.emergency.is_some() {
        return if state.is_suspect(victim) {
            Ok(())
        } else {
            broken(3, "an emergency revokes its suspects only")
        };
    }
    match &state.phase {
        Phase::GraceWindow { retiring, window, .. } if retiring.fingerprint == victim => {
            if elapsed(&window.opened_at, at).seconds < window.length_seconds {
                return broken(3, "the grace window is not over");
            }
            Ok(())
        }
        _ => broken(3, "only a grace window or an emergency may end in a revocation"),
    }
}

fn has_proof(state: &KeyState, victim: Fingerprint, proof: &Proof) -> Result<(), Violation> {
    if !proof.active_accepted && victim != state.active().fingerprint && !state.active_may_be_dead() {
        return broken(7, "the active credential was not seen to be accepted afterwards");
    }
    if proof.by == RevokedBy::Api && state.pending_revocation().is_none_or(|(_, named)| named != victim) {
        return broken(7, "no revocation of this credential was intended");
    }
    Ok(())
}

fn outage_accepted(state: &KeyState, victim: Fingerprint) -> bool {
    state.is_suspect(victim) && state.emergency.as_ref().is_some_and(|emergency| emergency.accept_outage)
}

fn long_enough(window: &Window) -> Result<(), Violation> {
    let wall = window.not_before.as_second() - window.opened_at.wall.as_second();
    if window.length_seconds < window.floor_seconds
        || u64::try_from(wall).unwrap_or(0) < window.length_seconds
    {
        return broken(6, "the grace window is shorter than its floor");
    }
    Ok(())
}
