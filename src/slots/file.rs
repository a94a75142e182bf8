//! Slots that are files under the state directory, readable by their owner alone.

use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, unlinkat};
use rustix::io::retry_on_intr;
use zeroize::Zeroizing;

use super::{Purpose, Seen, SlotError, Slots};
use crate::durable::{self, ReplaceError};
use crate::rotation::credential::{Placement, SlotName};
use crate::secret::{Fingerprint, Secret};

/// No credential is longer; a larger file is something else.
const LARGEST_VALUE_BYTES: u64 = 64 * 1024;

/// The two slots of a key as `<state>/slots/<key>.primary` and `<state>/slots/<key>.secondary`.
///
/// Each file holds the value and a newline, has mode 0600, and stands in a directory of mode 0700 that
/// the first write creates. A read opens two descriptors and scans nothing. Nothing is read through a
/// symlink, from a file that its group or others can read or write, or from a directory that they can
/// write. The state directory itself is the store's to judge.
pub struct FileSlots {
    directory: PathBuf,
    key: String,
}

impl FileSlots {
    /// The slots of `key` under this state directory; touches nothing.
    pub fn new(state_directory: &Path, key: &str) -> Self {
        Self { directory: state_directory.join("slots"), key: key.to_owned() }
    }

    fn name(&self, slot: SlotName) -> String {
        format!("{}.{}", self.key, slot.name())
    }

    fn path(&self, slot: SlotName) -> PathBuf {
        self.directory.join(self.name(slot))
    }

    fn read_slot(&self, slot: SlotName) -> Result<Option<Secret>, SlotError> {
        match self.open_slot(slot)? {
            Some(file) => self.read_value(slot, file).map(Some),
            None => Ok(None),
        }
    }

    fn open_slot(&self, slot: SlotName) -> Result<Option<File>, SlotError> {
        let Some(directory) = self.open_directory()? else { return Ok(None) };
        let path = self.path(slot);
        // Without NONBLOCK a pipe in the file's place would hang the reader.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match retry_on_intr(|| openat(&directory, self.name(slot), flags, Mode::empty())) {
            Ok(descriptor) => File::from(descriptor),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::LOOP) => return Err(not_a_file(&path, "a symlink")),
            Err(error) => return Err(unreadable(&path, error.into())),
        };
        let metadata = file.metadata().map_err(|error| unreadable(&path, error))?;
        if !metadata.is_file() {
            return Err(not_a_file(&path, "not a regular file"));
        }
        if metadata.mode() & 0o077 != 0 {
            return Err(SlotError {
                message: format!(
                    "slot file {} has mode {:04o}: its group or others can reach it",
                    path.display(),
                    metadata.mode() & 0o7777
                ),
                remedy: format!(
                    "`chmod 600 '{}'`; rotate the key if someone who should not may have read it",
                    path.display()
                ),
                is_unfinished: false,
                source: None,
            });
        }
        Ok(Some(file))
    }

    fn open_directory(&self) -> Result<Option<File>, SlotError> {
        // The names are joined to a directory descriptor: a slash would lead out of it.
        if self.key.is_empty() || self.key.contains(['/', '\0']) {
            return Err(SlotError {
                message: format!("the key name {:?} cannot be a file name", self.key),
                remedy: "name the key with letters, digits, `-` and `_` in rotate.toml".to_owned(),
                is_unfinished: false,
                source: None,
            });
        }
        let path = &self.directory;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = match retry_on_intr(|| openat(CWD, path, flags, Mode::empty())) {
            Ok(descriptor) => File::from(descriptor),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => {
                return Err(SlotError {
                    message: format!("{} is a symlink or a file, not a directory", path.display()),
                    remedy: format!("put a real directory of mode 0700 at '{}'", path.display()),
                    is_unfinished: false,
                    source: None,
                });
            }
            Err(error) => return Err(unreadable(path, error.into())),
        };
        let mode = directory.metadata().map_err(|error| unreadable(path, error))?.mode();
        if mode & 0o022 != 0 {
            return Err(SlotError {
                message: format!(
                    "slot directory {} has mode {:04o}: its group or others could swap the values in it",
                    path.display(),
                    mode & 0o7777
                ),
                remedy: format!("`chmod 700 '{}'`, after a look at who wrote there", path.display()),
                is_unfinished: false,
                source: None,
            });
        }
        Ok(Some(directory))
    }

    fn read_value(&self, slot: SlotName, file: File) -> Result<Secret, SlotError> {
        let path = self.path(slot);
        // Room for the largest credential seen, so that growing leaves no copy in freed memory.
        let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
        file.take(LARGEST_VALUE_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(&path, error))?;
        if bytes.len() as u64 > LARGEST_VALUE_BYTES {
            return Err(damaged(&path, "it is larger than any credential"));
        }
        Secret::from_bytes(std::mem::take(&mut *bytes)).map_err(|malformed| damaged(&path, malformed))
    }

    fn create_directory(&self) -> Result<(), SlotError> {
        if self.open_directory()?.is_some() {
            return Ok(());
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)
            .and_then(|()| durable::sync_directory(durable::parent(&self.directory)))
            .map_err(|error| SlotError {
                message: format!("cannot create the slot directory {}", self.directory.display()),
                remedy: "run rotate as the user that owns the state directory, on a file system with room"
                    .to_owned(),
                is_unfinished: false,
                source: Some(error),
            })?;
        self.open_directory().map(|_| ())
    }

    /// A rename would replace a symlink safely, but whoever put it there wanted something else.
    fn refuse_foreign(&self, slot: SlotName) -> Result<(), SlotError> {
        let path = self.path(slot);
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_symlink() => Err(not_a_file(&path, "a symlink")),
            Ok(metadata) if !metadata.is_file() => Err(not_a_file(&path, "not a regular file")),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(unreadable(&path, error)),
        }
    }

    /// What cannot be read may be written over, too.
    fn look_at(&self, slot: SlotName) -> Seen {
        Seen::named(match self.read_slot(slot) {
            Ok(value) => value.map(|value| value.fingerprint().to_string()),
            Err(error) => Some(error.message),
        })
    }

    fn write_slot(&self, slot: SlotName, value: &Secret, over: &Seen) -> Result<(), SlotError> {
        self.create_directory()?;
        self.refuse_foreign(slot)?;
        if self.look_at(slot) != *over {
            return Err(SlotError::changed(&self.location(slot)));
        }
        let line = Zeroizing::new([value.expose().as_bytes(), b"\n"].concat());
        durable::replace_secret(&self.path(slot), &line, 0o600).map_err(|error| match error {
            ReplaceError::Unchanged { path, source } => SlotError {
                message: format!("cannot write slot file {}; it is as it was", path.display()),
                remedy: "make room or make the state directory writable, then run the same command again"
                    .to_owned(),
                is_unfinished: false,
                source: Some(source),
            },
            ReplaceError::NotDurable { path, source } => SlotError {
                message: format!("wrote slot file {}, but it may not survive a power cut", path.display()),
                remedy: "look at the disk's health (dmesg), then run the same command again".to_owned(),
                is_unfinished: true,
                source: Some(source),
            },
        })
    }

    fn erase_slot(&self, slot: SlotName, fingerprint: Fingerprint) -> Result<(), SlotError> {
        let path = self.path(slot);
        let cannot = |error: io::Error| SlotError {
            message: format!("cannot remove slot file {} for good", path.display()),
            remedy: format!("run the same command again, or `rm -f '{}'`", path.display()),
            is_unfinished: false,
            source: Some(error),
        };
        let Some(directory) = self.open_directory()? else { return Ok(()) };
        durable::sweep(&path).map_err(cannot)?;
        if self.read_slot(slot)?.is_some_and(|value| value.fingerprint() == fingerprint) {
            // The bytes are not overwritten first: file systems that copy on write and flash
            // translation layers would write the zeros elsewhere.
            unlinkat(&directory, self.name(slot), AtFlags::empty()).map_err(|error| cannot(error.into()))?;
        }
        // Also where there was nothing to remove: an earlier call may have failed just here.
        directory.sync_all().map_err(cannot)
    }
}

#[async_trait(?Send)]
impl Slots for FileSlots {
    fn location(&self, slot: SlotName) -> String {
        self.path(slot).display().to_string()
    }

    async fn read(&self, slot: SlotName) -> Result<Option<Secret>, SlotError> {
        self.read_slot(slot)
    }

    async fn look(&self, slot: SlotName) -> Result<Seen, SlotError> {
        Ok(self.look_at(slot))
    }

    async fn write(
        &self,
        slot: SlotName,
        value: &Secret,
        _: Purpose<'_>,
        over: &Seen,
    ) -> Result<Option<Placement>, SlotError> {
        self.write_slot(slot, value, over).map(|()| None)
    }

    async fn erase(&self, slot: SlotName, fingerprint: Fingerprint, _: &Seen) -> Result<(), SlotError> {
        self.erase_slot(slot, fingerprint)
    }
}

fn not_a_file(path: &Path, what: &str) -> SlotError {
    SlotError {
        message: format!("slot file {} is {what}", path.display()),
        remedy: format!(
            "find out who put it there, then `rm '{}'` and place the value again",
            path.display()
        ),
        is_unfinished: false,
        source: None,
    }
}

fn unreadable(path: &Path, error: io::Error) -> SlotError {
    SlotError {
        message: format!("cannot read {}", path.display()),
        remedy: "run rotate as the user that owns the state directory".to_owned(),
        is_unfinished: false,
        source: Some(error),
    }
}

fn damaged(path: &Path, how: impl std::fmt::Display) -> SlotError {
    SlotError {
        message: format!("slot file {} does not hold a credential: {how}", path.display()),
        remedy: format!(
            "restore '{}' from the provider or a backup (one line, the bare value, mode 0600)",
            path.display()
        ),
        is_unfinished: false,
        source: None,
    }
}
