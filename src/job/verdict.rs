//! What a finished run was worth: its own exit code, or a failure that it did not tell.

use super::child::End;
use crate::error::Failure;
use crate::exit::ExitCode;

/// What a run left, as far as it decides.
#[derive(Clone, Debug)]
pub struct Left {
    pub end: End,
    /// What it printed that says that its key was refused.
    pub auth_failure: Option<String>,
    /// stdout was to have text and had none.
    pub lacks_stdout: bool,
    /// What is missing of the files that it was to make.
    pub missing: Vec<String>,
}

/// What went wrong with a job whose exit code need not tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It printed that its key was refused.
    AuthFailure,
    /// It exited 0, and what it should have made is not there.
    OutputMissing,
}

impl Left {
    /// `None` where its exit code tells all.
    pub fn trouble(&self) -> Option<Trouble> {
        if self.auth_failure.is_some() {
            return Some(Trouble::AuthFailure);
        }
        let is_missing = self.lacks_stdout || !self.missing.is_empty();
        (self.end == End::Exited(0) && is_missing).then_some(Trouble::OutputMissing)
    }

    /// `None` where the job's own exit code tells all; a failure of exit 30 where it exited 0 and went wrong.
    pub fn quiet_failure(&self, key: &str) -> Option<Failure> {
        if self.end != End::Exited(0) {
            return None;
        }
        let mut complaints = Vec::new();
        if let Some(pattern) = &self.auth_failure {
            complaints.push(format!("it printed `{pattern}`, as where a key is refused"));
        }
        if self.lacks_stdout {
            complaints.push("it printed nothing on stdout".to_owned());
        }
        complaints.extend(self.missing.iter().cloned());
        if complaints.is_empty() {
            return None;
        }
        let hint = match self.auth_failure {
            Some(_) => refused_key(key),
            None => "look at what the job printed; its result is not there".to_owned(),
        };
        let message = "the job exited 0, but it went wrong";
        let failure = Failure::new(ExitCode::Attention, message, hint);
        Some(complaints.into_iter().fold(failure, Failure::because))
    }

    /// One line for a job that failed by itself and whose key was refused.
    pub fn remark(&self, key: &str) -> Option<String> {
        let pattern = self.auth_failure.as_ref().filter(|_| self.end != End::Exited(0))?;
        Some(format!("the job printed `{pattern}`: its key was refused; {}", refused_key(key)))
    }
}

fn refused_key(key: &str) -> String {
    format!(
        "see which credential is active: `rotate status {key}`; if the text is no refusal, change \
         auth_failure_patterns"
    )
}
