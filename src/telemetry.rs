//! Diagnostics for `-v`: on stderr, never on stdout, never a value.

use tracing_subscriber::filter::LevelFilter;

/// Turns diagnostics on: `-v` shows what was done, `-vv` every step of the plan.
pub fn start(verbosity: u8) {
    let level = match verbosity {
        0 => return,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        // It would complain with `eprintln!`, which panics where stderr is gone.
        .log_internal_errors(false)
        .finish();
    // A second start in one process would be a test's; the first one stands.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
