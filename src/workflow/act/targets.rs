//! Writing the targets: believed only as far as it was read back, and made good where an emergency went on meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;

use crate::crash;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::rotation::credential::{ReadBack, TargetId, TargetSet};
use crate::rotation::event::Event;
use crate::rotation::phase::{Direction, KeyState, Phase, Propagation};
use crate::secret::{Fingerprint, Secret};
use crate::target::{Moving, Target, Written};
use crate::workflow::driver::Drive;
use crate::workflow::locked_state::decode_record;
use crate::workflow::ports::Ports;

/// How often, and how long apart, a target is written again that may hold a dead value; no state tells of it.
const MENDING_TRIES_LIMIT: u32 = 5;
const MENDING_PAUSE: Duration = Duration::from_secs(1);

/// Writes the active value to these targets, and records how far it came.
///
/// # Errors
/// The value is not at hand, or somebody has overtaken this run.
pub(super) async fn write(
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
    let mut results = write_all(&local, &value, Moving { fence: fence.as_deref(), ..Moving::ON }).await;
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
    let (mut newest, mut tries, mut known) = (written, 0, None);
    loop {
        let overtaken = match drive.locked.hold(drive.ports) {
            Err(failure) if failure.exit == ExitCode::Locked => failure,
            // A disk that fails is met again, and told of, where the outcome is written.
            Ok(_) | Err(_) => return known.map_or(Ok(()), Err),
        };
        known = Some(overtaken.clone());
        let outcome = match drive.locked.newest(drive.ports) {
            Some(state) if state.active().fingerprint == newest => return Err(overtaken),
            Some(state) => {
                let active = state.active().fingerprint;
                write_over(drive, targets, active).await.map(|()| newest = active)
            }
            None => Err(may_be_dead(targets, "the state cannot be read")),
        };
        match outcome {
            Ok(()) => {}
            Err(_) if tries < MENDING_TRIES_LIMIT => {
                tries += 1;
                drive.ports.clock.sleep(MENDING_PAUSE).await;
            }
            Err(reason) => return Err(overtaken.because(reason)),
        }
    }
}

/// Writes what is active by now over what is dead.
///
/// # Errors
/// Which targets may hold a dead value.
async fn write_over(
    drive: &mut Drive<'_, '_>,
    targets: &[&dyn Target],
    active: Fingerprint,
) -> Result<(), String> {
    let value = drive.materials.get(active, drive.locked.state(), &*drive.ports.slots).await;
    let value = value.map_err(|reason| may_be_dead(targets, &reason))?;
    let fence = fence(drive.state());
    let is_wanted = || is_active(drive.ports, active);
    let moving = Moving { fence: fence.as_deref(), is_wanted: &is_wanted };
    let results = write_all(targets, &value, moving).await;
    let unsettled = results.iter().filter(|(_, (outcome, _))| !outcome.is_settled());
    let told: Vec<_> = unsettled
        .map(|(target, (outcome, _))| format!("{target} may hold a dead value: {}", outcome.name()))
        .collect();
    if told.is_empty() { Ok(()) } else { Err(told.join("; ")) }
}

fn may_be_dead(targets: &[&dyn Target], reason: &str) -> String {
    let targets: Vec<_> = targets.iter().map(|target| target.id().to_string()).collect();
    format!("{} may hold a dead value: {reason}", targets.join(", "))
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

fn value_missing(drive: &Drive<'_, '_>, reason: String) -> Failure {
    let key = &drive.ports.settings.key;
    Failure::new(
        ExitCode::State,
        format!("the active value of `{key}` is not at hand: {reason}"),
        format!("put the value back into its slot, or go back to the old one with `rotate abort {key}`"),
    )
}
