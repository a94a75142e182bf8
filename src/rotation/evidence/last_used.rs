//! What the provider's last-used time proves.

use jiff::Timestamp;

use super::Finding;
use super::usage::NO_CONTROL;
use crate::rotation::credential::LastUseSeen;
use crate::rotation::phase::{KeyState, Window};
use crate::rotation::plan::Policy;

/// How long the probes before a revocation take, with the difference of two clocks.
const PROBES_SECONDS: i64 = 60;

/// The item of evidence. A job that started before the promotion may use the old credential for as long as the floor
/// allows; who uses it later does not behave as configured, or is not configured at all.
pub(super) fn weigh(
    state: &KeyState,
    seen: Option<&LastUseSeen>,
    window: &Window,
    policy: &Policy,
) -> (Finding, String) {
    if !policy.capabilities.last_used {
        return (Finding::NotAvailable, "the provider tells no last-used time".to_owned());
    }
    let (verdict, detail) = of_the_old(state, seen, window);
    if verdict == Finding::Met && state.first_used_at.is_none() {
        return (Finding::Unknown, format!("{detail}; but {NO_CONTROL}"));
    }
    (verdict, detail)
}

fn of_the_old(state: &KeyState, seen: Option<&LastUseSeen>, window: &Window) -> (Finding, String) {
    match seen {
        None => (Finding::Unknown, "the provider was not asked".to_owned()),
        Some(LastUseSeen::Unknown(detail)) => (Finding::Unknown, detail.clone()),
        Some(LastUseSeen::Never) => (Finding::Met, "never used, as far as the provider knows".to_owned()),
        Some(LastUseSeen::At(used)) => {
            let since_seconds =
                used.at.as_second() - window.opened_at.provider.unwrap_or(window.opened_at.wall).as_second();
            let floor_seconds = i64::try_from(window.floor_seconds).unwrap_or(i64::MAX);
            let used_at = format!("last used at {:.0} ({})", used.at, used.by);
            if since_seconds <= floor_seconds {
                (Finding::Met, format!("{used_at}: not after the jobs that had it could go on"))
            } else if used.may_be_a_probe && state.retiring_probed_at.is_some_and(|at| is_ours(at, used.at)) {
                (Finding::Met, format!("{used_at}: our own probe; what was before it was looked at then"))
            } else if used.may_be_a_probe {
                (Finding::Unknown, format!("{used_at}: perhaps a probe of our own, perhaps not"))
            } else {
                (Finding::Unmet, format!("{used_at}: somebody still uses it"))
            }
        }
    }
}

/// Whether a ping is the one that was announced. An earlier one was looked at before the announcement.
fn is_ours(announced_at: Timestamp, used_at: Timestamp) -> bool {
    used_at.as_second() - announced_at.as_second() <= PROBES_SECONDS
}
