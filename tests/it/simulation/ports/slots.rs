//! The two slots.

use async_trait::async_trait;
use rotate::rotation::credential::{Placement, SlotName};
use rotate::secret::{Fingerprint, Secret};
use rotate::slots::{Purpose, Seen, SlotError, Slots};

use crate::simulation::fault::Fault;
use crate::simulation::operator::Operator;
use crate::simulation::planted::Planted;
use crate::simulation::world::{World, number, value};

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

    fn placed_by_person(&self) -> bool {
        self.operator.world(|world| world.setting.slots_by_person)
    }

    async fn read(&self, slot: SlotName) -> Result<Option<Secret>, SlotError> {
        self.operator.enter("slots.read");
        self.away().await;
        if self.operator.luck(&[Fault::SlotUnreadable]).is_some() {
            return Err(error("the slot cannot be read", false));
        }
        Ok(self.operator.world(|world| *world.slot(slot)).map(value))
    }

    async fn look(&self, slot: SlotName) -> Result<Seen, SlotError> {
        self.operator.enter("slots.look");
        self.away().await;
        if self.operator.luck(&[Fault::SlotUnreadable]).is_some() {
            return Err(error("the slot cannot be read", false));
        }
        Ok(self.operator.world(|world| world.seen_in(slot)))
    }

    async fn write(
        &self,
        slot: SlotName,
        secret: &Secret,
        _: Purpose<'_>,
        over: &Seen,
    ) -> Result<Option<Placement>, SlotError> {
        self.operator.enter("slots.write");
        self.away().await;
        if self.placed_by_person() {
            let is_placed = self.operator.world(|world| *world.slot(slot) == number(secret.fingerprint()));
            return if is_placed { Ok(None) } else { Err(error("the slot does not hold it", false)) };
        }
        self.operator.world(|world| world.written_alone.push(world.holds > 0));
        if self.operator.world(|world| world.slot_is_changed(slot, over)) {
            return Err(error("somebody else wrote the slot", false));
        }
        let luck = self.operator.luck(&[Fault::SlotWriteFailed, Fault::SlotWriteLandedButFailed]);
        if luck != Some(Fault::SlotWriteFailed) {
            self.operator.world(|world| {
                if !world.is_planted(Planted::SlotsForget) {
                    world.put(slot, number(secret.fingerprint()));
                }
            });
        }
        self.operator.leave("slots.write");
        match luck {
            Some(luck) => Err(error("the slot cannot be written", luck == Fault::SlotWriteLandedButFailed)),
            None => Ok(None),
        }
    }

    async fn erase(&self, slot: SlotName, fingerprint: Fingerprint, seen: &Seen) -> Result<(), SlotError> {
        self.operator.enter("slots.erase");
        if self.placed_by_person() {
            return Ok(());
        }
        self.away().await;
        if self.operator.luck(&[Fault::SlotEraseFailed]).is_some() {
            return Err(error("the slot cannot be erased", false));
        }
        if self.operator.world(|world| world.slot_is_changed(slot, seen)) {
            return Err(error("somebody else wrote the slot", false));
        }
        self.operator.world(|world| {
            if *world.slot(slot) == number(fingerprint) {
                world.put(slot, None);
            }
        });
        self.operator.leave("slots.erase");
        Ok(())
    }
}

impl World {
    pub fn put(&mut self, slot: SlotName, credential: Option<usize>) {
        *self.slot(slot) = credential;
        self.slots_version += 1;
        self.slot_versions[usize::from(slot == SlotName::Secondary)] = self.slots_version;
    }

    /// Every write gives what it puts there another name.
    fn seen_in(&mut self, slot: SlotName) -> Seen {
        let version = self.slot_versions[usize::from(slot == SlotName::Secondary)];
        Seen::named(self.slot(slot).map(|_| version.to_string()))
    }

    /// Whether the slot is another one than was seen, where that is not planted to go unnoticed.
    fn slot_is_changed(&mut self, slot: SlotName, seen: &Seen) -> bool {
        let is_changed = self.seen_in(slot) != *seen;
        if is_changed {
            self.met(Fault::SlotChanged);
        }
        is_changed && !self.is_planted(Planted::SlotsIgnoreChange)
    }
}

fn error(message: &str, is_unfinished: bool) -> SlotError {
    SlotError { message: message.to_owned(), remedy: "try again".to_owned(), is_unfinished, source: None }
}
