//! Thousands of cases, shared between two threads and counted.

use std::any::Any;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use super::commands::{self, Swept};
use super::jobs::{self, Disturbance};
use crate::proof;

/// Into how many parts a command's calls are shared.
pub const SHARES: usize = 2;

/// A test stops after so many failures: more say nothing new.
const FAILURES_LIMIT: usize = 40;

/// What decides which calls a slice takes. Another one takes others.
const SEED: u64 = 5;

/// What came of the cases so far.
#[derive(Default)]
pub struct Tally {
    /// By command and by outcome.
    counts: Mutex<(BTreeMap<String, usize>, BTreeMap<String, usize>)>,
    failures: Mutex<Vec<String>>,
}

/// One part of the work. It makes its own lab, so that parts can run side by side.
pub type Part<'a> = Box<dyn Fn(&Tally) + Send + Sync + 'a>;

impl Tally {
    /// Runs one case and counts it under what it says came of it. A failure is kept, and the others go on.
    pub fn case(&self, command: &str, check: impl FnOnce() -> &'static str) {
        if self.failures.lock().unwrap().len() >= FAILURES_LIMIT {
            return;
        }
        match catch_unwind(AssertUnwindSafe(check)) {
            Ok(outcome) => {
                let (commands, outcomes) = &mut *self.counts.lock().unwrap();
                *commands.entry(command.to_owned()).or_default() += 1;
                *outcomes.entry(outcome.to_owned()).or_default() += 1;
            }
            Err(panic) => self.failures.lock().unwrap().push(in_words(&*panic)),
        }
    }

    /// Fails the test where a case failed; otherwise the counts: all, by command, by outcome.
    pub fn judged(self) -> (usize, String, String) {
        let failures = self.failures.into_inner().unwrap();
        let shown: Vec<String> =
            failures.iter().map(|failure| failure.chars().take(3000).collect()).collect();
        assert!(shown.is_empty(), "{} failures (seed {SEED}):\n\n{}", shown.len(), shown.join("\n\n"));
        let (commands, outcomes) = self.counts.into_inner().unwrap();
        let listed = |counts: &BTreeMap<String, usize>| {
            let parts: Vec<_> =
                counts.iter().map(|(name, count)| format!("{name} {}", proof::thousands(*count))).collect();
            parts.join(", ")
        };
        (commands.values().sum(), listed(&commands), listed(&outcomes))
    }
}

/// Whether a command is to be swept: all are, unless `ROTATE_SWEEP` names one.
pub fn is_wanted(command: &str) -> bool {
    std::env::var("ROTATE_SWEEP").map_or(true, |wanted| wanted == command)
}

/// Sweeps every wanted command in parts, and the jobs: all cases, by command, by outcome.
pub fn over_all(disturbance: Disturbance, sweep: fn(&Swept, usize, &Tally)) -> (usize, String, String) {
    let swept = commands::all();
    let mut parts: Vec<Part<'_>> = Vec::new();
    for swept in swept.iter().filter(|swept| is_wanted(swept.name)) {
        for share in 0..SHARES {
            parts.push(Box::new(move |tally| sweep(swept, share, tally)));
        }
    }
    parts.extend(jobs::parts(disturbance));
    let tally = Tally::default();
    proof::side_by_side(&parts, |part| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| part(&tally))) {
            tally.failures.lock().unwrap().push(in_words(&*panic));
        }
    });
    tally.judged()
}

/// Tells the figures; where one command was swept alone, they are not the proof's.
pub fn reached(proof: &str, figure: &str) {
    match std::env::var("ROTATE_SWEEP") {
        Ok(command) => println!("{proof} of {command}: {figure}"),
        Err(_) => proof::reached(proof, figure),
    }
}

/// A number that the seed and the case decide.
pub fn draw(case: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    (SEED, case).hash(&mut hasher);
    hasher.finish()
}

/// Whether a case is one of the one in so many that a slice takes; the whole run takes all.
pub fn is_taken(case: impl Hash, one_in: u64) -> bool {
    proof::is_whole() || draw(case).is_multiple_of(one_in)
}

fn in_words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
