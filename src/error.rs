//! The one error people and scripts see: what went wrong, what serves traffic now, what to do next.

use std::fmt;

use serde_json::{Map, Value};

use crate::exit::ExitCode;

/// A failure as the operator meets it.
///
/// Holds by construction: there is a remedy (`hint`), and the exit code names the operator's next
/// move. Messages are lower-case sentences without a full stop and contain no secret.
#[derive(Clone, Debug)]
pub struct Failure {
    pub exit: ExitCode,
    pub message: String,
    /// Deeper reasons, outermost first.
    pub causes: Vec<String>,
    /// Which credential serves traffic now, where that is known.
    pub status: Option<String>,
    /// The exact next command or act.
    pub hint: String,
    /// Fields a command adds to its JSON document beside `error`, such as `evidence`.
    pub details: Map<String, Value>,
}

impl Failure {
    /// A failure with its remedy.
    pub fn new(exit: ExitCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            causes: Vec::new(),
            status: None,
            hint: hint.into(),
            details: Map::new(),
        }
    }

    /// Something that should not happen: a defect of the program.
    pub fn unexpected(message: impl Into<String>) -> Self {
        Self::new(
            ExitCode::Unexpected,
            message,
            "this is a defect: report it with the output of the same command under -v",
        )
    }

    /// Adds the error and everything below it as causes.
    #[must_use]
    pub fn caused_by(mut self, error: &dyn std::error::Error) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            self.causes.push(error.to_string());
            next = error.source();
        }
        self
    }

    /// Adds one cause in words.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Says which credential serves traffic now; the first answer stands.
    #[must_use]
    pub fn with_status(mut self, status: impl Into<String>) -> Self {
        self.status.get_or_insert_with(|| status.into());
        self
    }

    /// Adds a field to the JSON document, beside `error`.
    #[must_use]
    pub fn with_detail(mut self, name: &str, value: Value) -> Self {
        self.details.insert(name.to_owned(), value);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.causes.iter().try_for_each(|cause| write!(f, ": {cause}"))
    }
}

impl std::error::Error for Failure {}
