//! Many cases, each from a seed of its own.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use super::mutation::Random;

/// No input of these sizes takes longer, whatever machine this is.
const CASE_LIMIT: Duration = Duration::from_secs(10);

/// Runs so many cases, or the one of `ROTATE_HOSTILE_SEED`. A case that panics, or takes long, is named by its seed.
pub fn run(part: &str, cases: usize, mut case: impl FnMut(&mut Random)) -> usize {
    let only = std::env::var("ROTATE_HOSTILE_SEED").ok().map(|seed| seed.parse::<u64>().unwrap());
    let seeds = only.map_or(0..cases as u64, |seed| seed..seed + 1);
    for seed in seeds {
        let began = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| case(&mut Random::new(seed))));
        let took = began.elapsed();
        if ended.is_err() || took > CASE_LIMIT {
            eprintln!(
                "{part}: the case of seed {seed} failed after {took:?}; run it with ROTATE_HOSTILE_SEED={seed}"
            );
        }
        if let Err(panic) = ended {
            resume_unwind(panic);
        }
        assert!(took <= CASE_LIMIT, "{part}: seed {seed} took {took:?}");
    }
    cases
}
