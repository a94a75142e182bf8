//! What every changing command does around its goal: lock, drive, report.

use std::time::Duration;

use super::driver::{Arrival, Drive};
use super::locked_state::{LockedState, decode_record};
use super::materials::Materials;
use super::overview::Overview;
use super::ports::Ports;
use super::{dry_run, refusal};
use crate::error::Failure;
use crate::rotation::credential::Credential;
use crate::rotation::evidence::Evidence;
use crate::rotation::plan::{Facts, Goal};
use crate::secret::Secret;
use crate::store::OperationLock;
use crate::store::format::Record;

/// The summary of a command whose goal had been reached before.
pub(super) const NOTHING_TO_DO: &str = "that was done before; nothing was left to do";

/// What a changing command reports when its goal is reached.
#[derive(Clone, Debug)]
pub struct Report {
    pub overview: Overview,
    /// One sentence for people.
    pub summary: String,
    /// `finish` only.
    pub evidence: Option<Vec<Evidence>>,
    /// `revoke-now` only.
    pub emergency: Option<EmergencyReport>,
    /// Under `--dry-run`: the steps that would be taken; nothing was changed.
    pub plan: Option<Vec<String>>,
}

/// What an emergency adds to the report.
#[derive(Clone, Debug)]
pub struct EmergencyReport {
    /// From the command's start to the proof that the provider refuses the suspects.
    pub seconds: f64,
    pub revoked: Vec<String>,
    /// What failed and was passed over.
    pub problems: Vec<String>,
}

/// A goal with the value that came with the command.
pub(super) struct Errand {
    pub(super) goal: Goal,
    pub(super) value: Option<Secret>,
    pub(super) dry_run: bool,
}

/// Locks the key, drives it to the goal and reports; or only says what would be done.
///
/// # Errors
/// Whatever keeps the goal from being reached, with the exit code of its next move.
pub(super) async fn run(ports: &Ports, errand: Errand, summary: &str) -> Result<Report, Failure> {
    let Errand { goal, value, dry_run } = errand;
    if dry_run {
        return rehearse(ports, &goal);
    }
    let lock = lock(ports, &goal, ports.settings.lock_wait).await?;
    let mut locked = LockedState::open(ports, &lock)?;
    let before = locked.generation();
    let mut materials = Materials::default();
    if let Some(value) = value {
        materials.add(value);
    }
    match drive(ports, &mut locked, &goal, &mut materials, false).await?.arrival {
        Arrival::Done if locked.generation() == before => Ok(report(ports, locked.record(), NOTHING_TO_DO)),
        Arrival::Done => Ok(report(ports, locked.record(), summary)),
        other => Err(unfinished(&other, &goal, ports, &locked)),
    }
}

/// The steps that would be taken. Takes no lock and makes nothing.
///
/// # Errors
/// What the plan refuses already, without asking anyone; an unreadable state.
pub(super) fn rehearse(ports: &Ports, goal: &Goal) -> Result<Report, Failure> {
    let settings = &ports.settings;
    let decoded = decode_record(&*ports.store, &settings.key)?;
    let record = decoded.as_ref().map(|decoded| &decoded.record);
    let state = record.map(|record| &record.state);
    let plan = dry_run::steps(state, goal, &settings.policy, &ports.clock.now())
        .map_err(|refused| refusal::failure(&refused, goal, ports, record))?;
    let summary = "nothing was changed; these steps would be taken if every check passes";
    Ok(Report { plan: Some(plan), ..report(ports, record, summary) })
}

/// What a drive came to.
pub(super) struct Driven {
    pub(super) arrival: Arrival,
    /// What it saw.
    pub(super) facts: Facts,
    /// The table on which a revocation rested.
    pub(super) evidence: Option<Vec<Evidence>>,
}

/// One drive. With `leaves_person`, it is the caller who waits for a person.
pub(super) async fn drive(
    ports: &Ports,
    locked: &mut LockedState<'_>,
    goal: &Goal,
    materials: &mut Materials,
    leaves_person: bool,
) -> Result<Driven, Failure> {
    let mut drive = Drive::new(ports, locked, goal, materials);
    drive.leaves_person = leaves_person;
    let arrival = drive.run().await;
    let facts = std::mem::take(&mut drive.facts);
    let evidence = drive.evidence.take();
    let arrival = arrival.map_err(|failure| match locked.record() {
        Some(record) => failure.with_status(super::overview::serving(record)),
        None => failure,
    })?;
    Ok(Driven { arrival, facts, evidence })
}

/// The failure for an arrival that is not `Done`.
pub(super) fn unfinished(arrival: &Arrival, goal: &Goal, ports: &Ports, locked: &LockedState<'_>) -> Failure {
    match arrival {
        Arrival::Waiting(wait) => refusal::waiting(wait, ports, locked.record()),
        Arrival::Refused(refusal) => refusal::failure(refusal, goal, ports, locked.record()),
        Arrival::Done => Failure::unexpected("a goal that was reached was taken for a failure"),
    }
}

/// Takes the operation lock.
///
/// # Errors
/// Exit 4, naming the holder.
pub(super) async fn lock(ports: &Ports, goal: &Goal, wait: Duration) -> Result<OperationLock, Failure> {
    Ok(ports.locks.acquire(&ports.settings.key, goal.command(), &*ports.clock, wait).await?)
}

/// Where the key stands, with a sentence for people.
pub(super) fn report(ports: &Ports, record: Option<&Record>, summary: &str) -> Report {
    let overview = match record {
        Some(record) => {
            let settings = &ports.settings;
            let now = ports.clock.now();
            Overview::of(record, settings.rotate_every.as_secs(), &settings.policy.grace, &now)
        }
        None => Overview::never_adopted(&ports.settings.key, ports.provider.name()),
    };
    Report { overview, summary: summary.to_owned(), evidence: None, emergency: None, plan: None }
}

/// A value as the plan knows it.
///
/// # Errors
/// Exit 2 where it is some other kind of thing than this provider's credential.
pub(super) fn candidate(ports: &Ports, value: &Secret) -> Result<Credential, Failure> {
    ports.provider.check_shape(value).map_err(|wrong| {
        Failure::new(crate::exit::ExitCode::Usage, wrong.what.clone(), wrong.remedy.clone())
    })?;
    Ok(Credential {
        fingerprint: value.fingerprint(),
        last4: ports.provider.last4(value),
        provider_key_id: None,
        expires_at: None,
        never_served: false,
    })
}
