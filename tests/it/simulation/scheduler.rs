//! Runs two operators' commands by turns, in one thread and in an order that follows from the seed.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use rotate::error::Failure;
use rotate::workflow::operation::Report;

use super::fault::Fault;
use super::operator::{Crashed, Running, broken};
use super::world::World;

/// So long a command may wait before it is interrupted, in milliseconds.
const PATIENCE: i64 = 4 * 3_600_000;

type Run = Pin<Box<dyn Future<Output = Result<Report, Failure>>>>;

/// How a run ended.
#[derive(Clone, Debug)]
pub enum End {
    Done,
    Failed(Box<Failure>),
    Crashed,
    Interrupted,
}

/// What a command says of its success, in a line.
fn told(report: &Report) -> String {
    let evidence =
        report.evidence.iter().flatten().map(|row| format!("; {} {}", row.item, row.verdict.name()));
    let emergency = report
        .emergency
        .iter()
        .flat_map(|emergency| &emergency.revoked)
        .map(|name| format!("; ended {name}"));
    let next = report.overview.next.iter().map(|next| format!("; next: {next}"));
    let more: String = evidence.chain(emergency).chain(next).collect();
    format!("{}{more}", report.summary)
}

impl End {
    pub fn code(&self) -> u8 {
        match self {
            End::Done => 0,
            End::Failed(failure) => failure.exit.number(),
            End::Interrupted => 130,
            End::Crashed => 255,
        }
    }
}

pub struct Simulation {
    pub world: RefCell<World>,
    runs: RefCell<[Option<Run>; 2]>,
    pub ends: RefCell<[Option<End>; 2]>,
    /// One run is stopped in the midst of a call while the other one goes on.
    is_nested: Cell<bool>,
}

impl Simulation {
    pub fn new(world: World) -> Rc<Self> {
        Rc::new(Self {
            world: RefCell::new(world),
            runs: RefCell::new([None, None]),
            ends: RefCell::new([None, None]),
            is_nested: Cell::new(false),
        })
    }

    pub fn begin(&self, who: usize, mut running: Running, run: Run) {
        let mut world = self.world.borrow_mut();
        running.patient_until = world.truth + PATIENCE;
        world.coverage.commands += 1;
        world.tell(|| {
            format!(
                "operator {who}: {:?} (trouble {}, dies at {:?}, interrupted at {:?}, starts at {})",
                running.command,
                running.trouble,
                running.crashes_at,
                running.interrupted_at,
                running.starts_at
            )
        });
        world.running[who] = Some(running);
        self.runs.borrow_mut()[who] = Some(run);
        self.ends.borrow_mut()[who] = None;
    }

    pub fn are_two(&self) -> bool {
        let world = self.world.borrow();
        world.running.iter().all(Option::is_some)
    }

    /// Drives whatever was begun to its end.
    pub fn drive(&self) {
        loop {
            let ready: Vec<_> = (0..2).filter(|who| self.may_go_on(*who)).collect();
            if !ready.is_empty() {
                let who = self.world.borrow_mut().dice.pick(&ready);
                self.poll(who);
                continue;
            }
            if !self.wait_for_the_next() {
                return;
            }
        }
    }

    /// Lets time pass until some run wakes; false where there is none.
    fn wait_for_the_next(&self) -> bool {
        let mut world = self.world.borrow_mut();
        let wakes = world.running.iter().flatten().filter(|running| running.starts_at == 0);
        match wakes.map(|running| running.wakes_at).min() {
            Some(at) => {
                let wait = at - world.truth;
                world.pass(wait);
                true
            }
            None => {
                // The first one is over, or never was: the second one starts now.
                let mut late = world.running.iter_mut().flatten();
                let Some(running) = late.next() else { return false };
                running.starts_at = 0;
                true
            }
        }
    }

    fn may_go_on(&self, who: usize) -> bool {
        if self.runs.borrow()[who].is_none() {
            return false;
        }
        let mut world = self.world.borrow_mut();
        let truth = world.truth;
        let other = world.running[1 - who].as_ref().map_or(usize::MAX, |running| running.passed);
        let Some(running) = world.running[who].as_mut() else { return false };
        if running.starts_at > 0 && other >= running.starts_at {
            running.starts_at = 0;
        }
        running.starts_at == 0 && running.wakes_at <= truth
    }

    /// Called in the midst of a call: now and then its run is stopped there, and the other one goes on for a while.
    pub fn let_the_other_go_on(&self, who: usize) {
        let other = 1 - who;
        if self.is_nested.get() || self.runs.borrow()[other].is_none() {
            return;
        }
        let turns = {
            let mut world = self.world.borrow_mut();
            // Where others are kept from committing, they wait for it.
            if world.holds > 0 {
                return;
            }
            // Where a story stops it, the other one goes on to its end.
            if world.next_ordered(&[Fault::Paused]).is_some() {
                u64::MAX
            } else if world.dice.chance(120) {
                1 + world.dice.below(60)
            } else {
                return;
            }
        };
        if !self.may_go_on(other) {
            return;
        }
        self.world.borrow_mut().met(Fault::Paused);
        self.is_nested.set(true);
        for _ in 0..turns {
            if !self.may_go_on(other) {
                let wakes_at = {
                    let world = self.world.borrow();
                    world.running[other].as_ref().map(|running| running.wakes_at)
                };
                let Some(wakes_at) = wakes_at else { break };
                let mut world = self.world.borrow_mut();
                let wait = wakes_at - world.truth;
                world.pass(wait);
            }
            self.poll(other);
        }
        self.is_nested.set(false);
        self.world.borrow_mut().tell(|| format!("operator {who} goes on"));
    }

    fn poll(&self, who: usize) {
        let taken = self.runs.borrow_mut()[who].take();
        let Some(mut run) = taken else { return };
        let is_interrupted = {
            let world = self.world.borrow();
            let truth = world.truth;
            let running = world.running[who].as_ref();
            running.is_some_and(|running| {
                running.interrupted_at.is_some_and(|at| running.passed >= at) || running.patient_until < truth
            })
        };
        if is_interrupted {
            self.world.borrow_mut().met(Fault::Interrupted);
            drop(run);
            return self.over(who, End::Interrupted);
        }
        let mut context = Context::from_waker(Waker::noop());
        let polled = catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(&mut context)));
        match polled {
            Ok(std::task::Poll::Pending) => self.runs.borrow_mut()[who] = Some(run),
            Ok(std::task::Poll::Ready(Ok(report))) => {
                self.world.borrow_mut().tell(|| format!("operator {who}: done: {}", told(&report)));
                self.over(who, End::Done);
            }
            Ok(std::task::Poll::Ready(Err(failure))) => self.over(who, End::Failed(Box::new(failure))),
            Err(payload) => {
                drop(run);
                self.died(who, payload);
            }
        }
    }

    fn died(&self, who: usize, payload: Box<dyn Any + Send>) {
        if payload.is::<Crashed>() {
            self.over(who, End::Crashed);
        } else {
            resume_unwind(payload);
        }
    }

    fn over(&self, who: usize, end: End) {
        let mut world = self.world.borrow_mut();
        *world.coverage.ends.entry(end.code()).or_default() += 1;
        world.tell(|| match &end {
            End::Failed(failure) => {
                format!("operator {who}: exit {}: {failure}; hint: {}", failure.exit.number(), failure.hint)
            }
            end => format!("operator {who}: {end:?}"),
        });
        if let End::Failed(failure) = &end {
            world.memory.told(&failure.to_string());
        }
        if end.code() == 1 {
            broken(format!("operator {who}: {end:?}"));
        }
        world.ended(who, &end);
        world.running[who] = None;
        self.ends.borrow_mut()[who] = Some(end);
    }

    /// Ends whatever is under way, as a power cut does.
    pub fn kill_all(&self) {
        for who in 0..2 {
            drop(self.runs.borrow_mut()[who].take());
            self.world.borrow_mut().running[who] = None;
        }
    }
}
