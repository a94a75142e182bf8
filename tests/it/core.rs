//! The core by itself: the whole truth table of `apply` and `plan`, the grace arithmetic, the
//! evidence, and random histories against an independent model of the world.

mod data;
mod dry_run;
mod endings;
mod evidence;
mod grace;
mod histories;
mod invariants;
mod last_use;
mod leases;
mod minting;
mod neighbours;
mod overview;
pub mod plan_table;
mod questions;
mod refusals;
mod regressions;
mod replacements;
mod run;
pub mod sample;
mod serve;
mod standings;
mod steps;
mod story;
mod transitions;
mod unfinished;
mod usage;
mod variables;
mod words;
pub mod world;
