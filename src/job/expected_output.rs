//! Files that a job promised to make: what was there before it, and what is there after it.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use glob::{MatchOptions, Pattern};

use crate::error::Failure;
use crate::exit::ExitCode;

/// Files that match one pattern, as they were before the job.
pub struct ExpectedOutput {
    pattern: String,
    before: BTreeMap<PathBuf, Identity>,
}

/// What changes when a file is written or replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl ExpectedOutput {
    /// Looks at what is there now. A relative pattern begins at the current directory.
    ///
    /// # Errors
    /// Exit 2 for a text that is no pattern.
    pub fn before(pattern: &str) -> Result<Self, Failure> {
        Pattern::new(pattern).map_err(|error| {
            Failure::new(
                ExitCode::Usage,
                format!("`--expect-output {pattern}` is no pattern: {error}"),
                "write a path with `*`, `?`, `[…]` or `**`, in quotes, such as --expect-output 'out/*.json'",
            )
        })?;
        Ok(Self { pattern: pattern.to_owned(), before: files(pattern) })
    }

    /// `None` where a match is there that is not empty, and new or changed; else what is there instead.
    pub fn missing(&self) -> Option<String> {
        let now = files(&self.pattern);
        let is_made = |(path, identity): (&PathBuf, &Identity)| {
            identity.length > 0 && self.before.get(path) != Some(identity)
        };
        if now.iter().any(is_made) {
            return None;
        }
        let pattern = &self.pattern;
        let empty = now.values().filter(|identity| identity.length == 0).count();
        Some(match (now.len(), empty) {
            (0, _) => format!("no file matches `{pattern}`"),
            (all, empty) if all == empty => {
                format!("every match of `{pattern}` is an empty file ({all} found)")
            }
            (all, 0) => format!("no match of `{pattern}` is new or changed ({all} found, as before)"),
            (all, empty) => format!(
                "no match of `{pattern}` is both changed and not empty ({all} found, {empty} of them empty)"
            ),
        })
    }
}

/// Regular files that match; a link counts as what it leads to.
fn files(pattern: &str) -> BTreeMap<PathBuf, Identity> {
    let options = MatchOptions { require_literal_separator: true, ..MatchOptions::default() };
    let Ok(paths) = glob::glob_with(pattern, options) else { return BTreeMap::new() };
    let found = paths.flatten().filter_map(|path| {
        let metadata = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
        let identity = Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        };
        Some((path, identity))
    });
    found.collect()
}
