//! The commands that mend what was found, ready to be typed.

use super::seen::{Assignment, Place, Seen};
use super::value::Oddity;

/// The characters of every kind of key and token that is known here, for `tr`.
const IN_KEYS: &str = "[:alnum:]_./+=:-";

/// Opens a file at a line.
pub(super) fn edit(path: &str, line: Option<usize>) -> String {
    let at = line.map(|line| format!("+{line} ")).unwrap_or_default();
    format!("`${{EDITOR:-vi}} {at}{}`", quoted(path))
}

/// One word of a shell.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Takes a variable away from where it is set.
pub(super) fn remove(assignment: &Assignment) -> String {
    remove_named(&assignment.variable, &assignment.place)
}

/// The same for these variables, of which the first stands there.
pub(super) fn remove_named(names: &str, place: &Place) -> String {
    match place {
        Place::Environment => {
            let what = if names.contains(' ') { "them" } else { "it" };
            format!("take {what} away from where the shell gets {what}, and here: `unset {names}`")
        }
        Place::EnvFile { path, line } | Place::TargetFile { path, line } => {
            format!("remove the line: {}", edit(path, Some(*line)))
        }
        Place::ClaudeSettings { path } => format!("remove it there: {}", edit(path, None)),
    }
}

/// Puts the right value where a wrong one is.
pub(super) fn replace(seen: &Seen, assignment: &Assignment) -> String {
    let key = seen.key.as_ref();
    let is_carrier =
        key.is_some_and(|key| key.carriers.iter().flatten().any(|name| *name == assignment.variable));
    match (&assignment.place, key.filter(|_| is_carrier)) {
        (Place::Environment, Some(key)) => {
            format!("take the value from rotate: `eval \"$(rotate key {} --format env)\"`", key.name)
        }
        (Place::Environment, None) => {
            format!("set it anew without showing it: `read -rs {0} && export {0}`", assignment.variable)
        }
        (Place::EnvFile { path, line } | Place::TargetFile { path, line }, Some(key)) => format!(
            "put the line that `rotate key {} --format dotenv` prints in its place: {}",
            key.name,
            edit(path, Some(*line))
        ),
        (Place::EnvFile { path, line } | Place::TargetFile { path, line }, None) => {
            format!("write the right value there: {}", edit(path, Some(*line)))
        }
        (Place::ClaudeSettings { path }, _) => format!("write the right value there: {}", edit(path, None)),
    }
}

/// Takes away what is odd about a value, where what remains is the value; else puts the right one there.
pub(super) fn clean(seen: &Seen, assignment: &Assignment, oddity: Oddity) -> String {
    if !matches!(oddity, Oddity::TrailingNewline | Oddity::SurroundingSpace | Oddity::Quoted) {
        return replace(seen, assignment);
    }
    match &assignment.place {
        Place::Environment => {
            let name = &assignment.variable;
            format!(
                "keep the characters that keys have: `export {name}=\"$(printf %s \"${name}\" | tr -cd '{IN_KEYS}')\"`"
            )
        }
        Place::EnvFile { path, line } | Place::TargetFile { path, line } => {
            format!("write it as a plain NAME=VALUE: {}", edit(path, Some(*line)))
        }
        Place::ClaudeSettings { path } => format!("write the bare value there: {}", edit(path, None)),
    }
}
