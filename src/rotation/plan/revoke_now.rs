//! Any phase → Revoked, without a grace window: the emergency.

use std::collections::BTreeSet;

use super::{Refusal, RevokeNow, Step, View, Wanted, promote, revocation, stage};
use crate::rotation::credential::{Credential, KeyStatus, TargetSet, Verdict};
use crate::rotation::event::Event;
use crate::rotation::phase::{Direction, Emergency, KeyState, Phase};
use crate::rotation::standing::Standing;
use crate::secret::Fingerprint;

/// Which of a key's credentials has leaked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspect {
    Old,
    New,
    All,
}

/// The suspects by fingerprint.
///
/// At rest (Idle, Revoked) one credential serves; `new` is then the one that an abort has put aside last,
/// which is perhaps still accepted. Where there is none, whatever serves is the suspect: a leaked key must
/// not go on working because of a word.
pub fn suspects(state: &KeyState, suspect: Suspect) -> BTreeSet<Fingerprint> {
    let active = state.active().fingerprint;
    let (old, new) = match &state.phase {
        Phase::Idle { .. } | Phase::Revoked { .. } => (active, active),
        Phase::SecondaryStaged { staged, .. } => (active, staged.fingerprint),
        Phase::Promoted { retiring, direction: Direction::Back, .. } => (active, retiring.fingerprint),
        Phase::Promoted { retiring, .. } | Phase::GraceWindow { retiring, .. } => {
            (retiring.fingerprint, active)
        }
    };
    match suspect {
        Suspect::Old => BTreeSet::from([old]),
        Suspect::New if old == new => {
            BTreeSet::from([state.set_aside.last().map_or(active, |aside| aside.fingerprint)])
        }
        Suspect::New => BTreeSet::from([new]),
        Suspect::All => BTreeSet::from([old, new]),
    }
}

pub(super) fn plan(state: &KeyState, wanted: &RevokeNow, view: View<'_>) -> Step {
    next(state, wanted, view).unwrap_or_else(|step| step)
}

fn next(state: &KeyState, wanted: &RevokeNow, view: View<'_>) -> Result<Step, Step> {
    let declared = state.emergency.as_ref().map(|emergency| &emergency.suspects);
    let suspects = wanted.suspects.iter().chain(declared.into_iter().flatten());
    let open: BTreeSet<_> = suspects.copied().filter(|suspect| !state.dead.contains(suspect)).collect();
    if let Some(taken_back) = &view.facts.taken_back
        && state.intent.is_none()
        && open.contains(&taken_back.fingerprint)
    {
        return Err(Step::Refused(Refusal::TakenBack { reason: taken_back.reason.clone() }));
    }
    if let Some((_, revoking)) = state.pending_revocation() {
        if wanted.suspects.contains(&revoking) {
            // From now on its provider's lag is waited for, not taken for a mistake.
            declare(state, wanted)?;
        }
        // Begun here or by a `finish`, it is brought to its end first.
        return revoke(state, revoking, view);
    }
    if let Some(doubtful) = state.in_doubt().filter(|doubtful| !open.contains(doubtful)) {
        // What a `finish` began to take back may have to serve, and is accepted for certain only after.
        return revoke(state, doubtful, view);
    }
    if open.is_empty() {
        return serve_again(state, wanted, view);
    }
    let active = state.active().fingerprint;
    if open.contains(&active) && !state.outage {
        if let Some(step) = move_away(state, wanted, &open, view)? {
            return Ok(step);
        }
    } else if let Some(step) = propagate(state, wanted, view) {
        return Ok(step);
    }
    declare(state, wanted)?;
    replace_the_dead(state, wanted, &open, view)?;
    // The one that serves traffic goes last, when an outage was accepted.
    let victim = open.iter().find(|suspect| **suspect != active).copied().unwrap_or(active);
    revoke(state, victim, view)
}

/// With every suspect dead: where nothing valid is left by order, a replacement that came with the
/// command serves from now on.
fn serve_again(state: &KeyState, wanted: &RevokeNow, view: View<'_>) -> Result<Step, Step> {
    let Some(replacement) = &wanted.replacement else {
        return Ok(end(state));
    };
    if state.outage {
        view.accepted(replacement.fingerprint, Wanted::Replacement)?;
        declare_also(state, wanted, state.active().fingerprint)?;
        return match state.phase.staged() {
            Some(staged)
                if staged.fingerprint == replacement.fingerprint && !state.other_slot_is_in_doubt() =>
            {
                take_over(state, wanted, view)
            }
            _ => replace(state, wanted, replacement, &BTreeSet::new(), view),
        };
    }
    if state.emergency.is_none() {
        return Ok(Step::Done);
    }
    replace_the_dead(state, wanted, &BTreeSet::new(), view)?;
    if let Some(step) = propagate(state, wanted, view) {
        return Ok(step);
    }
    match state.phase.retiring().filter(|retiring| state.dead.contains(&retiring.fingerprint)) {
        Some(dead) => revoke(state, dead.fingerprint, view),
        None => Ok(end(state)),
    }
}

/// Where the active credential is no suspect but dead, a replacement that came with the command takes
/// its place: it is declared a suspect as well, and goes the way of one.
fn replace_the_dead(
    state: &KeyState,
    wanted: &RevokeNow,
    open: &BTreeSet<Fingerprint>,
    view: View<'_>,
) -> Result<(), Step> {
    let active = state.active().fingerprint;
    let may_be_replaced = !open.contains(&active)
        && !state.outage
        && wanted.replacement.as_ref().is_some_and(|replacement| {
            replacement.fingerprint != active && !open.contains(&replacement.fingerprint)
        });
    if may_be_replaced && view.probe(active)? == Verdict::Rejected {
        declare_also(state, wanted, active)?;
    }
    Ok(())
}

/// Gets consumers off a suspect that serves them; `None` where the operator accepted an outage and
/// nothing else can serve.
fn move_away(
    state: &KeyState,
    wanted: &RevokeNow,
    open: &BTreeSet<Fingerprint>,
    view: View<'_>,
) -> Result<Option<Step>, Step> {
    if let Some(other) = successor(state, wanted, open) {
        match view.probe(other)? {
            Verdict::Accepted if can_stay(other, view)? => return take_over(state, wanted, view).map(Some),
            // Nothing came with the command that could serve instead: say what keeps this one from it.
            _ if state.phase.retiring().is_some()
                && wanted.replacement.is_none()
                && !wanted.accept_outage =>
            {
                view.may_serve_again(other, Wanted::Retiring)?;
            }
            _ => {}
        }
    }
    if let Some(replacement) = &wanted.replacement {
        return replace(state, wanted, replacement, open, view).map(Some);
    }
    if wanted.accept_outage {
        return Ok(None);
    }
    Err(Step::Refused(Refusal::NeedsReplacement { suspect: state.active().fingerprint }))
}

/// Whether one that is accepted now will be, by the provider's record.
fn can_stay(credential: Fingerprint, view: View<'_>) -> Result<bool, Step> {
    Ok(view.record_says(credential)?.is_none_or(|status| status == KeyStatus::Active))
}

/// The other credential of this rotation becomes the active one.
fn take_over(state: &KeyState, wanted: &RevokeNow, view: View<'_>) -> Result<Step, Step> {
    declare(state, wanted)?;
    let direction = match state.phase {
        Phase::SecondaryStaged { .. } | Phase::Promoted { direction: Direction::Back, .. } => {
            Direction::Forward
        }
        _ => Direction::Back,
    };
    Ok(view.switch(direction))
}

/// The replacement that came with the command is staged; the next step promotes it.
fn replace(
    state: &KeyState,
    wanted: &RevokeNow,
    replacement: &Credential,
    open: &BTreeSet<Fingerprint>,
    view: View<'_>,
) -> Result<Step, Step> {
    let fingerprint = replacement.fingerprint;
    if fingerprint == state.active().fingerprint {
        return Err(Step::Refused(Refusal::CandidateIsActive));
    }
    if state.dead.contains(&fingerprint) {
        return Err(Step::Refused(Refusal::RevokedBefore { fingerprint }));
    }
    if open.contains(&fingerprint) {
        return Err(Step::Refused(Refusal::NeedsReplacement { suspect: fingerprint }));
    }
    view.accepted(fingerprint, Wanted::Replacement)?;
    declare(state, wanted)?;
    let other = state.phase.staged().or(state.phase.retiring());
    if let Some(other) = other.filter(|other| open.contains(&other.fingerprint)) {
        // Both slots hold suspects: the one that is not active goes first and makes room.
        return revoke(state, other.fingerprint, view);
    }
    stage::store(state, replacement, &wanted.rotation, Wanted::Replacement, view)
}

/// The credential that can take over from a suspect: the other one of this rotation, if it is none.
///
/// A replacement that was named outranks one that is merely staged.
fn successor(state: &KeyState, wanted: &RevokeNow, open: &BTreeSet<Fingerprint>) -> Option<Fingerprint> {
    let other = match &state.phase {
        Phase::SecondaryStaged { staged, .. } => {
            let outranked =
                wanted.replacement.as_ref().is_some_and(|named| named.fingerprint != staged.fingerprint);
            Some(staged).filter(|_| !outranked)
        }
        Phase::Promoted { retiring, .. } | Phase::GraceWindow { retiring, .. } => Some(retiring),
        _ => None,
    }?;
    let is_fit = !open.contains(&other.fingerprint)
        && !state.dead.contains(&other.fingerprint)
        && !state.other_slot_is_in_doubt();
    is_fit.then_some(other.fingerprint)
}

/// Writes the targets. One that fails is reported at the end; it does not keep a leaked key alive.
fn propagate(state: &KeyState, wanted: &RevokeNow, view: View<'_>) -> Option<Step> {
    settle_targets(state, wanted, view).err()
}

/// The step that brings a target nearer to the active value; `Ok` where there is none left to take.
fn settle_targets(state: &KeyState, wanted: &RevokeNow, view: View<'_>) -> Result<(), Step> {
    match &state.phase {
        Phase::Promoted { .. } => {
            let targets = view.targets_to_write(state);
            if targets.is_empty() {
                return Ok(());
            }
            declare(state, wanted)?;
            Err(promote::write(state, targets))
        }
        Phase::GraceWindow { .. } => {
            // What was read back when the window opened may have changed since.
            let astray: TargetSet = promote::standings(state, view)?
                .into_iter()
                .filter(|(target, standing)| match standing {
                    Standing::Settled | Standing::Believed => false,
                    // Written in this rotation, and not to be read just now: nothing says that it is astray.
                    Standing::Unread(_) => !state.phase.has_settled(target),
                    Standing::Astray(_) | Standing::Unwritten(_) => true,
                })
                .map(|(target, _)| target)
                .collect();
            if astray.is_empty() {
                return Ok(());
            }
            declare(state, wanted)?;
            Err(Step::Record(Event::Drifted { targets: astray }))
        }
        _ => Ok(()),
    }
}

fn revoke(state: &KeyState, victim: Fingerprint, view: View<'_>) -> Result<Step, Step> {
    match state.credential(victim) {
        Some(credential) => Ok(revocation::plan(state, credential, view)),
        None => Err(Step::Refused(Refusal::NoSuspect)),
    }
}

/// Writes down that there is an emergency, who is suspect and why, before the first change.
fn declare(state: &KeyState, wanted: &RevokeNow) -> Result<(), Step> {
    let declared = state.emergency.as_ref();
    let known = declared.is_some_and(|emergency| {
        emergency.suspects.is_superset(&wanted.suspects) && (emergency.accept_outage || !wanted.accept_outage)
    });
    if known {
        return Ok(());
    }
    let before = declared.map(|emergency| emergency.suspects.clone()).unwrap_or_default();
    Err(Step::Record(Event::EmergencyDeclared {
        emergency: Emergency {
            suspects: before.union(&wanted.suspects).copied().collect(),
            reason: wanted.reason.clone(),
            rotation: wanted.rotation.clone(),
            accept_outage: wanted.accept_outage || declared.is_some_and(|emergency| emergency.accept_outage),
        },
    }))
}

/// The same with one more suspect.
fn declare_also(state: &KeyState, wanted: &RevokeNow, suspect: Fingerprint) -> Result<(), Step> {
    let suspects = wanted.suspects.iter().copied().chain([suspect]).collect();
    declare(state, &RevokeNow { suspects, ..wanted.clone() })
}

fn end(state: &KeyState) -> Step {
    if state.emergency.is_some() { Step::Record(Event::EmergencyEnded) } else { Step::Done }
}
