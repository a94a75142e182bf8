//! Deterministic simulation: the real driver over ports in memory, with seeded faults, two operators, and a judge
//! who knows the world. The same seed gives the same schedule, byte for byte.
//!
//! One thing is taken for granted: a reactivation that got no answer is not carried out after a revocation that was asked
//! for later, nor the other way round.
//!
//! `ROTATE_SIMULATE=2000000` asks for more schedules, `ROTATE_SIMULATE_SEED=7` replays one and prints its trace.

mod dice;
mod fault;
mod judge;
mod operator;
mod planted;
mod ports;
mod recorded;
mod rest;
mod scheduler;
mod setting;
mod story;
mod told;
mod troubled;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use rotate::rotation::plan::Suspect;

use self::fault::{Coverage, Fault};
use self::operator::Violation;
use self::planted::Planted;
use self::scheduler::Simulation;
use self::story::Command;
use self::world::{KeyIs, World};
use crate::proof;

/// What came of one seed.
struct Schedule {
    coverage: Coverage,
    trace: String,
    /// The promise that was broken, if one was.
    broken: Option<String>,
}

fn schedule(seed: u64, planted: Option<Planted>, traced: bool) -> Schedule {
    let simulation = Simulation::new(World::new(seed, planted, traced));
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let typed = story::live(&simulation);
        rest::come_to_rest(&simulation, &typed);
    }));
    let broken = lived.err().map(|payload| match payload.downcast::<Violation>() {
        Ok(violation) => violation.0,
        Err(payload) => {
            let text = payload.downcast_ref::<String>().cloned();
            let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            format!("panic: {}", text.unwrap_or_default())
        }
    });
    simulation.kill_all();
    let mut world = simulation.world.borrow_mut();
    let trace = world.trace.take().unwrap_or_default();
    Schedule { coverage: std::mem::take(&mut world.coverage), trace, broken }
}

/// A planted fault is found within so many.
const SEEDS_FOR_PLANTED: u64 = 60_000;

/// So many seeds a thread are told of.
const FAILURES_TOLD: usize = 8;

/// A number that the environment gives.
fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Lives through so many schedules on two threads; seeds that break a promise are told, the first with its trace.
fn survive(schedules: u64) -> Coverage {
    let half = move |thread: u64| {
        let (mut coverage, mut failed) = (Coverage::default(), Vec::new());
        for seed in (thread..schedules).step_by(2) {
            let lived = schedule(seed, None, false);
            coverage.add(&lived.coverage);
            failed.extend(lived.broken.map(|broken| (seed, broken)));
            if failed.len() >= FAILURES_TOLD {
                break;
            }
        }
        (coverage, failed)
    };
    let other = std::thread::spawn(move || half(1));
    let (mut coverage, mut failed) = half(0);
    let (of_other, failed_of_other) = other.join().unwrap();
    coverage.add(&of_other);
    failed.extend(failed_of_other);
    failed.sort();
    if let Some((seed, broken)) = failed.first() {
        let trace = schedule(*seed, None, true).trace;
        let told: Vec<_> = failed.iter().map(|(seed, broken)| format!("seed {seed}: {broken}")).collect();
        panic!(
            "{trace}\n{}\nthe trace is of seed {seed}: {broken}\nreplay it: ROTATE_SIMULATE_SEED={seed} cargo test --test it simulation",
            told.join("\n")
        );
    }
    coverage
}

#[test]
fn no_schedule_breaks_the_promise_and_each_comes_to_rest() {
    if let Some(seed) = asked("ROTATE_SIMULATE_SEED") {
        let lived = schedule(seed, None, true);
        println!("{}", lived.trace);
        assert_eq!(lived.broken, None, "seed {seed}");
        return;
    }
    let whole = proof::size(100_000, 1_000_000);
    let schedules = asked("ROTATE_SIMULATE").unwrap_or(whole as u64);
    let reached = survive(schedules);
    if schedules >= 50_000 {
        assert_covers(&reached);
    }
    let crashes: usize = reached.crashes.values().sum();
    let figure = format!(
        "{} schedules with {} commands and {} calls of ports, {} faults of {} kinds among them, {} crashes at {} points",
        proof::thousands(reached.schedules),
        proof::thousands(reached.commands),
        proof::thousands(reached.calls),
        proof::thousands(reached.faults_met()),
        Fault::ALL.len(),
        proof::thousands(crashes),
        reached.crashes.len(),
    );
    proof::reached("simulation", &figure);
}

/// That every phase, every kind of fault and every point of death was met: what never occurs proves nothing.
#[track_caller]
fn assert_covers(reached: &Coverage) {
    let never: Vec<_> = Fault::ALL.iter().filter(|fault| reached.of(**fault) == 0).collect();
    assert!(never.is_empty(), "these faults never occurred: {never:?}");
    for standing in STANDINGS {
        assert!(reached.standings.contains_key(standing), "no schedule reached: {standing}");
    }
    for (call, changes) in CALLS {
        assert!(reached.crashes.contains_key(&(*call, "before")), "nothing died before {call}");
        assert!(!changes || reached.crashes.contains_key(&(*call, "after")), "nothing died after {call}");
    }
    for code in [0, 2, 4, 5, 6, 10, 11, 12, 13, 20, 21, 130] {
        assert!(reached.ends.contains_key(&code), "no command ended with {code}");
    }
}

/// Phases and effects.
const STANDINGS: &[&str] = &[
    "Idle",
    "SecondaryStaged",
    "Promoted",
    "Promoted, going back",
    "GraceWindow",
    "Revoked",
    "emergency",
    "outage",
    "a target left behind",
    "mint",
    "sweep",
    "store_staged",
    "write_targets",
    "erase",
    "revoke",
    "reactivate",
    "delete",
];

/// Calls of ports, and whether they change something.
const CALLS: &[(&str, bool)] = &[
    ("journal.append", true),
    ("leases.seen", false),
    ("lock", false),
    ("provider.delete", true),
    ("provider.identify", false),
    ("provider.key_status", false),
    ("provider.last_used", false),
    ("provider.list", false),
    ("provider.mint", true),
    ("provider.probe_once", false),
    ("provider.reactivate", true),
    ("provider.revoke", true),
    ("provider.usage", false),
    ("slots.erase", true),
    ("slots.look", false),
    ("slots.read", false),
    ("slots.write", true),
    ("spool.clear", true),
    ("spool.read", false),
    ("spool.reserve", false),
    ("spool.write", true),
    ("store.compare_and_swap", true),
    ("store.hold", false),
    ("store.load", false),
    ("target.check", false),
    ("target.read_back", false),
    ("target.write", true),
];

#[test]
fn a_seed_replays_byte_for_byte() {
    for seed in 0..300 {
        let (once, again) = (schedule(seed, None, true), schedule(seed, None, true));
        assert!(once.trace.lines().count() > 10, "seed {seed} leaves no trace");
        assert_eq!(once.trace, again.trace, "seed {seed}");
    }
    let (one, other) = (schedule(1, None, true), schedule(2, None, true));
    assert_ne!(one.trace, other.trace, "another seed is another schedule");
}

#[test]
fn every_planted_fault_is_found() {
    for planted in Planted::ALL {
        let found = (0..SEEDS_FOR_PLANTED).find_map(|seed| {
            let broken = schedule(seed, Some(*planted), false).broken?;
            Some((seed, broken))
        });
        let Some((seed, broken)) = found else {
            panic!("{planted:?} is not found in {SEEDS_FOR_PLANTED} seeds");
        };
        println!("{planted:?}: seed {seed}: {}", broken.lines().next().unwrap_or_default());
        assert!(!broken.starts_with("panic:"), "{planted:?}: seed {seed}: {broken}");
    }
}

#[test]
fn one_wrong_rejection_does_not_end_an_emergency() {
    let simulation = Simulation::new(World::plain());
    let fresh = simulation.world.borrow_mut().fresh();
    for command in
        [Command::Adopt(0), Command::Stage { credential: Some(fresh), replace: false }, Command::Promote]
    {
        assert_eq!(story::run(&simulation, &command).code(), 0, "{command:?}");
    }
    simulation.world.borrow_mut().ordered.push((0, Fault::WrongVerdict));
    let emergency =
        Command::RevokeNow { suspect: Suspect::Old, replacement: None, accept_outage: false, reason: 1 };
    assert_eq!(story::run(&simulation, &emergency).code(), 0);
    let world = simulation.world.borrow();
    assert!(world.ordered.is_empty() && world.keys[0].is == KeyIs::Inactive, "the leaked key lives on");
}
