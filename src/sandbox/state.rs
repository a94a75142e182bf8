//! Everything the sandbox remembers, behind one lock that is never held across an await.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::mint;
use super::random::Random;
use super::registry::Registry;
use super::settings::SandboxSettings;
use super::statistics::Statistics;
use super::usage::Usage;

/// The sandbox's memory.
#[derive(Clone)]
pub(super) struct State {
    pub(super) settings: SandboxSettings,
    pub(super) registry: Registry,
    pub(super) usage: Usage,
    pub(super) organization_id: String,
    pub(super) requests: u64,
    pub(super) refused: u64,
    pub(super) faulted: u64,
    /// Values and ids.
    pub(super) random: Random,
    /// Faults have a sequence of their own, which creating a key does not disturb.
    pub(super) fault_random: Random,
}

impl State {
    /// A sandbox without API keys, and the value of its admin key.
    pub(super) fn new(settings: SandboxSettings, seed: u64) -> (Self, String) {
        let mut random = Random::new(seed);
        let admin_value = mint::admin_key_value(&mut random);
        let state = Self {
            settings,
            registry: Registry::new(&admin_value, &mut random),
            usage: Usage::default(),
            organization_id: mint::uuid(&mut random),
            requests: 0,
            refused: 0,
            faulted: 0,
            random,
            fault_random: fault_sequence(seed),
        };
        (state, admin_value)
    }

    /// Begins the sequence of faults that belongs to `seed`.
    pub(super) fn restart_faults(&mut self, seed: u64) {
        self.fault_random = fault_sequence(seed);
    }

    pub(super) fn statistics(&self) -> Statistics {
        let keys = self.registry.newest_first();
        Statistics {
            requests: self.requests,
            refused: self.refused,
            faulted: self.faulted,
            keys: keys.into_iter().map(|key| (key.id.clone(), key.statistics.clone())).collect(),
        }
    }
}

/// Not the sequence that values come from, though of the same seed.
fn fault_sequence(seed: u64) -> Random {
    Random::new(!seed)
}

/// Locks; a panic elsewhere leaves counts at worst one off, which is no reason to stop serving.
pub(super) fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
