//! `rotate` replaces API keys without downtime.
//!
//! The story, top-down: a command line ([`cli`]) names a key and a goal. [`config`] says what is known
//! of the key; [`wiring`] builds its adapters: the [`provider`] that issues it, the [`slots`] that hold
//! its two values, the [`target`]s where consumers read it, the [`store`] that keeps its state and
//! journal. A driver ([`workflow`]) then asks the pure core ([`rotation`]) for one step at a time,
//! writes down what it intends, does it, and writes down what came of it, until the goal is reached,
//! refused or has to wait. A [`doctor`] looks at the environment that programs find their keys in, and says what is
//! wrong there. A [`drill`] runs all of it against the built-in [`sandbox`] while agents
//! work, and counts what they notice.
//!
//! Doors open one way: [`rotation`] uses nothing of the crate but the fingerprint in [`secret`]; ports
//! use [`rotation`]; [`workflow`] uses ports; [`cli`] uses [`workflow`] and [`ui`]; only [`wiring`]
//! names concrete adapters. A test reads the imports and fails when a door opens the other way.

#![forbid(unsafe_code)]

pub mod alert;
mod aws;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
mod crash;
pub mod doctor;
pub mod drill;
pub mod durable;
pub mod duration;
pub mod error;
pub mod exit;
pub mod file_lock;
pub mod http;
pub mod job;
pub mod lease;
mod program;
pub mod provider;
pub mod random;
pub mod readable;
pub mod rotation;
pub mod sandbox;
pub mod secret;
pub mod severity;
pub mod slots;
pub mod store;
pub mod target;
pub mod telemetry;
pub mod ui;
pub mod wiring;
pub mod workflow;
