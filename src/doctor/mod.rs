//! Which credential mechanism an environment really uses, and what is wrong with it.
//!
//! The story, top-down: [`gather`] looks at variables, files and a key's places, and gives a [`Seen`]. Everything else
//! is pure: [`examine`] ranks the mechanisms that are there as each consumer would ([`anthropic`], [`aws`],
//! [`github`]), looks at every value ([`values`]), at the places that disagree ([`conflicts`]) and at what the state
//! expects ([`comparison`]), and gives a [`Report`].
//!
//! Nothing here sends, changes or starts anything. What is reported of a value is its fingerprint and its kind.

mod anthropic;
mod aws;
mod comparison;
mod conflicts;
mod finding;
pub mod gather;
mod github;
mod kinds;
mod mechanism;
mod mend;
mod printable;
mod relevant;
mod seen;
mod value;
mod values;
mod watched;

pub use finding::{Finding, Id, Severity};
pub use mechanism::{Basis, Candidate, Mechanism};
pub use seen::{
    Assignment, AwsProfile, Helper, KeySeen, Login, Place, ProfileKind, Record, Seen, SlotSeen, TargetSeen,
    Trouble,
};
pub use value::{Oddity, Value};

/// What came of one look.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The key that was compared with its state, slots and targets.
    pub key: Option<String>,
    /// Which mechanism each consumer uses, in the order of the providers.
    pub mechanisms: Vec<Mechanism>,
    /// The worst first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether a person has something to do.
    pub fn needs_attention(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity != Severity::Ok)
    }
}

/// What is to be said of an environment. Pure.
pub fn examine(seen: &Seen) -> Report {
    let relevant = relevant::providers(seen);
    let mut mechanisms = Vec::new();
    let mut findings = Vec::new();
    findings.extend(seen.troubles.iter().map(finding::of_trouble));
    findings.extend(values::findings(seen, &relevant));
    for provider in &relevant {
        let (found, more) = match provider {
            watched::Provider::Claude => (anthropic::mechanisms(seen), anthropic::findings(seen)),
            watched::Provider::Aws => (vec![aws::mechanism(seen)], aws::findings(seen)),
            watched::Provider::Github => (vec![github::mechanism(seen)], github::findings(seen)),
        };
        mechanisms.extend(found);
        findings.extend(more);
    }
    findings.extend(conflicts::differing(seen, &relevant));
    findings.extend(seen.key.iter().flat_map(|key| comparison::findings(seen, key)));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Report { key: seen.key.as_ref().map(|key| key.name.clone()), mechanisms, findings }
}

#[cfg(test)]
mod tests;
