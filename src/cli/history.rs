//! `rotate history`

use serde_json::{Map, Value, json};

use super::context::Context;
use super::definition::History;
use crate::config::{Config, Scope};
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::store::Journal;
use crate::store::journal::{Entry, Verification};
use crate::ui::paint::Paint;
use crate::ui::{Output, render};
use crate::wiring;
use crate::workflow;

pub(super) fn run(context: &Context, arguments: &History) -> Result<Output, Failure> {
    let config = context.config(Scope::Text)?;
    let keys = match &arguments.key.key {
        Some(name) => vec![config.key(Some(name))?.name.clone()],
        None => config.keys.keys().cloned().collect(),
    };
    if arguments.verify { verify(context, &config, &keys) } else { show(context, &config, &keys) }
}

fn show(context: &Context, config: &Config, keys: &[String]) -> Result<Output, Failure> {
    let mut entries = Vec::new();
    for key in keys {
        entries.extend(wiring::journal(&config.state_directory, key).entries()?);
    }
    if keys.len() > 1 {
        // Within one key the chain's order counts, whatever the wall clock said.
        entries.sort_by_key(|entry| entry.at.wall);
    }
    let text = entries.iter().map(|entry| line(entry, context.ui.stdout)).collect();
    let mut json = Map::new();
    json.insert("entries".to_owned(), json!(entries));
    Ok(Output { text, json, exit: None })
}

fn line(entry: &Entry, paint: Paint) -> String {
    let rotation = entry.rotation.as_deref().map(|id| format!(" [{id}]")).unwrap_or_default();
    let what = format!("{}{}", entry.event, about(&entry.data));
    let line = format!(
        "{:.0}  {}  {what}{rotation}  {}",
        entry.at.wall,
        paint.bold(&entry.key),
        paint.dim(&format!("by {} on {}, `rotate {}`", entry.by.user, entry.by.host, entry.by.command))
    );
    // A recorded text cannot pass for another line.
    format!("{}\n", line.replace('\n', " "))
}

/// What an entry is about, as far as a person restoring a key needs it.
fn about(data: &Value) -> String {
    let text = |pointer: &str| data.pointer(pointer).and_then(Value::as_str);
    let mut words = Vec::new();
    for pointer in ["/intent/effect", "/credential/fingerprint", "/intent/fingerprint", "/fingerprint"] {
        words.extend(text(pointer).map(str::to_owned));
    }
    words.extend(text("/credential/last4").map(|last4| format!("…{last4}")));
    words.extend(text("/slot").map(|slot| format!("in the {slot} slot")));
    words.extend(text("/direction").map(str::to_owned));
    words.extend(text("/emergency/reason").or(text("/reason")).map(|reason| format!("\"{reason}\"")));
    words.iter().map(|word| format!(" {}", word.escape_debug())).collect()
}

fn verify(context: &Context, config: &Config, keys: &[String]) -> Result<Output, Failure> {
    let mut output = Output::default();
    let mut rows = Vec::new();
    for key in keys {
        let verification = verify_one(config, key)?;
        output.text.push_str(&told(key, &verification, context.ui.stdout));
        if !verification.problems.is_empty() {
            output.exit = Some(ExitCode::State);
        }
        let mut row = render::fields(&json!({ "key": key, "entries": verification.entries }));
        row.insert("intact".to_owned(), json!(verification.problems.is_empty()));
        let problems: Vec<_> = verification
            .problems
            .iter()
            .map(|(line, problem)| json!({ "line": line, "problem": problem }))
            .collect();
        row.insert("problems".to_owned(), json!(problems));
        rows.push(row);
    }
    output.json.insert("keys".to_owned(), json!(rows));
    Ok(output)
}

/// The chain, and that the state file's memory of it is in it. An unreadable state is `status`'s to
/// report; the chain is checked all the same.
fn verify_one(config: &Config, key: &str) -> Result<Verification, Failure> {
    let remembered = wiring::store(&config.state_directory)
        .and_then(|store| workflow::decode_record(&*store, key))
        .ok()
        .flatten()
        .and_then(|decoded| decoded.record.journal);
    Ok(wiring::journal(&config.state_directory, key).verify(remembered.as_ref())?)
}

fn told(key: &str, verification: &Verification, paint: Paint) -> String {
    let unfinished = verification.cut_short.map_or(String::new(), |line| {
        format!(
            "  line {line}: not a whole entry; a crash leaves such a one, and the next command drops it\n"
        )
    });
    if verification.problems.is_empty() {
        let entries = verification.entries;
        return format!("{}: {entries} entries, chain intact\n{unfinished}", paint.bold(key));
    }
    let mut text = format!("{}: {}\n", paint.bold(key), paint.red("the journal was damaged or changed"));
    text.push_str(&unfinished);
    for (line, problem) in &verification.problems {
        text.push_str(&format!("  line {line}: {problem}\n"));
    }
    text.push_str("  see runbook.md, section \"Exit 5\"\n");
    text
}
