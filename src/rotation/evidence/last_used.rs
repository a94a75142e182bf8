//! What the provider's last-used time proves.

use jiff::Timestamp;

use super::Finding;
use super::usage::NO_CONTROL;
use crate::rotation::credential::LastUseSeen;
use crate::rotation::phase::{KeyState, Window};
use crate::rotation::plan::{Facts, Policy};
use crate::rotation::stamp::{Stamp, plus_seconds};

/// How long the probes before a revocation take, with the difference of two clocks.
const PROBES_SECONDS: i64 = 60;

/// The item of evidence. A job that started before the promotion may use the old credential for as long as the floor
/// allows; who uses it later does not behave as configured, or is not configured at all.
pub(super) fn weigh(
    state: &KeyState,
    facts: &Facts,
    window: &Window,
    policy: &Policy,
    now: &Stamp,
) -> (Finding, String) {
    if !policy.capabilities.last_used {
        return (Finding::NotAvailable, "the provider tells no last-used time".to_owned());
    }
    let (verdict, detail) = of_the_old(state, facts, window, policy, now);
    if verdict == Finding::Met && state.first_used_at.is_none() {
        return (Finding::Unknown, format!("{detail}; but {NO_CONTROL}"));
    }
    (verdict, detail)
}

fn of_the_old(
    state: &KeyState,
    facts: &Facts,
    window: &Window,
    policy: &Policy,
    now: &Stamp,
) -> (Finding, String) {
    let seen = state.phase.retiring().and_then(|retiring| facts.last_uses.get(&retiring.fingerprint));
    let used = match seen {
        None => return (Finding::Unknown, "the provider was not asked".to_owned()),
        Some(LastUseSeen::Unknown(detail)) => return (Finding::Unknown, detail.clone()),
        Some(LastUseSeen::Never) => None,
        Some(LastUseSeen::At(used)) => Some(used),
    };
    let opened_at = window.opened_at.by_provider();
    let now = now.by_provider();
    let floor_seconds = policy.grace.floor_seconds(state.longest_job_seen_seconds).max(window.floor_seconds);
    let jobs_end = plus_seconds(opened_at, floor_seconds);
    let used_at = match used {
        None => "never used, as far as the provider knows".to_owned(),
        Some(used) => format!("last used at {:.0} ({})", used.at, used.by),
    };
    let Some(used) = used.filter(|used| used.at > jobs_end) else {
        return (Finding::Met, format!("{used_at}: not after the jobs that had it could go on"));
    };
    let is_our_probe = used.may_be_a_probe && state.retiring_probed_at.is_some_and(|at| is_ours(at, used.at));
    if is_our_probe && facts.has_announced {
        return (Finding::Met, format!("{used_at}: our own probe; what was before it was looked at then"));
    }
    // AWS records one use in 15 minutes ("Get credential reports"), so a ping hides those that follow it; and one that was
    // late must not come again for as long as a job takes.
    let quiet_seconds =
        if is_our_probe { policy.usage_quiet_seconds } else { floor_seconds.max(policy.usage_quiet_seconds) };
    let enough_at = plus_seconds(used.at, quiet_seconds.saturating_add(policy.usage_lag_seconds));
    if now >= enough_at {
        return (Finding::Met, format!("{used_at}, and not since"));
    }
    if is_our_probe {
        (
            Finding::Unknown,
            format!("{used_at}: our own probe, which hides other uses for a while: enough at {enough_at:.0}"),
        )
    } else if used.may_be_a_probe {
        (
            Finding::Unknown,
            format!("{used_at}: perhaps a probe of our own, perhaps not; enough at {enough_at:.0}"),
        )
    } else {
        (
            Finding::Unmet,
            format!("{used_at}: somebody still uses it; enough when there is none until {enough_at:.0}"),
        )
    }
}

/// Whether a ping is the one that was announced. An earlier one was looked at before the announcement.
fn is_ours(announced_at: Timestamp, used_at: Timestamp) -> bool {
    used_at.as_second() - announced_at.as_second() <= PROBES_SECONDS
}
