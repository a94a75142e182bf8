//! `rotate completions`

use super::definition::Completions;
use crate::error::Failure;
use crate::ui::{Output, write_stdout};

pub(super) fn run(arguments: &Completions) -> Result<Output, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::definition(), "rotate", &mut script);
    write_stdout(&script)?;
    Ok(Output::default())
}
