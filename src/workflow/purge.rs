//! `rotate purge`: deletes or archives the credential that was revoked last.

use super::operation::{self, Errand, Report};
use super::ports::Ports;
use crate::error::Failure;
use crate::rotation::plan::Goal;

/// Ends it for good; there is no undo after it.
///
/// # Errors
/// Exit 6 out of phase, 13 where only a person can, 21 where the provider did not answer.
pub async fn purge(ports: &Ports, dry_run: bool) -> Result<Report, Failure> {
    let errand = Errand { goal: Goal::Purge, value: None, dry_run };
    operation::run(ports, errand, "purged: the revoked credential is gone for good").await
}
