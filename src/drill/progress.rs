//! What people see while a drill runs, and what ends it early.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::tally::Tally;
use crate::clock::{Clock, SystemClock};
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::workflow::ports::Narrator;

/// Four times a second.
const PAUSE: Duration = Duration::from_millis(250);

/// Runs an act with its counts shown, until it ends, a signal asks to stop, or `limit` has passed.
///
/// # Errors
/// The act's own; exit 130 for a signal; unexpected past the limit.
pub(super) async fn accompany<T>(
    act: impl Future<Output = Result<T, Failure>>,
    limit: Duration,
    tally: &Tally,
    phase: impl Fn() -> Option<&'static str>,
    narrator: &dyn Narrator,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        failure = interruption() => Err(failure),
        result = act => result,
        never = show(tally, phase, narrator) => match never {},
        () = SystemClock.sleep(limit) => {
            let message = format!("the drill was not over after {} s and was given up", limit.as_secs());
            let hint = "run `rotate drill` again on a machine with less to do; if it happens there too, \
                        report it with the output under -v";
            Err(Failure::new(ExitCode::Unexpected, message, hint))
        }
    }
}

/// SIGINT, SIGTERM or SIGHUP; their default effect would leave the temporary directory behind.
async fn interruption() -> Failure {
    let signals =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()));
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = signals else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    let hint = "run `rotate drill` again; its temporary directory is removed, and it touched nothing else";
    Failure::new(ExitCode::Interrupted, "the drill was interrupted", hint)
}

async fn show(
    tally: &Tally,
    phase: impl Fn() -> Option<&'static str>,
    narrator: &dyn Narrator,
) -> Infallible {
    loop {
        let counts = tally.total();
        let phase = phase().map(|phase| format!("  {phase}")).unwrap_or_default();
        let line = format!(
            "{:>3} s{phase}  {} requests, {} refused",
            tally.seconds(),
            counts.requests(),
            counts.refused
        );
        narrator.waiting(&line);
        SystemClock.sleep(PAUSE).await;
    }
}

/// Passes on what the workflow says. What it waits for would flicker between the counts.
pub(super) struct StepsOnly(pub(super) Rc<dyn Narrator>);

impl Narrator for StepsOnly {
    fn say(&self, text: &str) {
        self.0.say(&format!("  {text}"));
    }

    fn waiting(&self, _text: &str) {}

    fn warn(&self, text: &str) {
        self.0.warn(text);
    }
}
