//! `rotate ledger`

use serde_json::{Map, json};

use super::context::Context;
use crate::config::{KeySettings, Scope, SlotsSettings};
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::store::format::Record;
use crate::ui::Output;
use crate::ui::paint::Paint;
use crate::ui::plain::one_line;
use crate::wiring;
use crate::workflow;
use crate::workflow::overview::Overview;

/// What is known of one key.
struct Row<'a> {
    settings: &'a KeySettings,
    overview: Option<Overview>,
    set_aside: usize,
}

pub(super) fn run(context: &Context) -> Result<Output, Failure> {
    let config = context.config(Scope::Text)?;
    let store =
        config.state_directory.exists().then(|| wiring::store(&config.state_directory)).transpose()?;
    let mut text = String::new();
    let mut keys = Vec::new();
    let mut problem = None;
    for settings in config.keys.values() {
        // A damaged state of one key does not hide the others; `status` says what is wrong with it.
        let record =
            store.as_ref().map(|store| workflow::decode_record(&**store, &settings.name)).transpose();
        let row = match record {
            Ok(decoded) => row(context, settings, decoded.flatten().map(|decoded| decoded.record).as_ref()),
            Err(failure) => {
                problem = Some(ExitCode::State);
                let why = one_line(&failure.to_string());
                context.ui.note(&format!("warning: {}: {why}", settings.name));
                row(context, settings, None)
            }
        };
        text.push_str(&told(&row, context.ui.stdout));
        keys.push(document(&row));
    }
    let mut json = Map::new();
    json.insert("keys".to_owned(), json!(keys));
    Ok(Output { text, json, exit: problem })
}

fn row<'a>(context: &Context, settings: &'a KeySettings, record: Option<&Record>) -> Row<'a> {
    let every_seconds = settings.rotate_every.as_secs();
    Row {
        settings,
        overview: record.map(|record| {
            Overview::of(record, every_seconds, &wiring::grace(settings), &context.clock.now())
        }),
        set_aside: record.map_or(0, |record| record.state.set_aside.len()),
    }
}

fn slots(settings: &KeySettings) -> &'static str {
    match settings.slots {
        SlotsSettings::File => "file",
        SlotsSettings::Env => "env",
        SlotsSettings::AwsSecretsManager(_) => "aws-secrets-manager",
    }
}

fn told(row: &Row<'_>, paint: Paint) -> String {
    let settings = row.settings;
    let unknown = || "-".to_owned();
    let active = row.overview.as_ref().and_then(|overview| overview.active.as_ref()).map_or_else(
        || "never adopted".to_owned(),
        |active| {
            let id = active.provider_key_id.as_ref().map(|id| format!(", {id}")).unwrap_or_default();
            format!("{} …{}{id}", active.fingerprint, active.last4)
        },
    );
    let mut lines = vec![
        ("purpose", settings.purpose.clone().unwrap_or_else(unknown)),
        ("environment", settings.environment.clone().unwrap_or_else(unknown)),
        ("owner", settings.owner.clone().unwrap_or_else(unknown)),
        ("provider", settings.provider.name().to_owned()),
        ("workspace", settings.workspace.clone().unwrap_or_else(unknown)),
        ("limit", settings.monthly_limit.clone().unwrap_or_else(unknown)),
        ("active", active),
        ("slots", slots(settings).to_owned()),
    ];
    for target in &settings.targets {
        lines.push(("lives in", target.name.clone().unwrap_or_else(|| target.id.0.clone())));
    }
    lines.push(("a leak stops", settings.revoke_scope.clone().unwrap_or_else(unknown)));
    if let Some(due) = row.overview.as_ref().and_then(|overview| overview.due_at) {
        lines.push(("due", format!("{due:.0}")));
    }
    if row.set_aside > 0 {
        let text = format!("{} credential(s) put aside by aborts, perhaps still accepted", row.set_aside);
        lines.push(("set aside", text));
    }
    let line = |(name, text): &(&str, String)| format!("  {name:<14}{}\n", one_line(text));
    let lines: String = lines.iter().map(line).collect();
    format!("{}\n{lines}", paint.bold(&settings.name))
}

fn document(row: &Row<'_>) -> serde_json::Value {
    let settings = row.settings;
    let targets: Vec<_> = settings.targets.iter().map(|target| &target.id.0).collect();
    let overview = row.overview.as_ref();
    json!({
        "key": settings.name,
        "provider": settings.provider.name(),
        "purpose": settings.purpose,
        "environment": settings.environment,
        "owner": settings.owner,
        "workspace": settings.workspace,
        "monthly_limit": settings.monthly_limit,
        "revoke_scope": settings.revoke_scope,
        "slots": slots(settings),
        "targets": targets,
        "phase": overview.and_then(|overview| overview.phase),
        "active": overview.and_then(|overview| overview.active.as_ref()),
        "due_at": overview.and_then(|overview| overview.due_at),
        "set_aside": row.set_aside,
    })
}
