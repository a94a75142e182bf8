//! What leases prove.

use super::Finding;
use crate::rotation::lease::{LeaseSeen, LeaseStanding};
use crate::rotation::plan::Facts;
use crate::secret::Fingerprint;

/// So many holders are named; the rest is counted.
const NAMED: usize = 3;

/// The item of evidence: no running job holds the old credential.
pub(super) fn weigh(facts: &Facts, retiring: Fingerprint) -> (Finding, String) {
    let leases = match &facts.leases {
        None => return (Finding::Unknown, "the leases were not looked at".to_owned()),
        Some(Err(detail)) => return (Finding::Unknown, detail.clone()),
        Some(Ok(leases)) => leases,
    };
    let may_hold = |lease: &&LeaseSeen| lease.fingerprint.is_none_or(|held| held == retiring);
    let (held, unknown): (Vec<_>, Vec<_>) =
        leases.iter().filter(may_hold).partition(|lease| lease.standing == LeaseStanding::Held);
    if !held.is_empty() {
        return (Finding::Unmet, format!("the old credential is held by {}", named(&held)));
    }
    if !unknown.is_empty() {
        return (Finding::Unknown, format!("it cannot be told of {}", named(&unknown)));
    }
    match leases.len() {
        0 => (Finding::Met, "no job of this key runs under a lease".to_owned()),
        jobs => {
            (Finding::Met, format!("no job holds the old credential; under a lease of another run {jobs}"))
        }
    }
}

fn named(leases: &[&LeaseSeen]) -> String {
    let mut names: Vec<_> = leases
        .iter()
        .take(NAMED)
        .map(|lease| match &lease.standing {
            LeaseStanding::Held => format!("{} (lease {})", lease.holder, lease.id),
            LeaseStanding::Unknown(reason) => format!("{} (lease {}): {reason}", lease.holder, lease.id),
        })
        .collect();
    if leases.len() > NAMED {
        names.push(format!("{} more", leases.len() - NAMED));
    }
    names.join(", ")
}
