//! `rotate undo`: brings the credential that was revoked last back to life.

use super::operation::{self, Errand, Report};
use super::ports::Ports;
use crate::error::Failure;
use crate::rotation::plan::Goal;

/// Reactivates it at the provider and opens a new grace window.
///
/// # Errors
/// Exit 6 out of phase or too late, 13 where only a person can, 20 and 21 where the provider does not.
pub async fn undo(ports: &Ports, dry_run: bool) -> Result<Report, Failure> {
    let errand = Errand { goal: Goal::Undo, value: None, dry_run };
    operation::run(ports, errand, "undone: both credentials are accepted again, and a new grace window runs")
        .await
}
