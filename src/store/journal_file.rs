//! The journal on a local disk: `<state>/journal/<key>.jsonl`.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::journal::{self, Draft, Entry, Head, Tail, Verification};
use super::{Journal, StoreError, lock, safety};
use crate::durable;

/// No entry is longer; the tail of this length holds the newest one whole.
const ENTRY_BYTES_LIMIT: u64 = 1 << 20;

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
        Ok(journal::verify(&self.text()?, &self.key, remembered))
    }

    fn text(&self) -> Result<String, StoreError> {
        let bytes = safety::read_file(&self.path())?.unwrap_or_default();
        String::from_utf8(bytes)
            .map_err(|_| StoreError::Damaged { path: self.path(), reason: "it is not UTF-8 text".to_owned() })
    }

    /// The end of the file, and at which byte its newest whole entry ends.
    fn tail(&self, file: &mut File) -> Result<(Tail, u64), StoreError> {
        let io = |source| StoreError::Io { what: "cannot read", path: self.path(), source };
        let length = file.metadata().map_err(io)?.len();
        let start = length.saturating_sub(ENTRY_BYTES_LIMIT);
        file.seek(SeekFrom::Start(start)).map_err(io)?;
        let mut bytes = Vec::new();
        Read::by_ref(file).take(ENTRY_BYTES_LIMIT).read_to_end(&mut bytes).map_err(io)?;
        let damaged = |reason: String| StoreError::Damaged { path: self.path(), reason };
        let tail = Tail::of(&bytes).map_err(|reason| damaged(format!("its newest entry {reason}")))?;
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
        let is_new = !path.exists();
        if is_new {
            safety::create_directory(durable::parent(&path))?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = safety::open(&path, &mut options)?
            .ok_or_else(|| io("cannot create")(std::io::ErrorKind::NotFound.into()))?;
        let (tail, whole_bytes) = self.tail(&mut file)?;
        let (line, head) = journal::next(&tail, &self.key, draft, remembered)
            .map_err(|error| io("cannot write")(error.into()))?;
        file.set_len(whole_bytes).map_err(io("cannot mend the end of"))?;
        file.seek(SeekFrom::Start(whole_bytes)).map_err(io("cannot write"))?;
        file.write_all(line.as_bytes()).map_err(io("cannot write"))?;
        file.sync_all().map_err(io("cannot make durable"))?;
        if is_new {
            durable::sync_directory(durable::parent(&path)).map_err(io("cannot make durable"))?;
            durable::sync_directory(&self.directory).map_err(io("cannot make durable"))?;
        }
        Ok(head)
    }

    fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        Ok(journal::entries(&self.text()?))
    }
}
