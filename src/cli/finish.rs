//! `rotate finish`

use super::context::Context;
use super::definition::Finish;
use super::rotation;
use crate::error::Failure;
use crate::ui::Output;
use crate::wiring::AdminKey;
use crate::workflow;
use crate::workflow::finish::Options;

pub(super) fn run(context: &Context, arguments: &Finish) -> Result<Output, Failure> {
    let options = Options {
        wait: arguments.wait,
        accept_unknown: arguments.accept_unknown.iter().copied().collect(),
        reason: arguments.reason.clone(),
        dry_run: arguments.safety.dry_run,
    };
    let dry_run = arguments.safety.dry_run;
    rotation::change(context, arguments.key.key.as_deref(), AdminKey::Needed, dry_run, async |ports| {
        workflow::finish::finish(&ports, &options).await
    })
}
