//! What came of calls in one run, where it was not plain success.

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
}
