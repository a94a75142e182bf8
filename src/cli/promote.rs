//! `rotate promote`

use super::context::Context;
use super::definition::Change;
use super::rotation;
use crate::error::Failure;
use crate::ui::Output;
use crate::wiring::AdminKey;
use crate::workflow;

pub(super) fn run(context: &Context, arguments: &Change) -> Result<Output, Failure> {
    let dry_run = arguments.safety.dry_run;
    rotation::change(context, arguments.key.key.as_deref(), AdminKey::NotNeeded, dry_run, async |ports| {
        workflow::promote::promote(&ports, dry_run).await
    })
}
