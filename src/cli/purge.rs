//! `rotate purge`

use super::context::Context;
use super::definition::Change;
use super::{rotation, value};
use crate::config::Scope;
use crate::error::Failure;
use crate::ui::Output;
use crate::wiring::AdminKey;
use crate::workflow;

pub(super) fn run(context: &Context, arguments: &Change) -> Result<Output, Failure> {
    let config = context.config(Scope::Text)?;
    let key = config.key(arguments.key.key.as_deref())?;
    let dry_run = arguments.safety.dry_run;
    if !dry_run && !arguments.safety.yes {
        // Nobody is asked to confirm what the phase refuses.
        rotation::change(context, Some(&key.name), AdminKey::Needed, true, async |ports| {
            workflow::purge::purge(&ports, true).await
        })?;
    }
    let what = format!("`{}` would lose its revoked credential for good", key.name);
    value::confirm(context, arguments.safety.yes || dry_run, &key.name, &what)?;
    rotation::change(context, Some(&key.name), AdminKey::Needed, dry_run, async |ports| {
        workflow::purge::purge(&ports, dry_run).await
    })
}
