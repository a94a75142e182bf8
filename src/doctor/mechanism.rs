//! Which mechanism a program uses, of those that are there.

use super::seen::{Assignment, Seen};
use crate::secret::Fingerprint;

/// One way to a credential that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Stable, as JSON carries it.
    pub mechanism: &'static str,
    /// For people.
    pub shown: String,
    /// Of the value, where there is one at hand.
    pub fingerprint: Option<Fingerprint>,
}

impl Candidate {
    pub(super) fn new(mechanism: &'static str, shown: impl Into<String>) -> Self {
        Self { mechanism, shown: shown.into(), fingerprint: None }
    }

    /// The value of a variable.
    pub(super) fn of(mechanism: &'static str, what: &str, assignment: &Assignment) -> Self {
        Self {
            mechanism,
            shown: format!("{what} in {}", assignment.title()),
            fingerprint: assignment.value.fingerprint(),
        }
    }
}

/// How well an order is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Read in the vendor's documentation or code.
    Documented,
    /// Seen by third parties; several agree.
    ThirdParty,
}

impl Basis {
    /// As JSON carries it.
    pub fn name(self) -> &'static str {
        match self {
            Basis::Documented => "documented",
            Basis::ThirdParty => "third_party",
        }
    }
}

/// What one kind of program uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mechanism {
    /// As JSON carries it.
    pub provider: &'static str,
    /// Likewise.
    pub consumer: &'static str,
    /// For people.
    pub consumer_shown: &'static str,
    /// `None` where there is nothing to use.
    pub winner: Option<Candidate>,
    pub why: String,
    pub basis: Basis,
    /// What is there as well and is passed over, in order.
    pub passed_over: Vec<Candidate>,
}

/// A kind of program and where its order is known from.
pub(super) struct Consumer {
    pub provider: &'static str,
    pub name: &'static str,
    pub shown: &'static str,
    pub order: &'static str,
    pub basis: Basis,
}

impl Consumer {
    /// The first of the candidates wins.
    pub(super) fn choose(&self, candidates: impl IntoIterator<Item = Candidate>) -> Mechanism {
        let mut candidates = candidates.into_iter();
        let winner = candidates.next();
        let passed_over: Vec<_> = candidates.collect();
        let why = match (&winner, passed_over.is_empty()) {
            (None, _) => "nothing that it looks for is set".to_owned(),
            (Some(_), true) => format!("the only one that is set; the order is {}", self.order),
            (Some(_), false) => format!("the first that is set wins; the order is {}", self.order),
        };
        Mechanism {
            provider: self.provider,
            consumer: self.name,
            consumer_shown: self.shown,
            winner,
            why,
            basis: self.basis,
            passed_over,
        }
    }
}

/// The value of a variable as a candidate, where it is set.
pub(super) fn variable(seen: &Seen, mechanism: &'static str, what: &str, name: &str) -> Option<Candidate> {
    seen.set(name).map(|assignment| Candidate::of(mechanism, what, assignment))
}
