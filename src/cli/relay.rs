//! `rotate relay`, hidden: copies stdin to stdout and nothing else.
//!
//! It takes over the output of a job that left processes behind, so that `rotate exec` can end with the job and
//! those processes do not lose their reader.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::process::Signal;

pub(super) use crate::job::RELAY;

/// Copies until there is nothing more, or nobody to take it. What ends the other processes of its group must not
/// end it before them, so it takes no notice of signals.
pub(super) fn run() -> std::process::ExitCode {
    for signal in [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM] {
        // Where it cannot be caught, the relay ends with the group.
        let _ = signal_hook::flag::register(signal.as_raw(), Arc::new(AtomicBool::new(false)));
    }
    match copy() {
        Ok(_) => std::process::ExitCode::SUCCESS,
        Err(_) => std::process::ExitCode::FAILURE,
    }
}

/// Past the buffers of the standard library: what was written is passed on at once, whole line or not.
fn copy() -> io::Result<u64> {
    let mut from = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut to = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    io::copy(&mut from, &mut to)
}
