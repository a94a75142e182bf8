//! `rotate finish`: revokes the old credential once the evidence says that nobody uses it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::driver::Arrival;
use super::locked_state::LockedState;
use super::materials::Materials;
use super::observe;
use super::operation::{self, Driven, Report};
use super::ports::Ports;
use crate::error::Failure;
use crate::rotation::evidence::{self, Evidence, Item};
use crate::rotation::plan::{Goal, Refusal, Wait};

const SUMMARY: &str = "finished: the provider refuses the old credential, and the active one is accepted";
/// Between two lines of the countdown, so that it stays alive.
const COUNTDOWN_SECONDS: u64 = 10;
/// Between two looks at an open window: it only closes by time, and each look probes the provider.
const WINDOW_RECHECK_SECONDS: u64 = 300;
/// The pause after evidence was missing or a person had not acted yet, doubled up to the limit.
const FIRST_RECHECK_SECONDS: u64 = 5;
const RECHECK_LIMIT_SECONDS: u64 = 300;
/// Usage reports want to be asked once a minute at most (Anthropic: "Usage and Cost API").
const USAGE_POLL_SECONDS: u64 = 60;

/// How `finish` is to go about it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Wait for the window, for evidence and for a person, instead of coming back with exit 10, 11, 13.
    pub wait: bool,
    pub accept_unknown: BTreeSet<Item>,
    /// Why that is accepted, for the journal.
    pub reason: Option<String>,
    pub dry_run: bool,
}

/// Finishes the rotation. Between two looks of a waiting `finish` the lock is free, so that `abort`
/// and `revoke-now` get through.
///
/// # Errors
/// Exit 10 while the window is open, 11 while evidence is missing, 13 where a person must revoke, 20
/// where the active credential is dead; the old one is not revoked then.
pub async fn finish(ports: &Ports, options: &Options) -> Result<Report, Failure> {
    let goal =
        Goal::Finish { accept_unknown: options.accept_unknown.clone(), reason: options.reason.clone() };
    if options.dry_run {
        return operation::rehearse(ports, &goal);
    }
    let mut recheck_seconds = FIRST_RECHECK_SECONDS;
    let mut has_asked = false;
    loop {
        let lock = operation::lock(ports, &goal, ports.settings.lock_wait).await?;
        let mut locked = LockedState::open(ports, &lock)?;
        let before = locked.generation();
        let mut materials = Materials::default();
        let Driven { arrival, evidence, .. } =
            operation::drive(ports, &mut locked, &goal, &mut materials, options.wait).await?;
        match &arrival {
            Arrival::Done => {
                let is_over = before == locked.generation();
                let evidence = evidence.or_else(|| if is_over { None } else { weighed_before(ports) });
                let evidence = Some(evidence.unwrap_or_default());
                let summary = if is_over { operation::NOTHING_TO_DO } else { SUMMARY };
                return Ok(Report { evidence, ..operation::report(ports, locked.record(), summary) });
            }
            Arrival::Waiting(wait) if options.wait => {
                drop(locked);
                drop(lock);
                count_down(ports, wait, &lacking(&wait.evidence, options, ports)).await;
                continue;
            }
            Arrival::Refused(Refusal::EvidenceMissing { table }) if options.wait => {
                ports.narrator.say(&format!("waiting for evidence: {}", lacking(table, options, ports)));
            }
            Arrival::Refused(Refusal::PersonMustRevoke { fingerprint }) if options.wait => {
                if !has_asked {
                    drop(locked.hold(ports)?);
                    observe::ask_person(ports, locked.state(), *fingerprint);
                    has_asked = true;
                }
                ports.narrator.waiting("waiting for a person to disable the old key at the console …");
            }
            _ => return Err(operation::unfinished(&arrival, &goal, ports, &locked)),
        }
        drop(locked);
        drop(lock);
        if ports.settings.policy.capabilities.usage {
            recheck_seconds = recheck_seconds.max(USAGE_POLL_SECONDS);
        }
        if ports.settings.policy.capabilities.last_used {
            recheck_seconds = recheck_limit_seconds(ports);
        }
        ports.clock.sleep(Duration::from_secs(recheck_seconds)).await;
        recheck_seconds = (recheck_seconds * 2).min(RECHECK_LIMIT_SECONDS);
    }
}

/// Between two looks. Each one is a ping, and where the provider records one use in a quarter of an hour, pings must leave
/// room for others' uses to be seen.
fn recheck_limit_seconds(ports: &Ports) -> u64 {
    let policy = &ports.settings.policy;
    if policy.capabilities.last_used {
        WINDOW_RECHECK_SECONDS.max(policy.usage_lag_seconds.saturating_add(USAGE_POLL_SECONDS))
    } else {
        WINDOW_RECHECK_SECONDS
    }
}

/// Sleeps until the window may be over, or a look is due that notices an `abort` by someone else.
async fn count_down(ports: &Ports, wait: &Wait, lacking: &str) {
    let remaining_seconds = wait.remaining_seconds;
    ports.narrator.say(&open_for(wait, remaining_seconds));
    if !lacking.is_empty() {
        ports.narrator.say(&format!("beside the window it still waits for: {lacking}"));
    }
    let pause_seconds = remaining_seconds.clamp(1, recheck_limit_seconds(ports));
    let mut passed_seconds = 0;
    while passed_seconds < pause_seconds {
        ports.narrator.waiting(&open_for(wait, remaining_seconds.saturating_sub(passed_seconds)));
        let step_seconds = COUNTDOWN_SECONDS.min(pause_seconds - passed_seconds);
        ports.clock.sleep(Duration::from_secs(step_seconds)).await;
        passed_seconds += step_seconds;
    }
}

fn open_for(wait: &Wait, seconds: u64) -> String {
    if wait.awaits_first_use {
        return "waiting for the first use of the new credential, which starts the grace window".to_owned();
    }
    format!("waiting: the grace window is open for another {}", crate::duration::friendly(seconds))
}

/// The table on which the revocation rested that this run brought to its end.
fn weighed_before(ports: &Ports) -> Option<Vec<Evidence>> {
    let entries = ports.journal.entries().ok()?;
    let table = entries.iter().rev().find_map(|entry| entry.data.get("evidence")?.get("table"))?;
    serde_json::from_value(table.clone()).ok()
}

/// What blocks beside the window, in words.
fn lacking(table: &[Evidence], options: &Options, ports: &Ports) -> String {
    let blocking =
        evidence::blocking(table, &ports.settings.policy.required_evidence, &options.accept_unknown);
    let rows = blocking.iter().filter(|row| row.item != Item::Grace);
    rows.map(|row| format!("{} ({})", row.item, row.detail)).collect::<Vec<_>>().join("; ")
}
