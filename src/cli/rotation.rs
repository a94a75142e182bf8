//! What the commands that change a key share: settings, ports, runtime.

use std::future::Future;

use jiff::Timestamp;

use super::context::Context;
use super::runtime;
use super::telling::Desk;
use crate::config::Scope;
use crate::error::Failure;
use crate::rotation::phase::Rotation;
use crate::ui::{Output, render};
use crate::wiring::{self, AdminKey};
use crate::workflow::operation::Report;
use crate::workflow::ports::Ports;

/// Builds the ports of a key, runs one operation on the runtime and renders its report.
pub(super) fn change<F>(
    context: &Context,
    key: Option<&str>,
    admin_key: AdminKey,
    dry_run: bool,
    operation: impl FnOnce(Ports) -> F,
) -> Result<Output, Failure>
where
    F: Future<Output = Result<Report, Failure>>,
{
    let config = context.config(Scope::Everything)?;
    let key = config.key(key)?;
    let desk = Desk::new(context, &config);
    desk.around(key, dry_run, || {
        let ports = wiring::ports(&config, key, admin_key, &context.surroundings(), &[])?;
        let report = runtime::run(operation(ports))?;
        Ok(render::operation(&report, context.ui.stdout))
    })
}

/// A new rotation that starts now.
///
/// # Errors
/// The system has no randomness to give.
pub(super) fn begin(
    now: Timestamp,
    ticket: Option<String>,
    reason: Option<String>,
) -> Result<Rotation, Failure> {
    Ok(Rotation { id: wiring::rotation_id(now)?, ticket, reason, started_at: now })
}
