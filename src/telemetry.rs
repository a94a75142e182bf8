//! Diagnostics for `-v`: on stderr, never on stdout, never a value.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;

/// Turns diagnostics on: `-v` shows what was done, `-vv` every step of the plan.
pub fn start(verbosity: u8) {
    let level = match verbosity {
        0 => return,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        // It would complain with `eprintln!`, which panics where stderr is gone.
        .log_internal_errors(false);
    // This crate only: what libraries say is not known to be free of values. The AWS SDK prints whole
    // requests and answers at its most talkative, and a secret is what they are about.
    let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
    let subscriber = tracing_subscriber::registry().with(ours).with(lines);
    // A second start in one process would be a test's; the first one stands.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
