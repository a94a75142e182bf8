//! Points at which a test may kill or stop this process, to show that whoever comes next converges.

/// In builds with debug assertions, sends this process SIGKILL (or SIGSTOP) when `ROTATE_TEST_CRASH_AT`
/// (or `ROTATE_TEST_STOP_AT`) is the number of points passed so far, this one included. Nothing
/// otherwise.
#[cfg(debug_assertions)]
pub(crate) fn point(name: &str) {
    use std::sync::atomic::{AtomicU32, Ordering};

    use rustix::process::Signal;

    static PASSED: AtomicU32 = AtomicU32::new(0);
    let number = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    for (variable, signal) in [("ROTATE_TEST_CRASH_AT", Signal::KILL), ("ROTATE_TEST_STOP_AT", Signal::STOP)]
    {
        let wanted = std::env::var(variable).ok().and_then(|text| text.parse::<u32>().ok());
        if wanted == Some(number) {
            eprintln!("test: {variable} reached point {number}, {name}");
            if rustix::process::kill_process(rustix::process::getpid(), signal).is_err() {
                std::process::abort();
            }
        }
    }
}

/// In a release build there are none.
#[cfg(not(debug_assertions))]
pub(crate) fn point(_name: &str) {}
