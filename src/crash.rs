//! Points at which a test may kill or stop this process, to show that whoever comes next converges.

/// In builds with debug assertions, sends this process SIGKILL (or SIGSTOP) when `ROTATE_TEST_CRASH_AT`
/// (or `ROTATE_TEST_STOP_AT`) is the number of points passed so far, this one included. Nothing
/// otherwise.
#[cfg(debug_assertions)]
pub(crate) fn point(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use rustix::process::Signal;

    static PASSED: AtomicU32 = AtomicU32::new(0);
    static WANTED: OnceLock<Vec<(&str, u32, Signal)>> = OnceLock::new();
    let wanted = WANTED.get_or_init(|| {
        let both = [("ROTATE_TEST_CRASH_AT", Signal::KILL), ("ROTATE_TEST_STOP_AT", Signal::STOP)];
        let number = |variable| std::env::var(variable).ok()?.parse::<u32>().ok();
        both.into_iter()
            .filter_map(|(variable, signal)| Some((variable, number(variable)?, signal)))
            .collect()
    });
    if wanted.is_empty() {
        return;
    }
    let number = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    for (variable, at, signal) in wanted {
        if *at == number {
            eprintln!("test: {variable} reached point {number}, {name}");
            if rustix::process::kill_process(rustix::process::getpid(), *signal).is_err() {
                std::process::abort();
            }
        }
    }
}

/// In a release build there are none.
#[cfg(not(debug_assertions))]
pub(crate) fn point(_name: &str) {}
