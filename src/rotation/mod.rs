//! The core: phases, events and one pure, total `apply`; goals, facts and one pure, total `plan`.
//!
//! Nothing here reads a clock, a file or a socket. [`plan::plan`] looks at a state and at what was
//! observed and names one step; [`transition::apply`] turns an event into the next state and refuses
//! whatever is not listed or would break an [`invariant`]. `--dry-run` prints this plan, the truth
//! table tests it, the driver runs it.

pub mod credential;
pub mod effect;
pub mod event;
pub mod evidence;
pub mod grace;
pub mod invariant;
pub mod lease;
pub mod phase;
pub mod plan;
pub mod stamp;
pub mod standing;
pub mod transition;
