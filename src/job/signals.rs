//! The signals that reach `rotate` while a job runs: which the job has got by itself, which are passed on.

use std::io;
#[cfg(target_os = "linux")]
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};

use crate::lease::process::leads_session;

/// Every signal that people, shells and service managers send to a job, and that can be caught.
const PASSED_ON: &[Signal] = &[
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::USR1,
    Signal::USR2,
    Signal::ALARM,
    Signal::VTALARM,
    Signal::PROF,
    Signal::IO,
    Signal::WINCH,
    Signal::TSTP,
    Signal::CONT,
];

/// The names that `--on-promote signal:NAME` takes.
const BY_NAME: &[(&str, Signal)] = &[
    ("HUP", Signal::HUP),
    ("INT", Signal::INT),
    ("QUIT", Signal::QUIT),
    ("TERM", Signal::TERM),
    ("USR1", Signal::USR1),
    ("USR2", Signal::USR2),
    ("WINCH", Signal::WINCH),
];

/// A signal by its name, with or without `SIG` before it.
pub fn by_name(name: &str) -> Option<Signal> {
    let name = name.strip_prefix("SIG").unwrap_or(name);
    BY_NAME.iter().find(|(known, _)| *known == name).map(|(_, signal)| *signal)
}

/// The names that [`by_name`] knows.
pub fn names() -> Vec<&'static str> {
    BY_NAME.iter().map(|(name, _)| *name).collect()
}

/// Catches signals from its making until it is dropped: none of them ends this process.
///
/// A signal that is ignored from the start (nohup(1)) is left alone, so that the job inherits that, too. Where
/// the system does not tell which are ignored (macOS), none counts as ignored.
pub struct Signals {
    delivery: SignalDelivery<UnixStream, WithOrigin>,
    stop: Option<Signal>,
    pause: bool,
}

impl Signals {
    /// Starts to catch.
    ///
    /// # Errors
    /// What the system says.
    pub fn catch() -> io::Result<Self> {
        let ignored = ignored_signals();
        let is_ignored = |signal: &Signal| ignored >> (signal.as_raw() - 1) & 1 == 1;
        let caught = PASSED_ON.iter().copied().filter(|signal| !is_ignored(signal));
        let numbers: Vec<i32> = caught.chain([Signal::CHILD]).map(Signal::as_raw).collect();
        let (read, write) = UnixStream::pair()?;
        Ok(Self {
            delivery: SignalDelivery::with_pipe(read, write, WithOrigin::default(), numbers)?,
            stop: None,
            pause: false,
        })
    }

    /// Readable when a signal came.
    pub fn readable(&self) -> BorrowedFd<'_> {
        self.delivery.get_read().as_fd()
    }

    /// The same for a runtime that waits for it.
    ///
    /// # Errors
    /// What the system says.
    pub fn stream(&self) -> io::Result<UnixStream> {
        self.delivery.get_read().try_clone()
    }

    /// Takes what came, and passes on to the job what it has not got by itself.
    pub fn pass_on(&mut self, job: Option<Pid>) {
        for origin in self.delivery.pending() {
            let Some(signal) = PASSED_ON.iter().copied().find(|signal| signal.as_raw() == origin.signal)
            else {
                continue;
            };
            if [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM].contains(&signal) {
                self.stop = Some(signal);
            }
            self.pause |= signal == Signal::TSTP;
            if let Some(job) = job
                && !has_got_it(&origin, signal, job)
            {
                // A job that has just ended needs no signal.
                let _ = kill_process(job, signal);
            }
        }
    }

    /// The last signal that asked for an end, since the last call of this.
    pub fn take_stop(&mut self) -> Option<Signal> {
        self.stop.take()
    }

    /// Whether a signal asked for an end that was not taken yet.
    pub fn has_stop(&self) -> bool {
        self.stop.is_some()
    }

    /// Whether somebody asked for a pause (Ctrl-Z), since the last call of this.
    pub fn take_pause(&mut self) -> bool {
        std::mem::take(&mut self.pause)
    }
}

/// Whether the job got the signal without our help: a terminal signals the whole group of processes that it
/// belongs to, and what the job sends to its group it has sent to itself.
fn has_got_it(origin: &Origin, signal: Signal, job: Pid) -> bool {
    // A terminal that hangs up tells the leader of its session alone.
    if signal == Signal::HUP && leads_session() {
        return false;
    }
    // Linux names the kernel as the cause. Elsewhere a signal without a sender is the kernel's.
    let is_of_kernel = match cfg!(target_os = "linux") {
        true => origin.cause == Cause::Kernel,
        false => origin.process.is_none(),
    };
    is_of_kernel || origin.process.is_some_and(|sender| sender.pid == job.as_raw_nonzero().get())
}

/// One bit for each signal that this process was told to ignore (proc_pid_status(5), `SigIgn`).
#[cfg(target_os = "linux")]
fn ignored_signals() -> u64 {
    // Longer than the file ever is, so that one read takes it.
    let mut status = [0; 8192];
    let read = std::fs::File::open("/proc/self/status").and_then(|mut file| file.read(&mut status));
    let status = String::from_utf8_lossy(&status[..read.unwrap_or(0)]);
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn ignored_signals() -> u64 {
    0
}
