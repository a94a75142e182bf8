//! Doing one thing to the world: intent before, outcome after.

mod targets;

use std::collections::BTreeSet;

use super::driver::Drive;
use super::observe;
use crate::crash;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::provider::{Minted, Outcome};
use crate::rotation::credential::{Credential, Placement, ProviderKeyId, SlotName, Verdict};
use crate::rotation::effect::Effect;
use crate::rotation::event::Event;
use crate::rotation::lease::LeaseStanding;
use crate::rotation::phase::{KeyState, Phase};
use crate::rotation::plan::{Attempts, Goal, TakenBack};
use crate::secret::{Fingerprint, Secret};
use crate::slots::{Purpose, SlotError};
use crate::store::Hold;

/// How often a slot is written that others change meanwhile.
const SLOT_TRIES: usize = 3;

/// Performs one effect. The outcome is committed, or is a fact for the next plan.
///
/// # Errors
/// The store failed, or a slot did; the intent stays, and running the command again resumes.
pub(super) async fn perform(drive: &mut Drive<'_, '_>, effect: Effect) -> Result<(), Failure> {
    let is_resumed = drive.state().is_some_and(|state| state.intent.is_some());
    drive.intend(&effect)?;
    crash::point("before the effect");
    match effect {
        Effect::Mint { .. } => mint(drive, is_resumed).await,
        Effect::Sweep { ids } => sweep(drive, ids).await,
        Effect::StoreAdopted { slot, credential } => {
            let placement = store(drive, slot, &credential, Purpose::Adopted, is_resumed).await?;
            let at = drive.now().wall;
            drive.record(&Event::Adopted { credential, slot, at, placement })
        }
        Effect::StoreStaged { slot, credential, rotation } => {
            let purpose = Purpose::Staged { rotation_id: &rotation.id };
            let placement = store(drive, slot, &credential, purpose, is_resumed).await?;
            drive.record(&Event::Staged { slot, credential, rotation, placement })
        }
        Effect::WriteTargets { targets, fingerprint } => targets::write(drive, &targets, fingerprint).await,
        Effect::Erase { slot, fingerprints } => {
            for fingerprint in fingerprints {
                let erased = erase(drive, slot, fingerprint).await?;
                erased.map_err(|error| slot_failure(error, ExitCode::State))?;
            }
            crash::point("after the effect");
            let event = erased(drive);
            drive.record(&event)
        }
        Effect::Revoke { id, fingerprint } => {
            if !is_resumed && let Some(holder) = leased_meanwhile(drive, fingerprint) {
                return drive.record(&Event::IntentDropped { reason: holder });
            }
            drive.ports.narrator.waiting(&format!("revoking {fingerprint} ({id}) …"));
            drop(drive.locked.hold(drive.ports)?);
            let outcome = drive.ports.provider.revoke(&id).await;
            drive.called(fingerprint, outcome);
            Ok(())
        }
        Effect::Reactivate { id, fingerprint } => {
            drive.ports.narrator.waiting(&format!("reactivating {fingerprint} ({id}) …"));
            drop(drive.locked.hold(drive.ports)?);
            let outcome = drive.ports.provider.reactivate(&id).await;
            if !drive.state().is_some_and(KeyState::is_undoing) {
                // Before the call makes the plan forget what was seen; a second try tells the first one's reason.
                let known = drive.taking_back.take().filter(|known| known.fingerprint == fingerprint);
                let begun = match known {
                    Some(known) => known,
                    None => TakenBack { fingerprint, reason: why_taken_back(drive, fingerprint) },
                };
                if matches!(outcome, Outcome::Done(())) {
                    drive.facts.taken_back = Some(begun.clone());
                }
                drive.taking_back = Some(begun);
            }
            drive.called(fingerprint, outcome);
            Ok(())
        }
        Effect::Delete { id, fingerprint } => {
            drop(drive.locked.hold(drive.ports)?);
            let outcome = drive.ports.provider.delete(&id).await;
            drive.called(fingerprint, outcome);
            Ok(())
        }
    }
}

/// Who took a lease on the credential since the evidence was weighed. Now that the intent is durable, nobody is given
/// it any more; and nothing was sent to the provider yet.
fn leased_meanwhile(drive: &mut Drive<'_, '_>, fingerprint: Fingerprint) -> Option<String> {
    if !matches!(drive.goal, Goal::Finish { .. }) {
        return None;
    }
    let leases = observe::leases(drive.ports);
    let holder = leases
        .iter()
        .flatten()
        .find(|lease| lease.fingerprint == Some(fingerprint) && lease.standing == LeaseStanding::Held);
    let reason = holder.map(|lease| format!("{} took a lease on it meanwhile", lease.holder));
    drive.facts.leases = Some(leases);
    reason
}

/// Has the provider make a key. Its value is in memory only, until it was proven and stored.
async fn mint(drive: &mut Drive<'_, '_>, is_resumed: bool) -> Result<(), Failure> {
    drive.ports.narrator.waiting("asking the provider for a new key …");
    drop(drive.locked.hold(drive.ports)?);
    let outcome = drive.ports.provider.mint().await;
    crash::point("after the effect");
    drive.facts.listed = None;
    let minting = &mut drive.facts.minting;
    minting.is_resumed |= is_resumed && minting.unknown.count == 0;
    match outcome {
        Outcome::Done(Minted { id, value }) => {
            drive.ports.narrator.say(&format!("the provider made the key {id}"));
            drive.facts.minted = Some(Credential {
                fingerprint: value.fingerprint(),
                last4: drive.ports.provider.last4(&value),
                provider_key_id: Some(id),
                expires_at: None,
                never_served: true,
            });
            drive.materials.add(value);
        }
        Outcome::Refused(detail) => minting.refused = Some(detail),
        Outcome::Unknown(detail) => minting.unknown.add(detail),
    }
    Ok(())
}

/// Deletes keys whose values nobody has.
async fn sweep(drive: &mut Drive<'_, '_>, ids: BTreeSet<ProviderKeyId>) -> Result<(), Failure> {
    for id in &ids {
        drop(drive.locked.hold(drive.ports)?);
        let outcome = drive.ports.provider.delete(id).await;
        crash::point("after the effect");
        drive.facts.listed = None;
        match outcome {
            Outcome::Done(()) => drive.ports.narrator.say(&format!("deleted the key {id}, which nobody had")),
            Outcome::Refused(detail) => {
                drive.facts.sweeping.refused = Some(detail);
                return Ok(());
            }
            Outcome::Unknown(detail) => {
                drive.facts.sweeping.unknown.add(detail);
                return Ok(());
            }
        }
    }
    drive.facts.minting = Attempts::default();
    drive.facts.swept.extend(ids.iter().cloned());
    drive.record(&Event::Swept { ids })
}

impl Drive<'_, '_> {
    /// Takes in what a call about a credential came to, and forgets what it may have changed.
    fn called(&mut self, fingerprint: Fingerprint, outcome: Outcome<()>) {
        crash::point("after the effect");
        let active = self.state().map(|state| state.active().fingerprint);
        self.facts.probes.remove(&fingerprint);
        if let Some(active) = active {
            self.facts.probes.remove(&active);
        }
        self.facts.key_statuses.remove(&fingerprint);
        self.facts.listed = None;
        match outcome {
            Outcome::Done(()) => {
                self.confirmed_at = Some(self.ports.clock.now());
                self.facts.confirmed_calls.insert(fingerprint);
            }
            Outcome::Refused(detail) => {
                self.facts.refused.insert(fingerprint, detail);
            }
            Outcome::Unknown(detail) => self.not_told(fingerprint, detail),
        }
    }

    /// Counts a call whose outcome is not known.
    pub(super) fn not_told(&mut self, fingerprint: Fingerprint, detail: String) {
        self.facts.unknown_calls.entry(fingerprint).or_default().add(detail);
    }
}

async fn store(
    drive: &mut Drive<'_, '_>,
    slot: SlotName,
    credential: &Credential,
    purpose: Purpose<'_>,
    is_resumed: bool,
) -> Result<Option<Placement>, Failure> {
    let accepted = drive
        .materials
        .accepted(credential.fingerprint)
        .ok_or_else(|| Failure::unexpected("a value was to be stored that was not seen to be accepted"))?;
    let place = drive.ports.slots.location(slot);
    let code = if drive.ports.slots.placed_by_person() { ExitCode::Person } else { ExitCode::State };
    let placement = match write_slot(drive, slot, accepted.value(), purpose).await? {
        Ok(placement) => placement,
        Err(NotWritten { error, held }) => {
            let beside = drive.state().and_then(|state| state.phase.staged().or(state.phase.retiring()));
            let is_as_recorded = match held {
                Some(held) => beside.is_none_or(|beside| held == Some(beside.fingerprint)),
                // An earlier write, of the same or of what this one was to take the place of, may have landed.
                None => !is_resumed,
            };
            let has_landed = held == Some(Some(credential.fingerprint));
            // Of a key that the provider made, the intent alone knows that it exists.
            let goes_on = error.is_unfinished || has_landed || !is_as_recorded || credential.never_served;
            if drive.state().is_some() && !goes_on {
                drive.record(&Event::IntentDropped { reason: error.to_string() })?;
            }
            let mut failure = slot_failure(error, code);
            if matches!(drive.goal, Goal::RevokeNow(_)) {
                failure.hint.push_str("; to end the leak without a replacement: `--accept-outage`");
            }
            return Err(failure);
        }
    };
    crash::point("after the effect");
    drive.ports.narrator.say(&format!("{} is in {place} ({slot})", credential.fingerprint));
    Ok(placement)
}

/// Why a slot was not seen to be written.
struct NotWritten {
    error: SlotError,
    /// What is there now; `None` where nobody can look.
    held: Option<Option<Fingerprint>>,
}

/// Looks, makes sure that nobody has overtaken this run, and writes over what it saw: whoever overtakes it later changes
/// the slot first, or not at all. Where somebody did who was overtaken himself, it is this run's turn again.
async fn write_slot(
    drive: &mut Drive<'_, '_>,
    slot: SlotName,
    value: &Secret,
    purpose: Purpose<'_>,
) -> Result<Result<Option<Placement>, NotWritten>, Failure> {
    let mut tries = SLOT_TRIES;
    loop {
        let over = match drive.ports.slots.look(slot).await {
            Ok(over) => over,
            Err(error) => return Ok(Err(NotWritten { error, held: None })),
        };
        let hold = hold_for_slots(drive)?;
        let written = drive.ports.slots.write(slot, value, purpose, &over).await;
        drop(hold);
        let error = match written {
            Ok(placement) => return Ok(Ok(placement)),
            Err(error) => error,
        };
        tries -= 1;
        // A write that failed may have landed all the same, and is not repeated.
        let read = drive.ports.slots.read(slot).await;
        let held = read.ok().map(|value| value.map(|value| value.fingerprint()));
        let may_have_landed =
            error.is_unfinished || held.is_none_or(|held| held == Some(value.fingerprint()));
        let is_changed = drive.ports.slots.look(slot).await.is_ok_and(|now| now != over);
        if may_have_landed || !is_changed || tries == 0 {
            return Ok(Err(NotWritten { error, held }));
        }
    }
}

/// Makes sure that nobody has overtaken this run, and that nobody does while a slot is changed: but where that needs a
/// network. It may take long, and nobody is kept from committing for so long.
fn hold_for_slots(drive: &mut Drive<'_, '_>) -> Result<Option<Hold>, Failure> {
    let hold = drive.locked.hold(drive.ports)?;
    Ok(hold.filter(|_| !drive.ports.slots.needs_runtime()))
}

/// Erases a value that nobody has put to use meanwhile; what the slot says of it is inside.
async fn erase(
    drive: &mut Drive<'_, '_>,
    slot: SlotName,
    fingerprint: Fingerprint,
) -> Result<Result<(), SlotError>, Failure> {
    let seen = match drive.ports.slots.look(slot).await {
        Ok(seen) => seen,
        Err(error) => return Ok(Err(error)),
    };
    let hold = hold_for_slots(drive)?;
    let erased = drive.ports.slots.erase(slot, fingerprint, &seen).await;
    drop(hold);
    Ok(erased)
}

fn erased(drive: &Drive<'_, '_>) -> Event {
    match drive.state().map(|state| &state.phase) {
        Some(Phase::Promoted { .. }) => {
            Event::RolledBack { targets: drive.ports.settings.policy.targets.clone() }
        }
        _ => Event::StagedDropped { reason: "aborted".to_owned() },
    }
}

/// After a purge the dead value serves nobody; being unable to erase it does not undo the purge.
///
/// # Errors
/// Somebody has overtaken this run: what lies in the slot by now may not be the dead value.
pub(super) async fn forget_revoked_value(drive: &mut Drive<'_, '_>) -> Result<(), Failure> {
    let Some(Phase::Revoked { revoked, .. }) = drive.state().map(|state| &state.phase) else {
        return Ok(());
    };
    let fingerprint = revoked.credential.fingerprint;
    let Some(slot) = drive.state().and_then(|state| state.slot_of(fingerprint)) else {
        return Ok(());
    };
    if let Err(error) = erase(drive, slot, fingerprint).await? {
        let remedy = &error.remedy;
        drive.ports.narrator.warn(&format!("the purged value stays in its slot: {error}; {remedy}"));
    }
    Ok(())
}

/// Why a revocation is being taken back, as far as this run has seen it.
fn why_taken_back(drive: &Drive<'_, '_>, fingerprint: Fingerprint) -> String {
    let verdict = |fingerprint: Fingerprint| drive.facts.probes.get(&fingerprint).copied();
    let active = drive.state().and_then(|state| verdict(state.active().fingerprint));
    match (verdict(fingerprint), active) {
        (Some(Verdict::Accepted), _) => {
            "the provider confirmed the revocation, but the old credential went on being accepted: the id is not its \
             own, or the provider lags beyond revoke_timeout"
        }
        (_, Some(Verdict::Rejected)) => {
            "after the revocation the active credential was refused: the revoked id was not the old credential's own"
        }
        _ => "an earlier command had begun to take it back",
    }
    .to_owned()
}

pub(super) fn slot_failure(error: SlotError, exit: ExitCode) -> Failure {
    let failure = Failure::new(exit, error.message.clone(), error.remedy.clone());
    match &error.source {
        Some(source) => failure.caused_by(source),
        None => failure,
    }
}
