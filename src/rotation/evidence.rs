//! What `finish` must know before it revokes.

mod last_used;
mod leases;
pub mod usage;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::credential::{TargetId, Verdict};
use super::phase::{KeyState, Phase};
use super::plan::{Facts, Policy};
use super::stamp::Stamp;
use super::standing::{Standing, standing};

/// One thing that must be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// The grace window is over.
    Grace,
    /// Every target holds the active value, read just now.
    Targets,
    /// The active credential is accepted, probed just now.
    Active,
    /// No running job holds the old credential.
    Leases,
    /// The provider's usage report is quiet on the old credential.
    Usage,
    /// The provider's last-used time of the old credential is before the promotion.
    LastUsed,
}

impl Item {
    /// Every item, in the order of the table.
    pub const ALL: [Item; 6] =
        [Item::Grace, Item::Targets, Item::Active, Item::Leases, Item::Usage, Item::LastUsed];

    /// As the command line and JSON spell it.
    pub fn name(self) -> &'static str {
        match self {
            Item::Grace => "grace",
            Item::Targets => "targets",
            Item::Active => "active",
            Item::Leases => "leases",
            Item::Usage => "usage",
            Item::LastUsed => "last_used",
        }
    }

    /// Whether `--accept-unknown` may name it: not the window, and not what keeps consumers served.
    pub fn may_be_accepted(self) -> bool {
        !matches!(self, Item::Grace | Item::Active)
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No item of evidence has this name.
#[derive(Debug, thiserror::Error)]
#[error("no such item of evidence: expected one of grace, targets, active, leases, usage, last_used")]
pub struct NoSuchItem;

impl FromStr for Item {
    type Err = NoSuchItem;

    fn from_str(text: &str) -> Result<Self, NoSuchItem> {
        Item::ALL.into_iter().find(|item| item.name() == text).ok_or(NoSuchItem)
    }
}

/// What is known of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    Met,
    Unmet,
    Unknown,
    /// Nobody can tell here; blocks only where the key requires it.
    NotAvailable,
}

impl Finding {
    /// As JSON spells it.
    pub fn name(self) -> &'static str {
        match self {
            Finding::Met => "met",
            Finding::Unmet => "unmet",
            Finding::Unknown => "unknown",
            Finding::NotAvailable => "not_available",
        }
    }
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    pub item: Item,
    pub verdict: Finding,
    pub detail: String,
}

/// The whole table for a key in its grace window; `None` in any other phase.
pub fn weigh(state: &KeyState, facts: &Facts, policy: &Policy, now: &Stamp) -> Option<Vec<Evidence>> {
    let Phase::GraceWindow { active, retiring, window, .. } = &state.phase else {
        return None;
    };
    let remaining = policy.grace.remaining(state, window, now);
    let (verdict, detail) = if policy.grace.from.awaits_first_use(state) {
        (Finding::Unmet, format!("starts with the first use of the new credential: {}", usage::NO_CONTROL))
    } else {
        grace(remaining.seconds, remaining.clock_went_backwards)
    };
    let mut table = vec![Evidence { item: Item::Grace, verdict, detail }];
    let (verdict, detail) = targets(state, facts, policy);
    table.push(Evidence { item: Item::Targets, verdict, detail });
    let (verdict, detail) = match facts.probes.get(&active.fingerprint) {
        Some(Verdict::Accepted) => (Finding::Met, "accepted by the provider just now".to_owned()),
        Some(Verdict::Rejected) => (Finding::Unmet, "rejected by the provider just now".to_owned()),
        Some(Verdict::Unknown) | None => (Finding::Unknown, facts.probe_detail(active.fingerprint)),
    };
    table.push(Evidence { item: Item::Active, verdict, detail });
    let (verdict, detail) = leases::weigh(facts, retiring.fingerprint);
    table.push(Evidence { item: Item::Leases, verdict, detail });
    let (verdict, detail) = usage::weigh(state, facts, window, policy, now);
    table.push(Evidence { item: Item::Usage, verdict, detail });
    let (verdict, detail) = last_used::weigh(state, facts, window, policy, now);
    table.push(Evidence { item: Item::LastUsed, verdict, detail });
    Some(table)
}

/// The items that keep `finish` from revoking.
pub fn blocking<'t>(
    table: &'t [Evidence],
    required: &BTreeSet<Item>,
    accepted: &BTreeSet<Item>,
) -> Vec<&'t Evidence> {
    let is_accepted = |item: Item| item.may_be_accepted() && accepted.contains(&item);
    table
        .iter()
        .filter(|row| match row.verdict {
            Finding::Met => false,
            Finding::NotAvailable => required.contains(&row.item) && !is_accepted(row.item),
            Finding::Unmet => true,
            Finding::Unknown => !is_accepted(row.item),
        })
        .collect()
}

fn grace(remaining_seconds: u64, clock_went_backwards: bool) -> (Finding, String) {
    if remaining_seconds == 0 {
        return (Finding::Met, "the grace window is over".to_owned());
    }
    let mut detail = format!("{remaining_seconds} s of the grace window remain");
    if clock_went_backwards {
        detail.push_str("; a clock ran backwards since it opened");
    }
    (Finding::Unmet, detail)
}

fn targets(state: &KeyState, facts: &Facts, policy: &Policy) -> (Finding, String) {
    let Some(reads) = &facts.target_reads else {
        return (Finding::Unknown, "the targets were not read back".to_owned());
    };
    let (mut other, mut unknown, mut believed) = (Vec::new(), Vec::new(), Vec::new());
    for target in &policy.targets {
        match standing(state, target, reads.get(target)) {
            Standing::Settled => {}
            Standing::Believed => believed.push(target),
            Standing::Astray(reason) => other.push(reason),
            Standing::Unwritten(reason) | Standing::Unread(reason) => unknown.push(reason),
        }
    }
    if !other.is_empty() {
        return (Finding::Unmet, other.join("; "));
    }
    if !unknown.is_empty() {
        return (Finding::Unknown, unknown.join("; "));
    }
    (Finding::Met, settled_targets(policy.targets.len(), &believed))
}

fn settled_targets(all: usize, believed: &[&TargetId]) -> String {
    match (all, believed) {
        (0, _) => "no targets: consumers ask `rotate key`".to_owned(),
        (all, []) => format!("{all} of {all} read back just now with the active fingerprint"),
        (all, believed) => {
            let names: Vec<_> = believed.iter().map(|target| target.0.as_str()).collect();
            format!(
                "{} of {all} read back just now; written, but without read-back: {}",
                all - believed.len(),
                names.join(", ")
            )
        }
    }
}
