//! Processes of this machine: which of them live, and which came of which.
//!
//! A process id is used again after its process is gone. Together with the start time it names one process of
//! one boot (proc_pid_stat(5), field 22).

#[cfg(target_os = "linux")]
mod linux;

use serde::{Deserialize, Serialize};

#[cfg(target_os = "linux")]
use self::linux::{descendants, leads_session_here, sight, start_ticks};

/// One process that holds a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub pid: u32,
    /// In clock ticks since boot; `None` where the system does not tell.
    pub start_ticks: Option<u64>,
}

/// What the machine says of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// It is there, and it is the same.
    Alive,
    /// It is not there, or its id belongs to another process now.
    Gone,
    /// The machine does not tell, with the reason.
    Hidden(&'static str),
}

impl Member {
    /// A process by its id as it is now, whether it lives or not.
    pub fn of(pid: u32) -> Self {
        Self { pid, start_ticks: start_ticks(pid) }
    }

    /// Looks for the process. One that has ended and was not waited for yet is gone.
    pub fn sighting(&self) -> Sighting {
        sight(self)
    }
}

/// Every process that a process started, and that those started, as far as they live or were not waited for
/// yet. Empty off Linux. A process whose parent has ended belongs to whoever took it over.
pub fn descendants_of(pid: u32) -> Vec<u32> {
    descendants(pid)
}

/// Whether this process leads its session (setsid(2)), and so is the one that a terminal's end is told to.
pub fn leads_session() -> bool {
    leads_session_here()
}

/// By the kernel's answer to a signal that is none (kill(2), signal 0).
fn by_signal(pid: u32) -> Sighting {
    use rustix::io::Errno;
    use rustix::process::{Pid, test_kill_process};
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return Sighting::Hidden("its process id is none");
    };
    match test_kill_process(pid) {
        Err(Errno::SRCH) => Sighting::Gone,
        _ => Sighting::Hidden("this system does not show whether its process is still the same one"),
    }
}

#[cfg(not(target_os = "linux"))]
fn start_ticks(_pid: u32) -> Option<u64> {
    None
}

/// Not on Linux, where the leader may be outside the process id namespace and then has the id 0, which this call
/// does not expect.
#[cfg(not(target_os = "linux"))]
fn leads_session_here() -> bool {
    rustix::process::getsid(None).is_ok_and(|id| id == rustix::process::getpid())
}

#[cfg(not(target_os = "linux"))]
fn sight(member: &Member) -> Sighting {
    by_signal(member.pid)
}

#[cfg(not(target_os = "linux"))]
fn descendants(_pid: u32) -> Vec<u32> {
    Vec::new()
}
