//! Small files of others, read once and shown by name.

use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use crate::doctor::printable;
use crate::doctor::seen::{Seen, Trouble};
use crate::target;

/// A path as it is shown.
pub(super) fn shown(path: &Path) -> String {
    printable::name(&path.display().to_string())
}

/// The content of a file of the home directory; `None` where it is not there, or cannot be read, which is noted.
pub(super) fn read_if_there(path: &Path, seen: &mut Seen) -> Option<Zeroizing<Vec<u8>>> {
    match target::file::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            let is_absent = error.source.as_ref().is_some_and(|source| {
                matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
            });
            if !is_absent {
                note(path, &error, seen);
            }
            None
        }
    }
}

/// The content of a file that was named: that it is not there is noted, too.
pub(super) fn read_named(path: &Path, seen: &mut Seen) -> Option<Zeroizing<Vec<u8>>> {
    target::file::read(path).map_err(|error| note(path, &error, seen)).ok()
}

/// Notes that a file does not say what such files say.
pub(super) fn malformed(path: &Path, what: &str, seen: &mut Seen) {
    let path = shown(path);
    seen.troubles.push(Trouble::Unreadable { reason: format!("{path} {what}"), path });
}

fn note(path: &Path, error: &target::TargetError, seen: &mut Seen) {
    let cause = error.source.as_ref().map(|source| format!(": {source}")).unwrap_or_default();
    let reason = printable::name(&format!("{}{cause}", error.message));
    seen.troubles.push(Trouble::Unreadable { path: shown(path), reason });
}
