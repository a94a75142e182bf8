//! `rotate man`

use std::path::Path;

use super::definition::Man;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::ui::Output;

pub(super) fn run(arguments: &Man) -> Result<Output, Failure> {
    let directory = &arguments.directory;
    std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(super::definition(), directory))
        .map_err(|error| unwritable(directory, &error))?;
    let text =
        format!("man pages are in {}; try `man {}/rotate.1`\n", directory.display(), directory.display());
    Ok(Output { text, ..Output::default() })
}

fn unwritable(directory: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        ExitCode::Usage,
        format!("cannot write man pages into {}", directory.display()),
        "name a directory that you can write",
    )
    .caused_by(error)
}
