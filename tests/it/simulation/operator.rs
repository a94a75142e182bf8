//! One run of a command, as its ports see it: where it may die, be stopped, or have bad luck.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::fault::Fault;
use super::scheduler::Simulation;
use super::story::Command;
use super::world::World;

/// A run that is not over.
#[derive(Clone, Debug)]
pub struct Running {
    pub command: Command,
    /// Calls of ports so far, each counted when it begins and when it ends.
    pub passed: usize,
    pub crashes_at: Option<usize>,
    pub interrupted_at: Option<usize>,
    /// It starts when the other run has passed so many.
    pub starts_at: usize,
    pub wakes_at: i64,
    /// When whoever typed it has waited long enough.
    pub patient_until: i64,
    /// Faults in a thousand calls.
    pub trouble: u64,
    /// Credentials of which a ping has told this run the contrary of the truth, or nothing.
    pub has_lied_of: Vec<usize>,
    pub unanswered: Vec<usize>,
}

/// What a run dies of; caught by whoever drives it.
pub struct Crashed;

/// A promise that was broken; caught by whoever runs the schedule.
pub struct Violation(pub String);

/// Ends the schedule: a promise is broken.
pub fn broken(what: impl Into<String>) -> ! {
    resume_unwind(Box::new(Violation(what.into())))
}

/// The hand of one operator in the world.
#[derive(Clone)]
pub struct Operator {
    pub who: usize,
    pub simulation: Rc<Simulation>,
}

impl Operator {
    /// Passed by every call of a port before anything comes of it.
    pub fn enter(&self, call: &'static str) {
        self.may_die(call, "before");
        self.simulation.let_the_other_go_on(self.who);
        self.world(|world| {
            world.coverage.calls += 1;
            if world.record.is_some() && world.dice.chance(3) {
                world.start_job();
            }
        });
    }

    /// Passed by every call of a port that may have changed something, after it.
    pub fn leave(&self, call: &'static str) {
        self.may_die(call, "after");
    }

    fn may_die(&self, call: &'static str, when: &'static str) {
        let dies = self.world(|world| {
            let running = world.running[self.who].as_mut()?;
            running.passed += 1;
            let dies = running.crashes_at == Some(running.passed);
            if dies {
                world.met(Fault::Crash);
                *world.coverage.crashes.entry((call, when)).or_default() += 1;
                world.tell(|| format!("  dies {when} {call}"));
            }
            Some(dies)
        });
        match dies {
            Some(true) => resume_unwind(Box::new(Crashed)),
            Some(false) => {}
            None => broken(format!("a run that is over calls {call}")),
        }
    }

    /// The world, for a moment in which nothing else happens.
    pub fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.simulation.world.borrow_mut())
    }

    /// One of these faults, or none, which is the rule.
    pub fn luck(&self, faults: &[Fault]) -> Option<Fault> {
        self.world(|world| {
            if let Some(fault) = world.next_ordered(faults) {
                world.met(fault);
                return Some(fault);
            }
            let trouble = world.running[self.who].as_ref().map_or(0, |running| running.trouble);
            if trouble == 0 || !world.dice.chance(trouble) {
                return None;
            }
            let fault = world.dice.pick(faults);
            world.met(fault);
            Some(fault)
        })
    }

    /// What a call over a network takes, and lets others do.
    pub async fn network(&self) {
        self.world(|world| {
            let takes = 20 + world.dice.below(200);
            world.pass(i64::try_from(takes).unwrap());
        });
        if self.simulation.are_two() {
            Turn(false).await;
        }
    }

    pub async fn sleep(&self, milliseconds: i64) {
        self.world(|world| {
            let until = world.truth + milliseconds;
            world.tell(|| format!("  operator {} sleeps {milliseconds} ms", self.who));
            if let Some(running) = world.running[self.who].as_mut() {
                running.wakes_at = until;
            }
        });
        Turn(false).await;
    }
}

/// Lets the one who polls decide who goes on.
struct Turn(bool);

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        Poll::Pending
    }
}
