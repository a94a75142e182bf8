//! `rotate promote`: makes the staged credential the active one and moves every target to it.

use super::operation::{self, Errand, Report};
use super::ports::Ports;
use crate::error::Failure;
use crate::rotation::plan::Goal;

/// Promotes, or resumes a promotion; inside the window it mends targets that lost the active value.
///
/// # Errors
/// Exit 6 out of phase, 12 where a target failed (both credentials stay valid), 20 and 21 where the staged
/// credential is not accepted any more or a target cannot be written at all (nothing is changed then).
pub async fn promote(ports: &Ports, dry_run: bool) -> Result<Report, Failure> {
    let errand = Errand { goal: Goal::Promote, value: None, dry_run };
    operation::run(
        ports,
        errand,
        "promoted: every target holds the new credential; the old one stays valid until finish",
    )
    .await
}
