//! What the sandbox counts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

/// Counts since the sandbox started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// Requests to known `/v1` routes, those that met a fault among them.
    pub requests: u64,
    /// Requests answered 401.
    pub refused: u64,
    /// Requests that met a fault.
    pub faulted: u64,
    /// By key id, every API key there is.
    pub keys: BTreeMap<String, KeyStatistics>,
}

/// The counts of one API key; requests that met a fault before the key was looked at are not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeyStatistics {
    /// Requests whose key was accepted, whatever became of them after that.
    pub accepted: u64,
    /// Requests refused for the state of this key.
    pub refused: u64,
    /// When the key was accepted last.
    pub last_used: Option<Timestamp>,
}
