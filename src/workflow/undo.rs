//! `rotate undo`: brings the credential that was revoked last back to life.

use super::locked_state::decode_record;
use super::operation::{self, Errand, Report};
use super::overview;
use super::ports::Ports;
use crate::error::Failure;
use crate::rotation::plan::Goal;

/// Why the credential that `undo` would bring back was revoked, where that was an emergency.
///
/// # Errors
/// An unreadable state.
pub fn emergency(ports: &Ports) -> Result<Option<String>, Failure> {
    let decoded = decode_record(&*ports.store, &ports.settings.key)?;
    let state = decoded.as_ref().map(|decoded| &decoded.record.state);
    Ok(state
        .and_then(overview::emergency_over)
        .map(|rotation| rotation.reason.clone().unwrap_or_else(|| "without a reason".to_owned())))
}

/// Reactivates it at the provider and opens a new grace window.
///
/// # Errors
/// Exit 6 out of phase or too late, 13 where only a person can, 20 and 21 where the provider does not.
pub async fn undo(ports: &Ports, dry_run: bool) -> Result<Report, Failure> {
    let errand = Errand { goal: Goal::Undo, value: None, dry_run };
    operation::run(ports, errand, "undone: both credentials are accepted again, and a new grace window runs")
        .await
}
