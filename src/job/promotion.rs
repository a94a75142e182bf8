//! `--on-promote`: when the state of a key is worth a look, while a job runs.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::secret::Fingerprint;

/// The longest pause between two attempts is this power of two of looks: about a minute.
const LONGEST_PAUSE: u32 = 8;

/// What was last seen of the state, so that an unchanged file is not read again, unless something that it asks for
/// has failed.
#[derive(Default)]
pub(super) struct StateWatch {
    seen: Option<Identity>,
    /// Looks that pass until what failed is tried again; `None` where nothing failed.
    pause: Option<u32>,
    failures: u32,
    complained_of: Option<Fingerprint>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity {
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl StateWatch {
    /// Whether there may be something to do: the file is another one, or it is time to try again. Call it once a look,
    /// and then [`StateWatch::done`] or [`StateWatch::failed`].
    pub(super) fn is_due(&mut self, path: &Path) -> bool {
        let Ok(metadata) = path.metadata() else { return false };
        let identity = Identity {
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        };
        if self.seen != Some(identity) {
            self.seen = Some(identity);
            self.failures = 0;
            return true;
        }
        match &mut self.pause {
            None => false,
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
        }
    }

    /// What the state asks for is done: nothing more until it changes.
    pub(super) fn done(&mut self) {
        self.pause = None;
        self.complained_of = None;
    }

    /// It has to be tried again: at the next look, and then less and less often.
    pub(super) fn failed(&mut self) {
        self.pause = Some((1 << self.failures.min(LONGEST_PAUSE)) - 1);
        self.failures += 1;
    }

    /// Whether nobody was told yet that the job cannot be brought to this credential.
    pub(super) fn is_news(&mut self, active: Fingerprint) -> bool {
        self.complained_of.replace(active) != Some(active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many looks each attempt on a file that never changes comes.
    fn attempts(watch: &mut StateWatch, path: &Path, looks: u32) -> Vec<u32> {
        (0..looks)
            .filter(|_| {
                let is_due = watch.is_due(path);
                if is_due {
                    watch.failed();
                }
                is_due
            })
            .collect()
    }

    #[test]
    fn what_failed_is_tried_again_less_and_less_often_and_without_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut watch = StateWatch::default();
        let attempts = attempts(&mut watch, file.path(), 2000);
        assert_eq!(attempts[..6], [0, 1, 3, 7, 15, 31]);
        assert_eq!(attempts[attempts.len() - 1] - attempts[attempts.len() - 2], 256);
    }

    #[test]
    fn a_changed_file_is_looked_at_at_once_and_one_that_is_done_with_is_not() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut watch = StateWatch::default();
        attempts(&mut watch, file.path(), 20);
        std::fs::write(file.path(), "longer").unwrap();
        assert!(watch.is_due(file.path()));
        watch.done();
        assert!(attempts(&mut watch, file.path(), 1000).is_empty());
        assert!(!watch.is_due(&file.path().join("missing")));
    }
}
