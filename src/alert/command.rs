//! A program of the operator's, which takes the document on its standard input.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{Alert, Receiver, Undelivered};
use crate::http::clean;
use crate::program::{self, Failed, Finished};

/// The variable that names the delivery to the program, the same in every try of it.
const DELIVERY: &str = "ROTATE_DELIVERY";

/// The exit code by which a program asks to be tried again later (sysexits.h, EX_TEMPFAIL).
const TRY_AGAIN: i32 = 75;

type Environment = Box<dyn Fn() -> Vec<(OsString, OsString)>>;

pub struct Settings {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// How long it may take before it is killed with its process group.
    pub timeout: Duration,
    /// Variables that it must not inherit, such as those that hold keys.
    pub removed_variables: Vec<String>,
}

/// Starts a program with a list of arguments, without a shell. It gets [`Alert::document`] and a newline on standard input,
/// and the delivery's name in the variable `ROTATE_DELIVERY`. Exit status 0 says that it was taken, whether or not the
/// program read its input; 75 asks for another try. What it prints is discarded, except the last line of stderr when it
/// fails.
pub struct CommandReceiver {
    settings: Settings,
    environment: Environment,
}

impl CommandReceiver {
    /// Starts nothing.
    pub fn new(settings: Settings) -> Self {
        Self { settings, environment: Box::new(|| std::env::vars_os().collect()) }
    }

    /// The same receiver, whose program sees this environment instead of the process's own.
    #[must_use]
    pub fn with_environment(mut self, environment: impl Fn() -> Vec<(OsString, OsString)> + 'static) -> Self {
        self.environment = Box::new(environment);
        self
    }

    fn environment(&self, delivery: &str) -> Vec<(OsString, OsString)> {
        let is_removed = |name: &OsStr| {
            name == DELIVERY
                || self.settings.removed_variables.iter().any(|removed| name == OsStr::new(removed))
        };
        let inherited = (self.environment)().into_iter().filter(|(name, _)| !is_removed(name));
        inherited.chain([(DELIVERY.into(), delivery.into())]).collect()
    }

    fn program(&self) -> String {
        clean(self.settings.command.first().map_or("", String::as_str), &[])
    }

    fn judge(&self, finished: &Finished) -> Result<(), Undelivered> {
        if finished.status.success() {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&finished.stderr);
        let said = stderr.lines().map(|line| clean(line, &[])).rfind(|line| !line.is_empty());
        let said = said.map_or_else(String::new, |said| format!(", saying: {said}"));
        let reason = format!("`{}` ended with {}{said}", self.program(), finished.status);
        if finished.status.code() == Some(TRY_AGAIN) {
            return Err(Undelivered::passing(reason));
        }
        Err(Undelivered::lasting(
            reason,
            "run the program by hand with a document on its stdin, and mend what it reports",
        ))
    }
}

#[async_trait(?Send)]
impl Receiver for CommandReceiver {
    async fn deliver(&self, alert: &Alert, delivery: &str, _now: Timestamp) -> Result<(), Undelivered> {
        let input = Zeroizing::new(format!("{}\n", alert.document()).into_bytes());
        let Settings { command, timeout, .. } = &self.settings;
        match program::run(command, self.environment(delivery), Some(input), *timeout).await {
            Ok(finished) => self.judge(&finished),
            Err(Failed::NotRun(error)) => Err(Undelivered::lasting(
                format!("cannot run `{}`: {}", self.program(), clean(&error.to_string(), &[])),
                "check that `command` names an executable file, and that the user that runs rotate may start it",
            )),
            Err(Failed::TimedOut) => Err(Undelivered::passing(format!(
                "`{}` was killed after {} s without an end",
                self.program(),
                timeout.as_secs_f64()
            ))),
        }
    }
}
