//! State on disk: the file's format, compare-and-swap, what is refused as unsafe, the journal's chain,
//! the spool, the lock.

mod actor;
mod arbitrary;
mod durability;
mod format;
mod journal;
mod lock;
mod safety;
mod spool;
pub mod swap;
mod unfinished;
