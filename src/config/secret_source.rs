//! Resolving a secret reference: the one place where values enter besides the prompt.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

use super::command_output::{Bytes, LONGEST_BYTES, NoOutput, read_all, run};
use super::environment::Environment;
use super::secret_ref::{Origin, SecretReference};
use crate::duration::friendly_duration;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::secret::Secret;

const COMMAND_LIMIT: Duration = Duration::from_secs(30);

impl SecretReference {
    /// Fetches the value. Blocks: up to 30 s for a command or each call to AWS, as long as stdin stays open
    /// for `-`.
    ///
    /// # Errors
    /// Exit 2 or 3 by `origin` where the reference points at nothing usable (unset variable, missing
    /// file, more than 64 KiB, a value that [`Secret`] refuses); exit 21 where its command failed or
    /// took too long, or AWS
    /// could not be had. No failure contains the value.
    pub fn resolve(
        &self,
        origin: Origin<'_>,
        environment: &Environment,
        stdin: &mut dyn Read,
    ) -> Result<Secret, Failure> {
        let source = Source { reference: self, origin };
        let bytes = match self {
            SecretReference::Stdin => source.read("standard input", stdin)?,
            SecretReference::Environment(name) => source.variable(name, environment)?,
            SecretReference::File(path) => source.file(path)?,
            SecretReference::Command(words) => source.command(words)?,
            SecretReference::AwsSecretsManager { secret_id, json_key } => {
                source.fetched(environment, secret_id, json_key.as_deref())?
            }
        };
        source.secret(bytes)
    }
}

struct Source<'a> {
    reference: &'a SecretReference,
    origin: Origin<'a>,
}

impl Source<'_> {
    fn failure(&self, complaint: impl AsRef<str>, hint: impl Into<String>) -> Failure {
        self.failure_with(self.origin.exit(), complaint, hint)
    }

    fn failure_with(&self, exit: ExitCode, complaint: impl AsRef<str>, hint: impl Into<String>) -> Failure {
        let of = match self.origin {
            Origin::Argument => String::new(),
            Origin::Configuration(field) => format!(" (for `{field}`)"),
        };
        let reference = match self.reference {
            SecretReference::Stdin => "stdin".to_owned(),
            other => other.to_string(),
        };
        Failure::new(exit, format!("cannot take a secret from {reference}{of}: {}", complaint.as_ref()), hint)
    }

    fn secret(&self, mut bytes: Bytes) -> Result<Secret, Failure> {
        Secret::from_bytes(std::mem::take(&mut *bytes))
            .map_err(|malformed| self.failure(malformed.to_string(), malformed.remedy()))
    }

    fn variable(&self, name: &str, environment: &Environment) -> Result<Bytes, Failure> {
        match environment.variable(name) {
            Some(value) => Ok(Zeroizing::new(value.into_vec())),
            None => Err(self.failure(
                format!("the environment variable {name} is not set"),
                format!("export {name} for this command, or name another source: file:PATH, command:PROGRAM"),
            )),
        }
    }

    fn file(&self, path: &Path) -> Result<Bytes, Failure> {
        let wrong = |error: io::Error| {
            self.failure("the file cannot be read", "check the path and that this user may read it")
                .caused_by(&error)
        };
        let mut file = File::open(path).map_err(wrong)?;
        if file.metadata().map_err(wrong)?.is_dir() {
            return Err(self.failure("it is a directory", "name the file that holds nothing but the key"));
        }
        self.read("the file", &mut file)
    }

    fn read(&self, what: &str, reader: &mut dyn Read) -> Result<Bytes, Failure> {
        match read_all(reader) {
            Ok(bytes) if bytes.len() > LONGEST_BYTES => Err(self.too_long()),
            Ok(bytes) => Ok(bytes),
            Err(error) => Err(self
                .failure(format!("{what} cannot be read"), "check that it is readable, and run again")
                .caused_by(&error)),
        }
    }

    fn too_long(&self) -> Failure {
        self.failure("it holds more than 64 KiB", "name a source that holds nothing but the key")
    }

    fn fetched(
        &self,
        environment: &Environment,
        secret_id: &str,
        json_key: Option<&str>,
    ) -> Result<Bytes, Failure> {
        let Some(fetched) = environment.fetch(secret_id, json_key) else {
            return Err(
                self.failure("AWS Secrets Manager is not at hand here", "name another source: file:PATH")
            );
        };
        fetched.map_err(|error| match error.is_reference_wrong {
            true => self.failure(error.complaint, error.hint),
            false => self.failure_with(ExitCode::Unreachable, error.complaint, error.hint),
        })
    }

    fn command(&self, words: &[String]) -> Result<Bytes, Failure> {
        let Some((program, arguments)) = words.split_first() else {
            return Err(self.failure("the command is empty", "write command:PROGRAM ARGUMENTS"));
        };
        let output = run(program, arguments, COMMAND_LIMIT).map_err(|error| self.no_output(&error))?;
        if output.stdout.len() > LONGEST_BYTES {
            return Err(self.too_long());
        }
        if output.status.success() {
            return Ok(output.stdout);
        }
        let ending = match output.status.code() {
            Some(code) => format!("the command ended with exit code {code}"),
            None => "the command was ended by a signal".to_owned(),
        };
        let failure = self.unreachable(ending, "run the command by hand and mend what it reports");
        let remark = output.remark();
        Err(if remark.is_empty() { failure } else { failure.because(format!("it said: {remark}")) })
    }

    fn no_output(&self, error: &NoOutput) -> Failure {
        match error {
            NoOutput::NotStarted(error) => self
                .failure(
                    "the program cannot be started",
                    "check its name, its path and that it is executable",
                )
                .caused_by(error),
            NoOutput::Unreadable(error) => {
                self.unreachable("its output cannot be read", "run the same command again").caused_by(error)
            }
            NoOutput::TimedOut => self.unreachable(
                format!("the command had not ended after {}", friendly_duration(COMMAND_LIMIT)),
                "run it by hand and see what it waits for; its stdin is empty here",
            ),
        }
    }

    fn unreachable(&self, complaint: impl AsRef<str>, hint: &str) -> Failure {
        self.failure_with(ExitCode::Unreachable, complaint, hint)
    }
}
