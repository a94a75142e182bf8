//! Finding out what the plan asks.

use std::time::Duration;

use futures_util::future::join_all;

use super::driver::Drive;
use super::ports::Ports;
use crate::error::Failure;
use crate::provider::probe::{self, ProbeSettings, Settled};
use crate::provider::{Listing, Outcome, Ping, Provider};
use crate::rotation::credential::{Identity, LastUseSeen, UsageBucket, Verdict};
use crate::rotation::effect::Effect;
use crate::rotation::evidence::usage::{self, Wanted};
use crate::rotation::lease::LeaseSeen;
use crate::rotation::phase::KeyState;
use crate::rotation::plan::{Goal, Question};
use crate::rotation::stamp::elapsed;
use crate::secret::{Fingerprint, Secret};

/// Answers one question by adding to the drive's facts. What cannot be told is a fact, too.
///
/// # Errors
/// Exit 4 where a person was to be asked for something, and the state has changed meanwhile.
pub(super) async fn answer(drive: &mut Drive<'_, '_>, question: Question) -> Result<(), Failure> {
    match question {
        Question::Probe(fingerprint) => probe_now(drive, fingerprint).await,
        Question::AwaitRejection(fingerprint) => {
            let limit = drive.ports.settings.revoke_timeout;
            await_rejection(drive, fingerprint, limit, "the provider to refuse the revoked credential").await;
        }
        Question::AwaitAcceptance(fingerprint) => await_acceptance(drive, fingerprint).await,
        Question::AwaitPerson(fingerprint) => await_person(drive, fingerprint).await?,
        Question::Identify(fingerprint) => identify(drive, fingerprint).await,
        Question::KeyStatus(fingerprint) => key_status(drive, fingerprint).await,
        Question::CheckTargets => check_targets(drive).await,
        Question::ReadTargets => read_targets(drive).await,
        Question::ListKeys => list_keys(drive).await,
        Question::LastUse(fingerprint) => last_use(drive, fingerprint).await,
        Question::Usage => usage(drive).await,
        Question::Leases => drive.facts.leases = Some(leases(drive.ports)),
    }
    Ok(())
}

async fn probe_now(drive: &mut Drive<'_, '_>, fingerprint: Fingerprint) {
    drive.ports.narrator.waiting(&format!("probing {fingerprint} …"));
    let value = drive.materials.get(fingerprint, drive.locked.state(), &*drive.ports.slots).await;
    match value {
        Ok(value) => {
            let mut settled = settle(drive, &value).await;
            if settled.verdict == Verdict::Rejected
                && let Some(remark) = drive.ports.provider.shape_remark(&value)
            {
                settled.detail.push_str(&format!("; {remark}"));
            }
            take(drive, fingerprint, settled);
        }
        Err(reason) => not_at_hand(drive, fingerprint, reason),
    }
}

/// In an emergency seconds count, and a credential of the state was settled when it was staged: one ping that accepts it
/// is enough. One that rejects it is not: a suspect that is called dead by mistake lives on.
async fn settle(drive: &Drive<'_, '_>, value: &Secret) -> Settled {
    let ports = drive.ports;
    let is_known = drive.state().is_some_and(|state| state.credential(value.fingerprint()).is_some());
    if is_known && matches!(drive.goal, Goal::RevokeNow(_)) {
        let once = ProbeSettings { attempts: 1, ..ports.settings.probe };
        let settled = probe::settle(&*ports.provider, &*ports.clock, value, &once).await;
        if settled.verdict != Verdict::Rejected {
            return settled;
        }
    }
    probe::settle(&*ports.provider, &*ports.clock, value, &ports.settings.probe).await
}

/// Without the value nothing can be probed, and that is no verdict.
fn not_at_hand(drive: &mut Drive<'_, '_>, fingerprint: Fingerprint, reason: String) {
    drive.ports.narrator.warn(&format!("{fingerprint} cannot be probed: {reason}"));
    drive.facts.probes.insert(fingerprint, Verdict::Unknown);
    drive.facts.probe_details.insert(fingerprint, reason.clone());
    drive.facts.missing_values.insert(fingerprint, reason);
}

fn take(drive: &mut Drive<'_, '_>, fingerprint: Fingerprint, settled: Settled) {
    let word = match settled.verdict {
        Verdict::Accepted => "accepted",
        Verdict::Rejected => "rejected",
        Verdict::Unknown => "no verdict",
    };
    let pings = match settled.pings {
        1 => "1 ping".to_owned(),
        pings => format!("{pings} pings"),
    };
    drive.ports.narrator.say(&format!("probed {fingerprint}: {word} ({pings})"));
    if let Some(date) = settled.date {
        drive.provider_time = Some((date, drive.ports.clock.now()));
    }
    if let Some(workspace) = &settled.workspace {
        drive.facts.workspaces.insert(fingerprint, workspace.clone());
    }
    drive.facts.probes.insert(fingerprint, settled.verdict);
    drive.facts.probe_details.insert(fingerprint, settled.detail.clone());
    drive.materials.remember(fingerprint, settled);
}

async fn await_rejection(drive: &mut Drive<'_, '_>, fingerprint: Fingerprint, limit: Duration, what: &str) {
    drive.facts.waited_for.insert(fingerprint);
    let value = match drive.materials.get(fingerprint, drive.locked.state(), &*drive.ports.slots).await {
        Ok(value) => value,
        Err(reason) => return not_at_hand(drive, fingerprint, reason),
    };
    let narrator = drive.ports.narrator.clone();
    let mut on_wait = |ping: &Ping| narrator.waiting(&format!("waiting for {what}: {}", ping.detail));
    let awaited = probe::await_rejection(
        &*drive.ports.provider,
        &*drive.ports.clock,
        &value,
        &drive.ports.settings.probe,
        limit,
        &mut on_wait,
    )
    .await;
    if awaited.settled.verdict == Verdict::Rejected && drive.confirmed_at.is_some() {
        drive.facts.lag_seconds.insert(fingerprint, awaited.lag_seconds);
    }
    take(drive, fingerprint, awaited.settled);
}

/// Tells a person which key to disable, and where.
pub(super) fn ask_person(ports: &Ports, state: Option<&KeyState>, fingerprint: Fingerprint) {
    let last4 = state
        .and_then(|state| state.credential(fingerprint))
        .map(|credential| credential.last4.clone())
        .unwrap_or_default();
    ports.narrator.warn(&format!(
        "no admin key is configured: disable the key that ends in {last4} by hand at {}",
        ports.provider.console_page()
    ));
}

async fn await_person(drive: &mut Drive<'_, '_>, fingerprint: Fingerprint) -> Result<(), Failure> {
    if drive.leaves_person {
        drive.facts.waited_for.insert(fingerprint);
        return Ok(());
    }
    // To ask a person is to revoke: what an emergency has made the active one meanwhile is not asked for.
    drop(drive.locked.hold(drive.ports)?);
    ask_person(drive.ports, drive.state(), fingerprint);
    let limit = drive.ports.settings.manual_revoke_wait;
    await_rejection(drive, fingerprint, limit, "a person to disable the old key at the console").await;
    // A person may take long: what was seen of the active one before is no news any more.
    if let Some(active) = drive.state().map(|state| state.active().fingerprint) {
        drive.facts.probes.remove(&active);
    }
    Ok(())
}

async fn await_acceptance(drive: &mut Drive<'_, '_>, fingerprint: Fingerprint) {
    let began = drive.ports.clock.now();
    let limit = drive.ports.settings.revoke_timeout.as_secs();
    let interval = drive.ports.settings.probe.interval.max(Duration::from_millis(100));
    loop {
        probe_now(drive, fingerprint).await;
        let passed = elapsed(&began, &drive.ports.clock.now()).seconds;
        let is_over = drive.facts.probes.get(&fingerprint) == Some(&Verdict::Accepted)
            || drive.facts.missing_values.contains_key(&fingerprint);
        if is_over || passed >= limit {
            return;
        }
        drive.ports.narrator.waiting("waiting for the provider to accept the credential …");
        drive.ports.clock.sleep(interval).await;
    }
}

async fn identify(drive: &mut Drive<'_, '_>, fingerprint: Fingerprint) {
    let value = drive.materials.get(fingerprint, drive.locked.state(), &*drive.ports.slots).await;
    let identity = match value {
        Ok(value) => drive.ports.provider.identify(&value).await,
        Err(reason) => Identity::Unknown(reason),
    };
    if let Identity::Proven(key) = &identity {
        drive.ports.narrator.say(&format!("{fingerprint} is the provider's {}", key.id));
    }
    drive.facts.identities.insert(fingerprint, identity);
}

async fn key_status(drive: &mut Drive<'_, '_>, fingerprint: Fingerprint) {
    let id = drive.state().and_then(|state| {
        let intended = match state.intent.as_ref().map(|intent| &intent.effect) {
            Some(
                Effect::Revoke { id, fingerprint: begun }
                | Effect::Reactivate { id, fingerprint: begun }
                | Effect::Delete { id, fingerprint: begun },
            ) if *begun == fingerprint => Some(id.clone()),
            _ => None,
        };
        intended.or_else(|| state.credential(fingerprint)?.provider_key_id.clone())
    });
    let outcome = match id {
        Some(id) => drive.ports.provider.key_status(&id).await,
        None => Outcome::Refused("the provider's id is not known".to_owned()),
    };
    match outcome {
        Outcome::Done(status) => {
            drive.facts.key_statuses.insert(fingerprint, status);
        }
        Outcome::Refused(detail) | Outcome::Unknown(detail) => drive.not_told(fingerprint, detail),
    }
}

async fn check_targets(drive: &mut Drive<'_, '_>) {
    for target in &drive.ports.targets {
        if let Some(warning) = target.warning() {
            drive.ports.narrator.warn(&format!("{}: {warning}", target.id()));
        }
    }
    let checks = drive.ports.targets.iter().map(|target| async {
        let result = target.check().await;
        result.err().map(|error| (target.id().clone(), format!("{error}; {}", error.remedy)))
    });
    let broken = join_all(checks).await.into_iter().flatten().collect();
    drive.facts.broken_targets = Some(broken);
}

async fn read_targets(drive: &mut Drive<'_, '_>) {
    let reads =
        drive.ports.targets.iter().map(|target| async { (target.id().clone(), target.read_back().await) });
    let reads = join_all(reads).await.into_iter().collect();
    drive.facts.target_reads = Some(reads);
}

async fn list_keys(drive: &mut Drive<'_, '_>) {
    drive.facts.listed = Some(match drive.ports.provider.list().await {
        Outcome::Done(Listing { mut keys, date }) => {
            if let Some(date) = date {
                drive.provider_time = Some((date, drive.ports.clock.now()));
            }
            keys.retain(|key| !drive.facts.swept.contains(&key.id));
            Ok(keys)
        }
        Outcome::Refused(detail) | Outcome::Unknown(detail) => Err(detail),
    });
}

async fn last_use(drive: &mut Drive<'_, '_>, fingerprint: Fingerprint) {
    let id = drive.state().and_then(|state| state.credential(fingerprint)?.provider_key_id.clone());
    let seen = match id {
        Some(id) => match drive.ports.provider.last_used(&id).await {
            Outcome::Done(None) => LastUseSeen::Never,
            Outcome::Done(Some(used)) => LastUseSeen::At(used),
            Outcome::Refused(detail) | Outcome::Unknown(detail) => LastUseSeen::Unknown(detail),
        },
        None => LastUseSeen::Unknown("the provider's id of the old credential is not known".to_owned()),
    };
    drive.facts.last_uses.insert(fingerprint, seen);
}

async fn usage(drive: &mut Drive<'_, '_>) {
    drive.ports.narrator.waiting("asking for the provider's usage report …");
    let now = drive.now();
    let wanted = match drive.state() {
        Some(state) => usage::wanted(state, &drive.facts, &drive.ports.settings.policy, &now),
        None => Err("no credential is being left".to_owned()),
    };
    let told = match wanted {
        Ok(wanted) => report(&*drive.ports.provider, &wanted).await,
        Err(reason) => Err(reason),
    };
    drive.facts.usage = Some(told);
}

/// Everything since the promotion: the newest part by the minute, the rest as coarsely as its length asks for.
async fn report(provider: &dyn Provider, wanted: &Wanted) -> Result<Vec<UsageBucket>, String> {
    let both = [wanted.retiring.clone(), wanted.active.clone()];
    let mut buckets = told(provider.usage(&both, wanted.quiet_from, None).await)?;
    if wanted.promoted_at < wanted.quiet_from {
        buckets.extend(told(provider.usage(&both, wanted.promoted_at, Some(wanted.quiet_from)).await)?);
    }
    Ok(buckets)
}

fn told<T>(outcome: Outcome<T>) -> Result<T, String> {
    match outcome {
        Outcome::Done(told) => Ok(told),
        Outcome::Refused(detail) | Outcome::Unknown(detail) => Err(detail),
    }
}

/// Running jobs. Where it is not known how long jobs run, the window may be too short, and nothing is known.
pub(super) fn leases(ports: &Ports) -> Result<Vec<LeaseSeen>, String> {
    ports.leases.longest_run_seconds()?;
    ports.leases.seen(&ports.clock.now())
}
