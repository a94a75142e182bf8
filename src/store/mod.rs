//! Where state and journal live: the ports, and the local directory with an adapter for each.

pub mod actor;
pub mod format;
pub mod journal;
mod journal_file;
pub mod json_file;
pub mod lock;
pub mod safety;
pub mod spool;

use std::any::Any;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
pub use journal_file::JournalFile;
use sha2::{Digest, Sha256};

use crate::clock::Clock;
use crate::error::Failure;
use crate::exit::ExitCode;
use journal::{Draft, Entry, Head};
use spool::Note;

/// Keeps one document of bytes a key, changed only by compare-and-swap.
///
/// # Guarantees
/// - `load` gives a whole document that some `compare_and_swap` committed, never a mixture.
/// - `compare_and_swap` changes the document only where its version is still `expected` (`None`: where
///   there is no document yet) and it is still wanted at the last moment, and after `Committed` it survives a power cut.
/// - After `make_durable` gave `Ok`, whatever `load` gave before survives a power cut.
///
/// # Assumptions
/// Callers re-read after anything but `Committed`. Who builds on what was loaded makes it durable first: a command
/// that was killed may have left it where it is seen, and no more.
///
/// # Caveats
/// Synchronous on purpose: every commit is a barrier that nothing may overtake. An adapter for a
/// remote store runs its client on a thread of its own.
///
/// # Errors
/// `load` fails for a document that is unsafe to read; a swap has its own four outcomes.
pub trait StateStore {
    /// The document and its version; `None` where there is none.
    fn load(&self, key: &str) -> Result<Option<Stored>, StoreError>;

    /// Makes durable what `load` gave. Nothing to do where all that can be seen is durable.
    fn make_durable(&self) -> Result<(), StoreError>;

    /// Where the document is, for messages.
    fn path(&self, key: &str) -> PathBuf;

    /// Replaces the document if it is still the one that was read, and if that is still wanted when nobody else commits
    /// any more.
    fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&Version>,
        bytes: &[u8],
        is_wanted: &dyn Fn() -> bool,
    ) -> Swap;

    /// Keeps everyone from committing until the hold is dropped, if the document is still the one that
    /// was read; `None` if it is not. For short changes to the machine itself, by a process that may have
    /// been overtaken while it was stopped.
    fn hold(&self, key: &str, expected: Option<&Version>) -> Result<Option<Hold>, StoreError>;
}

/// While it lives, nobody commits.
pub struct Hold {
    _lock: Box<dyn Any>,
}

impl Hold {
    /// A hold for as long as this lock of an adapter's lives.
    pub fn of(lock: impl Any) -> Self {
        Self { _lock: Box::new(lock) }
    }
}

/// Keeps everything that was decided and done with one key, in a chain in which every cut and edit shows.
///
/// # Guarantees
/// - After `append` gave `Ok`, the entry survives a power cut, and it follows the entry before it.
/// - Nothing that was appended is ever changed.
///
/// # Assumptions
/// `remembered` is the newest entry that the state knows; see [`journal::next`].
///
/// # Caveats
/// After an error the entry may be there all the same, or an unfinished part of it, which the next `append` drops. An
/// entry that did not become part of the state is no harm: the journal says more than the state, never less.
///
/// # Errors
/// [`StoreError::Damaged`] where the newest entry's hash does not fit, [`StoreError::Io`] for the rest.
pub trait Journal {
    /// Adds one entry and makes it durable before returning.
    fn append(&self, draft: Draft, remembered: Option<&Head>) -> Result<Head, StoreError>;

    /// Every entry that is whole; damage is [`journal::verify`]'s to report.
    fn entries(&self) -> Result<Vec<Entry>, StoreError>;
}

/// The last resort for an outcome of one key: when an effect has happened and the state cannot be written.
///
/// # Guarantees
/// - After `reserve` gave `Ok`, a note fits in even where no other byte can be written any more.
/// - `read` gives a whole note that some `write` was given, or none.
/// - After `write` or `clear` gave `Ok`, that survives a power cut.
///
/// # Assumptions
/// `reserve` came before `write` and `clear`. Whoever holds the key's operation lock reads it first.
///
/// # Caveats
/// A note that a crash left half-written counts as none: whatever it meant to say is found out by looking.
///
/// # Errors
/// [`StoreError`]; after one of `write` or `clear` the old note, the new one or none may be there.
pub trait Spool {
    /// Makes sure that the room is there, before any effect.
    fn reserve(&self) -> Result<(), StoreError>;

    /// Keeps the note in the place of any other.
    fn write(&self, note: &Note) -> Result<(), StoreError>;

    /// The note, if there is one.
    fn read(&self) -> Result<Option<Note>, StoreError>;

    /// Empties the spool once the note is part of the state, or is too old.
    fn clear(&self) -> Result<(), StoreError>;
}

/// Lets one operation at a time work on a key.
///
/// # Guarantees
/// - Of two holders on one key there is never more than one, wherever locks hold.
/// - However its holder ends, the lock is free then: there are no stale ones.
///
/// # Caveats
/// No promise rests on it: it keeps two operators from working against each other. An emergency goes on without it.
///
/// # Errors
/// [`StoreError::Locked`] with the holder after the wait; [`StoreError::Unsafe`] where nothing locks.
#[async_trait(?Send)]
pub trait OperationLocks {
    /// Waits at most `wait` for the key's lock. `command` is for whoever waits next.
    async fn acquire(
        &self,
        key: &str,
        command: &str,
        clock: &dyn Clock,
        wait: Duration,
    ) -> Result<OperationLock, StoreError>;
}

/// The right to run an operation on one key, until dropped.
#[derive(Debug)]
pub struct OperationLock {
    _lock: Box<dyn Any>,
}

impl OperationLock {
    /// The right for as long as this lock of an adapter's lives.
    pub fn of(lock: impl Any) -> Self {
        Self { _lock: Box::new(lock) }
    }
}

/// One document as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub bytes: Vec<u8>,
    pub version: Version,
}

/// What tells one content of a document from every other. Opaque to callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(String);

impl Version {
    /// The version as its store calls it, such as a generation or an ETag.
    pub fn named(name: String) -> Self {
        Self(name)
    }

    /// The version of a document that has no version of its own: the SHA-256 of its bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(hex(&Sha256::digest(bytes)))
    }
}

/// What came of a compare-and-swap.
#[derive(Debug)]
pub enum Swap {
    Committed(Version),
    /// Someone else changed the document first; it is as they left it.
    Conflict,
    /// Not changed, for this reason.
    Failed(StoreError),
    /// Perhaps changed: load it again before deciding anything.
    Unknown(StoreError),
}

/// Why state or journal could not be used. Every kind has its section in the runbook.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{what} {}", path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} is not safe to use: {reason}", path.display())]
    Unsafe { path: PathBuf, reason: String, remedy: String },
    #[error("{} is damaged: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("{} was written by a newer version (schema {schema})", path.display())]
    Newer { path: PathBuf, schema: u64 },
    #[error("the key `{key}` is locked by {holder}")]
    Locked { key: String, holder: lock::Holder },
}

impl StoreError {
    /// The same for the operator.
    pub fn into_failure(self) -> Failure {
        let message = self.to_string();
        match self {
            StoreError::Io { source, .. } => Failure::new(
                ExitCode::State,
                message,
                "mend the disk or its permissions, then run the same command again; \
                 see runbook.md, section \"Exit 5\"",
            )
            .caused_by(&source),
            StoreError::Unsafe { remedy, .. } => Failure::new(ExitCode::State, message, remedy),
            StoreError::Damaged { .. } => Failure::new(
                ExitCode::State,
                message,
                "do not edit it; follow runbook.md, section \"Restoring a damaged state\"",
            ),
            StoreError::Newer { .. } => Failure::new(
                ExitCode::State,
                message,
                "update this `rotate` to at least the version that wrote it; \
                 until then only `status`, `key` and `history` work",
            ),
            StoreError::Locked { .. } => Failure::new(
                ExitCode::Locked,
                message,
                "let that command end and run yours again; a dead process holds no lock",
            ),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        error.into_failure()
    }
}

/// Lower-case hex of bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
