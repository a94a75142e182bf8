//! Running jobs: which of them holds which credential.

pub mod directory;
pub mod error;
mod files;
pub mod held;
pub mod liveness;
pub mod neighbours;
pub mod place;
pub mod process;
pub mod record;

use crate::rotation::lease::LeaseSeen;
use crate::rotation::stamp::Stamp;

/// The leases of one key.
///
/// # Guarantees
/// - A lease is listed until its holder is certainly gone: a process by its id and its start, on this machine and in
///   this boot; a bearer by its time. Nothing else ends it, and no guess.
/// - A record that cannot be read is listed as unknown.
/// - Listing drops the leases whose holders are gone.
///
/// # Assumptions
/// A lease is written before the credential's value is read, and the state is read once more after it was written:
/// then whoever retires the credential later finds the lease.
///
/// # Errors
/// The directory of leases cannot be read: then nothing is known, and nobody may conclude that no job runs.
pub trait Leases {
    /// Every lease of the key.
    fn seen(&self, now: &Stamp) -> Result<Vec<LeaseSeen>, String>;

    /// The longest that a job of this key held its credential, in seconds; zero where none was seen. One that still
    /// runs does not count: whoever waits for its lease waits for it anyway.
    fn longest_run_seconds(&self) -> Result<u64, String>;
}
