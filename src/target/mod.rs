//! Where consumers read the active value: the port, and one file per kind of place.

pub mod aws_secrets_manager;
pub mod command;
pub mod dotenv;
pub mod file;

use async_trait::async_trait;

use crate::rotation::credential::{ReadBack, TargetId};
use crate::secret::Secret;

/// A place where consumers read the active value.
///
/// # Guarantees
/// - `write` may be repeated with the same value; a reader sees the old value or the new one whole,
///   never a part.
/// - Nothing but the value changes: every other byte, the mode and the owner stay as they were.
/// - No text in an error or answer contains the value.
///
/// # Assumptions
/// One process writes a target at a time, or the adapter takes a lock of its own.
///
/// # Caveats
/// A target without read-back answers [`ReadBack::NotReadable`]; its write is believed.
///
/// # Errors
/// [`TargetError`], which ends in a remedy.
#[async_trait(?Send)]
pub trait Target {
    /// Its stable name.
    fn id(&self) -> &TargetId;

    /// Whether `write` is over in a moment: a file on this machine, neither a network nor a program.
    fn is_local(&self) -> bool;

    /// Whether a write could work, as far as can be told without writing.
    async fn check(&self) -> Result<(), TargetError>;

    /// What is unwise about the place, though a write would work; asked before the first write.
    fn warning(&self) -> Option<String> {
        None
    }

    /// Puts the value where consumers read it.
    async fn write(&self, value: &Secret, moving: Moving<'_>) -> Result<Written, TargetError>;

    /// Pins the place that an earlier `write` named: from now on every call fails that would reach another.
    fn pin(&self, place: &str) {
        let _ = place;
    }

    /// What the target holds now. Never `Err`: what cannot be told is `Unknown`.
    async fn read_back(&self) -> ReadBack;
}

/// What a value is written for.
#[derive(Clone, Copy)]
pub struct Moving<'a> {
    /// Where consumers go back, or an emergency decides where they go: somebody's move to another value may still be
    /// under way, and must not succeed after this. The text names this move, and is the same in every attempt at it.
    pub fence: Option<&'a str>,
    /// Whether nobody has decided otherwise meanwhile. To be asked, where a write depends on a look at the place,
    /// between that look and the write: so a run that was paused does not take back what others did during its pause.
    pub is_wanted: &'a dyn Fn() -> bool,
}

impl Moving<'static> {
    /// Consumers go on to a new value, and nobody else moves them.
    pub const ON: Self = Self { fence: None, is_wanted: &|| true };
}

/// What a target's store says of a write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The version that consumers read from now on, where the store keeps versions.
    pub version: Option<String>,
    /// The store's own unmistakable name of the place, such as an ARN with its account.
    pub place: Option<String>,
}

/// Why a target could not be checked or written.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TargetError {
    pub message: String,
    pub remedy: String,
    #[source]
    pub source: Option<std::io::Error>,
}
