//! Progress on stderr: lines for what was done, one moving line for what is waited for.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::paint::Paint;
use super::plain::one_line;
use crate::workflow::ports::Narrator;

/// Tells everything. The moving line appears on a terminal only.
pub struct Speaking {
    bar: Option<ProgressBar>,
    paint: Paint,
}

impl Speaking {
    pub fn new(paint: Paint) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, paint }
    }

    fn line(&self, text: &str) {
        let write = || {
            // A closed stderr must not stop an operation.
            let _ = writeln!(io::stderr().lock(), "{text}");
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Narrator for Speaking {
    fn say(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message("");
            bar.disable_steady_tick();
        }
        self.line(&format!("{} {}", self.paint.dim("·"), one_line(text)));
    }

    fn waiting(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(one_line(text));
            bar.enable_steady_tick(Duration::from_millis(120));
        }
    }

    fn warn(&self, text: &str) {
        self.line(&format!("{} {}", self.paint.yellow("warning:"), one_line(text)));
    }
}

impl Drop for Speaking {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Tells warnings at most.
pub struct Quiet {
    pub warn: bool,
    pub paint: Paint,
}

impl Narrator for Quiet {
    fn say(&self, _text: &str) {}

    fn waiting(&self, _text: &str) {}

    fn warn(&self, text: &str) {
        if self.warn {
            let _ = writeln!(io::stderr().lock(), "{} {}", self.paint.yellow("warning:"), one_line(text));
        }
    }
}
