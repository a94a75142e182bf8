//! The last resort for an outcome: when an effect has happened and the state cannot be written.
//!
//! `<state>/spool/<key>` is a file of fixed size, filled with blanks while the disk still has room, so
//! that a note fits into it in place when the disk is full. The next command reads it first.

use std::fs::OpenOptions;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{StoreError, hex, safety};
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

/// The spool of one key.
#[derive(Clone, Debug)]
pub struct Spool {
    directory: PathBuf,
    key: String,
}

impl Spool {
    pub fn new(state_directory: &Path, key: &str) -> Self {
        Self { directory: state_directory.to_owned(), key: key.to_owned() }
    }

    fn path(&self) -> PathBuf {
        self.directory.join("spool").join(&self.key)
    }

    /// Makes sure that the room is there, before any effect.
    ///
    /// # Errors
    /// [`StoreError::Io`]: the disk has no room for an outcome, so nothing should be begun.
    pub fn reserve(&self) -> Result<(), StoreError> {
        let path = self.path();
        if std::fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.len() == BYTES as u64) {
            return Ok(());
        }
        safety::create_directory(durable::parent(&path))?;
        durable::replace_secret(&path, &[b' '; BYTES], 0o600).map_err(|error| StoreError::Io {
            what: "cannot reserve room for outcomes in",
            path: path.clone(),
            source: error.io(),
        })
    }

    /// Writes the note into the reserved room and makes it durable.
    ///
    /// # Errors
    /// [`StoreError::Io`]; the caller then says on stderr what happened.
    pub fn write(&self, note: &Note) -> Result<(), StoreError> {
        let io = |source| StoreError::Io { what: "cannot write", path: self.path(), source };
        let checksum = checksum(note).map_err(|error| io(error.into()))?;
        let mut bytes = serde_json::to_vec(&SealedNote { note: note.clone(), checksum })
            .map_err(|error| io(error.into()))?;
        if bytes.len() > BYTES {
            return Err(io(std::io::ErrorKind::FileTooLarge.into()));
        }
        bytes.resize(BYTES, b' ');
        self.overwrite(&bytes)
    }

    /// The note, if there is one. A note that a crash left half-written counts as none: whatever it
    /// meant to say is found out by looking.
    ///
    /// # Errors
    /// [`StoreError`] where the file cannot be read.
    pub fn read(&self) -> Result<Option<Note>, StoreError> {
        let Some(bytes) = safety::read_file(&self.path())? else {
            return Ok(None);
        };
        let sealed: Option<SealedNote> = serde_json::from_slice(bytes.trim_ascii()).ok();
        Ok(sealed
            .filter(|sealed| checksum(&sealed.note).is_ok_and(|expected| expected == sealed.checksum))
            .map(|sealed| sealed.note))
    }

    /// Empties the spool once the note is part of the state, or is too old.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn clear(&self) -> Result<(), StoreError> {
        self.overwrite(&[b' '; BYTES])
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

fn checksum(note: &Note) -> serde_json::Result<String> {
    Ok(hex(&Sha256::digest(serde_json::to_vec(note)?)))
}
