//! What a note in the spool consists of, and the spool on a local disk.
//!
//! `<state>/spool/<key>` is a file of fixed size, filled with blanks while the disk still has room, so
//! that a note fits into it in place when the disk is full.

use std::fs::OpenOptions;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Spool, StoreError, hex, safety};
use crate::durable;
use crate::rotation::event::Event;

/// Room for the events of an emergency with many targets.
const BYTES: usize = 16 << 10;

/// Outcomes that could not be written, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The generation of the state that these events follow.
    pub generation: u64,
    pub events: Vec<Event>,
}

#[derive(Serialize, Deserialize)]
struct SealedNote {
    note: Note,
    checksum: String,
}

/// What a spool holds with this note in it: always of the same size.
///
/// # Errors
/// The note is larger than the room for it.
pub fn seal(note: &Note) -> std::io::Result<Vec<u8>> {
    let sealed = SealedNote { note: note.clone(), checksum: checksum(note)? };
    let mut bytes = serde_json::to_vec(&sealed)?;
    if bytes.len() > BYTES {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    bytes.resize(BYTES, b' ');
    Ok(bytes)
}

/// The note in a spool's bytes; none where there is no whole one.
pub fn open_seal(bytes: &[u8]) -> Option<Note> {
    let sealed: SealedNote = serde_json::from_slice(bytes.trim_ascii()).ok()?;
    let is_whole = checksum(&sealed.note).is_ok_and(|expected| expected == sealed.checksum);
    is_whole.then_some(sealed.note)
}

/// The spool of one key in a file.
#[derive(Clone, Debug)]
pub struct SpoolFile {
    directory: PathBuf,
    key: String,
}

impl SpoolFile {
    pub fn new(state_directory: &Path, key: &str) -> Self {
        Self { directory: state_directory.to_owned(), key: key.to_owned() }
    }

    fn path(&self) -> PathBuf {
        self.directory.join("spool").join(&self.key)
    }

    fn overwrite(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let io = |source| StoreError::Io { what: "cannot write", path: self.path(), source };
        let mut options = OpenOptions::new();
        options.write(true);
        let mut file = safety::open(&self.path(), &mut options)?
            .ok_or_else(|| io(std::io::ErrorKind::NotFound.into()))?;
        file.rewind().and_then(|()| file.write_all(bytes)).and_then(|()| file.sync_all()).map_err(io)
    }
}

impl Spool for SpoolFile {
    fn reserve(&self) -> Result<(), StoreError> {
        let path = self.path();
        let cannot_reserve = |source| StoreError::Io {
            what: "cannot reserve room for outcomes in",
            path: path.clone(),
            source,
        };
        if std::fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.len() == BYTES as u64) {
            // Who made it may have been killed before its name was durable.
            return durable::sync_name(&path).map_err(cannot_reserve);
        }
        safety::create_directory(durable::parent(&path))?;
        durable::replace_secret(&path, &[b' '; BYTES], 0o600).map_err(|error| cannot_reserve(error.io()))
    }

    fn write(&self, note: &Note) -> Result<(), StoreError> {
        let io = |source| StoreError::Io { what: "cannot write", path: self.path(), source };
        self.overwrite(&seal(note).map_err(io)?)
    }

    fn read(&self) -> Result<Option<Note>, StoreError> {
        let bytes = safety::read_file(&self.path())?;
        Ok(bytes.and_then(|bytes| open_seal(&bytes)))
    }

    fn clear(&self) -> Result<(), StoreError> {
        self.overwrite(&[b' '; BYTES])
    }
}

fn checksum(note: &Note) -> serde_json::Result<String> {
    Ok(hex(&Sha256::digest(serde_json::to_vec(note)?)))
}
