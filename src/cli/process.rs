//! What this process does not leave behind.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit of core files that the process came with, for the processes that it starts.
static CORE_LIMIT: OnceLock<Rlimit> = OnceLock::new();

/// Makes the process leave no core and, on Linux, hides its memory from other processes of the same
/// user (prctl(2), PR_SET_DUMPABLE).
///
/// Best effort: where the system refuses, the command goes on. The upper limit stays, so that a job can get back
/// what it would have without us.
pub(super) fn harden() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let before = *CORE_LIMIT.get_or_init(|| getrlimit(Resource::Core));
    let none = Rlimit { current: Some(0), maximum: before.maximum };
    let _ = setrlimit(Resource::Core, none);
}

/// The limit of core files before [`harden`].
pub(super) fn core_limit() -> Option<Rlimit> {
    CORE_LIMIT.get().copied()
}
