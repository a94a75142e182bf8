//! How bad a finding is: one scale for whatever looks and tells.

use serde::Serialize;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be, or only worth knowing.
    Ok,
    /// It works today, or wants a look within days.
    Warning,
    /// Something fails, or is about to: somebody has to act.
    Critical,
}

impl Severity {
    /// As documents and metrics spell it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Ok => "ok",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}
