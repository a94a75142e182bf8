//! Clock, leases, the operation lock, and what people are told.

use std::time::Duration;

use async_trait::async_trait;
use rotate::clock::Clock;
use rotate::lease::Leases;
use rotate::rotation::lease::{LeaseSeen, LeaseStanding};
use rotate::rotation::stamp::Stamp;
use rotate::store::actor::Actor;
use rotate::store::lock::Holder;
use rotate::store::{OperationLock, OperationLocks, StoreError};
use rotate::workflow::ports::Narrator;

use crate::simulation::fault::Fault;
use crate::simulation::operator::Operator;
use crate::simulation::planted::Planted;
use crate::simulation::story::Command;
use crate::simulation::world::{KeyIs, Later, fingerprint, value};

pub struct SimulatedClock(pub Operator);

#[async_trait(?Send)]
impl Clock for SimulatedClock {
    fn now(&self) -> Stamp {
        self.0.world(|world| world.stamp())
    }

    async fn sleep(&self, duration: Duration) {
        self.0.sleep(i64::try_from(duration.as_millis()).unwrap()).await;
    }
}

pub struct SimulatedLeases(pub Operator);

impl Leases for SimulatedLeases {
    fn seen(&self, _: &Stamp) -> Result<Vec<LeaseSeen>, String> {
        self.0.enter("leases.seen");
        let luck = self.0.luck(&[Fault::LeasesUnreadable, Fault::LeaseUnknown]);
        if luck == Some(Fault::LeasesUnreadable) {
            return Err("the leases cannot be read".to_owned());
        }
        self.0.world(|world| {
            let hides = world.is_planted(Planted::LeasesHideJobs);
            let jobs = world.jobs.iter().filter(|_| !hides);
            let seen = jobs.map(|job| LeaseSeen {
                id: format!("job-{}", job.id),
                fingerprint: Some(fingerprint(job.credential)),
                holder: format!("job {}", job.id),
                standing: match luck {
                    Some(_) => LeaseStanding::Unknown("another container".to_owned()),
                    None => LeaseStanding::Held,
                },
            });
            Ok(seen.collect())
        })
    }

    fn longest_run_seconds(&self) -> Result<u64, String> {
        Ok(self.0.world(|world| world.longest_run.unsigned_abs() / 1000))
    }
}

pub struct SimulatedLocks(pub Operator);

struct Locked(Operator);

impl Drop for Locked {
    fn drop(&mut self) {
        self.0.world(|world| world.lock_held_by = None);
    }
}

#[async_trait(?Send)]
impl OperationLocks for SimulatedLocks {
    async fn acquire(
        &self,
        key: &str,
        command: &str,
        clock: &dyn Clock,
        wait: Duration,
    ) -> Result<OperationLock, StoreError> {
        const POLL: Duration = Duration::from_millis(500);
        self.0.enter("lock");
        let mut waited = Duration::ZERO;
        loop {
            let is_free = self.0.world(|world| {
                let is_free = world.lock_held_by.is_none();
                if is_free {
                    world.lock_held_by = Some(self.0.who);
                }
                is_free
            });
            if is_free {
                return Ok(OperationLock::of(Locked(self.0.clone())));
            }
            if waited >= wait {
                let since = self.0.world(|world| {
                    world.met(Fault::Locked);
                    world.stamp().wall
                });
                let actor =
                    Actor { user: String::new(), host: String::new(), pid: 1, command: command.to_owned() };
                return Err(StoreError::Locked { key: key.to_owned(), holder: Holder { actor, since } });
            }
            clock.sleep(POLL).await;
            waited += POLL;
        }
    }
}

/// Hears when a person is asked to disable a key at the console, and mostly does it.
pub struct Listener(pub Operator);

impl Narrator for Listener {
    fn say(&self, text: &str) {
        self.0.world(|world| {
            world.tell(|| format!("  says: {text}"));
            if text.contains("is left alone") {
                world.memory.told(text);
            }
        });
    }

    fn waiting(&self, text: &str) {
        self.0.world(|world| world.tell(|| format!("  waits: {text}")));
    }

    fn warn(&self, text: &str) {
        self.0.world(|world| {
            world.tell(|| format!("  warns: {text}"));
            if !text.contains("disable the key that ends in") {
                return;
            }
            let Some(state) = world.state() else { return };
            let asked = (0..world.keys.len())
                .find(|number| text.contains(&format!("ends in {} ", value(*number).last4())));
            let known = asked.filter(|asked| state.credential(fingerprint(*asked)).is_some());
            let Some(credential) = known else { return };
            if world.next_ordered(&[Fault::PersonStayedAway]).is_some() {
                world.met(Fault::PersonStayedAway);
                return;
            }
            let is_quiet = world.running[self.0.who].as_ref().is_none_or(|running| running.trouble == 0);
            if !is_quiet && world.dice.chance(300) {
                world.met(Fault::PersonStayedAway);
                return;
            }
            // Whoever asks answers for it, but where somebody has ended it already.
            if world.keys[credential].is == KeyIs::Active {
                world.judge_revocation(credential);
            }
            let delay = i64::try_from(world.dice.below(600_000)).unwrap();
            world.later.push((world.truth + delay, Later::PersonDisables { credential }));
        });
    }
}

/// The commands in which seconds count.
pub fn is_emergency(operator: &Operator) -> bool {
    operator.world(|world| {
        let running = world.running[operator.who].as_ref();
        running.is_some_and(|running| matches!(running.command, Command::RevokeNow { .. }))
    })
}
