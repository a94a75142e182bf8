//! Input that nobody meant well, or that a disk, a copy or a network ruined: damaged files, configurations and
//! answers that almost make sense, terminal escapes, bodies without an end, and wrong command lines.
//!
//! The generators are in-test and bounded, no cargo-fuzz: they run on the stable toolchain, in CI, with every other
//! test, from fixed seeds. A case that fails names its seed; `ROTATE_HOSTILE_SEED=SEED` runs that one alone.

mod answers;
mod aws_answers;
mod bits;
mod bodies;
mod case;
mod command_lines;
mod config;
mod dotenv;
mod executable;
mod mutation;
mod recorded;
mod sealed;
mod tally;
pub mod terminal;
