//! Every system call of every command that changes something: the process is killed before it, or the call fails.
//!
//! A run is recorded under strace first; then each of its calls is met once more, by its name and its number among
//! the calls of that name. The program has one thread, so a recorded run is what every run looks like.
//!
//! A signal that strace injects is there before the call is done, so a kill before each call is a kill in every
//! state that the outside can be left in: between two calls the program changes nothing but its own memory. What a
//! kill leaves of a power cut (pages that never reached the disk) is another matter, and not tested by this.
//!
//! `ROTATE_SWEEP=promote cargo test --test it sweep::kill` sweeps one command alone.

mod calls;
mod commands;
mod error;
mod jobs;
mod kill;
mod shift;
