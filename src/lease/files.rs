//! The files of one key's leases: a record each, a lock, and the longest run.
//!
//! Nothing here is made durable: a lease need not outlive a power cut, for after it no process of this machine
//! lives, and a bearer whose record is lost is told so when it renews. Every file is replaced by a rename, so a
//! reader finds a whole record. What a killed write leaves behind begins with a dot, and nobody reads it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::record::{Record, SCHEMA};
use crate::store::lock::ShortLock;
use crate::store::{StoreError, safety};

const LOCK: &str = ".lock";
const LONGEST_RUN: &str = "longest-run";
const RECORD_SUFFIX: &str = ".json";

/// `<state>/leases/<KEY>`.
#[derive(Clone, Debug)]
pub(super) struct Files {
    state: PathBuf,
    leases: PathBuf,
    directory: PathBuf,
}

/// What stands under the name of a record.
pub(super) enum Found {
    Record(Box<Record>),
    /// It cannot be used, with the reason.
    Damaged(String),
}

impl Files {
    pub(super) fn new(state: &Path, key: &str) -> Self {
        let leases = state.join("leases");
        Self { state: state.to_owned(), directory: leases.join(key), leases }
    }

    /// Whether there are any; a directory that is not safe is an error, not an absence.
    pub(super) fn exist(&self) -> Result<bool, StoreError> {
        for directory in [&self.state, &self.leases, &self.directory] {
            match safety::check_directory(directory) {
                Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                    return Ok(false);
                }
                checked => checked?,
            }
        }
        Ok(true)
    }

    /// Makes the directories that are missing.
    pub(super) fn prepare(&self) -> Result<(), StoreError> {
        if self.exist()? {
            return Ok(());
        }
        safety::create_fleeting_directory(&self.directory)?;
        self.exist().map(|_| ())
    }

    /// The ids of all records, in no order.
    pub(super) fn ids(&self) -> Result<Vec<String>, StoreError> {
        let failed = |source| self.failed("cannot read the directory of leases", &self.directory, source);
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(&self.directory).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            // A name that is not UTF-8 is none of ours, and still stands for something.
            let name = name.to_string_lossy();
            if let Some(id) = name.strip_suffix(RECORD_SUFFIX).filter(|id| !id.starts_with('.')) {
                ids.push(id.to_owned());
            }
        }
        Ok(ids)
    }

    /// `None` where there is none of this id.
    pub(super) fn read(&self, id: &str) -> Option<Found> {
        match safety::read_file(&self.path(id)) {
            Ok(None) => None,
            Ok(Some(bytes)) => Some(match self.understand(id, &bytes) {
                Ok(record) => Found::Record(Box::new(record)),
                Err(reason) => Found::Damaged(reason),
            }),
            Err(error) => Some(Found::Damaged(error.to_string())),
        }
    }

    fn understand(&self, id: &str, bytes: &[u8]) -> Result<Record, String> {
        #[derive(serde::Deserialize)]
        struct Schema {
            schema: u64,
        }
        let no_record = |error: serde_json::Error| format!("its file is no record of a lease: {error}");
        let Schema { schema } = serde_json::from_slice(bytes).map_err(no_record)?;
        if schema != SCHEMA {
            return Err(format!("it was written by another version (schema {schema})"));
        }
        let record: Record = serde_json::from_slice(bytes).map_err(no_record)?;
        if record.id != id || self.directory.file_name().is_none_or(|key| key != record.key.as_str()) {
            return Err("its file was moved here from elsewhere".to_owned());
        }
        Ok(record)
    }

    /// Writes a new record; `false` where its id is taken.
    pub(super) fn add(&self, record: &Record) -> Result<bool, StoreError> {
        let path = self.path(&record.id);
        let written =
            self.temporary(&bytes(record)).and_then(|temporary| match temporary.persist_noclobber(&path) {
                Ok(_) => Ok(true),
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(error.error),
            });
        written.map_err(|source| self.failed("cannot write the lease", &path, source))
    }

    /// Writes a record over whatever is there.
    pub(super) fn replace(&self, record: &Record) -> Result<(), StoreError> {
        self.put(&self.path(&record.id), &bytes(record))
    }

    /// A record that is gone already is no error.
    pub(super) fn remove(&self, id: &str) -> Result<(), StoreError> {
        let path = self.path(id);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(|source| self.failed("cannot remove the lease", &path, source)),
        }
    }

    /// The longest run on record, in seconds; zero where there is none.
    pub(super) fn longest_run(&self) -> Result<u64, StoreError> {
        let path = self.directory.join(LONGEST_RUN);
        let Some(bytes) = safety::read_file(&path)? else { return Ok(0) };
        let number = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok());
        number.ok_or_else(|| StoreError::Unsafe {
            reason: "it holds no number of seconds".to_owned(),
            remedy: format!(
                "write the seconds of the longest run that you know of into it, or remove it: {}",
                path.display()
            ),
            path,
        })
    }

    pub(super) fn write_longest_run(&self, seconds: u64) -> Result<(), StoreError> {
        self.put(&self.directory.join(LONGEST_RUN), format!("{seconds}\n").as_bytes())
    }

    /// While it lives, nobody else drops or renews a lease of this key.
    pub(super) fn lock(&self) -> Result<ShortLock, StoreError> {
        ShortLock::acquire(&self.directory.join(LOCK), "another process does not let go of the lock")
    }

    pub(super) fn path(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{id}{RECORD_SUFFIX}"))
    }

    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let written = self.temporary(bytes).and_then(|temporary| {
            if exchange(temporary.path(), path) {
                // With what was there before; where it stays, nobody reads it.
                drop(temporary);
                return Ok(());
            }
            temporary.persist(path).map_err(|error| error.error).map(|_| ())
        });
        written.map_err(|source| self.failed("cannot write", path, source))
    }

    /// With mode 0600, as every temporary file.
    fn temporary(&self, bytes: &[u8]) -> io::Result<tempfile::NamedTempFile> {
        let mut temporary = tempfile::Builder::new().prefix(".rotate-").tempfile_in(&self.directory)?;
        temporary.write_all(bytes)?;
        Ok(temporary)
    }

    fn failed(&self, what: &'static str, path: &Path, source: io::Error) -> StoreError {
        StoreError::Io { what, path: path.to_owned(), source }
    }
}

/// Swaps two files in one step, where both are there and the system knows how; otherwise nothing is done.
///
/// A rename over a file that is there makes ext4 write the new one out at once (ext4(5), `auto_da_alloc`), and its
/// removal a moment later waits for the disk. A swap does not.
#[cfg(target_os = "linux")]
fn exchange(one: &Path, other: &Path) -> bool {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn exchange(_one: &Path, _other: &Path) -> bool {
    false
}

/// A record has no map whose keys are not text: it can always be written.
fn bytes(record: &Record) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(record).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
