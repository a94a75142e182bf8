//! `rotate stage`

use super::context::Context;
use super::definition::Stage;
use super::telling::Desk;
use super::{rotation, runtime, value};
use crate::config::{Config, KeySettings, Scope, SecretReference, SlotsSettings};
use crate::error::Failure;
use crate::rotation::credential::SlotName;
use crate::ui::{Output, render};
use crate::wiring::{self, AdminKey};
use crate::workflow;

pub(super) fn run(context: &Context, arguments: Stage) -> Result<Output, Failure> {
    let config = context.config(Scope::Everything)?;
    let key = config.key(arguments.key.key.as_deref())?;
    let from = arguments.from.as_deref();
    let removed = value::variables(from);
    let ports = wiring::ports(&config, key, AdminKey::Needed, &context.surroundings(), &removed)?;
    let fallback = placed_candidate(&config, key)?;
    let question = format!("The new value of `{}` (hidden):", key.name);
    let is_minted = from.is_none() && fallback.is_none() && ports.provider.capabilities().mint;
    let value =
        if is_minted { None } else { Some(value::obtain(context, "--from", from, fallback, &question)?) };
    let begun = rotation::begin(context.clock.now().wall, arguments.ticket, arguments.reason)?;
    let dry_run = arguments.safety.dry_run;
    let report = Desk::new(context, &config).around(key, dry_run, || {
        runtime::run(async { workflow::stage::stage(&ports, value, begun, arguments.replace, dry_run).await })
    })?;
    Ok(render::operation(&report, context.ui.stdout))
}

/// Where a person places values in variables, the candidate is in the one that is not active.
fn placed_candidate(config: &Config, key: &KeySettings) -> Result<Option<SecretReference>, Failure> {
    if key.slots != SlotsSettings::Env {
        return Ok(None);
    }
    let store = wiring::store(&config.state_directory)?;
    let decoded = workflow::decode_record(&*store, &key.name)?;
    let active = decoded.map_or(SlotName::Primary, |decoded| decoded.record.state.active_slot);
    let name = match active.other() {
        SlotName::Primary => &key.primary_env,
        SlotName::Secondary => &key.secondary_env,
    };
    Ok(Some(SecretReference::Environment(name.clone())))
}
