//! Where a key's two overlapping values live: the port, and one file per kind of place.

pub mod aws_secrets_manager;
pub mod env;
pub mod file;

use async_trait::async_trait;

use crate::rotation::credential::{Placement, SlotName};
use crate::secret::{Fingerprint, Secret};

/// The pair of places that hold a key's two values.
///
/// # Guarantees
/// - `write` names the slot and the value and may be repeated; after `Ok` a `read` of that slot,
///   also after a power cut, gives that value.
/// - `erase` may be repeated, and never touches a value other than the one named.
/// - Neither of them changes a slot that is not as it was seen by `look`.
///
/// # Assumptions
/// The caller looks, then makes sure that nobody has overtaken it, and then writes: whoever overtakes it after that
/// changes the slot first or not at all.
///
/// # Caveats
/// A value that is put where it lies already, by the same rotation, may keep its name: whoever saw it before sees no change.
///
/// Files know no compare-and-swap: between the comparison and the rename the caller keeps others away by the key's commit
/// lock. An emergency whose disk cannot lock has only the moment between them.
///
/// Where a person places the values ([`Slots::placed_by_person`]), `write` verifies instead of
/// writing, and `erase` does nothing.
///
/// # Errors
/// [`SlotError`], which ends in a remedy and contains no value.
#[async_trait(?Send)]
pub trait Slots {
    /// Where a slot's value is, for people: a path or a variable name.
    fn location(&self, slot: SlotName) -> String;

    /// Whether calls wait for a network and so need the runtime.
    fn needs_runtime(&self) -> bool {
        false
    }

    /// Whether a person places values here and `write` only verifies them.
    fn placed_by_person(&self) -> bool {
        false
    }

    /// The value in the slot; `None` where the slot is empty.
    async fn read(&self, slot: SlotName) -> Result<Option<Secret>, SlotError>;

    /// What lies in the slot, for a `write` or an `erase` that is to change just that.
    async fn look(&self, slot: SlotName) -> Result<Seen, SlotError>;

    /// Puts the value into the slot, replacing what was seen there. Says where it lies now, where the store has a
    /// name for that which another store could not have, too.
    async fn write(
        &self,
        slot: SlotName,
        value: &Secret,
        purpose: Purpose<'_>,
        over: &Seen,
    ) -> Result<Option<Placement>, SlotError>;

    /// Pins the place that an earlier `write` named: from now on every call fails that would reach another.
    fn pin(&self, place: &str) {
        let _ = place;
    }

    /// Removes the value with this fingerprint from the slot; another value, or none, is left alone.
    async fn erase(&self, slot: SlotName, fingerprint: Fingerprint, seen: &Seen) -> Result<(), SlotError>;
}

/// What lay in a slot at one moment, by a name that tells it from whatever is put there later; none where it was empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen(Option<String>);

impl Seen {
    /// What the store calls this content, such as a version.
    pub fn named(name: Option<String>) -> Self {
        Self(name)
    }

    pub fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// What a value is put into a slot for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// Consumers use it today.
    Adopted,
    /// It waits for its promotion in this rotation.
    Staged { rotation_id: &'a str },
}

/// Why a slot could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SlotError {
    pub message: String,
    pub remedy: String,
    /// Something was done, or may have been, and the same call goes on from there.
    pub is_unfinished: bool,
    #[source]
    pub source: Option<std::io::Error>,
}

impl SlotError {
    /// Somebody else has changed the slot since it was looked at, and nothing was changed.
    pub fn changed(location: &str) -> Self {
        Self {
            message: format!("somebody else has just changed what lies in {location}"),
            remedy: "look at `rotate status`, then run the same command again if it is still wanted"
                .to_owned(),
            is_unfinished: false,
            source: None,
        }
    }
}
