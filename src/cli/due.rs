//! `rotate due`

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, json};

use super::context::Context;
use super::definition_check::Due as Arguments;
use super::look;
use crate::check::calendar::calendar;
use crate::check::due::Due;
use crate::check::round::Options;
use crate::check::{Severity, Standing};
use crate::config::{Config, KeySettings, Scope};
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::ui::{self, Output, findings};
use crate::{durable, wiring};

/// Enough for a rehearsal on the day before.
const CALLS_AT_A_TIME: usize = 16;

/// A key and when it is due.
struct Row<'c> {
    key: &'c KeySettings,
    due: Due,
}

impl Row<'_> {
    fn needs_attention(&self, within: Option<Duration>) -> bool {
        let usual = || self.key.remind.first().copied().unwrap_or_default();
        self.due.is_within(within.unwrap_or_else(usual))
    }
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Output, Failure> {
    let config = context.config(Scope::Text)?;
    let keys = look::keys(&config, &arguments.keys)?;
    let rows = rows(context, &config, &keys)?;
    if let Some(path) = &arguments.ics {
        return export(context, &rows, path);
    }
    let mut shown: Vec<&Row<'_>> = rows.iter().collect();
    shown.sort_by_key(|row| row.due.due_at);
    let is_any = shown.iter().any(|row| row.needs_attention(arguments.within));
    let due: Vec<&Due> = shown.iter().map(|row| &row.due).collect();
    let mut output = Output { text: ui::due::table(&due), json: Map::new(), exit: None };
    output.json.insert("keys".to_owned(), json!(due));
    if is_any {
        output.exit = Some(ExitCode::Attention);
    }
    if arguments.rehearse {
        rehearse(context, &config, &keys, &mut output)?;
    }
    Ok(output)
}

/// Keys that are on record; what cannot be read is `status`'s and `check`'s to tell, and is said.
fn rows<'c>(context: &Context, config: &Config, keys: &[&'c KeySettings]) -> Result<Vec<Row<'c>>, Failure> {
    let directory = &config.state_directory;
    let store = if directory.exists() { Some(wiring::store(directory)?) } else { None };
    let now = context.clock.now().wall;
    let mut rows = Vec::new();
    for key in keys {
        match wiring::check::standing(config, store.as_deref(), &key.name) {
            Standing::Known { record, .. } => {
                let due = Due::of(&record.state, &wiring::check::settings(key), now);
                rows.push(Row { key, due });
            }
            Standing::NeverAdopted => {
                context.ui.note(&format!("{}: never adopted, so nothing is known of its age", key.name));
            }
            Standing::Unusable(problem) => {
                context.ui.note(&format!("warning: {}: {problem}", key.name));
            }
        }
    }
    Ok(rows)
}

fn export(context: &Context, rows: &[Row<'_>], path: &Path) -> Result<Output, Failure> {
    let due: Vec<_> = rows.iter().map(|row| (row.due.clone(), row.key.remind.clone())).collect();
    let text = calendar(&due, context.clock.now().wall);
    if path == Path::new("-") {
        ui::write_stdout(text.as_bytes())?;
        return Ok(Output::default());
    }
    durable::replace(path, text.as_bytes(), 0o644).map_err(|error| {
        let hint = "check that its directory exists and that this user may write there";
        let message = format!("the calendar was not written to {}", path.display());
        Failure::new(ExitCode::Unexpected, message, hint).caused_by(&error)
    })?;
    let mut json = Map::new();
    json.insert("calendar".to_owned(), json!(path));
    json.insert("keys".to_owned(), json!(due.iter().map(|(due, _)| due).collect::<Vec<_>>()));
    Ok(Output { text: format!("{} due dates are in {}\n", due.len(), path.display()), json, exit: None })
}

fn rehearse(
    context: &Context,
    config: &Config,
    keys: &[&KeySettings],
    output: &mut Output,
) -> Result<(), Failure> {
    let options = Options { rehearse: true, unknown_after: u32::MAX };
    let looked = look::look(context, config, keys, options, CALLS_AT_A_TIME)?;
    let told = findings::output(&looked.findings, keys.len(), false, context.ui.stdout);
    output.text.push_str(&told.text);
    output.json.extend(told.json);
    if looked.findings.iter().any(|finding| finding.severity != Severity::Ok) {
        output.exit = Some(ExitCode::Attention);
    }
    Ok(())
}
