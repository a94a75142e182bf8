//! The job's process: started as it would be without us, but for the variables.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Resource, Rlimit, WaitStatus, getrlimit, setrlimit};

use super::Refusal;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::workflow::variables::Variable;

/// As shells have it.
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;
const SIGNAL_BASE: i32 = 128;

/// What is run, and what it does not get.
pub struct Program {
    /// The program, found as a shell finds it, and its arguments; not empty.
    pub words: Vec<OsString>,
    /// Variables that it does not inherit.
    pub removed_variables: Vec<String>,
    /// The limit of core files before this process lowered its own.
    pub core_limit: Option<Rlimit>,
}

/// How a job's process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Exited(u8),
    /// By a signal of this number.
    Signalled(i32),
}

impl End {
    /// `None` where the process has only stopped.
    pub fn of(status: WaitStatus) -> Option<Self> {
        if let Some(signal) = status.terminating_signal() {
            return Some(End::Signalled(signal));
        }
        Some(End::Exited(u8::try_from(status.exit_status()?).unwrap_or(u8::MAX)))
    }

    /// As a shell tells it: the code, or 128 and the signal's number.
    pub fn number(self) -> u8 {
        match self {
            End::Exited(code) => code,
            End::Signalled(signal) => u8::try_from(SIGNAL_BASE + signal).unwrap_or(u8::MAX),
        }
    }
}

impl Program {
    /// The program's file name, which is all that is told of it.
    pub fn name(&self) -> String {
        let first = self.words.first().map(OsString::as_os_str).unwrap_or_default();
        Path::new(first).file_name().unwrap_or(first).to_string_lossy().into_owned()
    }

    /// Starts it with the credential in its environment, stdin and directory as they are.
    ///
    /// # Errors
    /// 127 where there is no such program, 126 where it cannot be executed; both say what to do.
    pub fn start(&self, variables: &[Variable], stdout: Stdio, stderr: Stdio) -> Result<Pid, Refusal> {
        let Some((program, arguments)) = self.words.split_first() else {
            return Err(Failure::new(ExitCode::Usage, "no command was given", "name it after `--`").into());
        };
        let mut command = Command::new(program);
        command.args(arguments).stdout(stdout).stderr(stderr);
        for name in &self.removed_variables {
            command.env_remove(name);
        }
        for variable in variables {
            command.env(&variable.name, variable.value.as_str());
        }
        let own = getrlimit(Resource::Core);
        if let Some(limit) = self.core_limit {
            let _ = setrlimit(Resource::Core, limit);
        }
        let started = command.spawn();
        if self.core_limit.is_some() {
            let _ = setrlimit(Resource::Core, own);
        }
        let child = started.map_err(|error| not_started(program, &error))?;
        // Reaped by its id, together with what it leaves behind.
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        id.ok_or_else(|| Failure::unexpected("the system gave the job no process id").into())
    }
}

fn not_started(program: &OsStr, error: &io::Error) -> Refusal {
    let shown = program.to_string_lossy();
    let is_path = program.as_encoded_bytes().contains(&b'/');
    let (number, message, hint) = if error.kind() == io::ErrorKind::NotFound {
        let (what, hint) = if is_path && Path::new(program).exists() {
            ("the interpreter in its first line does not exist", "correct the line that begins with `#!`")
        } else if is_path {
            ("no such file", "correct the path; it is taken from the current directory")
        } else {
            ("no such program in PATH", "install it, or name it with its path; PATH may be short under cron")
        };
        (NOT_FOUND, format!("cannot start `{shown}`: {what}"), hint.to_owned())
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        let hint = match Path::new(program).is_dir() {
            true => "it is a directory: name a program in it".to_owned(),
            false => format!("make it executable: `chmod +x {shown}`, or run its interpreter: `sh {shown}`"),
        };
        (NOT_EXECUTABLE, format!("cannot start `{shown}`: it is not executable"), hint)
    } else {
        let hint = "a script needs a first line such as `#!/bin/sh`, a program the right architecture";
        (NOT_EXECUTABLE, format!("cannot start `{shown}`"), hint.to_owned())
    };
    Refusal { number, failure: Failure::new(ExitCode::Usage, message, hint).caused_by(error) }
}
