//! `rotate status`

use serde_json::json;

use super::context::Context;
use super::definition::Status;
use super::telling::Desk;
use crate::config::{Config, KeySettings, Scope};
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::rotation::stamp::Stamp;
use crate::store::StateStore;
use crate::ui::{Output, status};
use crate::wiring;
use crate::workflow;
use crate::workflow::overview::Overview;

pub(super) fn run(context: &Context, arguments: &Status) -> Result<Output, Failure> {
    let config = context.config(Scope::Text)?;
    let keys: Vec<&KeySettings> = if arguments.keys.is_empty() {
        config.keys.values().collect()
    } else {
        arguments.keys.iter().map(|name| config.key(Some(name))).collect::<Result<_, _>>()?
    };
    let store =
        if config.state_directory.exists() { Some(wiring::store(&config.state_directory)?) } else { None };
    // One moment for all: telling the time opens a file.
    let now = context.clock.now();
    let overviews: Vec<Overview> = keys.iter().map(|key| overview(store.as_deref(), key, &now)).collect();
    let mut output = status::output(&overviews, context.ui);
    if !config.alerts.is_empty() {
        tell_undelivered(context, &config, &mut output);
    }
    if overviews.iter().any(|overview| overview.problem.is_some()) {
        output.exit = Some(ExitCode::State);
        context.ui.note("some state cannot be used: see runbook.md, section \"Exit 5\"");
    }
    Ok(output)
}

/// Alerts that nobody has taken yet: whoever looks here is the first to hear of it.
fn tell_undelivered(context: &Context, config: &Config, output: &mut Output) {
    let undelivered = Desk::new(context, config).undelivered();
    output.json.insert(
        "alerts".to_owned(),
        json!({ "undelivered": undelivered.count, "since": undelivered.since, "problem": undelivered.problem }),
    );
    if let Some(told) = undelivered.told() {
        context.ui.note(&format!("warning: {told}; again: rotate alerts flush"));
    }
}

/// One key's overview; a damaged state of one key does not hide the others.
fn overview(store: Option<&dyn StateStore>, key: &KeySettings, now: &Stamp) -> Overview {
    let provider = key.provider.name();
    let Some(store) = store else {
        return Overview::never_adopted(&key.name, provider);
    };
    match workflow::decode_record(store, &key.name) {
        Ok(Some(decoded)) => {
            Overview::of(&decoded.record, key.rotate_every.as_secs(), &wiring::grace(key), now)
        }
        Ok(None) => Overview::never_adopted(&key.name, provider),
        Err(failure) => Overview::unreadable(&key.name, provider, failure.to_string()),
    }
}
