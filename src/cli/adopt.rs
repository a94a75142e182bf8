//! `rotate adopt`

use super::context::Context;
use super::definition::Adopt;
use super::telling::Desk;
use super::{runtime, value};
use crate::config::{Scope, SecretReference, SlotsSettings};
use crate::error::Failure;
use crate::ui::{Output, render};
use crate::wiring::{self, AdminKey};
use crate::workflow;

pub(super) fn run(context: &Context, arguments: Adopt) -> Result<Output, Failure> {
    let config = context.config(Scope::Everything)?;
    let key = config.key(arguments.key.key.as_deref())?;
    let from = arguments.from.as_deref();
    let removed = value::variables(from);
    let fallback = match key.slots {
        SlotsSettings::Env => Some(SecretReference::Environment(key.primary_env.clone())),
        SlotsSettings::File | SlotsSettings::AwsSecretsManager(_) => None,
    };
    let ports = wiring::ports(&config, key, AdminKey::Needed, &context.surroundings(), &removed)?;
    let question = format!("Today's live value of `{}` (hidden):", key.name);
    let value = value::obtain(context, "--from", from, fallback, &question)?;
    let dry_run = arguments.safety.dry_run;
    let report = Desk::new(context, &config).around(key, dry_run, || {
        runtime::run(async { workflow::adopt::adopt(&ports, value, dry_run).await })
    })?;
    Ok(render::operation(&report, context.ui.stdout))
}
