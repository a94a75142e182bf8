//! The two slots.

use async_trait::async_trait;
use rotate::rotation::credential::{Placement, SlotName};
use rotate::rotation::effect::Effect;
use rotate::secret::{Fingerprint, Secret};
use rotate::slots::{Purpose, SlotError, Slots};

use crate::simulation::fault::Fault;
use crate::simulation::operator::Operator;
use crate::simulation::planted::Planted;
use crate::simulation::world::{number, value};

pub struct SimulatedSlots {
    pub operator: Operator,
    pub is_remote: bool,
}

impl SimulatedSlots {
    async fn away(&self) {
        if self.is_remote {
            self.operator.network().await;
        }
    }
}

#[async_trait(?Send)]
impl Slots for SimulatedSlots {
    fn location(&self, slot: SlotName) -> String {
        format!("{slot} slot")
    }

    fn needs_runtime(&self) -> bool {
        self.is_remote
    }

    async fn read(&self, slot: SlotName) -> Result<Option<Secret>, SlotError> {
        self.operator.enter("slots.read");
        self.away().await;
        if self.operator.luck(&[Fault::SlotUnreadable]).is_some() {
            return Err(error("the slot cannot be read", false));
        }
        Ok(self.operator.world(|world| *world.slot(slot)).map(value))
    }

    async fn write(
        &self,
        slot: SlotName,
        secret: &Secret,
        _: Purpose<'_>,
    ) -> Result<Option<Placement>, SlotError> {
        self.operator.enter("slots.write");
        // A store with versions: what somebody else wrote meanwhile is not written over.
        let before = self.operator.world(|world| world.slots_version);
        self.away().await;
        if self.operator.world(|world| world.slots_version != before) {
            return Err(error("somebody else wrote the slots", false));
        }
        let luck = self.operator.luck(&[Fault::SlotWriteFailed, Fault::SlotWriteLandedButFailed]);
        if luck != Some(Fault::SlotWriteFailed) {
            self.operator.world(|world| {
                if !world.is_planted(Planted::SlotsForget) {
                    let written = number(secret.fingerprint());
                    let begun = world.state().and_then(|state| state.intent.as_ref());
                    let is_begun = matches!(begun.map(|intent| &intent.effect),
                        Some(Effect::StoreStaged { credential, .. }) if credential.fingerprint == secret.fingerprint());
                    // Stopped between its look at the state and this call, and overtaken by another run; or an
                    // emergency on a disk that fails, whose intent is in the spool at best.
                    let may_be_unknown = self.is_remote || world.memory.disk_failed;
                    world.memory.slot_overwritten |= may_be_unknown && world.record.is_some() && !is_begun;
                    *world.slot(slot) = written;
                    world.slots_version += 1;
                }
            });
        }
        self.operator.leave("slots.write");
        match luck {
            Some(_) => Err(error("the slot cannot be written", false)),
            None => Ok(None),
        }
    }

    async fn erase(&self, slot: SlotName, fingerprint: Fingerprint) -> Result<(), SlotError> {
        self.operator.enter("slots.erase");
        self.away().await;
        if self.operator.luck(&[Fault::SlotEraseFailed]).is_some() {
            return Err(error("the slot cannot be erased", false));
        }
        self.operator.world(|world| {
            let held = world.slot(slot);
            if *held == number(fingerprint) {
                *held = None;
                world.slots_version += 1;
            }
        });
        self.operator.leave("slots.erase");
        Ok(())
    }
}

fn error(message: &str, is_unfinished: bool) -> SlotError {
    SlotError { message: message.to_owned(), remedy: "try again".to_owned(), is_unfinished, source: None }
}
