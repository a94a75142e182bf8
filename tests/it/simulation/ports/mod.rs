//! The ports of one key, in memory, over a world that is known.

mod disk;
mod provider;
mod slots;
mod surroundings;
mod target;

use std::rc::Rc;

use rotate::store::actor::Actor;
use rotate::workflow::ports::Ports;

use super::operator::Operator;

/// The ports of one run.
pub fn ports(operator: &Operator) -> Ports {
    let setting = operator.world(|world| world.setting.clone());
    let targets =
        (0..setting.targets.len()).map(|at| target::boxed(operator.clone(), at, setting.targets[at]));
    Ports {
        provider: Box::new(provider::SimulatedProvider { operator: operator.clone() }),
        slots: Box::new(slots::SimulatedSlots {
            operator: operator.clone(),
            is_remote: setting.remote_slots,
        }),
        targets: targets.collect(),
        store: Box::new(disk::SimulatedStore(operator.clone())),
        journal: Box::new(disk::SimulatedJournal(operator.clone())),
        spool: Box::new(disk::SimulatedSpool(operator.clone())),
        locks: Box::new(surroundings::SimulatedLocks(operator.clone())),
        leases: Box::new(surroundings::SimulatedLeases(operator.clone())),
        clock: Rc::new(surroundings::SimulatedClock(operator.clone())),
        narrator: Rc::new(surroundings::Listener(operator.clone())),
        actor: Actor { user: "operator".to_owned(), host: "host".to_owned(), pid: 1, command: String::new() },
        settings: setting.settings(),
    }
}
