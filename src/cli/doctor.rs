//! `rotate doctor`

use super::context::Context;
use super::definition_doctor::Doctor;
use super::runtime;
use crate::config::{Config, KeySettings, Scope};
use crate::doctor::{self, KeySeen, Trouble, gather};
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::ui::{self, Output};
use crate::wiring;

pub(super) fn run(context: &Context, arguments: &Doctor) -> Result<Output, Failure> {
    let (config, trouble) = configuration(context, arguments)?;
    let key = config.as_ref().map(|config| chosen(context, config, arguments)).transpose()?.flatten();
    let now = context.clock.now().wall;
    let mut seen = gather::environment(&context.environment, arguments.env_file.as_deref(), key, now);
    seen.troubles.extend(trouble);
    if let (Some(config), Some(key)) = (&config, key) {
        seen.key = Some(own_places(config, key)?);
    }
    if arguments.env_file.is_none() && context.environment.directory().join(".env").is_file() {
        context.ui.note("there is a .env here that was not looked at: `rotate doctor --env-file .env` does");
    }
    let report = doctor::examine(&seen);
    let mut output = ui::doctor::output(&report, context.ui);
    output.exit = report.needs_attention().then_some(ExitCode::Attention);
    Ok(output)
}

/// Without a key to compare, no configuration is needed, and one that cannot be used is a finding.
fn configuration(
    context: &Context,
    arguments: &Doctor,
) -> Result<(Option<Config>, Option<Trouble>), Failure> {
    if arguments.key.is_some() {
        return context.config(Scope::Text).map(|config| (Some(config), None));
    }
    Ok(match context.config_if_any(Scope::Text) {
        Ok(config) => (config, None),
        Err(failure) => {
            let message = failure.to_string();
            (None, Some(Trouble::Configuration { message, hint: failure.hint }))
        }
    })
}

/// The key that was named, or the only one.
fn chosen<'c>(
    context: &Context,
    config: &'c Config,
    arguments: &Doctor,
) -> Result<Option<&'c KeySettings>, Failure> {
    if arguments.key.is_none() && config.keys.len() > 1 {
        context
            .ui
            .note("the configuration has several keys, so none was compared: name one, `rotate doctor KEY`");
        return Ok(None);
    }
    config.key(arguments.key.as_deref()).map(Some)
}

fn own_places(config: &Config, key: &KeySettings) -> Result<KeySeen, Failure> {
    let directory = &config.state_directory;
    let store = directory.exists().then(|| wiring::store(directory)).transpose();
    let slots = wiring::slots(key, directory);
    let targets = wiring::targets_to_read(config, key);
    let waits = targets.iter().any(|target| !target.is_local());
    let store = match &store {
        Ok(store) => Ok(store.as_deref()),
        Err(failure) => Err(failure.clone()),
    };
    let look = gather::key(key, store, &*slots, &targets);
    // Files answer at once, and a runtime would cost more than the look.
    if waits { runtime::run(async { Ok(look.await) }) } else { Ok(pollster::block_on(look)) }
}
