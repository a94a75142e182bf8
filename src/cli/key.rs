//! `rotate key`

mod format;

use std::io::IsTerminal;

use serde_json::json;
use zeroize::Zeroizing;

use super::context::Context;
use super::definition::{Key, SlotChoice};
use super::runtime;
use crate::config::{KeySettings, Scope};
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::rotation::credential::SlotName;
use crate::secret::Secret;
use crate::slots::Slots;
use crate::store::StateStore;
use crate::store::format::Record;
use crate::ui::{Output, write_stdout};
use crate::wiring;
use crate::workflow;
use crate::workflow::serve;

pub(super) fn run(context: &Context, arguments: &Key) -> Result<Output, Failure> {
    if std::io::stdout().is_terminal() && !arguments.yes {
        return Err(Failure::new(
            ExitCode::Usage,
            "this would show the value on a terminal, where it stays in the scrollback",
            "pipe it into what needs it, or add --yes if you mean it",
        ));
    }
    let config = context.config(Scope::Text)?;
    let key = config.key(arguments.key.key.as_deref())?;
    format::check(arguments, context.ui.json, key)?;
    let store = wiring::store(&config.state_directory)?;
    let slots = wiring::slots(key, &config.state_directory);
    let mut record = load(&*store, key)?;
    let value = loop {
        let read = read(&record, arguments.slot, &*slots);
        // Without a network there is nothing to wait for, and starting a runtime would cost more than the read.
        let value = if slots.needs_runtime() { runtime::run(read) } else { pollster::block_on(read) };
        let Err(failure) = value else { break value? };
        // Between the state and the slot another command may have committed: what failed was out of date.
        let now = load(&*store, key)?;
        if now.generation == record.generation {
            return Err(failure);
        }
        record = now;
    };
    let text = if context.ui.json {
        document(&record.key, &value)
    } else {
        format::render(arguments, key, &value, &*context.clock)?
    };
    write_stdout(&text)?;
    Ok(Output::default())
}

fn load(store: &dyn StateStore, key: &KeySettings) -> Result<Record, Failure> {
    let decoded = workflow::decode_record(store, &key.name)?.ok_or_else(|| {
        Failure::new(
            ExitCode::WrongPhase,
            format!("`{}` was never adopted", key.name),
            format!("record today's live credential first: `rotate adopt {}`", key.name),
        )
    })?;
    Ok(decoded.record)
}

async fn read(record: &Record, choice: SlotChoice, slots: &dyn Slots) -> Result<Secret, Failure> {
    match choice {
        SlotChoice::Active => serve::active(record, slots).await,
        SlotChoice::Primary => serve::slot(record, SlotName::Primary, slots).await,
        SlotChoice::Secondary => serve::slot(record, SlotName::Secondary, slots).await,
    }
}

/// The document of `--json`.
fn document(key: &str, value: &Secret) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(value.expose().len() + 128));
    let quoted = Zeroizing::new(json!(value.expose()).to_string());
    text.extend_from_slice(format!("{{\"schema_version\":1,\"key\":{},\"value\":", json!(key)).as_bytes());
    text.extend_from_slice(quoted.as_bytes());
    text.extend_from_slice(b"}\n");
    text
}
