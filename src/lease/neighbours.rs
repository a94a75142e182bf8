//! The leases of a key together with those of other keys: two keys may share a credential.

use super::Leases;
use crate::rotation::lease::LeaseSeen;
use crate::rotation::stamp::Stamp;

/// One key's leases, and what its neighbours' say.
pub struct WithNeighbours<L> {
    pub own: L,
    pub neighbours: Vec<L>,
}

impl<L: Leases> Leases for WithNeighbours<L> {
    /// A neighbour's record that cannot be read is the neighbour's affair: only whoever looks at that key can mend it.
    fn seen(&self, now: &Stamp) -> Result<Vec<LeaseSeen>, String> {
        let mut seen = self.own.seen(now)?;
        for neighbour in &self.neighbours {
            seen.extend(neighbour.seen(now)?.into_iter().filter(|lease| lease.fingerprint.is_some()));
        }
        Ok(seen)
    }

    fn longest_run_seconds(&self) -> Result<u64, String> {
        self.own.longest_run_seconds()
    }
}
