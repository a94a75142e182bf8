//! The machine: one pure, total function from a state and an event to the next state.
//!
//! Everything not listed is refused. The same function runs in the driver, in recovery, in the model
//! and in the tests.

mod aside;
mod intents;
mod left_behind;

use std::collections::{BTreeMap, BTreeSet};

use super::credential::{Credential, Placement, ProviderKeyId, SlotName, TargetId, TargetSet};
use super::effect::{Effect, Intent};
use super::event::{Event, Proof};
use super::invariant::{self, Violation};
use super::phase::{
    Direction, EndedRotation, Ending, KeyState, Phase, Propagation, RevokedCredential, Rotation, Window,
};
use crate::secret::Fingerprint;

/// Why an event does not fit a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    #[error("the event `{event}` does not fit the phase {phase}")]
    Phase { event: &'static str, phase: &'static str },
    #[error("the event `{event}` does not fit: {reason}")]
    Data { event: &'static str, reason: &'static str },
    #[error(transparent)]
    Invariant(#[from] Violation),
}

/// The state after `event`.
///
/// # Errors
/// [`Illegal`] for every pair that is not listed and for every event that would break an invariant;
/// the state before it stands.
pub fn apply(state: Option<&KeyState>, event: &Event) -> Result<KeyState, Illegal> {
    let next = match state {
        None => first(event)?,
        Some(state) => {
            invariant::allows(state, event)?;
            Transition { state: state.clone(), event }.next()?
        }
    };
    invariant::holds(&next)?;
    Ok(next)
}

fn first(event: &Event) -> Result<KeyState, Illegal> {
    match event {
        Event::Adopted { credential, slot, at, placement } => {
            let place = placement.as_ref().map(|placement| placement.place.clone());
            Ok(KeyState { place, ..KeyState::adopted(credential.clone(), *slot, *at) })
        }
        _ => Err(Illegal::Phase { event: event.name(), phase: "(never adopted)" }),
    }
}

struct Transition<'e> {
    state: KeyState,
    event: &'e Event,
}

impl Transition<'_> {
    fn next(mut self) -> Result<KeyState, Illegal> {
        match self.event.clone() {
            Event::Adopted { .. } => self.wrong_phase(),
            Event::Intended { intent } => self.intended(intent),
            Event::IntentDropped { .. } => self.intent_dropped(),
            Event::Swept { ids } => self.swept(&ids),
            Event::Staged { slot, credential, rotation, placement } => {
                self.staged(slot, credential, rotation, placement)
            }
            Event::StagedDropped { .. } => self.staged_dropped(),
            Event::Switched { direction, targets, at } => self.switched(direction, &targets, at),
            Event::TargetsWritten { outcomes, places, .. } => {
                self.state.target_places.extend(places);
                self.targets_written(outcomes)
            }
            Event::GraceOpened { window, targets } => self.grace_opened(window, &targets),
            Event::ProbeAnnounced { at } => self.probe_announced(at),
            Event::FirstUseSeen { at, window } => self.first_use_seen(at, window),
            Event::LongerJobSeen { seconds } => self.longer_job_seen(seconds),
            Event::Drifted { targets } => self.drifted(&targets),
            Event::RolledBack { targets } => self.rolled_back(&targets),
            Event::Revoked { fingerprint, proof } => self.revoked(fingerprint, &proof),
            Event::RevocationUndone { fingerprint, .. } => self.revocation_undone(fingerprint),
            Event::Undone { window, propagation } => self.undone(window, propagation),
            Event::Purged => self.purged(),
            Event::EmergencyDeclared { emergency } => {
                let mut next = self.state;
                next.emergency = Some(emergency);
                Ok(next)
            }
            Event::EmergencyEnded => self.emergency_ended(),
        }
    }

    fn intended(mut self, intent: Intent) -> Result<KeyState, Illegal> {
        if let Some((_, revoking)) = self.state.pending_revocation() {
            let same = match &intent.effect {
                Effect::Revoke { fingerprint, .. } | Effect::Reactivate { fingerprint, .. } => {
                    *fingerprint == revoking
                }
                _ => false,
            };
            if !same {
                return self.bad_data("a revocation is under way, and that is a one-way door");
            }
        }
        if !intents::fits(&self.state, &intent.effect) {
            return self.bad_data("the effect has no place here");
        }
        if self.state.left_to_do().as_ref() == Some(&intent) {
            self.state.left_over = None;
        }
        if !matches!(intent.effect, Effect::Reactivate { .. }) {
            self.undo_given_up();
        }
        if let Some(unfinished) =
            self.state.intent.take().and_then(|begun| intents::unfinished_making(begun, &intent))
        {
            self.state.left_over = Some(unfinished);
        }
        self.state.intent = Some(intent);
        Ok(self.state)
    }

    fn intent_dropped(mut self) -> Result<KeyState, Illegal> {
        if self.state.intent.is_none() {
            return self.bad_data("nothing was intended");
        }
        self.state.intent = None;
        Ok(self.state)
    }

    fn staged(
        mut self,
        slot: SlotName,
        credential: Credential,
        rotation: Rotation,
        placement: Option<Placement>,
    ) -> Result<KeyState, Illegal> {
        if slot != self.state.active_slot.other() {
            return self.bad_data("the candidate must lie in the slot that is not active");
        }
        if credential.fingerprint == self.state.active().fingerprint {
            return self.bad_data("the candidate is the active credential");
        }
        let active = match self.state.phase.clone() {
            Phase::Idle { active } | Phase::Revoked { active, .. } => active,
            Phase::SecondaryStaged { active, staged, .. } => {
                if staged.fingerprint != credential.fingerprint {
                    self.set_aside(staged);
                }
                active
            }
            // Only in an emergency (invariant 4): a replacement takes the place of one that nobody could switch to.
            Phase::Promoted { active, retiring, .. } | Phase::GraceWindow { active, retiring, .. } => {
                self.left_behind();
                self.set_aside(retiring);
                active
            }
        };
        self.not_aside(credential.fingerprint);
        self.state.phase = Phase::SecondaryStaged { active, staged: credential, rotation };
        // Learnt anew in each rotation: a job that once hung does not make every later window as long.
        self.state.longest_job_seen_seconds = 0;
        self.state.place = placement.map(|placement| placement.place).or(self.state.place);
        self.state.intent = None;
        Ok(self.state)
    }

    /// What an interrupted `stage` had left at the provider is gone; what it intended is not wanted any more.
    fn swept(mut self, ids: &BTreeSet<ProviderKeyId>) -> Result<KeyState, Illegal> {
        match self.state.intent.as_ref().map(|intent| &intent.effect) {
            Some(Effect::Sweep { ids: begun }) if begun == ids => {}
            _ => return self.bad_data("no sweep of these keys was intended"),
        }
        let is_swept = |aside: &Credential| aside.provider_key_id.as_ref().is_some_and(|id| ids.contains(id));
        let swept: Vec<_> = self.state.set_aside.extract_if(.., |aside| is_swept(aside)).collect();
        self.state.dead.extend(swept.iter().map(|aside| aside.fingerprint));
        self.state.intent = None;
        Ok(self.state)
    }

    fn staged_dropped(mut self) -> Result<KeyState, Illegal> {
        match self.state.phase.clone() {
            Phase::SecondaryStaged { active, staged, rotation } => {
                self.set_aside(staged);
                self.end(rotation, Ending::Aborted);
                self.state.phase = Phase::Idle { active };
            }
            // An interrupted `stage` left a value in the slot, and no more than that.
            Phase::Idle { .. } | Phase::Revoked { .. } if self.state.other_slot_is_in_doubt() => {}
            _ => return self.wrong_phase(),
        }
        self.state.intent = None;
        Ok(self.state)
    }

    fn switched(
        mut self,
        direction: Direction,
        targets: &TargetSet,
        at: jiff::Timestamp,
    ) -> Result<KeyState, Illegal> {
        if direction == Direction::Forward && self.state.other_slot_is_in_doubt() {
            return self.bad_data("the value of the next active one may be gone from its slot");
        }
        let is_new = matches!(self.state.phase, Phase::SecondaryStaged { .. });
        let (active, retiring, rotation) = match (self.state.phase.clone(), direction) {
            (Phase::SecondaryStaged { active, staged, rotation }, Direction::Forward) => {
                (staged, active, rotation)
            }
            (
                Phase::Promoted { active, retiring, rotation, direction: Direction::Forward, .. }
                | Phase::GraceWindow { active, retiring, rotation, .. },
                Direction::Back,
            ) => (retiring, active, rotation),
            // An abort was under way when the credential that it goes back to became a suspect.
            (
                Phase::Promoted { active, retiring, rotation, direction: Direction::Back, .. },
                Direction::Forward,
            ) if self.state.is_suspect(active.fingerprint) => (retiring, active, rotation),
            _ => return self.wrong_phase(),
        };
        let active = Credential { never_served: false, ..active };
        let propagation = targets.iter().map(|target| (target.clone(), Propagation::Pending)).collect();
        self.state.phase = Phase::Promoted { active, retiring, rotation, direction, propagation };
        self.state.active_slot = self.state.active_slot.other();
        self.state.active_since = at;
        self.state.outage = false;
        self.state.stale_targets.clear();
        self.state.retiring_probed_at = None;
        self.state.first_used_at = None;
        if is_new {
            self.state.target_places.clear();
        }
        self.state.intent = None;
        Ok(self.state)
    }

    fn targets_written(mut self, outcomes: BTreeMap<TargetId, Propagation>) -> Result<KeyState, Illegal> {
        match &mut self.state.phase {
            Phase::Promoted { propagation, .. } | Phase::GraceWindow { propagation, .. } => {
                propagation.extend(outcomes);
            }
            Phase::Idle { .. } | Phase::Revoked { .. } if !self.state.stale_targets.is_empty() => {
                self.reached(outcomes);
            }
            _ => return self.wrong_phase(),
        }
        self.state.intent = None;
        Ok(self.state)
    }

    fn grace_opened(mut self, window: Window, targets: &TargetSet) -> Result<KeyState, Illegal> {
        self.require_settled(targets)?;
        let Phase::Promoted { active, retiring, rotation, direction: Direction::Forward, propagation } =
            self.state.phase.clone()
        else {
            return self.wrong_phase();
        };
        self.state.phase = Phase::GraceWindow { active, retiring, rotation, propagation, window };
        self.state.intent = None;
        Ok(self.state)
    }

    fn probe_announced(mut self, at: jiff::Timestamp) -> Result<KeyState, Illegal> {
        if !matches!(self.state.phase, Phase::GraceWindow { .. }) {
            return self.wrong_phase();
        }
        self.state.retiring_probed_at = Some(at);
        Ok(self.state)
    }

    fn first_use_seen(mut self, at: jiff::Timestamp, from_use: Option<Window>) -> Result<KeyState, Illegal> {
        if self.state.first_used_at.is_some() {
            return self.bad_data("a use was seen before");
        }
        let Phase::GraceWindow { window, .. } = &mut self.state.phase else {
            return self.wrong_phase();
        };
        if let Some(from_use) = from_use {
            *window = from_use;
        }
        self.state.first_used_at = Some(at);
        Ok(self.state)
    }

    fn longer_job_seen(mut self, seconds: u64) -> Result<KeyState, Illegal> {
        if seconds <= self.state.longest_job_seen_seconds {
            return self.bad_data("a longer job was seen before");
        }
        self.state.longest_job_seen_seconds = seconds;
        Ok(self.state)
    }

    fn drifted(mut self, targets: &TargetSet) -> Result<KeyState, Illegal> {
        let Phase::GraceWindow { active, retiring, rotation, mut propagation, .. } = self.state.phase.clone()
        else {
            return self.wrong_phase();
        };
        if self.state.pending_revocation().is_some() {
            return self.bad_data("a revocation is under way, and that is a one-way door");
        }
        propagation.extend(targets.iter().map(|target| (target.clone(), Propagation::Pending)));
        let direction = Direction::Forward;
        self.state.phase = Phase::Promoted { active, retiring, rotation, direction, propagation };
        Ok(self.state)
    }

    fn rolled_back(mut self, targets: &TargetSet) -> Result<KeyState, Illegal> {
        self.require_settled(targets)?;
        let Phase::Promoted { active, retiring, rotation, direction: Direction::Back, .. } =
            self.state.phase.clone()
        else {
            return self.wrong_phase();
        };
        self.set_aside(retiring);
        self.end(rotation, Ending::Aborted);
        self.state.phase = Phase::Idle { active };
        self.state.intent = None;
        Ok(self.state)
    }

    fn revoked(mut self, fingerprint: Fingerprint, proof: &Proof) -> Result<KeyState, Illegal> {
        if !self.state.ended_with(fingerprint) {
            self.undo_given_up();
        }
        let revoked = |credential: Credential| RevokedCredential {
            credential,
            revoked_at: proof.at.wall,
            undo_until: proof.undo_until,
            purged: false,
        };
        self.state.phase = match self.state.phase.clone() {
            Phase::Promoted { active, retiring, rotation, .. }
            | Phase::GraceWindow { active, retiring, rotation, .. }
                if retiring.fingerprint == fingerprint =>
            {
                self.left_behind();
                self.end_by_revocation(&rotation);
                Phase::Revoked { active, revoked: revoked(retiring), rotation }
            }
            Phase::SecondaryStaged { active, staged, rotation } if staged.fingerprint == fingerprint => {
                self.end_by_revocation(&rotation);
                Phase::Revoked { active, revoked: revoked(staged), rotation }
            }
            phase if phase.active().fingerprint == fingerprint && self.state.is_suspect(fingerprint) => {
                let rotation = match &self.state.emergency {
                    Some(emergency) => emergency.rotation.clone(),
                    None => return self.wrong_phase(),
                };
                if let Some(other) = phase.staged().or(phase.retiring()) {
                    self.set_aside(other.clone());
                }
                self.state.outage = true;
                self.end(rotation.clone(), Ending::Emergency);
                let active = phase.active().clone();
                Phase::Revoked { active: active.clone(), revoked: revoked(active), rotation }
            }
            phase if self.is_set_aside(fingerprint) => {
                let emergency = self.state.emergency.as_ref();
                if let Some(rotation) = emergency.map(|emergency| emergency.rotation.clone()) {
                    self.end(rotation, Ending::Emergency);
                }
                phase
            }
            _ => return self.wrong_phase(),
        };
        self.not_aside(fingerprint);
        self.state.dead.insert(fingerprint);
        self.ends_no_making();
        Ok(self.state)
    }

    fn revocation_undone(mut self, fingerprint: Fingerprint) -> Result<KeyState, Illegal> {
        match self.state.intent.as_ref().map(|intent| &intent.effect) {
            Some(Effect::Reactivate { fingerprint: named, .. }) if *named == fingerprint => {}
            _ => return self.bad_data("no reactivation of this credential was intended"),
        }
        self.state.intent = None;
        Ok(self.state)
    }

    fn undone(
        mut self,
        window: Window,
        propagation: BTreeMap<TargetId, Propagation>,
    ) -> Result<KeyState, Illegal> {
        let Phase::Revoked { active, revoked, rotation } = self.state.phase.clone() else {
            return self.wrong_phase();
        };
        if revoked.purged {
            return self.bad_data("the revoked credential was purged");
        }
        if matches!(self.state.intent.as_ref().map(|intent| &intent.effect), Some(Effect::Delete { .. })) {
            return self.bad_data("deleting the revoked credential was begun");
        }
        self.state.dead.remove(&revoked.credential.fingerprint);
        self.not_aside(revoked.credential.fingerprint);
        self.end(rotation.clone(), Ending::Undone);
        self.state.phase = if active.fingerprint == revoked.credential.fingerprint {
            self.state.outage = false;
            Phase::Idle { active }
        } else {
            let retiring = revoked.credential;
            self.state.stale_targets.clear();
            Phase::GraceWindow { active, retiring, rotation, propagation, window }
        };
        self.state.intent = None;
        Ok(self.state)
    }

    fn purged(mut self) -> Result<KeyState, Illegal> {
        let Phase::Revoked { revoked, .. } = &mut self.state.phase else {
            return self.wrong_phase();
        };
        revoked.purged = true;
        revoked.undo_until = None;
        let gone = revoked.credential.fingerprint;
        self.not_aside(gone);
        self.state.dead.insert(gone);
        self.ends_no_making();
        Ok(self.state)
    }

    /// Found dead by itself, a credential ends nothing that was begun with a key of the provider's making.
    fn ends_no_making(&mut self) {
        if let Some(unfinished) = self.state.intent.take().and_then(intents::left_of_making) {
            self.state.left_over = Some(unfinished);
        }
    }

    fn emergency_ended(mut self) -> Result<KeyState, Illegal> {
        // An `undo` that was begun goes on afterwards; a revocation that is taken back is this emergency's.
        let effect = self.state.intent.as_ref().map(|intent| &intent.effect);
        let is_reactivating = matches!(effect, Some(Effect::Reactivate { .. }));
        if is_reactivating && !self.state.is_undoing() {
            return self.bad_data("taking back a revocation was begun");
        }
        if self.state.emergency.take().is_none() {
            return self.bad_data("no emergency was declared");
        }
        intents::called_off(&mut self.state);
        Ok(self.state)
    }

    fn require_settled(&self, targets: &TargetSet) -> Result<(), Illegal> {
        let settled = self.state.phase.propagation().is_some_and(|propagation| {
            targets.iter().all(|target| propagation.get(target).is_some_and(Propagation::is_settled))
        });
        if settled || self.state.phase.propagation().is_none() {
            // The phase itself is judged by the caller.
            return Ok(());
        }
        self.bad_data("some target does not hold the active value yet")
    }

    /// An emergency is remembered as the one it was, so that it is known again when its command is
    /// repeated.
    fn end_by_revocation(&mut self, rotation: &Rotation) {
        match self.state.emergency.as_ref().map(|emergency| emergency.rotation.clone()) {
            Some(emergency) => self.end(emergency, Ending::Emergency),
            None => self.end(rotation.clone(), Ending::Finished),
        }
    }

    fn end(&mut self, rotation: Rotation, ended: Ending) {
        self.state.last_rotation = Some(EndedRotation { rotation, ended });
    }

    fn wrong_phase<T>(&self) -> Result<T, Illegal> {
        Err(Illegal::Phase { event: self.event.name(), phase: self.state.phase.name() })
    }

    fn bad_data<T>(&self, reason: &'static str) -> Result<T, Illegal> {
        Err(Illegal::Data { event: self.event.name(), reason })
    }
}
