//! The drill: a whole rotation against the sandbox while agents work, to see that none of them notices.
//!
//! Everything is real but the provider: `rotate.toml`, state, journal, slots and targets lie in a
//! temporary directory, and [`rehearsal`] calls the same workflow that `adopt`, `stage`, `promote` and
//! `finish` call. Meanwhile [`agents`] of three [`habit`]s make real HTTP requests on a thread of their
//! own, and [`tally`] counts every answer; [`picture`] shows which key served when. [`naive`] swaps the
//! key in place instead, as people do by hand, against the same provider and the same agents.
//!
//! The agents work in real time. The rotation and the provider go by a [`clock`] that runs sixty times as fast, so that
//! the provider's usage report, which counts minutes, has something to tell. One job overstays on purpose
//! ([`overstay`]), and `finish` is held back until it ends.

mod agents;
mod clock;
mod habit;
mod naive;
mod overstay;
mod picture;
mod progress;
mod rehearsal;
mod report;
mod scene;
mod tally;

use std::rc::Rc;
use std::time::{Duration, Instant};

pub use habit::Habit;
pub use report::{HabitCounts, HeldBack, PhaseTime, Report};

use crate::clock::Clock;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::rotation::stamp::Stamp;
use crate::workflow::ports::Narrator;
use agents::Crew;
use clock::FastClock;
use habit::Source;
use picture::Characters;
use scene::Scene;
use tally::Tally;

/// Two of each habit.
pub const DEFAULT_AGENTS: u32 = 6;
/// Makes the whole drill take about half a minute.
pub const DEFAULT_JOB_SECONDS: u64 = 6;

const MOST_AGENTS: u32 = 200;
const LONGEST_JOB_SECONDS: u64 = 3600;

/// What the operator may choose.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// From 1 to 200; three make sure that each habit is there.
    pub agents: u32,
    /// The longest job, in seconds, from 1 to 3600; a drill takes about four times as long.
    pub job_seconds: u64,
    /// Swap in place, without a grace window, to see what that does.
    pub naive: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { agents: DEFAULT_AGENTS, job_seconds: DEFAULT_JOB_SECONDS, naive: false }
    }
}

impl Options {
    fn check(&self) -> Result<(), Failure> {
        let refuse = |what: &str, hint: &str| Err(Failure::new(ExitCode::Usage, what, hint));
        if !(1..=MOST_AGENTS).contains(&self.agents) {
            return refuse("the number of agents is out of range", "choose --agents from 1 to 200");
        }
        if !(1..=LONGEST_JOB_SECONDS).contains(&self.job_seconds) {
            return refuse("the length of a job is out of range", "choose --job-seconds from 1 to 3600");
        }
        Ok(())
    }
}

/// Performs a drill and blocks until it is over: about four times the job's length and some seconds.
///
/// Builds runtimes of its own, so the caller must not be inside one. Tells each step through
/// `narrator`, and the running counts four times a second. Nothing stays behind, also after a
/// failure, SIGINT, SIGTERM or SIGHUP.
///
/// A report is no verdict: ask [`Report::is_promise_kept`]. The command line exits 30 where a real
/// rotation, not a naive one, had a refusal.
///
/// # Errors
/// Exit 2 for options out of range, 3 where there is no temporary directory, 130 for a signal; else
/// whatever the rotation itself failed with.
pub fn run(options: &Options, narrator: Rc<dyn Narrator>) -> Result<Report, Failure> {
    options.check()?;
    let beginning = Beginning::now();
    let scene = Scene::set(options, &beginning.clock)?;
    let ran = play(options, &scene, &beginning, &narrator);
    if let Err(failure) = scene.strike() {
        narrator.warn(&format!("something of the drill is left behind: {failure}; {}", failure.hint));
    }
    ran
}

/// The moment a drill began, by the stopwatch and by the clocks that the journal uses.
struct Beginning {
    instant: Instant,
    stamp: Stamp,
    clock: FastClock,
}

impl Beginning {
    fn now() -> Self {
        let clock = FastClock::new();
        Self { instant: Instant::now(), stamp: clock.now(), clock }
    }

    fn seconds(&self) -> f64 {
        report::rounded(self.instant.elapsed().as_secs_f64())
    }
}

fn play(
    options: &Options,
    scene: &Scene,
    beginning: &Beginning,
    narrator: &Rc<dyn Narrator>,
) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::unexpected("the runtime does not start").caused_by(&error))?;
    let tally = Tally::new(beginning.instant);
    let act = async {
        if options.naive {
            let phases = naive::swap(scene, &tally, options, beginning, narrator).await?;
            Ok((phases, None))
        } else {
            let (phases, held_back) = rehearsal::rotate(scene, &tally, options, beginning, narrator).await?;
            Ok((phases, Some(held_back)))
        }
    };
    let phase = || if options.naive { None } else { scene.phase() };
    // about five jobs and the pauses between; past this something waits that will not come
    let limit = Duration::from_secs(options.job_seconds * 10 + 120);
    let came = runtime.block_on(progress::accompany(act, limit, &tally, phase, &**narrator))?;
    let timeline = tally.timeline();
    let seconds = beginning.seconds();
    let mut report = Report::new(options, &timeline, came, seconds, tally.first_failure());
    report.picture = picture::draw(&timeline, &report, Characters::of_environment());
    Ok(report)
}

/// Puts the agents to work: those that ask each time ask as `source` says.
fn employ(options: &Options, scene: &Scene, tally: &Tally, asking: Source) -> Result<Crew, Failure> {
    Crew::start(agents::Employment {
        agents: options.agents,
        base_url: scene.base_url(),
        old: scene.old_fingerprint(),
        dotenv: Source::Dotenv(scene.dotenv()),
        asking,
        keep: habit::Keep::of(options.job_seconds),
        tally: tally.clone(),
    })
}
