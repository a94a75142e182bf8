//! `rotate abort`: puts the new credential out of use and the old one back into it.

use super::operation::{self, Errand, Report};
use super::ports::Ports;
use crate::error::Failure;
use crate::rotation::plan::Goal;

/// Drops what is staged, or moves every target back to the old credential by writing it anew.
///
/// # Errors
/// Exit 6 where nothing is under way or a revocation was begun, 12 where a target failed, 20 where the old
/// credential is not accepted any more.
pub async fn abort(ports: &Ports, dry_run: bool) -> Result<Report, Failure> {
    let errand = Errand { goal: Goal::Abort, value: None, dry_run };
    operation::run(
        ports,
        errand,
        "aborted: the old credential is active; the new one is out of use, but perhaps still accepted",
    )
    .await
}
