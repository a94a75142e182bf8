//! The driver and one file per goal.
//!
//! Every command that changes something is the same loop: load the state under the lock, ask
//! [`crate::rotation::plan::plan`] for one step, find out or write down and act, and again, until the
//! goal is reached, refused or has to wait. What a command adds is its goal.

pub mod abort;
mod act;
pub mod adopt;
pub mod driver;
pub mod dry_run;
pub mod finish;
mod locked_state;
mod materials;
mod narration;
mod neighbours;
mod observe;
pub mod operation;
pub mod overview;
pub mod ports;
pub mod promote;
pub mod purge;
mod refusal;
pub mod revoke_now;
pub mod serve;
pub mod stage;
pub mod undo;
pub mod variables;

pub use locked_state::decode_record;
pub use neighbours::held_by;
