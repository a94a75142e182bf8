//! `rotate man`

use std::io::ErrorKind;
use std::path::Path;

use super::definition::Man;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::ui::Output;

pub(super) fn run(arguments: &Man) -> Result<Output, Failure> {
    let directory = &arguments.directory;
    create(directory)
        .and_then(|()| clap_mangen::generate_to(super::definition(), directory))
        .map_err(|error| unwritable(directory, &error))?;
    let text =
        format!("man pages are in {}; try `man {}/rotate.1`\n", directory.display(), directory.display());
    Ok(Output { text, ..Output::default() })
}

/// Creates the directory, but none above it: more than one that is missing is a mistyped path.
fn create(directory: &Path) -> std::io::Result<()> {
    match std::fs::create_dir(directory) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
        created => created,
    }
}

fn unwritable(directory: &Path, error: &std::io::Error) -> Failure {
    let hint = match directory.parent() {
        Some(above) if error.kind() == ErrorKind::NotFound => {
            format!("the directory above it has to exist: `mkdir -p '{}'`", above.display())
        }
        _ => "name a directory that you can write".to_owned(),
    };
    let message = format!("cannot write man pages into {}", directory.display());
    Failure::new(ExitCode::Usage, message, hint).caused_by(error)
}
