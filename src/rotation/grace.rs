//! How long old and new must overlap.

use serde::{Deserialize, Serialize};

use super::phase::Window;
use super::stamp::{Stamp, elapsed, plus_seconds};

/// The durations that decide a grace window, all in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GracePolicy {
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
