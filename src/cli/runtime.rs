//! The runtime of commands that wait, and what ends the wait: its result, or a signal.

use std::future::Future;

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::error::Failure;
use crate::exit::ExitCode;
use crate::slots::Slots;

/// Runs a command on the current-thread runtime until it ends or a signal asks to stop.
///
/// A signal takes effect where the command waits. Writes are not interrupted: what was done is on
/// record, what was begun is recorded as begun, and running the command again goes on.
///
/// # Errors
/// The command's own, or exit 130.
pub(super) fn run<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    start()?.block_on(async {
        tokio::select! {
            biased;
            name = stop_signal() => Err(interrupted(name)),
            result = command => result,
        }
    })
}

/// Runs a read of slots. Those that are files or variables answer at once, and a runtime would cost more than the read.
///
/// # Errors
/// The read's own, or exit 130.
pub(super) fn read<T>(
    slots: &dyn Slots,
    read: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    if slots.needs_runtime() { run(read) } else { pollster::block_on(read) }
}

fn start() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::unexpected("the runtime does not start").caused_by(&error))
}

/// Waits for SIGINT, SIGTERM or SIGHUP. They are caught from the call on, also before the wait begins; to be called
/// inside a runtime.
pub(super) fn stop_signal() -> impl Future<Output = &'static str> {
    let streams =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()));
    async {
        let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = streams else {
            // Without handlers the signals keep their default effect, which ends the process.
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
            _ = hangup.recv() => "SIGHUP",
        }
    }
}

fn interrupted(signal: &str) -> Failure {
    Failure::new(
        ExitCode::Interrupted,
        format!("interrupted by {signal}; everything done so far is on record"),
        "run the same command again: it goes on where it was; `rotate status` shows where that is",
    )
}

/// Runs a server until a signal asks it to stop, which is its ordinary end.
///
/// # Errors
/// The server's own.
pub(super) fn serve<F>(
    server: impl FnOnce(std::pin::Pin<Box<dyn Future<Output = ()>>>) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    start()?.block_on(async {
        // Before the server says where it is: who reads that may end it at once.
        let signalled = stop_signal();
        let stop = Box::pin(async {
            signalled.await;
        });
        server(stop).await
    })
}
