//! Small notes beside a key's leases: what was good the last time, and what the provider accepted a moment ago.
//!
//! Neither holds a value, and nothing is lost with them: without the note the question is asked again.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::rotation::credential::SlotName;
use crate::rotation::stamp::{Stamp, elapsed};
use crate::secret::Fingerprint;
use crate::store::safety;

/// Which credential a job got last, and in which slot it was: where the state cannot be read, `--fail-open` goes by
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LastGood {
    pub(super) slot: SlotName,
    pub(super) fingerprint: Fingerprint,
}

/// When the provider accepted a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Accepted {
    fingerprint: Fingerprint,
    at: Stamp,
}

/// The notes of one key.
pub struct Notes {
    directory: PathBuf,
}

impl Notes {
    /// Touches nothing.
    pub fn new(state_directory: &Path, key: &str) -> Self {
        Self { directory: state_directory.join("leases").join(key) }
    }

    pub(super) fn last_good(&self) -> Option<LastGood> {
        read(&self.last_good_path())
    }

    /// Writes it where it is another one.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn keep_last_good(&self, last_good: LastGood) -> io::Result<()> {
        if self.last_good() == Some(last_good) {
            return Ok(());
        }
        self.replace(&self.last_good_path(), &last_good)
    }

    /// What is gone already is no error.
    pub(super) fn forget_last_good(&self) {
        let _ = std::fs::remove_file(self.last_good_path());
    }

    /// Whether the provider accepted it no longer ago than this, by every clock at hand.
    pub(super) fn was_accepted(&self, fingerprint: Fingerprint, within: Duration, now: &Stamp) -> bool {
        let Some(accepted) = read::<Accepted>(&self.accepted_path()) else { return false };
        let passed = elapsed(&accepted.at, now);
        let is_fresh = u128::from(passed.milliseconds) < within.as_millis() && !passed.went_backwards;
        accepted.fingerprint == fingerprint && is_fresh
    }

    /// # Errors
    /// What the system says.
    pub(super) fn keep_accepted(&self, fingerprint: Fingerprint, at: Stamp) -> io::Result<()> {
        self.replace(&self.accepted_path(), &Accepted { fingerprint, at })
    }

    fn last_good_path(&self) -> PathBuf {
        self.directory.join("last-good")
    }

    fn accepted_path(&self) -> PathBuf {
        self.directory.join("preflight")
    }

    /// By a rename, so that a reader finds a whole note; not durable, for nothing depends on it.
    fn replace(&self, path: &Path, note: &impl Serialize) -> io::Result<()> {
        let mut temporary = tempfile::Builder::new().prefix(".rotate-").tempfile_in(&self.directory)?;
        temporary.write_all(&serde_json::to_vec(note)?)?;
        temporary.persist(path).map(drop).map_err(|error| error.error)
    }
}

/// A note that is not there, not safe or not whole is none.
fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let bytes = safety::read_file(path).ok()??;
    serde_json::from_slice(&bytes).ok()
}
