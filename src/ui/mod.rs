//! What people and scripts see: results on stdout, everything else on stderr.

pub mod doctor;
pub mod due;
pub mod evidence;
pub mod findings;
pub mod lease;
pub mod narrator;
pub mod paint;
pub mod plain;
pub mod prompt;
pub mod render;
pub mod status;

use std::io::{self, IsTerminal, Write};
use std::rc::Rc;

use serde_json::{Map, Value, json};

use self::narrator::{Quiet, Speaking};
use self::paint::Paint;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::workflow::ports::Narrator;

/// The schema of every JSON document.
pub const SCHEMA_VERSION: u64 = 1;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    #[default]
    Auto,
    Always,
    Never,
}

/// How this run talks.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    pub json: bool,
    pub quiet: bool,
    pub stdout: Paint,
    pub stderr: Paint,
}

impl Ui {
    /// Decides per stream, from the flags, `NO_COLOR` and whether it is a terminal.
    pub fn new(json: bool, quiet: bool, color: ColorChoice) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let on = |is_terminal: bool| match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => is_terminal && !no_color,
        };
        Self {
            json,
            quiet,
            stdout: Paint(on(io::stdout().is_terminal())),
            stderr: Paint(on(io::stderr().is_terminal())),
        }
    }

    /// Who tells of progress: on stderr, unless people asked for quiet or a script for JSON.
    pub fn narrator(&self) -> Rc<dyn Narrator> {
        if self.quiet || self.json {
            Rc::new(Quiet { warn: !self.quiet, paint: self.stderr })
        } else {
            Rc::new(Speaking::new(self.stderr))
        }
    }

    /// Prints a result: the document under `--json`, else the text for people.
    ///
    /// # Errors
    /// stdout could not be written; a reader that went away is no error.
    pub fn print(&self, output: &Output) -> Result<(), Failure> {
        if output.json.is_empty() && output.text.is_empty() {
            // The command wrote its result itself.
            return Ok(());
        }
        let text = if self.json { document(&output.json) } else { plain::lines(&output.text, self.stdout) };
        write_stdout(text.as_bytes())
    }

    /// Prints a failure: the document on stdout under `--json`, and always the text on stderr unless
    /// there is a document.
    pub fn print_failure(&self, failure: &Failure) {
        if self.json {
            let _ = write_stdout(document(&failure_document(failure)).as_bytes());
        } else {
            let text = failure_text(failure, self.stderr);
            let _ = io::stderr().lock().write_all(text.as_bytes());
        }
    }

    /// One line for people on stderr.
    pub fn note(&self, text: &str) {
        if !self.json && !self.quiet {
            let _ = writeln!(io::stderr().lock(), "{}", plain::lines(text, self.stderr));
        }
    }

    /// What the argument parser says of a command line that it does not understand, and that it repeats.
    pub fn print_usage(&self, error: &clap::Error) {
        let _ = io::stderr().lock().write_all(parser_text(error, self.stderr).as_bytes());
    }

    /// Help and version, which repeat what the environment says.
    pub fn print_help(&self, error: &clap::Error) {
        // A reader that has gone away does not mind.
        let _ = write_stdout(parser_text(error, self.stdout).as_bytes());
    }
}

/// A result in both renderings.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// With its newline at the end.
    pub text: String,
    /// Without `schema_version`, which [`Ui::print`] adds.
    pub json: Map<String, Value>,
    /// What the process exits with all the same.
    pub exit: Option<ExitCode>,
}

/// Bytes to stdout. A reader that has gone away (EPIPE) ends the output, not the operation.
///
/// # Errors
/// Any other error.
pub fn write_stdout(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(
            ExitCode::Unexpected,
            "cannot write to stdout",
            "the operation itself is done; look at `rotate status`",
        )
        .caused_by(&error)),
    }
}

fn parser_text(error: &clap::Error, paint: Paint) -> String {
    let message = error.render();
    let text = if paint.0 { message.ansi().to_string() } else { message.to_string() };
    plain::lines(&text, paint)
}

fn document(fields: &Map<String, Value>) -> String {
    let mut all = Map::new();
    all.insert("schema_version".to_owned(), json!(SCHEMA_VERSION));
    all.extend(fields.clone());
    let mut text = plain::json(&Value::Object(all).to_string());
    text.push('\n');
    text
}

fn failure_document(failure: &Failure) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert(
        "error".to_owned(),
        json!({
            "kind": failure.exit.kind(),
            "message": failure.message,
            "causes": failure.causes,
            "exit_code": failure.exit.number(),
            "status": failure.status,
            "hint": failure.hint,
        }),
    );
    fields.extend(failure.details.clone());
    fields
}

fn failure_text(failure: &Failure, paint: Paint) -> String {
    let label = if failure.exit == ExitCode::Wait { paint.yellow("not yet:") } else { paint.red("error:") };
    let mut text = format!("{label} {}\n", plain::one_line(&failure.message));
    for cause in &failure.causes {
        text.push_str(&format!("  {} {}\n", paint.bold("caused by:"), plain::one_line(cause)));
    }
    if let Some(table) = evidence::from_details(&failure.details) {
        text.push_str(&evidence::table(&table));
    }
    if let Some(status) = &failure.status {
        text.push_str(&format!("  {} {}\n", paint.bold("status:"), plain::one_line(status)));
    }
    // What follows a line end cannot pass for another line of ours.
    text.push_str(&format!("  {} {}\n", paint.green("hint:"), failure.hint.replace('\n', "\n      ")));
    plain::lines(&text, paint)
}
