//! Where consumers read.

use async_trait::async_trait;
use rotate::rotation::credential::{ReadBack, TargetId};
use rotate::secret::Secret;
use rotate::target::{Moving, Target, TargetError, Written};

use crate::simulation::fault::Fault;
use crate::simulation::operator::Operator;
use crate::simulation::planted::Planted;
use crate::simulation::world::{Kind, Later, fingerprint, number, target_id};

pub struct SimulatedTarget {
    operator: Operator,
    at: usize,
    kind: Kind,
    id: TargetId,
}

pub fn boxed(operator: Operator, at: usize, kind: Kind) -> Box<dyn Target> {
    Box::new(SimulatedTarget { operator, at, kind, id: target_id(at) })
}

impl SimulatedTarget {
    async fn away(&self) {
        if self.kind != Kind::Local {
            self.operator.network().await;
        }
    }

    fn failed(message: &str) -> TargetError {
        TargetError { message: message.to_owned(), remedy: "try again".to_owned(), source: None }
    }
}

#[async_trait(?Send)]
impl Target for SimulatedTarget {
    fn id(&self) -> &TargetId {
        &self.id
    }

    fn is_local(&self) -> bool {
        self.kind == Kind::Local
    }

    async fn check(&self) -> Result<(), TargetError> {
        self.operator.enter("target.check");
        match self.operator.luck(&[Fault::TargetBroken]) {
            Some(_) => Err(Self::failed("it cannot be written")),
            None => Ok(()),
        }
    }

    async fn write(&self, secret: &Secret, moving: Moving<'_>) -> Result<Written, TargetError> {
        self.operator.enter("target.write");
        let credential = number(secret.fingerprint()).unwrap();
        let fence = moving.fence.map(str::to_owned);
        let before = self.operator.world(|world| world.targets[self.at].version);
        if self.kind == Kind::Versioned {
            let is_there = self.operator.world(|world| {
                let target = &world.targets[self.at];
                let holds = target.holds().credential == Some(credential);
                holds && (fence.is_none() || target.fence == fence)
            });
            if is_there {
                return Ok(Written { version: Some(before.to_string()), place: None });
            }
        }
        self.away().await;
        if self.kind == Kind::Versioned && !(moving.is_wanted)() {
            return Err(Self::failed("it is not wanted any more"));
        }
        let mut faults = vec![Fault::TargetWriteFailed, Fault::TargetWriteLandedButFailed];
        if self.kind == Kind::Versioned {
            faults.push(Fault::TargetWriteLandsLate);
        }
        let luck = self.operator.luck(&faults);
        let landed = self.operator.world(|world| match luck {
            Some(Fault::TargetWriteFailed) => false,
            Some(Fault::TargetWriteLandsLate) => {
                let late =
                    Later::TargetWrite { target: self.at, credential, version: before, fence: fence.clone() };
                let delay = i64::try_from(world.dice.below(300_000)).unwrap();
                world.later.push((world.truth + delay, late));
                false
            }
            _ if world.is_planted(Planted::TargetPretends) => true,
            _ => {
                let is_current = world.targets[self.at].version == before;
                if self.kind != Kind::Versioned || is_current {
                    world.write_target(self.at, credential, fence.clone());
                    true
                } else {
                    false
                }
            }
        });
        self.operator.leave("target.write");
        match luck {
            None if landed => Ok(Written { version: Some((before + 1).to_string()), place: None }),
            _ => Err(Self::failed("it was not written")),
        }
    }

    async fn read_back(&self) -> ReadBack {
        self.operator.enter("target.read_back");
        if self.kind == Kind::WriteOnly {
            return ReadBack::NotReadable;
        }
        self.away().await;
        let luck = self.operator.luck(&[Fault::ReadBackOld, Fault::ReadBackAbsent, Fault::ReadBackUnknown]);
        self.operator.world(|world| {
            let pretends = world.is_planted(Planted::TargetPretends);
            let history = &world.targets[self.at].history;
            let old = history[history.len().saturating_sub(2)].credential;
            let held = match luck {
                Some(Fault::ReadBackAbsent) => return ReadBack::Absent,
                Some(Fault::ReadBackUnknown) => return ReadBack::Unknown("no answer".to_owned()),
                // A store may give what it had before; it does not know what is to come.
                Some(_) if old != world.targets[self.at].holds().credential => old,
                _ => world.targets[self.at].holds().credential,
            };
            if pretends && let Some(state) = world.state() {
                return ReadBack::Holds(state.active().fingerprint);
            }
            held.map_or(ReadBack::Absent, |credential| ReadBack::Holds(fingerprint(credential)))
        })
    }
}
