//! Four canary values, and a search through everything that was ever written, printed, passed or sent.
//!
//! Looked at after every run: both streams, every file of the lab and its name, every request, what children saw of
//! their own and their parent's command line and environment, and whether another host was talked to. Not looked at:
//! the memory of a process that runs, which whoever may trace it can read.

mod cores;
mod echoes;
mod failures;
mod instants;
mod misplaced;
mod modes;
pub mod needles;
mod stories;
mod tally;
mod trap;
