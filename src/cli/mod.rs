//! The command line: clap types and one thin file per command.

mod abort;
mod adopt;
mod alerts;
mod check;
mod completions;
mod context;
mod definition;
mod definition_alerts;
mod definition_check;
mod definition_doctor;
mod definition_exec;
mod definition_lease;
mod doctor;
mod drill;
mod due;
mod exec;
mod finish;
mod history;
mod job_alerts;
mod key;
mod lease;
mod ledger;
mod look;
mod man;
mod process;
mod promote;
mod purge;
mod relay;
mod revoke_now;
mod rotation;
mod runtime;
mod sandbox;
mod stage;
mod status;
mod telling;
mod undo;
mod value;

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use self::context::Context;
use self::definition::{Arguments, Command};
use crate::config::{NotAReference, Origin, looks_like_a_secret};
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::telemetry;
use crate::ui::{ColorChoice, Output, Ui};

/// The command line as clap knows it, for completions, man pages and the reference.
pub fn definition() -> clap::Command {
    Arguments::command()
}

/// Runs the process's command line.
pub fn main() -> std::process::ExitCode {
    process::harden();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // No command for people: it is in no help.
    if matches!(&arguments[..], [_, only] if only == relay::RELAY) {
        return relay::run();
    }
    run(arguments)
}

fn run(arguments: Vec<OsString>) -> std::process::ExitCode {
    let wants_json = arguments.iter().take_while(|word| *word != "--").any(|word| word == "--json");
    let parsed = definition().try_get_matches_from(arguments).and_then(|matches| {
        let arguments = Arguments::from_arg_matches(&matches)?;
        Ok((arguments, holds_a_secret(&matches)))
    });
    let (arguments, is_exposed) = match parsed {
        Ok(arguments) => arguments,
        Err(error) => return refused_arguments(&error, wants_json).into(),
    };
    telemetry::start(arguments.global.verbose);
    let ui = Ui::new(arguments.global.json, arguments.global.quiet, arguments.global.color);
    if is_exposed {
        ui.print_failure(&secret_as_argument());
        return ExitCode::Usage.into();
    }
    let context = Context::new(arguments.global, ui);
    let command = match arguments.command {
        // Its exit code is the job's, which may be any.
        Command::Exec(arguments) => return exec::run(&context, *arguments),
        command => command,
    };
    let result = dispatch(&context, command).and_then(|output| {
        ui.print(&output)?;
        Ok(output.exit.unwrap_or(ExitCode::Success))
    });
    let exit = result.unwrap_or_else(|failure| {
        ui.print_failure(&failure);
        failure.exit
    });
    exit.into()
}

fn dispatch(context: &Context, command: Command) -> Result<Output, Failure> {
    match command {
        Command::Adopt(arguments) => adopt::run(context, arguments),
        Command::Stage(arguments) => stage::run(context, arguments),
        Command::Promote(arguments) => promote::run(context, &arguments),
        Command::Finish(arguments) => finish::run(context, &arguments),
        Command::Abort(arguments) => abort::run(context, &arguments),
        Command::Undo(arguments) => undo::run(context, &arguments),
        Command::Purge(arguments) => purge::run(context, &arguments),
        Command::RevokeNow(arguments) => revoke_now::run(context, arguments),
        Command::Status(arguments) => status::run(context, &arguments),
        Command::History(arguments) => history::run(context, &arguments),
        Command::Key(arguments) => key::run(context, &arguments),
        Command::Exec(_) => Err(Failure::unexpected("`rotate exec` came where its exit code would be lost")),
        Command::Lease(arguments) => lease::run(context, &arguments),
        Command::Check(arguments) => check::run(context, &arguments),
        Command::Due(arguments) => due::run(context, &arguments),
        Command::Alerts(arguments) => alerts::run(context, &arguments),
        Command::Ledger => ledger::run(context),
        Command::Doctor(arguments) => doctor::run(context, &arguments),
        Command::Sandbox(arguments) => sandbox::run(context, &arguments),
        Command::Drill(arguments) => drill::run(context, &arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}

/// Help and version are results; anything else is exit 2, as a document where one was asked for.
fn refused_arguments(error: &clap::Error, wants_json: bool) -> ExitCode {
    let ui = Ui::new(wants_json, false, ColorChoice::Auto);
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        ui.print_help(error);
        return ExitCode::Success;
    }
    let text = error.to_string();
    if looks_like_a_secret(&text) {
        ui.print_failure(&secret_as_argument());
    } else if wants_json {
        let message = match error.kind() {
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "no command was given",
            _ => text.lines().next().unwrap_or_default().trim_start_matches("error: "),
        };
        ui.print_failure(&Failure::new(ExitCode::Usage, message, "see `rotate --help`"));
    } else {
        ui.print_usage(error);
    }
    ExitCode::Usage
}

/// Whether some argument is a key that was pasted into the wrong place: it would be kept in the journal
/// as a reason, say, or repeated as the name of a key that is not there.
fn holds_a_secret(matches: &ArgMatches) -> bool {
    let mut given = matches.ids().filter_map(|id| matches.get_raw(id.as_str())).flatten();
    given.any(|text| looks_like_a_secret(&text.to_string_lossy()))
        || matches.subcommand().is_some_and(|(_, matches)| holds_a_secret(matches))
}

/// The parser repeats what it does not understand; a key pasted into the wrong place must not be.
fn secret_as_argument() -> Failure {
    let value = NotAReference::InlineSecret;
    Failure::new(
        ExitCode::Usage,
        "an argument is a secret value itself (not repeated here), and no command takes one",
        value.remedy(Origin::Argument),
    )
}
