//! The values an operation works with, by fingerprint, for as long as the command runs.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::provider::probe::{Accepted, Settled};
use crate::rotation::credential::SlotName;
use crate::rotation::effect::Effect;
use crate::rotation::phase::KeyState;
use crate::secret::{Fingerprint, Secret};
use crate::slots::Slots;

/// Values that arrived with the command or were read from the slots.
#[derive(Default)]
pub(super) struct Materials {
    values: BTreeMap<Fingerprint, Rc<Secret>>,
    settled: BTreeMap<Fingerprint, Settled>,
}

impl Materials {
    pub(super) fn add(&mut self, value: Secret) {
        self.values.insert(value.fingerprint(), Rc::new(value));
    }

    /// Keeps what the last run of pings came to.
    pub(super) fn remember(&mut self, fingerprint: Fingerprint, settled: Settled) {
        self.settled.insert(fingerprint, settled);
    }

    /// The value, where the last run of pings proved it live in this command.
    pub(super) fn accepted(&self, fingerprint: Fingerprint) -> Option<Accepted<Rc<Secret>>> {
        let value = self.values.get(&fingerprint)?;
        self.settled.get(&fingerprint)?.proves(Rc::clone(value))
    }

    /// The value with this fingerprint.
    ///
    /// # Errors
    /// Why it is not at hand, in words: its slot is empty, unreadable, or holds something else.
    pub(super) async fn get(
        &mut self,
        fingerprint: Fingerprint,
        state: Option<&KeyState>,
        slots: &dyn Slots,
    ) -> Result<Rc<Secret>, String> {
        if let Some(value) = self.values.get(&fingerprint) {
            return Ok(Rc::clone(value));
        }
        let slot = state
            .and_then(|state| state.slot_of(fingerprint).or_else(|| begun_in(state, fingerprint)))
            .ok_or_else(|| format!("the value of {fingerprint} is in no slot any more"))?;
        let place = slots.location(slot);
        match slots.read(slot).await {
            Ok(Some(value)) if value.fingerprint() == fingerprint => {
                let value = Rc::new(value);
                self.values.insert(fingerprint, Rc::clone(&value));
                Ok(value)
            }
            Ok(Some(value)) => Err(format!("{place} holds {}, expected {fingerprint}", value.fingerprint())),
            Ok(None) => Err(format!("{place} holds no value, expected {fingerprint}")),
            Err(error) => Err(format!("{error} ({})", error.remedy)),
        }
    }
}

/// The slot that a write of this credential was begun in: its value may have arrived there.
fn begun_in(state: &KeyState, fingerprint: Fingerprint) -> Option<SlotName> {
    match &state.intent.as_ref()?.effect {
        Effect::StoreStaged { slot, credential, .. } if credential.fingerprint == fingerprint => Some(*slot),
        _ => None,
    }
}
