//! `rotate stage`: probes a new credential and stores it beside the active one.

use super::operation::{self, Errand, Report};
use super::ports::Ports;
use crate::error::Failure;
use crate::rotation::phase::Rotation;
use crate::rotation::plan::Goal;
use crate::secret::Secret;

/// Stages `value`; without one, a key that the provider makes. `replace` allows it to take the place of
/// another staged credential.
///
/// # Errors
/// Exit 2 for a value that cannot be a new credential, 6 out of phase, 13 where its identity is not
/// clear, 20 and 21 where the provider does not accept it or cannot be asked. Nothing is stored then.
pub async fn stage(
    ports: &Ports,
    value: Option<Secret>,
    rotation: Rotation,
    replace: bool,
    dry_run: bool,
) -> Result<Report, Failure> {
    let goal = match &value {
        Some(value) => Goal::Stage { candidate: operation::candidate(ports, value)?, rotation, replace },
        None => Goal::Mint { rotation, replace },
    };
    let errand = Errand { goal, value, dry_run };
    operation::run(ports, errand, "staged: accepted by the provider; consumers see nothing of it yet").await
}
