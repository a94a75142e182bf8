//! Every answer that an agent got, by habit, key and time.

use std::ops::AddAssign;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::habit::Habit;

/// How fine time is kept, in milliseconds.
const SLOT_MILLISECONDS: u64 = 100;

/// What came of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Accepted, made with the old key.
    Old,
    /// Accepted, made with the new key.
    New,
    /// Answered 401.
    Refused,
    /// Anything else: no key at hand, no answer, another status.
    Failed,
}

/// How many requests came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) old: u64,
    pub(super) new: u64,
    pub(super) refused: u64,
    pub(super) failed: u64,
}

impl Counts {
    pub(super) fn requests(self) -> u64 {
        self.old + self.new + self.refused + self.failed
    }

    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Old => self.old += 1,
            Outcome::New => self.new += 1,
            Outcome::Refused => self.refused += 1,
            Outcome::Failed => self.failed += 1,
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.old += more.old;
        self.new += more.new;
        self.refused += more.refused;
        self.failed += more.failed;
    }
}

/// The counts of a drill over its time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Timeline {
    slots: Vec<[Counts; 3]>,
}

impl Timeline {
    /// Counts one answer that came this long after the drill began.
    pub(super) fn record(&mut self, milliseconds: u64, habit: Habit, outcome: Outcome) {
        let slot = usize::try_from(milliseconds / SLOT_MILLISECONDS).unwrap_or(usize::MAX - 1);
        if self.slots.len() <= slot {
            self.slots.resize(slot + 1, Default::default());
        }
        if let Some(slot) = self.slots.get_mut(slot) {
            slot[habit as usize].add(outcome);
        }
    }

    /// All that agents of one habit got.
    pub(super) fn of_habit(&self, habit: Habit) -> Counts {
        sum(self.slots.iter().map(|slot| slot[habit as usize]))
    }

    /// All that all agents got.
    pub(super) fn total(&self) -> Counts {
        sum(Habit::ALL.into_iter().map(|habit| self.of_habit(habit)))
    }

    /// One habit's counts in `count` equal parts of a drill that took so many seconds.
    pub(super) fn columns(&self, habit: Habit, count: usize, seconds: f64) -> Vec<Column> {
        let mut columns = vec![Column::default(); count];
        for (slot, number) in self.slots.iter().zip(0u32..) {
            let middle_seconds = (f64::from(number) + 0.5) * SLOT_MILLISECONDS as f64 / 1000.0;
            if let Some(column) = columns.get_mut(column_at(middle_seconds, count, seconds)) {
                column.counts += slot[habit as usize];
                column.slots += 1;
            }
        }
        columns
    }
}

/// A part of a drill's time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) counts: Counts,
    /// How much time it covers; neighbours differ by one.
    slots: u32,
}

impl Column {
    /// So many of its requests a second.
    pub(super) fn per_second(self, count: u64) -> f64 {
        let milliseconds = u64::from(self.slots.max(1)) * SLOT_MILLISECONDS;
        count as f64 * 1000.0 / milliseconds as f64
    }
}

/// Which of `count` columns shows a moment; the last one for any later moment.
pub(super) fn column_at(at_seconds: f64, count: usize, seconds: f64) -> usize {
    let share = if seconds > 0.0 { (at_seconds / seconds).clamp(0.0, 1.0) } else { 0.0 };
    let column = (share * count as f64) as usize;
    column.min(count.saturating_sub(1))
}

fn sum(counts: impl Iterator<Item = Counts>) -> Counts {
    counts.fold(Counts::default(), |mut sum, more| {
        sum += more;
        sum
    })
}

/// The timeline while it grows, shared between threads.
#[derive(Clone)]
pub(super) struct Tally {
    began: Instant,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    timeline: Timeline,
    total: Counts,
    first_failure: Option<String>,
}

impl Tally {
    pub(super) fn new(began: Instant) -> Self {
        Self { began, kept: Arc::default() }
    }

    /// Counts an answer that came just now.
    pub(super) fn count(&self, habit: Habit, outcome: Outcome) {
        let milliseconds = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut kept = self.lock();
        kept.timeline.record(milliseconds, habit, outcome);
        kept.total.add(outcome);
    }

    /// Counts a request that failed; the first reason is kept.
    pub(super) fn fail(&self, habit: Habit, reason: String) {
        self.count(habit, Outcome::Failed);
        self.lock().first_failure.get_or_insert(reason);
    }

    /// The counts so far.
    pub(super) fn total(&self) -> Counts {
        self.lock().total
    }

    /// How long the drill has run.
    pub(super) fn seconds(&self) -> u64 {
        self.began.elapsed().as_secs()
    }

    pub(super) fn timeline(&self) -> Timeline {
        self.lock().timeline.clone()
    }

    pub(super) fn first_failure(&self) -> Option<String> {
        self.lock().first_failure.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // counts are whole after every statement, so a thread that panicked left nothing half done
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_lose_nothing() {
        let mut timeline = Timeline::default();
        for milliseconds in (0..3000).step_by(70) {
            let outcome = if milliseconds < 1500 { Outcome::Old } else { Outcome::New };
            timeline.record(milliseconds, Habit::Reread, outcome);
        }
        timeline.record(2999, Habit::Cached, Outcome::Refused);
        let columns = timeline.columns(Habit::Reread, 10, 2.95);
        let counts: Vec<_> = columns.iter().map(|column| column.counts).collect();
        assert_eq!(sum(counts.iter().copied()), timeline.of_habit(Habit::Reread));
        assert!(counts[..5].iter().all(|column| column.old > 0 && column.new == 0), "{counts:?}");
        assert!(counts[6..].iter().all(|column| column.new > 0 && column.old == 0), "{counts:?}");
        assert_eq!(timeline.total().requests(), 44);
        assert_eq!(timeline.total().refused, 1);
    }
}
