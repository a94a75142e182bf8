//! The state store on a local disk: one JSON file a key.

use std::io;
use std::path::{Path, PathBuf};

use super::lock;
use super::{Hold, StateStore, StoreError, Stored, Swap, Version, safety};
use crate::durable::{self, ReplaceError};

/// `<directory>/<key>.json`, replaced by temporary file, fsync, rename, fsync of the directory.
#[derive(Clone, Debug)]
pub struct JsonFileStore {
    directory: PathBuf,
}

impl JsonFileStore {
    /// The store in a directory that is safe, or that nobody has made yet and so holds nothing; for
    /// readers.
    ///
    /// # Errors
    /// [`StoreError::Unsafe`] or [`StoreError::Io`].
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        match safety::check_directory(directory) {
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            checked => checked?,
        }
        Ok(Self { directory: directory.to_owned() })
    }

    /// The same for writers: the directory's file system must lock unless the operator insists. The
    /// directory itself is made by the first lock, so that looking makes nothing.
    ///
    /// # Errors
    /// [`StoreError::Unsafe`] or [`StoreError::Io`].
    pub fn open_for_change(directory: &Path, allow_network_state: bool) -> Result<Self, StoreError> {
        let store = Self::open(directory)?;
        if !allow_network_state {
            let existing = directory.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(directory);
            safety::check_file_system(existing)?;
        }
        Ok(store)
    }

    /// The directory itself.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl StateStore for JsonFileStore {
    fn load(&self, key: &str) -> Result<Option<Stored>, StoreError> {
        let bytes = safety::read_file(&self.path(key))?;
        Ok(bytes.map(|bytes| Stored { version: Version::of_bytes(&bytes), bytes }))
    }

    fn make_durable(&self) -> Result<(), StoreError> {
        let made =
            durable::sync_directory(&self.directory).and_then(|()| durable::sync_name(&self.directory));
        match made {
            // An emergency makes no directory, and without one there is no document.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            made => made.map_err(|source| StoreError::Io {
                what: "cannot make durable what is in",
                path: self.directory.clone(),
                source,
            }),
        }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.directory.join(format!("{key}.json"))
    }

    fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&Version>,
        bytes: &[u8],
        is_wanted: &dyn Fn() -> bool,
    ) -> Swap {
        let lock = match lock::commit(&self.directory, key) {
            Ok(lock) => lock,
            Err(error) => return Swap::Failed(error),
        };
        let current = match self.load(key) {
            Ok(stored) => stored.map(|stored| stored.version),
            Err(error) => return Swap::Failed(error),
        };
        if current.as_ref() != expected || !is_wanted() {
            return Swap::Conflict;
        }
        let path = self.path(key);
        // Under the lock nobody else is at it: what a killed commit left behind is swept up.
        let replaced = durable::replace_secret(&path, bytes, 0o600);
        drop(lock);
        match replaced {
            Ok(()) => Swap::Committed(Version::of_bytes(bytes)),
            Err(ReplaceError::Unchanged { source, .. }) => {
                Swap::Failed(StoreError::Io { what: "cannot write the state", path, source })
            }
            Err(ReplaceError::NotDurable { source, .. }) => Swap::Unknown(StoreError::Io {
                what: "wrote the state, but cannot make it durable:",
                path,
                source,
            }),
        }
    }

    fn hold(&self, key: &str, expected: Option<&Version>) -> Result<Option<Hold>, StoreError> {
        let lock = lock::commit(&self.directory, key)?;
        let current = self.load(key)?.map(|stored| stored.version);
        Ok((current.as_ref() == expected).then(|| Hold::of(lock)))
    }
}
