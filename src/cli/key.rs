//! `rotate key`

mod format;

use std::io::IsTerminal;

use serde_json::json;
use zeroize::Zeroizing;

use super::context::Context;
use super::definition::{Key, SlotChoice};
use super::runtime;
use crate::config::Scope;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::rotation::credential::SlotName;
use crate::secret::Secret;
use crate::slots::Slots;
use crate::store::format::Record;
use crate::ui::{Output, write_stdout};
use crate::wiring;
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
    let (_, value) = serve::settled(&*store, &key.name, |record| {
        runtime::read(&*slots, read(record, arguments.slot, &*slots))
    })?;
    let value = value?;
    let text = if context.ui.json {
        document(&key.name, &value)
    } else {
        format::render(arguments, key, &value, &*context.clock)?
    };
    write_stdout(&text)?;
    Ok(Output::default())
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
