//! `rotate undo`

use super::context::Context;
use super::definition::Change;
use super::telling::Desk;
use super::{runtime, value};
use crate::config::Scope;
use crate::error::Failure;
use crate::ui::{Output, render};
use crate::wiring::{self, AdminKey};
use crate::workflow;

pub(super) fn run(context: &Context, arguments: &Change) -> Result<Output, Failure> {
    let config = context.config(Scope::Everything)?;
    let key = config.key(arguments.key.key.as_deref())?;
    let ports = wiring::ports(&config, key, AdminKey::Needed, &context.surroundings(), &[])?;
    let dry_run = arguments.safety.dry_run;
    let asks = !dry_run && !arguments.safety.yes;
    if asks && let Some(reason) = workflow::undo::emergency(&ports)? {
        // Nobody is asked to confirm what the phase refuses.
        runtime::run(workflow::undo::undo(&ports, true))?;
        let what = format!(
            "`{}` would get back the credential that was revoked in the emergency \"{}\", for whoever has it \
             to use",
            key.name,
            reason.escape_debug()
        );
        value::confirm(context, false, &key.name, &what)?;
    }
    let report = Desk::new(context, &config)
        .around(key, dry_run, || runtime::run(workflow::undo::undo(&ports, dry_run)))?;
    Ok(render::operation(&report, context.ui.stdout))
}
