//! How long old and new must overlap.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::phase::{KeyState, Window};
use super::stamp::{Stamp, elapsed, later, plus_seconds};

/// What starts the clock of a grace window, once every target holds the new value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GraceFrom {
    /// That moment itself.
    #[default]
    Promotion,
    /// The first use of the new credential that the provider tells of.
    FirstUse,
}

impl GraceFrom {
    /// Whether the clock of this key's window has not started.
    pub fn awaits_first_use(self, state: &KeyState) -> bool {
        self == GraceFrom::FirstUse && state.first_used_at.is_none()
    }
}

/// What decides a grace window; durations in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GracePolicy {
    pub from: GraceFrom,
    pub grace_seconds: u64,
    pub longest_job_seconds: u64,
    pub slowest_refresh_seconds: u64,
    pub provider_propagation_seconds: u64,
}

impl GracePolicy {
    /// The shortest overlap that is safe: the longest job started with the old value just before the
    /// slowest consumer reread it, on the slowest edge of the provider.
    ///
    /// `longest_job_seen_seconds` is what leases have seen; the larger of it and the configured one
    /// counts (invariant 6).
    pub fn floor_seconds(&self, longest_job_seen_seconds: u64) -> u64 {
        self.longest_job_seconds
            .max(longest_job_seen_seconds)
            .saturating_add(self.slowest_refresh_seconds)
            .saturating_add(self.provider_propagation_seconds)
    }

    /// The window that opens at `opened_at`.
    pub fn window(&self, opened_at: Stamp, longest_job_seen_seconds: u64) -> Window {
        let floor_seconds = self.floor_seconds(longest_job_seen_seconds);
        let length_seconds = self.grace_seconds.max(floor_seconds);
        Window {
            not_before: plus_seconds(opened_at.wall, length_seconds),
            opened_at,
            length_seconds,
            floor_seconds,
            floor_reason: self.floor_reason(longest_job_seen_seconds),
        }
    }

    /// How much of a window is left. Durations that grew since it opened count; ones that shrank do not.
    pub fn remaining(&self, state: &KeyState, window: &Window, now: &Stamp) -> Remaining {
        let floor_seconds = self.floor_seconds(state.longest_job_seen_seconds);
        let length_seconds = window.length_seconds.max(floor_seconds);
        if self.from.awaits_first_use(state) {
            return Remaining { seconds: length_seconds, clock_went_backwards: false };
        }
        window.remaining_of(length_seconds, now)
    }

    /// The window that runs from the first use of the new credential. Never shorter than the one that had opened.
    ///
    /// `used_at` is by the provider's clock.
    pub fn window_from_use(
        &self,
        opened: &Window,
        used_at: Timestamp,
        longest_job_seen_seconds: u64,
    ) -> Window {
        let opened_at = &opened.opened_at;
        let since = used_at.as_millisecond() - opened_at.by_provider().as_millisecond();
        let opened_at = later(opened_at, u64::try_from(since).unwrap_or(0));
        let window = self.window(opened_at, longest_job_seen_seconds);
        let length_seconds = window.length_seconds.max(opened.length_seconds);
        Window { not_before: plus_seconds(window.opened_at.wall, length_seconds), length_seconds, ..window }
    }

    fn floor_reason(&self, longest_job_seen_seconds: u64) -> String {
        let (job, source) = if longest_job_seen_seconds > self.longest_job_seconds {
            (longest_job_seen_seconds, "longest job seen")
        } else {
            (self.longest_job_seconds, "longest_job")
        };
        format!(
            "{source} {job} s + slowest refresh {} s + provider propagation {} s",
            self.slowest_refresh_seconds, self.provider_propagation_seconds
        )
    }
}

/// How much of a window is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    pub seconds: u64,
    /// A clock ran backwards since the window opened.
    pub clock_went_backwards: bool,
}

impl Window {
    /// The time that must still pass, by the clock that says least has passed.
    pub fn remaining(&self, now: &Stamp) -> Remaining {
        self.remaining_of(self.length_seconds, now)
    }

    /// The same for a window that must be longer than it was when it opened.
    pub fn remaining_of(&self, length_seconds: u64, now: &Stamp) -> Remaining {
        let passed = elapsed(&self.opened_at, now);
        Remaining {
            seconds: length_seconds.saturating_sub(passed.seconds),
            clock_went_backwards: passed.went_backwards,
        }
    }
}
