//! The journal on a local disk: `<state>/journal/<key>.jsonl`.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::journal::{self, Draft, Entry, Head, Tail, Verification};
use super::{Journal, StoreError, lock, safety};
use crate::durable;

/// No entry is longer.
const ENTRY_BYTES_LIMIT: u64 = 1 << 20;
/// So much of the end holds the newest whole entry, also where a crash left an unfinished one behind it.
const TAIL_BYTES: u64 = 2 * ENTRY_BYTES_LIMIT;

/// The journal of one key in a file.
#[derive(Clone, Debug)]
pub struct JournalFile {
    directory: PathBuf,
    key: String,
}

impl JournalFile {
    /// The journal of `key` in a state directory; nothing is opened yet.
    pub fn new(state_directory: &Path, key: &str) -> Self {
        Self { directory: state_directory.to_owned(), key: key.to_owned() }
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.directory.join("journal").join(format!("{}.jsonl", self.key))
    }

    /// Checks every line, the chain, and that the head the state file remembers is in it.
    ///
    /// # Errors
    /// [`StoreError`] where the file cannot be read at all.
    pub fn verify(&self, remembered: Option<&Head>) -> Result<Verification, StoreError> {
        Ok(journal::verify(&self.bytes()?, &self.key, remembered))
    }

    fn bytes(&self) -> Result<Vec<u8>, StoreError> {
        Ok(safety::read_file(&self.path())?.unwrap_or_default())
    }

    /// The end of the file, and at which byte its newest whole entry ends.
    fn tail(&self, file: &mut File, remembered: Option<&Head>) -> Result<(Tail, u64), StoreError> {
        let io = |source| StoreError::Io { what: "cannot read", path: self.path(), source };
        let length = file.metadata().map_err(io)?.len();
        let start = length.saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(start)).map_err(io)?;
        let mut bytes = Vec::new();
        Read::by_ref(file).take(TAIL_BYTES).read_to_end(&mut bytes).map_err(io)?;
        let damaged = |reason: String| StoreError::Damaged { path: self.path(), reason };
        let tail =
            Tail::of(&bytes, remembered).map_err(|reason| damaged(format!("its newest entry {reason}")))?;
        // What was cut off before may have been an entry: nobody can tell.
        if tail.head.is_none() && start > 0 {
            return Err(damaged("its end is no entry that was ever written here".to_owned()));
        }
        let whole_bytes = start + tail.whole_bytes as u64;
        Ok((tail, whole_bytes))
    }
}

impl Journal for JournalFile {
    fn append(&self, draft: Draft, remembered: Option<&Head>) -> Result<Head, StoreError> {
        let _lock = lock::commit(&self.directory, &self.key)?;
        let path = self.path();
        let io = |what: &'static str| {
            let path = path.clone();
            move |source| StoreError::Io { what, path, source }
        };
        let directory = durable::parent(&path);
        if !directory.exists() {
            safety::create_directory(directory)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = safety::open(&path, &mut options)?
            .ok_or_else(|| io("cannot create")(std::io::ErrorKind::NotFound.into()))?;
        let (tail, whole_bytes) = self.tail(&mut file, remembered)?;
        let (line, head) = journal::next(&tail, &self.key, draft, remembered)
            .map_err(|error| io("cannot write")(error.into()))?;
        file.set_len(whole_bytes).map_err(io("cannot mend the end of"))?;
        if !tail.is_remembered(remembered) {
            // A power cut must not keep the next entry and take the ones before it, or the file's name.
            file.sync_all().map_err(io("cannot make durable"))?;
            durable::sync_directory(directory).map_err(io("cannot make durable"))?;
        }
        file.seek(SeekFrom::Start(whole_bytes)).map_err(io("cannot write"))?;
        file.write_all(line.as_bytes()).map_err(io("cannot write"))?;
        file.sync_all().map_err(io("cannot make durable"))?;
        Ok(head)
    }

    fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        Ok(journal::entries(&self.bytes()?))
    }
}
