//! An existing file of someone else's: read whole, locked against other writers, replaced by its like.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Access, OFlags};
use zeroize::Zeroizing;

use crate::durable::{self, ReplaceError};
use crate::file_lock;
use crate::secret::Fingerprint;
use crate::target::TargetError;

/// Files that hold credentials are small; a larger one is the wrong file.
const LARGEST_FILE_BYTES: u64 = 1024 * 1024;

/// How long a writer waits for the others of the same file. Each holds the lock for milliseconds.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Between two tries for the lock.
const LOCK_RETRY: Duration = Duration::from_millis(10);

/// The real file behind a path, through every symlink.
///
/// # Errors
/// A missing file, with the command that creates it.
pub(in crate::target) fn resolve(path: &Path) -> Result<PathBuf, TargetError> {
    path.canonicalize().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => TargetError {
            message: format!("{} does not exist", path.display()),
            remedy: format!(
                "create it with the mode and owner it shall keep: `install -m 600 /dev/null '{}'`",
                path.display()
            ),
            source: Some(error),
        },
        _ => unreadable(path, error),
    })
}

/// What to say of a file that every user of the machine can read. One below a directory that is closed
/// to others is not, whatever its own mode.
pub(in crate::target) fn exposure(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let mode = |path: &Path| path.metadata().map(|metadata| metadata.mode());
    let is_open = mode(&path).ok()? & 0o004 != 0;
    let is_reached = path.ancestors().skip(1).all(|above| mode(above).is_ok_and(|mode| mode & 0o001 != 0));
    (is_open && is_reached).then(|| {
        let path = path.display();
        format!("every user of this machine can read the key in it; if they need not: `chmod o-r '{path}'`")
    })
}

/// A file as it was at one moment.
pub(in crate::target) struct Original {
    path: PathBuf,
    file: File,
    seen: Metadata,
    bytes: Zeroizing<Vec<u8>>,
}

impl Original {
    /// Opens and reads the file at a path that [`resolve`] gave.
    ///
    /// # Errors
    /// Unreadable, not a regular file, or larger than 1 MiB.
    pub(in crate::target) fn open(path: &Path) -> Result<Self, TargetError> {
        // Without NONBLOCK a pipe in the file's place would hang the reader.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits() as i32)
            .open(path)
            .map_err(|error| unreadable(path, error))?;
        let seen = file.metadata().map_err(|error| unreadable(path, error))?;
        if !seen.is_file() {
            return Err(TargetError {
                message: format!(
                    "{} is {}, not a file",
                    path.display(),
                    if seen.is_dir() { "a directory" } else { "a device or pipe" }
                ),
                remedy: "name the file itself in the target's `path`".to_owned(),
                source: None,
            });
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(seen.len().min(LARGEST_FILE_BYTES) as usize + 1));
        (&file)
            .take(LARGEST_FILE_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(path, error))?;
        if bytes.len() as u64 > LARGEST_FILE_BYTES {
            return Err(TargetError {
                message: format!("{} is larger than 1 MiB, too large for a file of settings", path.display()),
                remedy: "check the target's `path`; keep credentials in a file of their own".to_owned(),
                source: None,
            });
        }
        Ok(Self { path: path.to_owned(), file, seen, bytes })
    }

    /// The whole content.
    pub(in crate::target) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether a replacement could work, as far as can be told without one. Mode bits count also for
    /// root, whom the system would let through: a file without the owner's write bit is meant to stay.
    ///
    /// # Errors
    /// What stands in the way, and how to remove it.
    pub(in crate::target) fn check_writable(&self) -> Result<(), TargetError> {
        let path = self.path.display();
        let refuse = |message: String, remedy: String| Err(TargetError { message, remedy, source: None });
        if self.seen.mode() & 0o200 == 0 {
            return refuse(
                format!("{path} is read-only"),
                format!("if rotate may change it: `chmod u+w '{path}'`"),
            );
        }
        if self.seen.nlink() > 1 {
            return refuse(
                format!("{path} has other hard links, which would keep the old value"),
                format!("find them with `find -samefile '{path}'` and make them symlinks to it"),
            );
        }
        let directory = durable::parent(&self.path);
        let mode = directory.metadata().map_err(|error| unreadable(directory, error))?.mode();
        let accessible = rustix::fs::access(directory, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK);
        if mode & 0o222 == 0 || accessible.is_err() {
            return refuse(
                format!(
                    "the directory {} of {path} is not readable and writable, so it cannot be replaced",
                    directory.display()
                ),
                "let the user that runs rotate write there, or run rotate as the directory's owner"
                    .to_owned(),
            );
        }
        let user = rustix::process::geteuid();
        let other_group = || {
            let group = rustix::process::getegid().as_raw();
            let groups = rustix::process::getgroups().unwrap_or_default();
            self.seen.gid() != group && groups.iter().all(|group| group.as_raw() != self.seen.gid())
        };
        if !user.is_root() && (self.seen.uid() != user.as_raw() || other_group()) {
            return refuse(
                format!(
                    "{path} belongs to user {} and group {}, which a new file could not be given",
                    self.seen.uid(),
                    self.seen.gid()
                ),
                "run rotate as that user or as root, or use a target of type \"command\"".to_owned(),
            );
        }
        Ok(())
    }

    /// Puts `bytes` in the file's place, with its mode, owner and access list.
    ///
    /// # Errors
    /// Also when the file is no longer as it was when it was opened.
    pub(in crate::target) fn replace(self, bytes: &[u8]) -> Result<(), TargetError> {
        durable::replace_like(&self.path, bytes, &self.file, &self.seen).map_err(|error| match error {
            ReplaceError::Unchanged { path, source } => TargetError {
                message: format!("cannot replace {}; it is as it was", path.display()),
                remedy:
                    "run the same command again; if it stays so, make room or run rotate as the file's owner"
                        .to_owned(),
                source: Some(source),
            },
            ReplaceError::NotDurable { path, source } => TargetError {
                message: format!("wrote {}, but it may not survive a power cut", path.display()),
                remedy: "look at the disk's health (dmesg), then run the same command again".to_owned(),
                source: Some(source),
            },
        })
    }
}

/// Locks that keep two writers of one file from losing each other's change.
///
/// A lock is an exclusive `flock` on a file named after the real path of what is written; never on the
/// file itself, which is replaced. It ends with the process that holds it, so none is ever stale.
pub(in crate::target) struct Locks {
    directory: PathBuf,
    wait: Duration,
}

impl Locks {
    /// Locks in this directory, waited for up to 10 s.
    pub(in crate::target) fn new(directory: PathBuf) -> Self {
        Self { directory, wait: LOCK_WAIT }
    }

    /// The lock of the file at `path`, which is a real one; held until dropped. Blocks the thread while it
    /// waits, so it must not be held across an await.
    ///
    /// # Errors
    /// The lock was not free in time, or the directory cannot hold it.
    pub(in crate::target) fn take(&self, path: &Path) -> Result<File, TargetError> {
        let name = format!("target-{}.lock", Fingerprint::of(path.as_os_str().as_encoded_bytes()));
        let lock = self.directory.join(name);
        let unusable = |error| TargetError {
            message: format!("cannot use the lock file {}", lock.display()),
            remedy: "keep rotate's state on a local file system that its user can write".to_owned(),
            source: Some(error),
        };
        let file = self.open(&lock).map_err(unusable)?;
        let started = Instant::now();
        while !file_lock::try_lock(&file).map_err(unusable)? {
            if started.elapsed() >= self.wait {
                return Err(TargetError {
                    message: format!(
                        "another process has been writing {} for {} s; it is as it was",
                        path.display(),
                        self.wait.as_secs()
                    ),
                    remedy: format!(
                        "see who holds it with `fuser '{}'`, then run the same command again",
                        lock.display()
                    ),
                    source: None,
                });
            }
            std::thread::sleep(LOCK_RETRY);
        }
        Ok(file)
    }

    fn open(&self, lock: &Path) -> io::Result<File> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(lock)
    }
}

fn unreadable(path: &Path, error: io::Error) -> TargetError {
    TargetError {
        message: format!("cannot read {}", path.display()),
        remedy: "let the user that runs rotate read it, or run rotate as its owner".to_owned(),
        source: Some(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_held_is_waited_for_and_then_refused() {
        let directory = tempfile::tempdir().unwrap();
        let locks = Locks { directory: directory.path().join("locks"), wait: Duration::from_millis(30) };
        let held = locks.take(Path::new("/srv/.env")).unwrap();
        assert!(locks.take(Path::new("/srv/other.env")).is_ok());
        let error = locks.take(Path::new("/srv/.env")).unwrap_err();
        assert!(error.message.contains("/srv/.env"), "{error}");
        drop(held);
        assert!(locks.take(Path::new("/srv/.env")).is_ok());
    }

    #[test]
    fn a_file_that_changed_after_it_was_read_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".env");
        std::fs::write(&path, "A=1\n").unwrap();
        let original = Original::open(&path).unwrap();
        std::fs::write(&path, "A=1\nB=2\n").unwrap();
        original.replace(b"A=3\n").unwrap_err();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "A=1\nB=2\n");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
