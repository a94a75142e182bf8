//! Waiting for others to be done: a run that is interrupted says nothing, and long runs are interrupted more.

use std::cell::Cell;
use std::time::{Duration, Instant};

const LOOK: Duration = Duration::from_millis(300);
/// The share of the processors' time that others may take.
const BUSY: f64 = 0.1;

/// How long a whole benchmark may still wait.
pub struct Patience(Cell<Duration>);

impl Patience {
    pub fn new(limit: Duration) -> Self {
        Self(Cell::new(limit))
    }

    /// Returns when the machine has nothing to do, or when patience is at its end.
    pub fn wait(&self) {
        let begun = Instant::now();
        while busy().is_some_and(|busy| busy > BUSY) {
            if begun.elapsed() >= self.0.get() {
                eprintln!("going on though the machine is busy");
                break;
            }
        }
        self.0.set(self.0.get().saturating_sub(begun.elapsed()));
    }
}

/// The share of the processors' time that was used while this looked; `None` where nobody can tell.
fn busy() -> Option<f64> {
    let (idle_before, all_before) = times()?;
    std::thread::sleep(LOOK);
    let (idle, all) = times()?;
    Some(1.0 - (idle - idle_before) / (all - all_before))
}

/// Idle time and all time since boot, in ticks (proc(5), `/proc/stat`).
fn times() -> Option<(f64, f64)> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<f64> =
        text.lines().next()?.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
    // user, nice, system, idle, iowait, …
    Some((ticks.get(3)? + ticks.get(4)?, ticks.iter().sum()))
}
