//! One command at a time on a key; and the short lock that makes a commit atomic.
//!
//! No promise rests on the operation lock: every commit is a compare-and-swap, every effect may be
//! repeated. It keeps two operators from working against each other and lets the second one know who
//! the first one is. The kernel frees both locks when their process ends, however it ends, so there
//! are no stale locks and there is nothing to force.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::actor::Actor;
use super::{OperationLock, OperationLocks, StoreError, safety};
use crate::clock::Clock;
use crate::file_lock;

const POLL: Duration = Duration::from_millis(50);
const SHORT_POLL: Duration = Duration::from_millis(1);
const SHORT_POLLS_LIMIT: u32 = 5_000;

/// Who holds a lock, as they wrote it down. For people; nothing is decided by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    #[serde(flatten)]
    pub actor: Actor,
    pub since: Timestamp,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Holder { actor, since } = self;
        write!(
            f,
            "`rotate {}` (pid {} on {}, {}), since {since:.0}",
            actor.command, actor.pid, actor.host, actor.user
        )
    }
}

/// `<directory>/<key>.lock`, one for each key.
///
/// The state directory is made when missing, and so is the sentinel. It is never renamed or unlinked: a lock on a name
/// that someone can replace is no lock.
#[derive(Clone, Debug)]
pub struct OperationLockFiles {
    directory: PathBuf,
}

impl OperationLockFiles {
    /// The locks of a state directory; nothing is opened yet.
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }
}

#[async_trait(?Send)]
impl OperationLocks for OperationLockFiles {
    async fn acquire(
        &self,
        key: &str,
        command: &str,
        clock: &dyn Clock,
        wait: Duration,
    ) -> Result<OperationLock, StoreError> {
        if !self.directory.exists() {
            safety::create_directory(&self.directory)?;
        }
        let path = self.directory.join(format!("{key}.lock"));
        let mut file = open_sentinel(&path)?;
        let mut waited = Duration::ZERO;
        loop {
            if try_lock(&file, &path)? {
                let holder = Holder { actor: Actor::of_this_process(command), since: clock.now().wall };
                // Who holds it is a courtesy; not being able to say so is no reason to stop.
                if let Err(error) = write_holder(&mut file, &holder) {
                    tracing::warn!("cannot write the holder into {}: {error}", path.display());
                }
                return Ok(OperationLock::of(file));
            }
            // Counted, not read off a clock: one that is set back must not make the wait longer.
            if waited >= wait {
                let holder = read_holder(&mut file, clock.now().wall);
                return Err(StoreError::Locked { key: key.to_owned(), holder });
            }
            clock.sleep(POLL).await;
            waited += POLL;
        }
    }
}

/// A lock that is held for as long as it takes to read and write a few files.
#[derive(Debug)]
pub struct ShortLock {
    _file: File,
}

impl ShortLock {
    /// Waits for it, for a bounded time; `overdue` says what it means that it does not come. The file is made when
    /// missing.
    ///
    /// # Errors
    /// [`StoreError::Io`] after the wait; [`StoreError::Unsafe`] where the file system does not lock.
    pub fn acquire(path: &Path, overdue: &'static str) -> Result<Self, StoreError> {
        let file = open_sentinel(path)?;
        for _ in 0..SHORT_POLLS_LIMIT {
            if try_lock(&file, path)? {
                return Ok(Self { _file: file });
            }
            std::thread::sleep(SHORT_POLL);
        }
        Err(StoreError::Io {
            what: overdue,
            path: path.to_owned(),
            source: std::io::Error::from(std::io::ErrorKind::TimedOut),
        })
    }
}

/// The short lock around one commit or one journal entry; taken also by an emergency that goes on
/// without the operation lock.
pub(super) fn commit(directory: &Path, key: &str) -> Result<ShortLock, StoreError> {
    // Held for a few fsyncs at most, and waited for only where an emergency runs beside a command.
    ShortLock::acquire(&directory.join(format!("{key}.commit")), "a commit by another process does not end:")
}

fn open_sentinel(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
    safety::open(path, &mut options)?.ok_or_else(|| StoreError::Io {
        what: "cannot create the lock",
        path: path.to_owned(),
        source: missing(),
    })
}

fn try_lock(file: &File, path: &Path) -> Result<bool, StoreError> {
    file_lock::try_lock(file).map_err(|source| StoreError::Unsafe {
        path: path.to_owned(),
        reason: format!("its file system does not lock: {source}"),
        remedy: "use a state directory on a local file system".to_owned(),
    })
}

fn write_holder(file: &mut File, holder: &Holder) -> std::io::Result<()> {
    let text = serde_json::to_vec(holder)?;
    file.rewind()?;
    file.set_len(0)?;
    file.write_all(&text)
}

fn read_holder(file: &mut File, now: Timestamp) -> Holder {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| Read::by_ref(file).take(4096).read_to_string(&mut text));
    read.ok().and_then(|_| serde_json::from_str(&text).ok()).unwrap_or(Holder {
        actor: Actor {
            user: "unknown user".to_owned(),
            host: "unknown host".to_owned(),
            pid: 0,
            command: "(unknown)".to_owned(),
        },
        since: now,
    })
}
