//! Doing one thing to the world: intent before, outcome after.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::driver::Drive;
use super::locked_state::decode_record;
use super::observe;
use super::ports::Ports;
use crate::crash;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::provider::{Minted, Outcome};
use crate::rotation::credential::{
    Credential, Placement, ProviderKeyId, ReadBack, SlotName, TargetId, TargetSet,
};
use crate::rotation::effect::Effect;
use crate::rotation::event::Event;
use crate::rotation::lease::LeaseStanding;
use crate::rotation::phase::{Direction, KeyState, Phase, Propagation};
use crate::rotation::plan::{Attempts, Goal, TakenBack};
use crate::secret::{Fingerprint, Secret};
use crate::slots::{Purpose, SlotError};
use crate::store::Hold;
use crate::target::{Moving, Target, Written};

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
            let placement = store(drive, slot, &credential, Purpose::Adopted).await?;
            let at = drive.now().wall;
            drive.record(&Event::Adopted { credential, slot, at, placement })
        }
        Effect::StoreStaged { slot, credential, rotation } => {
            let purpose = Purpose::Staged { rotation_id: &rotation.id };
            let placement = store(drive, slot, &credential, purpose).await?;
            drive.record(&Event::Staged { slot, credential, rotation, placement })
        }
        Effect::WriteTargets { targets, fingerprint } => write_targets(drive, &targets, fingerprint).await,
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
            let takes_back = !drive.state().is_some_and(KeyState::is_undoing);
            if takes_back && matches!(outcome, Outcome::Done(())) {
                let reason = why_taken_back(drive, fingerprint);
                drive.facts.taken_back = Some(TakenBack { fingerprint, reason });
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
    drop(drive.locked.hold(drive.ports)?);
    for id in &ids {
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
) -> Result<Option<Placement>, Failure> {
    let accepted = drive
        .materials
        .accepted(credential.fingerprint)
        .ok_or_else(|| Failure::unexpected("a value was to be stored that was not seen to be accepted"))?;
    let place = drive.ports.slots.location(slot);
    let code = if drive.ports.slots.placed_by_person() { ExitCode::Person } else { ExitCode::State };
    let hold = hold_for_slots(drive)?;
    let written = drive.ports.slots.write(slot, accepted.value(), purpose).await;
    drop(hold);
    let placement = match written {
        Ok(placement) => placement,
        Err(error) => {
            // A write that failed may still have replaced what was there: look before it is called off.
            let landed = drive.ports.slots.read(slot).await.ok().flatten();
            let has_landed = landed.is_some_and(|value| value.fingerprint() == credential.fingerprint);
            // And of a key that the provider made, the intent alone knows that it exists.
            let goes_on = has_landed || error.is_unfinished || credential.never_served;
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

/// Makes sure that nobody has overtaken this run, and that nobody does while a slot is changed: but where that needs a
/// network. It may take long, and nobody is kept from committing for so long.
fn hold_for_slots(drive: &mut Drive<'_, '_>) -> Result<Option<Hold>, Failure> {
    let hold = drive.locked.hold(drive.ports)?;
    Ok(hold.filter(|_| !drive.ports.slots.needs_runtime()))
}

async fn write_targets(
    drive: &mut Drive<'_, '_>,
    targets: &TargetSet,
    fingerprint: Fingerprint,
) -> Result<(), Failure> {
    let value = match drive.materials.get(fingerprint, drive.locked.state(), &*drive.ports.slots).await {
        Ok(value) => value,
        // A place that cannot be reached keeps no leaked key alive.
        Err(reason) if drive.state().is_some_and(|state| state.emergency.is_some()) => {
            return all_failed(drive, targets, &reason);
        }
        Err(reason) => return Err(value_missing(drive, reason)),
    };
    let all = drive.ports.targets.iter().map(|target| &**target);
    let wanted = all.filter(|target| targets.contains(target.id()));
    let (local, remote): (Vec<_>, Vec<_>) = wanted.partition(|target| target.is_local());
    let fence = fence(drive.state());
    let hold = drive.locked.hold(drive.ports)?;
    let mut results = write_all(&local, &value, Moving { fence: fence.as_deref(), is_wanted: &|| true }).await;
    drop(hold);
    let (locked, ports) = (&drive.locked, drive.ports);
    let is_wanted = || !locked.is_overtaken(ports);
    let moving = Moving { fence: fence.as_deref(), is_wanted: &is_wanted };
    results.extend(write_all(&remote, &value, moving).await);
    if !remote.is_empty() {
        mend_if_overtaken(drive, &remote, fingerprint).await?;
    }
    crash::point("after the effect");
    let (mut outcomes, mut versions, mut places) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (target, (outcome, written)) in results {
        versions.extend(written.version.map(|version| (target.clone(), version)));
        places.extend(written.place.map(|place| (target.clone(), place)));
        outcomes.insert(target, outcome);
    }
    for (target, outcome) in &outcomes {
        if let Propagation::Failed { reason } = outcome {
            drive.facts.failed_targets.insert(target.clone(), reason.clone());
            drive.ports.narrator.warn(&format!("{target}: {reason}"));
        } else {
            drive.ports.narrator.say(&format!("{target}: {}", outcome.name()));
        }
    }
    drive.facts.target_reads = None;
    drive.facts.reached_stale =
        matches!(drive.state().map(|state| &state.phase), Some(Phase::Idle { .. } | Phase::Revoked { .. }));
    drive.record(&Event::TargetsWritten { outcomes, versions, places })
}

/// The value that was to be written is not at hand: no target can be written.
fn all_failed(drive: &mut Drive<'_, '_>, targets: &TargetSet, reason: &str) -> Result<(), Failure> {
    let reason = format!("not written: {reason}");
    for target in targets {
        drive.facts.failed_targets.insert(target.clone(), reason.clone());
        drive.ports.narrator.warn(&format!("{target}: {reason}"));
    }
    let failed = |target: &TargetId| (target.clone(), Propagation::Failed { reason: reason.clone() });
    let outcomes = targets.iter().map(failed).collect();
    drive.record(&Event::TargetsWritten { outcomes, versions: BTreeMap::new(), places: BTreeMap::new() })
}

/// Nobody can be kept from committing while a program or a network takes its time. Where an emergency went
/// on meanwhile, what was just written may be dead: the value that is active by now is written over it.
async fn mend_if_overtaken(
    drive: &mut Drive<'_, '_>,
    targets: &[&dyn Target],
    written: Fingerprint,
) -> Result<(), Failure> {
    let mut newest = written;
    loop {
        let overtaken = match drive.locked.hold(drive.ports) {
            Err(failure) if failure.exit == ExitCode::Locked => failure,
            // A disk that fails is met again, and told of, where the outcome is written.
            Ok(_) | Err(_) => return Ok(()),
        };
        let active = drive.state().map(|state| state.active().fingerprint);
        let Some(active) = active.filter(|active| *active != newest) else {
            return Err(overtaken);
        };
        let value = drive.materials.get(active, drive.locked.state(), &*drive.ports.slots).await;
        let value = value.map_err(|reason| overtaken.clone().because(reason))?;
        let fence = fence(drive.state());
        let is_wanted = || is_active(drive.ports, active);
        let moving = Moving { fence: fence.as_deref(), is_wanted: &is_wanted };
        for (target, (outcome, _)) in write_all(targets, &value, moving).await {
            if !outcome.is_settled() {
                drive.ports.narrator.warn(&format!("{target} may hold a dead value: {}", outcome.name()));
            }
        }
        newest = active;
    }
}

/// Whether the credential is still the active one, as far as the state can be read.
fn is_active(ports: &Ports, credential: Fingerprint) -> bool {
    let now = decode_record(&*ports.store, &ports.settings.key).ok().flatten();
    now.is_none_or(|now| now.record.state.active().fingerprint == credential)
}

/// The name of the move of consumers that is under way, where an earlier one may still be on its way: when they
/// go back, and in an emergency. The moment of the switch is recorded with it, and is another one for each.
fn fence(state: Option<&KeyState>) -> Option<String> {
    let state = state?;
    let goes_back = matches!(state.phase, Phase::Promoted { direction: Direction::Back, .. });
    (goes_back || state.emergency.is_some()).then(|| state.active_since.to_string())
}

/// Writes targets side by side.
async fn write_all(
    targets: &[&dyn Target],
    value: &Secret,
    moving: Moving<'_>,
) -> BTreeMap<TargetId, (Propagation, Written)> {
    let writes =
        targets.iter().map(|target| async { (target.id().clone(), write_one(*target, value, moving).await) });
    join_all(writes).await.into_iter().collect()
}

/// Writes one target and believes only what is read back, where anything can be.
async fn write_one(target: &dyn Target, value: &Secret, moving: Moving<'_>) -> (Propagation, Written) {
    match target.write(value, moving).await {
        Ok(written) => (look_back(target, value).await, written),
        Err(error) => {
            let mut reason = error.to_string();
            if let Some(source) = &error.source {
                reason.push_str(&format!(": {source}"));
            }
            (Propagation::Failed { reason: format!("{reason}; {}", error.remedy) }, Written::default())
        }
    }
}

async fn look_back(target: &dyn Target, value: &Secret) -> Propagation {
    match target.read_back().await {
        ReadBack::Holds(found) if found == value.fingerprint() => Propagation::Confirmed,
        ReadBack::Holds(found) => Propagation::Failed {
            reason: format!("written, but read back as {found}: something else writes it"),
        },
        ReadBack::Absent => Propagation::Failed { reason: "written, but read back as empty".to_owned() },
        ReadBack::NotReadable => Propagation::Written,
        ReadBack::Unknown(reason) => {
            Propagation::Failed { reason: format!("written, but not read back: {reason}") }
        }
    }
}

/// Erases a value that nobody has put to use meanwhile; what the slot says of it is inside.
async fn erase(
    drive: &mut Drive<'_, '_>,
    slot: SlotName,
    fingerprint: Fingerprint,
) -> Result<Result<(), SlotError>, Failure> {
    let hold = hold_for_slots(drive)?;
    let erased = drive.ports.slots.erase(slot, fingerprint).await;
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

fn why_taken_back(drive: &Drive<'_, '_>, fingerprint: Fingerprint) -> String {
    use crate::rotation::credential::Verdict;
    match drive.facts.probes.get(&fingerprint) {
        Some(Verdict::Accepted) => "the provider confirmed the revocation, but the old credential went on being \
                                    accepted: the id is not its own, or the provider lags beyond revoke_timeout"
            .to_owned(),
        _ => "after the revocation the active credential was refused: the revoked id was not the old \
              credential's own"
            .to_owned(),
    }
}

pub(super) fn slot_failure(error: SlotError, exit: ExitCode) -> Failure {
    let failure = Failure::new(exit, error.message.clone(), error.remedy.clone());
    match &error.source {
        Some(source) => failure.caused_by(source),
        None => failure,
    }
}

fn value_missing(drive: &Drive<'_, '_>, reason: String) -> Failure {
    let key = &drive.ports.settings.key;
    Failure::new(
        ExitCode::State,
        format!("the active value of `{key}` is not at hand: {reason}"),
        format!("put the value back into its slot, or go back to the old one with `rotate abort {key}`"),
    )
}
