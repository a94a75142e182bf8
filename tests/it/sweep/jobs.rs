//! Leases, and `exec`, which takes one for its job: disturbed anywhere, they leave nothing that outlives its time,
//! and the key's state as it was.

use serde_json::Value;

use super::calls::{Call, recorded, run_injected};
use super::error;
use super::kill::{self, ENDED_BEFORE};
use super::shift::{Part, Tally, is_taken, is_wanted};
use crate::crash::scenario::{Bench, Scenario, Start};
use crate::lab::Ran;

/// A command about leases, and what must be true after a run of it that went wrong.
struct Job {
    name: &'static str,
    /// `LEASE` stands for the id of the lease that was prepared.
    scenario: Scenario,
    recovers: fn(&Bench, &str, &str),
}

/// What is done to a run of the command.
#[derive(Clone, Copy)]
pub enum Disturbance {
    Kill,
    Errors,
}

pub fn parts(disturbance: Disturbance) -> Vec<Part<'static>> {
    let lease: fn(&Bench) = |bench| {
        bench.adopt();
        bench.run("lease acquire prod").expect(0);
    };
    let job =
        |name, command, prepare, recovers| Job { name, scenario: Scenario::new(command, prepare), recovers };
    let jobs = [
        job("lease", "lease acquire prod", Bench::adopt, acquires),
        job("lease", "lease renew LEASE", lease, renews),
        job("lease", "lease release LEASE", lease, releases),
        job("exec", "exec prod -- touch started", Bench::adopt, executes),
    ];
    let part = |job: Job| -> Part<'static> { Box::new(move |tally| sweep(&job, disturbance, tally)) };
    jobs.into_iter().filter(|job| is_wanted(job.name)).map(part).collect()
}

fn sweep(job: &Job, disturbance: Disturbance, tally: &Tally) {
    let start = Start::new(&job.scenario);
    let id = leases(&start.bench).first().map_or(String::new(), id);
    let command = job.scenario.command.replace("LEASE", &id);
    let calls = recorded(&start.again().lab, &command);
    match disturbance {
        Disturbance::Kill => {
            for call in kill::taken(&calls, &job.scenario, false) {
                tally.case(job.name, || killed(job, &start, &command, &id, call));
            }
        }
        Disturbance::Errors => {
            let cases =
                error::cases(&calls).filter(|case| is_taken(error::named(case, job.scenario.command), 12));
            for (call, error) in cases {
                tally.case(job.name, || failed(job, &start, &command, &id, (call, error)));
            }
        }
    }
}

fn killed(job: &Job, start: &Start<'_>, command: &str, id: &str, call: &Call) -> &'static str {
    let bench = start.again();
    let before = standing(bench);
    if run_injected(&bench.lab, command, call, "signal=KILL").is_none() {
        return ENDED_BEFORE;
    }
    let when = format!("`{command}` killed before {call}");
    (job.recovers)(bench, id, &when);
    assert_eq!(standing(bench), before, "{when}: the key's state has changed");
    "the same command recovered"
}

fn failed(
    job: &Job,
    start: &Start<'_>,
    command: &str,
    id: &str,
    (call, name): (&Call, &str),
) -> &'static str {
    let bench = start.again();
    let before = standing(bench);
    let Some(ran) = run_injected(&bench.lab, command, call, &format!("error={name}")) else {
        return ENDED_BEFORE;
    };
    let when = format!("`{command}` with {name} at {call}: {ran:#?}");
    error::assert_no_panic(&ran, &when);
    let outcome = if ran.code == 0 {
        assert_kept(bench, command, id, &ran, &when);
        error::success_in_spite_of(name)
    } else {
        assert!(ran.stderr.contains("hint: "), "{when}: no hint");
        "failed, said so and recovered"
    };
    (job.recovers)(bench, id, &when);
    assert_eq!(standing(bench), before, "{when}: the key's state has changed");
    outcome
}

/// That a success did what it promised.
fn assert_kept(bench: &Bench, command: &str, id: &str, ran: &Ran, when: &str) {
    let ids: Vec<String> = leases(bench).iter().map(self::id).collect();
    match command.split(' ').take(2).collect::<Vec<_>>()[..] {
        ["lease", "acquire"] => assert!(ids.contains(&ran.stdout.trim().to_owned()), "{when}"),
        ["lease", "renew"] => assert!(ids.contains(&id.to_owned()), "{when}"),
        ["lease", "release"] => assert!(ids.is_empty(), "{when}"),
        _ => assert!(bench.lab.path("started").exists(), "{when}"),
    }
}

/// A lease whose id nobody was told ends with its time.
fn acquires(bench: &Bench, _: &str, when: &str) {
    let left = leases(bench);
    assert!(left.iter().all(|lease| lease["standing"] == "held"), "{when}: {left:?}");
    bench.run("lease acquire prod").expect(0);
    assert!(leases(bench).len() <= left.len() + 1, "{when}");
    bench.lab.advance_minutes(7 * 24 * 60);
    assert_eq!(leases(bench), Vec::<Value>::new(), "{when}: a lease outlives its time");
}

fn renews(bench: &Bench, id: &str, when: &str) {
    let left = leases(bench);
    assert!(left.len() == 1 && left[0]["standing"] == "held", "{when}: {left:?}");
    bench.run(&format!("lease renew {id}")).expect(0);
}

fn releases(bench: &Bench, id: &str, when: &str) {
    let left = leases(bench).len();
    let again = bench.run(&format!("lease release {id}"));
    assert_eq!(again.code, if left == 1 { 0 } else { 6 }, "{when}: {again:#?}");
    assert_eq!(leases(bench), Vec::<Value>::new(), "{when}");
}

/// Once the job is gone, its lease is gone, too, or is in doubt where it was just being started. A person who knows
/// better ends that, and the next run is as any.
fn executes(bench: &Bench, _: &str, when: &str) {
    let mut left = leases(bench);
    for _ in 0..2000 {
        if left.iter().all(|lease| lease["standing"] != "held") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
        left = leases(bench);
    }
    assert!(left.iter().all(|lease| lease["standing"] == "unknown"), "{when}: {left:?}");
    for lease in &left {
        bench.run(&format!("lease release {}", id(lease))).expect(0);
    }
    let started = bench.lab.path("started");
    if started.exists() {
        std::fs::remove_file(&started).unwrap();
    }
    bench.run("exec prod -- touch started").expect(0);
    assert!(started.exists(), "{when}");
    assert_eq!(leases(bench), Vec::<Value>::new(), "{when}");
}

fn leases(bench: &Bench) -> Vec<Value> {
    bench.run("lease list prod --json").expect(0).json()["leases"].as_array().unwrap().clone()
}

fn id(lease: &Value) -> String {
    lease["id"].as_str().unwrap().to_owned()
}

/// What no command about leases changes.
fn standing(bench: &Bench) -> (Value, usize) {
    (bench.state(), bench.journal().len())
}
