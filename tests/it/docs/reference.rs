//! The generated pages of docs/reference.

use std::fmt::Write;

use clap::{Arg, Command};
use rotate::exit::ExitCode;

use super::markdown::anchor;

/// Compares a page with what it should be; under `UPDATE_DOCS=1` rewrites it instead.
#[track_caller]
pub fn check(name: &str, expected: &str) {
    let path = super::root().join(name);
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{name} is out of date: run `UPDATE_DOCS=1 cargo test --test it docs`");
}

/// Every command with its arguments.
pub fn commands() -> String {
    let mut root = rotate::cli::definition();
    root.build();
    let mut text = "# Commands\n\n\
        Generated from the program's own definition by a test; a command with `--help` says the same.\n\n\
        `KEY` is a key's name in rotate.toml. It may be left out where the configuration has one key.\n\n\
        | command | what it does |\n|---|---|\n"
        .to_owned();
    let mut listed = Vec::new();
    leaves(&root, "rotate", &mut listed);
    for (name, command) in &listed {
        let _ = writeln!(text, "| [`{name}`](#{}) | {} |", anchor(name), cell(&about(command)));
    }
    text.push_str("\n## Options of every command\n\n");
    options(&root, true, &mut text);
    for (name, command) in listed {
        let usage = command.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ");
        let _ = write!(text, "\n## {name}\n\n{}.\n\n", about(command));
        let _ = write!(text, "```text\n{usage}\n```\n");
        let mut table = String::new();
        options(command, false, &mut table);
        if !table.is_empty() {
            let _ = write!(text, "\n{table}");
        }
        if let Some(after) = command.get_after_help() {
            let _ = write!(text, "\n{after}\n");
        }
    }
    text
}

/// Every command that does something, with its whole name: not `rotate lease`, but `rotate lease list`.
fn leaves<'a>(command: &'a Command, name: &str, found: &mut Vec<(String, &'a Command)>) {
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        let name = format!("{name} {}", command.get_name());
        match command.has_subcommands() {
            true => leaves(command, &name, found),
            false => found.push((name, command)),
        }
    }
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn options(command: &Command, global: bool, text: &mut String) {
    let shown = |argument: &&Arg| {
        let id = argument.get_id().as_str();
        argument.is_global_set() == global && !["help", "version"].contains(&id)
    };
    let arguments: Vec<_> = command.get_arguments().filter(shown).collect();
    if arguments.is_empty() {
        return;
    }
    text.push_str("| argument | meaning |\n|---|---|\n");
    for argument in arguments {
        let _ = writeln!(text, "| {} | {} |", spelled(argument), cell(&meaning(argument)));
    }
}

fn spelled(argument: &Arg) -> String {
    let values: Vec<_> =
        argument.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect();
    let takes_value = argument.get_action().takes_values();
    let value = if takes_value { values.join(" ") } else { String::new() };
    let value = if argument.get_value_names().is_none() && takes_value { "VALUE".to_owned() } else { value };
    let mut names = Vec::new();
    names.extend(argument.get_short().map(|short| format!("-{short}")));
    names.extend(argument.get_long().map(|long| format!("--{long}")));
    match (names.is_empty(), value.is_empty()) {
        (true, _) => format!("`{value}`"),
        (false, true) => format!("`{}`", names.join("`, `")),
        (false, false) => format!("`{} {value}`", names.join("`, `")),
    }
}

fn meaning(argument: &Arg) -> String {
    let help = argument.get_long_help().or(argument.get_help());
    let mut text = help.map(ToString::to_string).unwrap_or_default();
    let choices: Vec<_> =
        argument.get_possible_values().iter().map(|choice| format!("`{}`", choice.get_name())).collect();
    if argument.get_action().takes_values() && !choices.is_empty() {
        let _ = write!(text, " (one of {})", choices.join(", "));
    }
    let defaults: Vec<_> =
        argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if argument.get_action().takes_values() && !defaults.is_empty() {
        let _ = write!(text, " [default: {}]", defaults.join(" "));
    }
    if let Some(variable) = argument.get_env() {
        let _ = write!(text, " [variable: {}]", variable.to_string_lossy());
    }
    if argument.is_required_set() {
        text.push_str(" [required]");
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

/// The one table of exit codes.
pub fn exit_codes(in_runbook: &[ExitCode]) -> String {
    let mut text = "# Exit codes\n\n\
        Generated from the program's own table by a test. The code tells the next move; under `--json` the\n\
        same is in `error.exit_code` and, as a name, in `error.kind`.\n\n\
        | code | kind | next move | what to do |\n|---|---|---|---|\n"
        .to_owned();
    for code in ExitCode::ALL {
        let number = code.number();
        let runbook = match in_runbook.contains(&code) {
            true => format!("[runbook](../../runbook.md#exit-{number})"),
            false => String::new(),
        };
        let _ = writeln!(text, "| {number} | `{}` | {} | {runbook} |", code.kind(), code.next_move());
    }
    text
}
