//! The synthetic monitor: is every credential alive, in its place, and not forgotten?
//!
//! [`key`] looks at one key and [`findings`](Finding) come out; [`due`] tells what must be rotated when; [`rehearsal`] tries in
//! advance what the next rotation needs; [`memory`] counts in how many checks in a row something could not be told;
//! [`metrics`] and [`calendar`] write findings down for other programs, and [`incidents`] makes alerts of them. A check
//! changes nothing outside: it pings, reads back, and reads state and journal without a lock.

pub mod calendar;
pub mod due;
pub mod finding;
pub mod incidents;
pub mod key;
pub mod memory;
pub mod metrics;
pub mod rehearsal;
pub mod round;

use std::rc::Rc;
use std::time::Duration;

pub use finding::{Finding, Item, Severity, Verdict};

use crate::provider::Provider;
use crate::rotation::grace::GracePolicy;
use crate::slots::Slots;
use crate::store::format::Record;
use crate::store::journal::Verification;
use crate::target::Target;

/// What a look at one key works with.
pub struct Subject {
    pub settings: Settings,
    /// The same for every key that shares a provider, with one limit of calls for all of them.
    pub provider: Rc<dyn Provider>,
    pub slots: Box<dyn Slots>,
    pub targets: Vec<Box<dyn Target>>,
    pub standing: Standing,
}

/// What the configuration says of one key, as far as a check needs it.
#[derive(Clone, Debug)]
pub struct Settings {
    pub key: String,
    pub environment: Option<String>,
    pub provider: &'static str,
    pub grace: GracePolicy,
    pub rotate_every: Duration,
    /// How long before a rotation is due somebody wants to know, longest first.
    pub remind: Vec<Duration>,
    pub probe_attempts: u32,
    pub probe_interval: Duration,
}

/// What is on record of a key.
pub enum Standing {
    NeverAdopted,
    /// Its state cannot be used, for this reason.
    Unusable(String),
    Known {
        record: Box<Record>,
        /// `Err`: the journal cannot be read.
        journal: Result<Verification, String>,
    },
}
