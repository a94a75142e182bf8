//! The system calls of one run, and a run in which one of them goes another way.

use std::fmt;

use crate::lab::{Lab, Ran};

/// Calls that name a file or a descriptor of one, and may fail because of it.
///
/// Not `close`: the kernel frees the descriptor whatever it answers, and an injected error leaves the call undone,
/// so that the process would go on holding its own locks, as it never does.
const OF_FILES: [&str; 18] = [
    "openat",
    "read",
    "write",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "flock",
    "fchmod",
    "unlink",
    "unlinkat",
    "mkdir",
    "statx",
    "newfstatat",
    "getdents64",
    "ftruncate",
    "lseek",
];

/// Calls after which somebody else may find another world.
const CHANGING: [&str; 20] = [
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "flock",
    "fchmod",
    "fchown",
    "fsetxattr",
    "fremovexattr",
    "unlink",
    "unlinkat",
    "mkdir",
    "ftruncate",
    "connect",
    "sendto",
    "sendmsg",
    "clone",
    "clone3",
    "exit_group",
];

/// One call of a recorded run.
#[derive(Clone, Debug)]
pub struct Call {
    pub name: String,
    /// Among the calls of this name, from 1.
    pub number: usize,
    /// As strace shows it.
    pub text: String,
    /// Whether the program's own work has begun: its loader is done.
    pub is_own: bool,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = self.text.chars().take(160).collect();
        write!(f, "{} number {} ({text})", self.name, self.number)
    }
}

impl Call {
    /// Whether a kill before the next call finds another world than a kill before this one.
    pub fn changes_something(&self) -> bool {
        match self.name.as_str() {
            "openat" => self.text.contains("O_CREAT") || self.text.contains("O_TRUNC"),
            // Wake-ups within the process are no change of anything.
            "write" | "writev" => !self.text.contains("eventfd") && !self.text.contains("<pipe:"),
            name => CHANGING.contains(&name),
        }
    }

    /// Whether it is a call on a file that is not the test's own clock.
    pub fn is_of_a_file(&self) -> bool {
        let is_elsewhere = ["/clock", "eventfd", "<socket", "<TCP", "<UNIX", "<pipe:", "/dev/null"];
        self.is_own
            && OF_FILES.contains(&self.name.as_str())
            && !is_elsewhere.iter().any(|elsewhere| self.text.contains(elsewhere))
    }
}

/// The calls of an undisturbed run.
pub fn recorded(lab: &Lab, command: &str) -> Vec<Call> {
    let trace = lab.path("trace");
    let options = ["-y", "-s", "64", "-o", trace.to_str().unwrap()];
    let ran = lab.finish_command(&mut lab.under_strace(&options, &words(command)));
    assert!(ran.code >= 0, "strace runs (./scripts/setup installs it): {ran:#?}");
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    let mut is_own = false;
    let mut calls = Vec::new();
    for line in std::fs::read_to_string(trace).unwrap().lines() {
        let Some((name, _)) = line.split_once('(') else { continue };
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        // The program does not exist before it is executed: nothing can be done to that call.
        if !is_name || ["", "execve"].contains(&name) {
            continue;
        }
        let number = seen.entry(name.to_owned()).or_default();
        *number += 1;
        is_own |= line.contains("rotate.toml");
        calls.push(Call { name: name.to_owned(), number: *number, text: line.to_owned(), is_own });
    }
    calls
}

/// Runs a command in which one call is injected with `signal=KILL`, `error=EIO` or the like; `None` where the run
/// did not come to that call: not every one has as many waits and wake-ups.
pub fn run_injected(lab: &Lab, command: &str, call: &Call, what: &str) -> Option<Ran> {
    let trace = lab.path("trace");
    let traced = format!("trace={}", call.name);
    let inject = format!("inject={}:{what}:when={}", call.name, call.number);
    let options = ["-e", &traced, "-e", &inject, "-o", trace.to_str().unwrap()];
    let ran = lab.finish_command(&mut lab.under_strace(&options, &words(command)));
    let is_injected = ran.code == -1 || std::fs::read_to_string(trace).unwrap().contains("(INJECTED)");
    let is_elsewhere = ran.code == 0 && !call.changes_something();
    assert!(is_injected || is_elsewhere, "`{command}` did not come to {call}: {ran:#?}");
    is_injected.then_some(ran)
}

fn words(command: &str) -> Vec<&str> {
    command.split_whitespace().collect()
}
