//! `rotate revoke-now`

use super::context::Context;
use super::definition::{RevokeNow, SuspectName};
use super::telling::Desk;
use super::{rotation, runtime, value};
use crate::config::{Config, Scope};
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::rotation::plan::Suspect;
use crate::secret::Secret;
use crate::ui::{Output, prompt, render};
use crate::wiring::{self, AdminKey};
use crate::workflow;
use crate::workflow::revoke_now::{Damage, Options};

pub(super) fn run(context: &Context, arguments: RevokeNow) -> Result<Output, Failure> {
    let started = context.clock.now();
    let config = emergency_config(context, arguments.key.key.as_deref())?;
    let key = config.key(arguments.key.key.as_deref())?;
    if let Some(failure) = &config.set_aside {
        context
            .ui
            .note(&format!("warning: going on past an error elsewhere in the configuration: {failure}"));
    }
    let removed = value::variables(arguments.replace_from.as_deref());
    let ports = wiring::ports(&config, key, AdminKey::IfAvailable, &context.surroundings(), &removed)?;
    let suspect = match arguments.suspect {
        SuspectName::Old => Suspect::Old,
        SuspectName::New => Suspect::New,
        SuspectName::All => Suspect::All,
    };
    let given = given_replacement(context, &arguments)?;
    let damage = workflow::revoke_now::damage(&ports, suspect, &arguments.reason, given.as_ref())?;
    tell(context, &damage);
    let replacement = match given {
        Some(given) => Some(given),
        None => asked_replacement(context, &arguments, &damage)?,
    };
    let dry_run = arguments.safety.dry_run;
    value::confirm(context, arguments.safety.yes || dry_run, &key.name, "the suspects are revoked at once")?;
    let reason = arguments.reason;
    let options = Options {
        suspects: damage.suspects,
        rotation: rotation::begin(started.wall, None, Some(reason.clone()))?,
        reason,
        replacement,
        accept_outage: arguments.accept_outage,
        started,
        dry_run,
    };
    let report = Desk::new(context, &config)
        .after(key, dry_run, || runtime::run(workflow::revoke_now::revoke_now(&ports, options)))?;
    Ok(render::operation(&report, context.ui.stdout))
}

/// An error in another key does not stop an emergency; without a name, all of it must hold together.
fn emergency_config(context: &Context, key: Option<&str>) -> Result<Config, Failure> {
    match key {
        Some(name) => context.config(Scope::OnlyKey(name)),
        None => context.config(Scope::Text),
    }
}

/// What will break, before anything does.
fn tell(context: &Context, damage: &Damage) {
    if damage.suspects.is_empty() {
        return;
    }
    context.ui.note(&format!("revoking now: {}", damage.names.join(", ")));
    for consequence in &damage.consequences {
        context.ui.note(&format!("  - {consequence}"));
    }
}

/// The replacement that `--replace-from` names.
fn given_replacement(context: &Context, arguments: &RevokeNow) -> Result<Option<Secret>, Failure> {
    match arguments.replace_from.as_deref() {
        Some(from) => value::obtain(context, "--replace-from", Some(from), None, "").map(Some),
        None => Ok(None),
    }
}

/// The replacement that a person pastes, where one is needed and a person is there.
fn asked_replacement(
    context: &Context,
    arguments: &RevokeNow,
    damage: &Damage,
) -> Result<Option<Secret>, Failure> {
    let ask = damage.needs_replacement
        && !arguments.accept_outage
        && !arguments.safety.dry_run
        && !context.ui.json
        && prompt::possible();
    if !ask {
        return Ok(None);
    }
    let bytes = prompt::hidden("A new key that takes over (hidden; empty to stop):")?;
    Secret::from_bytes(bytes).map(Some).map_err(|malformed| {
        Failure::new(
            ExitCode::Usage,
            format!("no replacement: {malformed}"),
            "create a new key at the console and paste it, or accept the outage with --accept-outage",
        )
    })
}
