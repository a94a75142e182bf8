//! Running one job with a key: `rotate exec`.
//!
//! The story: take the active value with a lease on it ([`credential`]), ask the provider where that is wanted
//! ([`preflight`]), start the program with the value in its environment ([`child`]) and stay with it: pass
//! signals on ([`signals`]), pass on and look at what it prints ([`output`]), tell it of a promotion ([`promotion`]).
//! When it has ended, its exit code is ours, unless it went wrong without saying so ([`verdict`]).
//!
//! No thread, no runtime: one loop over a few file descriptors.

mod auth_failure;
mod child;
mod credential;
mod expected_output;
mod note;
mod output;
mod preflight;
mod promotion;
mod run;
mod signals;
mod verdict;

use std::rc::Rc;
use std::time::Duration;

use rustix::process::Signal;

use self::expected_output::ExpectedOutput;
use self::run::Ended;
use self::signals::Signals;
use self::verdict::Left;
use crate::clock::Clock;
use crate::duration::friendly_duration;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::rotation::stamp::elapsed;
use crate::secret::{Fingerprint, Secret};
use crate::workflow::ports::Narrator;

pub use auth_failure::usual_patterns;
pub use child::Program;
pub use credential::{Held, Source, Start};
pub use note::Notes;
pub use output::RELAY;
pub use preflight::Preflight;
pub use signals::{by_name as signal_by_name, names as signal_names};
pub use verdict::Trouble;

/// What is to be run, and what is expected of it.
pub struct Order {
    pub key: String,
    /// As rotate.toml spells it.
    pub provider: &'static str,
    /// The variable that holds the value, in place of the provider's usual one.
    pub variable: Option<String>,
    pub program: Program,
    pub clock: Rc<dyn Clock>,
    /// What a refused key looks like in its output; empty: its output is not looked at.
    pub auth_failure_patterns: Vec<String>,
    pub expect_stdout: bool,
    /// Patterns of files.
    pub expected_outputs: Vec<String>,
    /// Its stdout goes to our stderr; ours is for a document.
    pub stdout_to_stderr: bool,
    pub retry_on_auth: bool,
    pub on_promote: OnPromote,
    pub max_runtime: Option<Duration>,
    /// From SIGTERM to SIGKILL.
    pub stop_timeout: Duration,
    /// A run that takes longer is worth a warning, unless the job is told of a promotion.
    pub longest_job: Duration,
}

/// What a running job is to learn of a promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnPromote {
    /// Nothing: it goes on with the value it started with.
    Ignore,
    /// This signal, on which it reads the value again by itself.
    Signal(Signal),
    /// It is ended and started again with the new value.
    Restart,
}

/// A job that ran.
#[derive(Debug)]
pub struct Report {
    /// The job's own code, or 128 and the signal's number, of its last run.
    pub number: u8,
    /// It exited 0 and went wrong all the same.
    pub quiet_failure: Option<Failure>,
    /// What somebody should be told of it, whatever its exit code.
    pub trouble: Option<Trouble>,
    pub runs: u32,
    /// From the first start to the last end.
    pub seconds: u64,
    /// What it held at its end.
    pub fingerprint: Fingerprint,
    /// The lease it ran under at its end; `None` only under `--fail-open`.
    pub lease: Option<String>,
    /// Whether the lease goes on, for processes that the job left behind.
    pub lease_goes_on: bool,
}

/// A job that was not started.
#[derive(Debug)]
pub struct Refusal {
    /// What to exit with; where a shell has a number of its own for it, that one.
    pub number: u8,
    pub failure: Failure,
}

impl Refusal {
    fn interrupted(signal: Signal) -> Self {
        let message = format!("interrupted by signal {} while the job was not running", signal.as_raw());
        let failure = Failure::new(ExitCode::Interrupted, message, "run the same command again");
        Self { number: child::End::Signalled(signal.as_raw()).number(), failure }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { number: failure.exit.number(), failure }
    }
}

/// Runs the job: once, or again where the order says when.
///
/// After it no process of the job is left that no lease knows of (Linux), and nothing of ours runs but a relay for
/// their output.
///
/// # Errors
/// The job was not started, or not started again: no credential, refused by `preflight`, no such program.
pub fn run(
    order: &Order,
    source: &Source,
    preflight: Option<&Preflight<'_>>,
    people: &dyn Narrator,
) -> Result<Report, Refusal> {
    let expected: Vec<ExpectedOutput> = order
        .expected_outputs
        .iter()
        .map(|pattern| ExpectedOutput::before(pattern))
        .collect::<Result<_, _>>()?;
    // Before there is a lease: a signal that ended us then would leave one that nobody can judge.
    let mut signals = Signals::catch()
        .map_err(|error| Failure::unexpected("signals cannot be passed on").caused_by(&error))?;
    let mut taken = take(source, preflight, &mut signals, people)?;
    adopt_orphans();
    let mut began = None;
    let mut others = Vec::new();
    let mut retries_left = u32::from(order.retry_on_auth);
    for runs in 1.. {
        let mut ended = run::run(order, source, people, &mut signals, taken, &mut others)?;
        let began = began.get_or_insert_with(|| ended.began.clone());
        note(order, source, elapsed(&ended.began, &ended.ended).seconds, people);
        let next = next(source, &mut ended, &mut retries_left, people);
        let left = left(&ended, &expected, next.is_none());
        let lease = ended.held.lease.as_ref().map(|lease| lease.id().to_owned());
        let fingerprint = ended.held.fingerprint;
        ended.held.release(&ended.left_behind, people);
        if let Some(next) = next {
            taken = next;
            continue;
        }
        // Caught until this process ends: nothing is to come between the job's end and its exit code.
        std::mem::forget(signals);
        if let Some(remark) = left.remark(&order.key) {
            people.warn(&remark);
        }
        return Ok(Report {
            number: left.end.number(),
            quiet_failure: left.quiet_failure(&order.key),
            trouble: left.trouble(),
            runs,
            seconds: elapsed(began, &ended.ended).seconds,
            fingerprint,
            lease,
            lease_goes_on: !ended.left_behind.is_empty(),
        });
    }
    Err(Failure::unexpected("the job was restarted without end").into())
}

/// The first credential, with the provider's blessing where that is asked for.
fn take(
    source: &Source,
    preflight: Option<&Preflight<'_>>,
    signals: &mut Signals,
    people: &dyn Narrator,
) -> Result<(Held, Secret), Refusal> {
    let start = if preflight.is_some() { Start::Later } else { Start::AtOnce };
    let (held, value) = source.take(start, people)?;
    if let Some(preflight) = preflight
        && let Err(refusal) = preflight.check(&value, signals, people)
    {
        held.release(&[], people);
        return Err(refusal);
    }
    Ok((held, value))
}

/// Processes whose parent ends come to us instead of to init (prctl(2), PR_SET_CHILD_SUBREAPER), so that they are
/// known when the job has ended. Only on Linux.
fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// The time of a run feeds the grace floor, unless the job lets go of its credential when it is told.
fn note(order: &Order, source: &Source, seconds: u64, people: &dyn Narrator) {
    if order.on_promote != OnPromote::Ignore {
        return;
    }
    if seconds > 0
        && let Err(error) = source.leases.note_run(seconds)
    {
        people.warn(&format!("how long the job ran is not remembered: {error}"));
    }
    if seconds > order.longest_job.as_secs() {
        people.warn(&format!(
            "the job ran for {}, longer than longest_job = \"{}\" of [keys.{}]; raise it, so that the next \
             rotation waits long enough",
            friendly_duration(Duration::from_secs(seconds)),
            friendly_duration(order.longest_job),
            order.key
        ));
    }
}

/// What the job is started with once more, if it is.
fn next(
    source: &Source,
    ended: &mut Ended,
    retries_left: &mut u32,
    people: &dyn Narrator,
) -> Option<(Held, Secret)> {
    let next = ended.next.take();
    if ended.stop.is_some() {
        if let Some((held, _)) = next {
            held.release(&[], people);
        }
        return None;
    }
    if next.is_some() || *retries_left == 0 || ended.auth_failure.is_none() {
        return next;
    }
    let (held, value) = match source.take(Start::AtOnce, people) {
        Ok(taken) => taken,
        Err(failure) => {
            people.warn(&format!("the job is not run again: {failure}; {}", failure.hint));
            return None;
        }
    };
    if held.fingerprint == ended.held.fingerprint {
        held.release(&[], people);
        return None;
    }
    *retries_left -= 1;
    people.warn(&format!(
        "the key of the job was refused, and another is active since it started; it runs once more with {}",
        held.fingerprint
    ));
    Some((held, value))
}

/// What the run came to; its files are looked for only where it was the last.
fn left(ended: &Ended, expected: &[ExpectedOutput], is_last: bool) -> Left {
    let is_looked_for = is_last && ended.end == child::End::Exited(0);
    Left {
        end: ended.end,
        auth_failure: ended.auth_failure.clone(),
        lacks_stdout: ended.lacks_stdout,
        missing: if is_looked_for {
            expected.iter().filter_map(ExpectedOutput::missing).collect()
        } else {
            Vec::new()
        },
    }
}
