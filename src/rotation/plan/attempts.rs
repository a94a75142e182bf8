//! What came of calls in one run, where it was not plain success.

use super::Refusal;
use crate::secret::Fingerprint;

/// What came of calls that make or delete keys in this run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// What the provider said when it definitely refused.
    pub refused: Option<String>,
    pub unknown: UnknownCalls,
    /// An earlier run had begun it.
    pub is_resumed: bool,
}

/// A credential whose revocation was taken back, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenBack {
    pub fingerprint: Fingerprint,
    pub reason: String,
}

/// How often a call's outcome stayed unknown, and what was said last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownCalls {
    pub count: usize,
    pub detail: String,
}

impl UnknownCalls {
    /// Counts one more.
    pub fn add(&mut self, detail: String) {
        self.count += 1;
        self.detail = detail;
    }

    /// The refusal to go on after too many of them; what was begun stays begun.
    pub(super) fn unreachable(&self) -> Refusal {
        Refusal::AdminUnreachable { detail: self.detail.clone() }
    }

    /// The same where it was refused when asked again: an earlier call may still land, and nothing is called off in the same
    /// breath.
    pub(super) fn then_refused(&self, detail: &str) -> Refusal {
        Refusal::AdminUnreachable { detail: format!("{}; asked again, it refused: {detail}", self.detail) }
    }
}
