//! Points at which a test may kill this process, to show that whoever comes next converges.

/// In builds with debug assertions, kills the process with SIGKILL when `ROTATE_TEST_CRASH_AT` is the
/// number of crash points passed so far, this one included. Nothing otherwise.
#[cfg(debug_assertions)]
pub(crate) fn point(name: &str) {
    use std::sync::atomic::{AtomicU32, Ordering};

    static PASSED: AtomicU32 = AtomicU32::new(0);
    let number = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    let wanted = std::env::var("ROTATE_TEST_CRASH_AT").ok().and_then(|text| text.parse::<u32>().ok());
    if wanted == Some(number) {
        eprintln!("test: killed at crash point {number}, {name}");
        let own = rustix::process::getpid();
        if rustix::process::kill_process(own, rustix::process::Signal::KILL).is_err() {
            std::process::abort();
        }
    }
}

/// In a release build there are none.
#[cfg(not(debug_assertions))]
pub(crate) fn point(_name: &str) {}
