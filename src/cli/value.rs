//! How a value arrives: by reference, or by a hidden prompt; never as an argument.

use std::io;

use super::context::Context;
use crate::config::{Origin, SecretReference};
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::secret::Secret;
use crate::ui::prompt;

/// The value that `--from` names; without it the `fallback` reference; without that a hidden prompt.
///
/// # Errors
/// Exit 2 for a value that is missing or malformed, or where nobody can be asked; 130 at the prompt.
pub(super) fn obtain(
    context: &Context,
    flag: &str,
    from: Option<&str>,
    fallback: Option<SecretReference>,
    question: &str,
) -> Result<Secret, Failure> {
    let reference = match from {
        Some(text) => Some(SecretReference::from_argument(text, &context.environment)?),
        None => fallback,
    };
    if let Some(reference) = reference {
        return reference.resolve(Origin::Argument, &context.environment, &mut io::stdin().lock());
    }
    if context.ui.json || !prompt::possible() {
        return Err(Failure::new(
            ExitCode::Usage,
            "no value was given, and there is no terminal to ask on",
            format!("name where the value is: `{flag} -` for stdin, `{flag} file:PATH`, `{flag} env:NAME`"),
        ));
    }
    let bytes = prompt::hidden(question)?;
    Secret::from_bytes(bytes)
        .map_err(|malformed| Failure::new(ExitCode::Usage, malformed.to_string(), malformed.remedy()))
}

/// The variables that a reference reads, so that children do not inherit them.
pub(super) fn variables(from: Option<&str>) -> Vec<String> {
    from.and_then(|text| text.strip_prefix("env:")).map(str::to_owned).into_iter().collect()
}

/// Asks for the key's name on a terminal, unless `--yes`.
///
/// # Errors
/// Exit 2 where nobody can be asked or another name is typed, 130 at the prompt.
pub(super) fn confirm(context: &Context, yes: bool, key: &str, what: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if context.ui.json || !prompt::possible() {
        return Err(Failure::new(
            ExitCode::Usage,
            format!("{what}; that needs a confirmation, and there is no terminal to ask on"),
            "look at what `--dry-run` says, then add `--yes`",
        ));
    }
    let typed = prompt::line(&format!("{what}. Type the key's name to go on:"))?;
    if typed == key {
        return Ok(());
    }
    Err(Failure::new(
        ExitCode::Usage,
        format!("`{key}` was not typed, so nothing was changed"),
        "run the command again and type the key's name exactly",
    ))
}
