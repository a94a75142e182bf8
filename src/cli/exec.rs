//! `rotate exec`

use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::context::Context;
use super::definition_exec::{Exec, WatchOutput};
use super::{job_alerts, process};
use crate::config::{Config, KeySettings, Scope};
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::job::{self, Notes, Order, Preflight, Program, Refusal, Report, Source};
use crate::ui::Output;
use crate::wiring::{self, AdminKey};
use crate::workflow::variables;

/// Runs the job; the exit code is the job's own where it has one.
pub(super) fn run(context: &Context, arguments: Exec) -> std::process::ExitCode {
    let number = match start(context, arguments) {
        Ok((key, report)) => finish(context, &key, &report),
        Err(refusal) => {
            tell(context, &refusal);
            refusal.number
        }
    };
    std::process::ExitCode::from(number)
}

fn start(context: &Context, arguments: Exec) -> Result<(String, Report), Refusal> {
    check(&arguments)?;
    let config = context.config(Scope::Text)?;
    let key = config.key(arguments.key.key.as_deref())?;
    let surroundings = context.surroundings();
    let preflight = arguments.preflight.then(|| Preflight {
        key: key.name.clone(),
        provider: Box::new(|| wiring::provider(key, AdminKey::NotNeeded, &surroundings)),
        clock: Rc::clone(&context.clock),
        notes: Notes::new(&config.state_directory, &key.name),
        time_to_live: arguments.preflight_ttl,
        attempts: key.probe_attempts,
        interval: key.probe_interval,
        fail_open: arguments.fail_open,
    });
    let source = source(context, &config, key, &arguments);
    let order = order(context, &config, key, arguments);
    let result = job::run(&order, &source, preflight.as_ref(), &*surroundings.narrator);
    job_alerts::tell(context, &config, key, &result);
    Ok((key.name.clone(), result?))
}

fn check(arguments: &Exec) -> Result<(), Failure> {
    if arguments.watch_output == WatchOutput::Never && (arguments.expect_stdout || arguments.retry_on_auth) {
        return Err(Failure::new(
            ExitCode::Usage,
            "--expect-stdout and --retry-on-auth need what --watch-output never forbids",
            "leave out --watch-output never",
        ));
    }
    Ok(())
}

fn source(context: &Context, config: &Config, key: &KeySettings, arguments: &Exec) -> Source {
    let state = &config.state_directory;
    let expected = arguments.max_runtime.unwrap_or(key.longest_job);
    Source {
        key: key.name.clone(),
        state_directory: state.clone(),
        store: wiring::store(state),
        slots: wiring::slots(key, state),
        leases: wiring::leases(state, &key.name, Rc::clone(&context.clock)),
        notes: Notes::new(state, &key.name),
        fail_open: arguments.fail_open,
        expected_seconds: expected.as_secs(),
        program: arguments
            .command
            .first()
            .map(|word| word.to_string_lossy().into_owned())
            .unwrap_or_default(),
    }
}

fn order(context: &Context, config: &Config, key: &KeySettings, arguments: Exec) -> Order {
    let provider = key.provider.name();
    let stale = variables::stale(provider).iter().map(|name| (*name).to_owned());
    let patterns = match (arguments.watch_output, &key.auth_failure_patterns) {
        (WatchOutput::Never, _) => Vec::new(),
        (WatchOutput::Auto, Some(patterns)) => patterns.clone(),
        (WatchOutput::Auto, None) => {
            job::usual_patterns(provider).iter().map(|pattern| (*pattern).to_owned()).collect()
        }
    };
    Order {
        key: key.name.clone(),
        provider,
        variable: arguments.env,
        program: Program {
            words: arguments.command,
            removed_variables: wiring::secret_variables(config, &stale.collect::<Vec<_>>()),
            core_limit: process::core_limit(),
        },
        clock: Rc::clone(&context.clock),
        auth_failure_patterns: patterns,
        expect_stdout: arguments.expect_stdout,
        expected_outputs: arguments.expect_output,
        stdout_to_stderr: context.ui.json,
        retry_on_auth: arguments.retry_on_auth,
        on_promote: arguments.on_promote,
        max_runtime: arguments.max_runtime,
        stop_timeout: arguments.stop_timeout,
        longest_job: key.longest_job,
    }
}

/// The document under `--json`; for people only what the job did not say itself.
fn finish(context: &Context, key: &str, report: &Report) -> u8 {
    let fields = json!({
        "key": key,
        "exit_code": report.quiet_failure.as_ref().map_or(report.number, |failure| failure.exit.number()),
        "job_exit_code": report.number,
        "runs": report.runs,
        "seconds": report.seconds,
        "fingerprint": report.fingerprint.to_string(),
        "lease": report.lease,
        "lease_goes_on": report.lease_goes_on,
    });
    let fields = match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let Some(failure) = &report.quiet_failure else {
        if context.ui.json {
            // A reader that has gone away does not change how the job ended.
            let _ = context.ui.print(&Output { json: fields, ..Output::default() });
        }
        return report.number;
    };
    let failure = fields
        .iter()
        .fold(failure.clone(), |failure, (name, value)| failure.with_detail(name, value.clone()));
    context.ui.print_failure(&failure);
    failure.exit.number()
}

/// A failure with the number that a shell has for it, where that is none of ours.
fn tell(context: &Context, refusal: &Refusal) {
    let failure = &refusal.failure;
    if !context.ui.json || refusal.number == failure.exit.number() {
        context.ui.print_failure(failure);
        return;
    }
    let kind = match refusal.number {
        127 => "command_not_found",
        126 => "command_not_executable",
        _ => failure.exit.kind(),
    };
    let error = json!({
        "kind": kind,
        "message": failure.message,
        "causes": failure.causes,
        "exit_code": refusal.number,
        "status": failure.status,
        "hint": failure.hint,
    });
    let _ = context
        .ui
        .print(&Output { json: Map::from_iter([("error".to_owned(), error)]), ..Output::default() });
}
