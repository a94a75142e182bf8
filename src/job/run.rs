//! One run of the job: from its start to its end, with signals, output and time in between.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, wait};

use super::auth_failure::Watcher;
use super::child::End;
use super::credential::{Held, Source, Start, said};
use super::output::Passage;
use super::promotion::StateWatch;
use super::signals::Signals;
use super::{OnPromote, Order, Refusal};
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::lease::process::descendants_of;
use crate::rotation::phase::Phase;
use crate::rotation::stamp::{Stamp, elapsed};
use crate::secret::{Fingerprint, Secret};
use crate::store::format::Record;
use crate::workflow::ports::Narrator;
use crate::workflow::variables::{Variable, variables};

/// How often state and clock are looked at, where they matter.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 250_000_000 };

/// What one run left.
pub(super) struct Ended {
    pub(super) end: End,
    pub(super) held: Held,
    pub(super) began: Stamp,
    pub(super) ended: Stamp,
    pub(super) auth_failure: Option<String>,
    pub(super) lacks_stdout: bool,
    /// Processes that the job started and that live on.
    pub(super) left_behind: Vec<u32>,
    /// The last signal of those that ask for an end.
    pub(super) stop: Option<Signal>,
    /// The credential to start it again with.
    pub(super) next: Option<(Held, Secret)>,
}

/// Why the job was told to end.
struct Stopping {
    since: Stamp,
    is_killed: bool,
}

struct Run<'a> {
    order: &'a Order,
    source: &'a Source,
    people: &'a dyn Narrator,
    signals: &'a mut Signals,
    job: Pid,
    passages: Vec<Passage>,
    held: Held,
    /// The credential that the job was started with, or told of last.
    told: Fingerprint,
    started: Stamp,
    stopping: Option<Stopping>,
    watch: Option<StateWatch>,
    next: Option<(Held, Secret)>,
}

/// Runs the job with a credential and stays with it to its end. `others` are processes that earlier runs left.
///
/// # Errors
/// It was not started: the lease is over.
pub(super) fn run(
    order: &Order,
    source: &Source,
    people: &dyn Narrator,
    signals: &mut Signals,
    (held, value): (Held, Secret),
    others: &mut Vec<u32>,
) -> Result<Ended, Refusal> {
    let mut held = held;
    let started = order.clock.now();
    let (job, streams) = match begin(order, source, people, signals, &mut held, value) {
        Ok(begun) => begun,
        Err(refusal) => {
            held.release(&[], people);
            return Err(refusal);
        }
    };
    if let Some(lease) = &mut held.lease {
        said(lease.job_started(job.as_raw_nonzero().get().unsigned_abs()), people);
    }
    source.remember(&held, people);
    let mut run = Run {
        order,
        source,
        people,
        signals,
        job,
        passages: streams.passages,
        told: held.fingerprint,
        held,
        started,
        stopping: None,
        watch: (order.on_promote != OnPromote::Ignore).then(StateWatch::default),
        next: None,
    };
    let (end, has_others) = run.stay_with_it();
    let ended = order.clock.now();
    let stop = run.signals.take_stop();
    run.drain();
    let stop = run.signals.take_stop().or(stop);
    let left_behind = if has_others { left_behind(others) } else { Vec::new() };
    others.extend(&left_behind);
    let Run { held, next, passages, started: began, .. } = run;
    let lacks_stdout =
        order.expect_stdout && streams.stdout.is_some_and(|at| !passages[at].watcher.has_text());
    let auth_failure = passages.iter().find_map(|passage| passage.watcher.found());
    for passage in passages {
        leave(passage, others, people);
    }
    Ok(Ended { end, held, began, ended, auth_failure, lacks_stdout, left_behind, stop, next })
}

/// Starts the process, unless somebody asked for an end meanwhile.
fn begin(
    order: &Order,
    source: &Source,
    people: &dyn Narrator,
    signals: &mut Signals,
    held: &mut Held,
    value: Secret,
) -> Result<(Pid, Streams), Refusal> {
    let variables: Vec<Variable> = variables(order.provider, &value, order.variable.as_deref())?;
    drop(value);
    let (streams, stdout, stderr) = Streams::of(order)
        .map_err(|error| Failure::unexpected("the job's output cannot be connected").caused_by(&error))?;
    signals.pass_on(None);
    if let Some(signal) = signals.take_stop() {
        return Err(Refusal::interrupted(signal));
    }
    held.about_to_start(source, people)?;
    Ok((order.program.start(&variables, stdout, stderr)?, streams))
}

impl Run<'_> {
    /// Passes on output and signals until the job has ended; whether other children are there then.
    fn stay_with_it(&mut self) -> (End, bool) {
        loop {
            self.wait();
            self.signals.pass_on(Some(self.job));
            let (end, has_others) = self.reap();
            if let Some(end) = end {
                return (end, has_others);
            }
            self.look_at_state();
            self.look_at_clock();
        }
    }

    /// Waits for a signal, output, or the time of the next look; passes output on.
    fn wait(&mut self) {
        let is_timed = self.watch.is_some() || self.order.max_runtime.is_some() || self.stopping.is_some();
        step(&mut self.passages, Some(self.signals), is_timed.then_some(&LOOK));
    }

    /// Takes in every child that ended, adopted ones, too.
    fn reap(&mut self) -> (Option<End>, bool) {
        let mut end = None;
        loop {
            match wait(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
                Ok(Some((pid, status))) if pid == self.job => match End::of(status) {
                    Some(ended) => end = Some(ended),
                    None => self.pause(),
                },
                Ok(Some(_)) => {}
                Ok(None) => return (end, true),
                Err(_) => return (end, false),
            }
        }
    }

    /// The job has stopped. Where that came of Ctrl-Z, the shell waits for us to stop as well.
    fn pause(&mut self) {
        // The terminal's signal has come, but perhaps after the last look.
        self.signals.pass_on(Some(self.job));
        if self.signals.take_pause() {
            let _ = kill_process(getpid(), Signal::STOP);
        }
    }

    /// `--on-promote`
    fn look_at_state(&mut self) {
        let (Some(watch), Ok(store)) = (&mut self.watch, &self.source.store) else { return };
        if self.stopping.is_some() || !watch.is_due(&store.path(&self.source.key)) {
            return;
        }
        // What cannot be read now can perhaps be read later.
        let Ok(record) = self.source.record() else { return watch.failed() };
        let followed = self.follow(&record);
        let Some(watch) = &mut self.watch else { return };
        let Err(failure) = followed else { return watch.done() };
        watch.failed();
        let active = record.state.active().fingerprint;
        if watch.is_news(active) {
            self.people.warn(&format!(
                "{active} is active now, but the job and its lease stay with {}: {failure}; {}; it is tried again",
                self.held.fingerprint, failure.hint
            ));
        }
    }

    /// Brings the job and its lease to the active credential; nothing to do where they are there.
    fn follow(&mut self, record: &Record) -> Result<(), Failure> {
        let active = record.state.active().fingerprint;
        if active == self.held.fingerprint && active == self.told {
            return Ok(());
        }
        match self.order.on_promote {
            OnPromote::Ignore => Ok(()),
            // Its targets are written after the switch, and where it reads it finds the old value until then. The state
            // changes again when they are done.
            OnPromote::Signal(_) if matches!(record.state.phase, Phase::Promoted { .. }) => Ok(()),
            OnPromote::Signal(signal) => self.tell(signal, record),
            OnPromote::Restart => self.prepare_restart(record),
        }
    }

    /// The job reads the new value on this signal: from then on it holds the new credential.
    fn tell(&mut self, signal: Signal, record: &Record) -> Result<(), Failure> {
        let active = record.state.active().fingerprint;
        let served = self.source.served(record)?.fingerprint();
        if served != active {
            return Err(not_at_hand(served, &self.source.key));
        }
        if self.told != active {
            let _ = kill_process(self.job, signal);
            self.told = active;
            self.people
                .say(&format!("{active} is active now; the job was told by signal {}", signal.as_raw()));
        }
        if let Some(lease) = &mut self.held.lease {
            lease.move_to(active)?;
        }
        self.held.fingerprint = active;
        Ok(())
    }

    /// With what is served, whatever the phase: that is what the job gets, and what its lease is on.
    fn prepare_restart(&mut self, record: &Record) -> Result<(), Failure> {
        let served = self.source.served(record)?.fingerprint();
        if served == self.held.fingerprint {
            return Err(not_at_hand(served, &self.source.key));
        }
        let (held, value) = self.source.take(Start::Later, self.people)?;
        if held.fingerprint == self.held.fingerprint {
            held.release(&[], self.people);
            return Ok(());
        }
        self.people.say(&format!("{} is active now; the job is restarted with it", held.fingerprint));
        self.next = Some((held, value));
        self.stop();
        Ok(())
    }

    /// `--max-runtime`, and the patience with a job that was told to end.
    fn look_at_clock(&mut self) {
        let (limit, patience) = (self.order.max_runtime, self.order.stop_timeout);
        if limit.is_none() && self.stopping.is_none() {
            return;
        }
        let now = self.order.clock.now();
        let has_passed = |since: &Stamp, limit: Duration| {
            u128::from(elapsed(since, &now).milliseconds) >= limit.as_millis()
        };
        match &mut self.stopping {
            Some(stopping) if !stopping.is_killed && has_passed(&stopping.since, patience) => {
                stopping.is_killed = true;
                let _ = kill_process(self.job, Signal::KILL);
                self.people.warn("the job did not end within --stop-timeout and was killed");
            }
            Some(_) => {}
            None if limit.is_some_and(|limit| has_passed(&self.started, limit)) => {
                self.people.warn("the job ran longer than --max-runtime and was told to end (SIGTERM)");
                self.stop();
            }
            None => {}
        }
    }

    /// Asks the job to end; awake, where it was stopped.
    fn stop(&mut self) {
        self.signals.take_stop();
        self.stopping = Some(Stopping { since: self.order.clock.now(), is_killed: false });
        let _ = kill_process(self.job, Signal::TERM);
        let _ = kill_process(self.job, Signal::CONT);
    }

    /// Passes on what the job had printed when it ended. Who asks for an end now is not kept waiting by a reader
    /// that does not read.
    fn drain(&mut self) {
        for passage in &mut self.passages {
            let mut left = passage.held_back();
            loop {
                while passage.is_waiting() {
                    step(std::slice::from_mut(passage), Some(self.signals), None);
                    self.signals.pass_on(None);
                    if self.signals.has_stop() {
                        return;
                    }
                }
                if left == 0 {
                    break;
                }
                let taken = passage.take(usize::try_from(left).unwrap_or(usize::MAX));
                left = if taken == 0 { 0 } else { left.saturating_sub(taken as u64) };
            }
        }
    }
}

fn not_at_hand(served: Fingerprint, key: &str) -> Failure {
    let message = format!("its value is not at hand here; `rotate key {key}` gives {served}");
    Failure::new(ExitCode::State, message, "start the job anew where the value is")
}

/// Waits until a passage can go on or a signal came, and lets those passages go on.
fn step(passages: &mut [Passage], signals: Option<&Signals>, timeout: Option<&Timespec>) {
    let mut places = Vec::with_capacity(passages.len());
    let mut ends: Vec<PollFd<'_>> = Vec::with_capacity(passages.len() + 1);
    for (place, passage) in passages.iter().enumerate() {
        if let Some(interest) = passage.interest() {
            places.push(place);
            ends.push(interest);
        }
    }
    if let Some(signals) = signals {
        ends.push(PollFd::from_borrowed_fd(signals.readable(), PollFlags::IN));
    }
    // Interrupted by a signal: its pipe says so, too.
    let _ = poll(&mut ends, timeout);
    let ready: Vec<bool> = ends.iter().map(|end| !end.revents().is_empty()).collect();
    for (place, is_ready) in places.into_iter().zip(ready) {
        if is_ready {
            passages[place].step();
        }
    }
}

/// On Linux all that live on were handed to this process; elsewhere they are not known.
fn left_behind(earlier: &[u32]) -> Vec<u32> {
    let all = descendants_of(std::process::id());
    all.into_iter().filter(|process| !earlier.contains(process)).collect()
}

/// Says what went wrong with a stream, and leaves it to a relay where somebody still writes.
fn leave(passage: Passage, others: &mut Vec<u32>, people: &dyn Narrator) {
    if let Some(problem) = &passage.problem {
        people.warn(&format!("what the job printed could not be passed on: {problem}"));
    }
    match passage.leave() {
        Ok(relay) => others.extend(relay),
        Err(error) => people.warn(&format!(
            "processes that the job left behind lose their output, for nothing could be started to pass it on: {error}"
        )),
    }
}

/// The job's two output streams.
struct Streams {
    passages: Vec<Passage>,
    /// Which passage carries its stdout, where one does.
    stdout: Option<usize>,
}

impl Streams {
    /// Connects them: as they are, or through a pipe where they have to be looked at.
    fn of(order: &Order) -> io::Result<(Self, Stdio, Stdio)> {
        let stderr = io::stderr().as_fd().try_clone_to_owned()?;
        let stdout = match order.stdout_to_stderr {
            true => stderr.try_clone()?,
            false => io::stdout().as_fd().try_clone_to_owned()?,
        };
        let is_watched = |stream: &OwnedFd| !order.auth_failure_patterns.is_empty() && !stream.is_terminal();
        let (watches_stdout, watches_stderr) =
            (order.expect_stdout || is_watched(&stdout), is_watched(&stderr));
        let mut streams = Self { passages: Vec::new(), stdout: watches_stdout.then_some(0) };
        let watcher = || Watcher::new(&order.auth_failure_patterns);
        // One pipe for what is one file, so that the order of what is printed stays.
        if watches_stdout && watches_stderr && !order.expect_stdout && is_same(&stdout, &stderr) {
            let (passage, into) = Passage::to(stdout, watcher())?;
            streams.passages.push(passage);
            return Ok((streams, into.try_clone()?.into(), into.into()));
        }
        let mut connect = |is_watched: bool, stream: OwnedFd| -> io::Result<Stdio> {
            if !is_watched {
                return Ok(stream.into());
            }
            let (passage, into) = Passage::to(stream, watcher())?;
            streams.passages.push(passage);
            Ok(into.into())
        };
        let (stdout, stderr) = (connect(watches_stdout, stdout)?, connect(watches_stderr, stderr)?);
        Ok((streams, stdout, stderr))
    }
}

fn is_same(one: &OwnedFd, other: &OwnedFd) -> bool {
    let identity = |stream: &OwnedFd| rustix::fs::fstat(stream).map(|stat| (stat.st_dev, stat.st_ino));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}
