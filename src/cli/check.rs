//! `rotate check`

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;

use super::context::Context;
use super::definition_check::Check;
use super::look::{self, Looked};
use super::runtime;
use crate::alert::healthchecks::Pulse;
use crate::check::metrics;
use crate::check::round::Options;
use crate::check::{Finding, Severity, Verdict};
use crate::config::{Config, KeySettings, Scope};
use crate::duration::friendly_duration;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::random;
use crate::ui::{Output, findings};
use crate::{durable, wiring};

/// Anybody may read metrics: they name keys and targets, and hold no secret.
const TEXTFILE_MODE: u32 = 0o644;

pub(super) fn run(context: &Context, arguments: &Check) -> Result<Output, Failure> {
    let Some(every) = arguments.every else {
        return once(context, arguments);
    };
    let config = context.config(Scope::Text)?;
    let _lock = wiring::check::watch_lock(&config.state_directory)?;
    let mut round = 0;
    loop {
        let output = once(context, arguments)?;
        round += 1;
        if arguments.rounds.is_some_and(|rounds| round >= rounds) {
            return Ok(output);
        }
        context.ui.print(&output)?;
        let pause = jittered(every, &format!("round {round} of {}", std::process::id()));
        context.ui.note(&format!("next check in {}", friendly_duration(pause)));
        let clock = Rc::clone(&context.clock);
        runtime::run(async move {
            clock.sleep(pause).await;
            Ok(())
        })?;
    }
}

/// One round: looked, told, written down.
fn once(context: &Context, arguments: &Check) -> Result<Output, Failure> {
    // Read anew each time: a watch follows its configuration.
    let config = context.config(Scope::Text)?;
    let keys = look::keys(&config, &arguments.keys)?;
    look::pulse(context, &config, &Pulse::Start);
    let options = Options { rehearse: false, unknown_after: arguments.unknown_after };
    let result = checked(context, arguments, &config, &keys, options);
    let pulse = match &result {
        Ok(output) if output.exit.is_none() => Pulse::Success,
        Ok(output) => Pulse::Fail(crate::ui::plain::lines(&output.text, crate::ui::paint::Paint(false))),
        Err(failure) => Pulse::Fail(failure.to_string()),
    };
    look::pulse(context, &config, &pulse);
    result
}

fn checked(
    context: &Context,
    arguments: &Check,
    config: &Config,
    keys: &[&KeySettings],
    options: Options,
) -> Result<Output, Failure> {
    let Looked { findings, memories, standings, undelivered } =
        look::look(context, config, keys, options, arguments.calls.into())?;
    let mut output = findings::output(&findings, keys.len(), arguments.all, context.ui.stdout);
    output.exit = exit(&findings);
    if context.ui.quiet && output.exit.is_none() {
        // Cron mails whatever is printed.
        output.text.clear();
    }
    if let Some(path) = &arguments.textfile {
        let now = context.clock.now().wall;
        let of_key = |key: &&KeySettings| {
            let last_success = memories.get(&key.name).and_then(|memory| memory.last_success);
            look::metrics_of(key, standings.get(&key.name), last_success, now)
        };
        let keys: Vec<_> = keys.iter().map(of_key).collect();
        let text = metrics::metrics(&keys, &findings, undelivered, now);
        if let Err(failure) = write_textfile(path, &text) {
            // What was found is told all the same.
            if context.ui.json {
                return Err(failure.with_detail("findings", json!(findings)));
            }
            context.ui.print(&output)?;
            return Err(failure);
        }
    }
    Ok(output)
}

/// A dead credential first, then silence, then whatever else wants somebody.
fn exit(findings: &[Finding]) -> Option<ExitCode> {
    let wrong = || findings.iter().filter(|finding| finding.severity != Severity::Ok);
    if wrong().any(|finding| finding.verdict == Verdict::Rejected) {
        Some(ExitCode::Rejected)
    } else if wrong().any(Finding::is_unreachable) {
        Some(ExitCode::Unreachable)
    } else {
        wrong().next().map(|_| ExitCode::Attention)
    }
}

fn write_textfile(path: &Path, text: &str) -> Result<(), Failure> {
    durable::replace(path, text.as_bytes(), TEXTFILE_MODE).map_err(|error| {
        Failure::new(
            ExitCode::Attention,
            format!("the metrics were not written to {}", path.display()),
            "check that its directory exists and that this user may write there; what was found is shown above",
        )
        .caused_by(&error)
    })
}

/// So that many machines do not ask at the same moment: up to a tenth shorter or longer.
fn jittered(every: Duration, occasion: &str) -> Duration {
    let Ok(bytes) = random::eight_bytes(occasion) else {
        return every;
    };
    let fraction =
        f64::from(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])) / f64::from(u32::MAX);
    every.mul_f64(0.9 + 0.2 * fraction)
}
