//! What this process does not leave behind.

use rustix::process::{Resource, Rlimit};

/// Makes the process leave no core and, on Linux, hides its memory from other processes of the same
/// user (prctl(2), PR_SET_DUMPABLE).
///
/// Best effort: where the system refuses, the command goes on.
pub(super) fn harden() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(Resource::Core, none);
}
