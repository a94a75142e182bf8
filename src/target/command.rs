//! A target that is a program of the operator's, which takes the value on its standard input.

mod last_words;

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use rustix::fs::Access;
use zeroize::Zeroizing;

use super::file::held;
use super::{Moving, Target, TargetError, Written};
use crate::program::{self, Failed, Finished};
use crate::rotation::credential::{ReadBack, TargetId};
use crate::secret::{Fingerprint, Secret};

/// Names are shown in tables and kept in state; past this many characters the rest becomes a fingerprint.
const LONGEST_NAME_CHARACTERS: usize = 120;

type Environment = Box<dyn Fn() -> Vec<(OsString, OsString)>>;

/// A program that puts the value where consumers read it, and perhaps a second one that tells what is there.
///
/// The program is started with a list of arguments, without a shell. It gets the value on standard input
/// only: bare, or with one newline where `stdin_newline` is set. Its environment lacks the variables in
/// `removed_variables` and every variable that contains the value. Exit status 0 is success, whether or not
/// it read its input. What it prints is discarded, except the last line of stderr when it fails: that is
/// shown without anything that is the value or a part of it. A program that takes longer than the timeout
/// is killed with its process group.
///
/// The read-back program gets no input. Its stdout is the value itself, or its fingerprint as 16 hex digits
/// (so a value that looks like one cannot be read back as itself); empty output says that no value is there.
///
/// # Assumptions
/// Running the program again with the same value does no harm.
pub struct CommandTarget {
    id: TargetId,
    arguments: Vec<String>,
    read_back: Option<Vec<String>>,
    timeout: Duration,
    stdin_newline: bool,
    removed_variables: Vec<String>,
    environment: Environment,
}

impl CommandTarget {
    /// The target `command:PROGRAM ARG…`; `arguments` starts with the program. Starts nothing.
    pub fn new(
        arguments: Vec<String>,
        read_back: Option<Vec<String>>,
        timeout: Duration,
        stdin_newline: bool,
        removed_variables: Vec<String>,
    ) -> Self {
        Self {
            id: TargetId(format!("command:{}", name_of(&arguments))),
            arguments,
            read_back,
            timeout,
            stdin_newline,
            removed_variables,
            environment: Box::new(|| std::env::vars_os().collect()),
        }
    }

    /// The same target under the stable name that the configuration gives it.
    #[must_use]
    pub fn named(mut self, id: TargetId) -> Self {
        self.id = id;
        self
    }

    /// The same target, whose programs see this environment instead of the process's own.
    #[must_use]
    pub fn with_environment(mut self, environment: impl Fn() -> Vec<(OsString, OsString)> + 'static) -> Self {
        self.environment = Box::new(environment);
        self
    }

    fn visible_environment(&self, value: Option<&Secret>) -> Vec<(OsString, OsString)> {
        let removed = |name: &OsStr| self.removed_variables.iter().any(|removed| name == OsStr::new(removed));
        let reveals = |text: &OsStr| value.is_some_and(|value| contains(text.as_encoded_bytes(), value));
        (self.environment)().into_iter().filter(|(name, text)| !removed(name) && !reveals(text)).collect()
    }

    fn input(&self, value: &Secret) -> Zeroizing<Vec<u8>> {
        let line_end: &[u8] = if self.stdin_newline { b"\n" } else { b"" };
        Zeroizing::new([value.expose().as_bytes(), line_end].concat())
    }

    fn check_program(&self, arguments: &[String], setting: &str) -> Result<(), TargetError> {
        let Some(program) = arguments.first().filter(|program| !program.is_empty()) else {
            return Err(TargetError {
                message: format!("the target's `{setting}` names no program"),
                remedy: format!(
                    "set `{setting}` to a list such as [\"/usr/local/bin/put-key\", \"production\"]"
                ),
                source: None,
            });
        };
        if candidates(program, &self.visible_environment(None)).iter().any(|path| is_executable(path)) {
            return Ok(());
        }
        Err(TargetError {
            message: format!("program `{program}` of the target's `{setting}` is not an executable file"),
            remedy: "install it, name it by its full path, or `chmod +x` it".to_owned(),
            source: None,
        })
    }

    fn judge(&self, finished: Finished, value: &Secret) -> Result<(), TargetError> {
        if finished.status.success() {
            return Ok(());
        }
        let said = last_words::of(&finished.stderr, value);
        let said = if said.is_empty() { String::new() } else { format!(", saying: {said}") };
        Err(self.error(
            format!("{} ended with {}{said}", self.id, finished.status),
            "run the program by hand with a dummy value on stdin, then the same command again",
            None,
        ))
    }

    fn error(&self, message: String, remedy: &str, source: Option<std::io::Error>) -> TargetError {
        TargetError { message, remedy: remedy.to_owned(), source }
    }
}

#[async_trait(?Send)]
impl Target for CommandTarget {
    fn id(&self) -> &TargetId {
        &self.id
    }

    fn is_local(&self) -> bool {
        false
    }

    async fn check(&self) -> Result<(), TargetError> {
        self.check_program(&self.arguments, "command")?;
        self.read_back.as_ref().map_or(Ok(()), |arguments| self.check_program(arguments, "read_back"))
    }

    async fn write(&self, value: &Secret, _moving: Moving<'_>) -> Result<Written, TargetError> {
        self.check_program(&self.arguments, "command")?;
        let environment = self.visible_environment(Some(value));
        let seconds = self.timeout.as_secs_f64();
        match program::run(&self.arguments, environment, Some(self.input(value)), self.timeout).await {
            Ok(finished) => self.judge(finished, value).map(|()| Written::default()),
            Err(Failed::NotRun(error)) => Err(self.error(
                format!("cannot run {}", self.id),
                "check that the program can be started by the user that runs rotate",
                Some(error),
            )),
            Err(Failed::TimedOut) => Err(self.error(
                format!("{} was killed after {seconds} s without an end; what it did is not known", self.id),
                "see that it wants no terminal, or raise `timeout`, then run the same command again",
                None,
            )),
        }
    }

    async fn read_back(&self) -> ReadBack {
        let Some(arguments) = &self.read_back else { return ReadBack::NotReadable };
        if let Err(error) = self.check_program(arguments, "read_back") {
            return ReadBack::Unknown(error.to_string());
        }
        // Which value it might print is not known here, so none of its text is repeated.
        match program::run(arguments, self.visible_environment(None), None, self.timeout).await {
            Ok(finished) if !finished.status.success() => {
                ReadBack::Unknown(format!("the read-back program ended with {}", finished.status))
            }
            Ok(finished) if finished.stdout_is_cut => {
                ReadBack::Unknown("the read-back program printed more than any credential".to_owned())
            }
            Ok(finished) => printed(finished.stdout),
            Err(Failed::TimedOut) => ReadBack::Unknown(format!(
                "the read-back program was killed after {} s without an end",
                self.timeout.as_secs_f64()
            )),
            Err(Failed::NotRun(error)) => {
                ReadBack::Unknown(format!("cannot run the read-back program: {error}"))
            }
        }
    }
}

fn printed(stdout: Zeroizing<Vec<u8>>) -> ReadBack {
    let fingerprint =
        std::str::from_utf8(&stdout).ok().and_then(|text| text.trim_end().parse::<Fingerprint>().ok());
    match fingerprint {
        Some(fingerprint) => ReadBack::Holds(fingerprint),
        None => held([stdout]),
    }
}

fn contains(text: &[u8], value: &Secret) -> bool {
    let value = value.expose().as_bytes();
    text.windows(value.len()).any(|window| window == value)
}

fn name_of(arguments: &[String]) -> String {
    let name = arguments.join(" ").replace(char::is_control, "?");
    if name.chars().count() <= LONGEST_NAME_CHARACTERS {
        return name;
    }
    let start: String = name.chars().take(LONGEST_NAME_CHARACTERS - 20).collect();
    format!("{start}… {}", Fingerprint::of(arguments.join("\0").as_bytes()))
}

/// Where the system would look for the program.
fn candidates(program: &str, environment: &[(OsString, OsString)]) -> Vec<PathBuf> {
    if program.contains('/') {
        return vec![PathBuf::from(program)];
    }
    let path = environment.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.as_os_str());
    // What execvp(3) takes when there is no PATH.
    let path = path.unwrap_or(OsStr::new("/bin:/usr/bin"));
    std::env::split_paths(path).map(|directory| directory.join(program)).collect()
}

/// Mode bits count also for root, whom access(2) lets execute nothing that nobody may.
fn is_executable(path: &Path) -> bool {
    let marked = path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
    marked && rustix::fs::access(path, Access::EXEC_OK).is_ok()
}
