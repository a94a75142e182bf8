//! Moments and the time between them, for clocks that lie.
//!
//! A wall clock can be set, a machine can sleep or reboot, a provider's clock is its own. A
//! [`Stamp`] keeps every measure at hand; [`elapsed`] believes the one that says least.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One moment, by every clock that was at hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The wall clock of the host.
    pub wall: Timestamp,
    /// The kernel's boot and the time since it; absent where the platform has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<BootTime>,
    /// The provider's `Date` header, where one was seen at this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Timestamp>,
}

/// Time since one particular boot; counts while the machine sleeps (CLOCK_BOOTTIME).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootTime {
    pub id: String,
    pub milliseconds: u64,
}

impl Stamp {
    /// A moment known by the wall clock alone.
    pub fn from_wall(wall: Timestamp) -> Self {
        Self { wall, boot: None, provider: None }
    }

    /// The moment by the provider's clock, where that was seen; otherwise by the host's.
    pub fn by_provider(&self) -> Timestamp {
        self.provider.unwrap_or(self.wall)
    }

    /// The same moment with the provider's clock added.
    #[must_use]
    pub fn with_provider(mut self, provider: Option<Timestamp>) -> Self {
        self.provider = provider;
        self
    }
}

/// How much time has certainly passed, and whether a clock was seen to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed {
    /// The smallest of the measures at hand, never negative, in whole seconds.
    pub seconds: u64,
    /// The same in milliseconds.
    pub milliseconds: u64,
    /// Some measure says that time ran backwards.
    pub went_backwards: bool,
}

/// The time that has certainly passed between two stamps: the smallest of the wall clock's, the boot
/// clock's (within one boot) and the provider's measure.
pub fn elapsed(from: &Stamp, to: &Stamp) -> Elapsed {
    let mut measures = vec![milliseconds_between(from.wall, to.wall)];
    if let (Some(start), Some(end)) = (&from.boot, &to.boot)
        && start.id == end.id
    {
        measures.push(end.milliseconds as i128 - start.milliseconds as i128);
    }
    if let (Some(start), Some(end)) = (from.provider, to.provider) {
        measures.push(milliseconds_between(start, end));
    }
    let smallest = measures.into_iter().min().unwrap_or(0);
    let milliseconds = u64::try_from(smallest.max(0)).unwrap_or(u64::MAX);
    Elapsed { seconds: milliseconds / 1000, milliseconds, went_backwards: smallest < 0 }
}

fn milliseconds_between(from: Timestamp, to: Timestamp) -> i128 {
    i128::from(to.as_millisecond()) - i128::from(from.as_millisecond())
}

/// `at` plus whole seconds, saturating at the end of time.
pub fn plus_seconds(at: Timestamp, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    at.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// `at` less whole seconds, saturating at the beginning of time.
pub fn minus_seconds(at: Timestamp, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    at.checked_sub(jiff::SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MIN)
}

/// The same moment some milliseconds later, by every clock.
pub fn later(stamp: &Stamp, milliseconds: u64) -> Stamp {
    let by = jiff::SignedDuration::from_millis(i64::try_from(milliseconds).unwrap_or(i64::MAX));
    let add = |at: Timestamp| at.checked_add(by).unwrap_or(Timestamp::MAX);
    let boot = stamp
        .boot
        .clone()
        .map(|boot| BootTime { milliseconds: boot.milliseconds.saturating_add(milliseconds), ..boot });
    Stamp { wall: add(stamp.wall), boot, provider: stamp.provider.map(add) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(wall: i64, boot: Option<(&str, u64)>, provider: Option<i64>) -> Stamp {
        Stamp {
            wall: Timestamp::from_second(wall).unwrap(),
            boot: boot.map(|(id, seconds)| BootTime { id: id.into(), milliseconds: seconds * 1000 }),
            provider: provider.map(|second| Timestamp::from_second(second).unwrap()),
        }
    }

    #[test]
    fn the_smallest_measure_is_believed() {
        let from = stamp(1_000, Some(("a", 10)), Some(1_000));
        let cases = [
            (stamp(1_100, Some(("a", 110)), Some(1_100)), 100),
            (stamp(9_999, Some(("a", 50)), None), 40),
            (stamp(9_999, Some(("b", 5)), Some(1_030)), 30),
            (stamp(9_999, Some(("b", 5)), None), 8_999),
            (stamp(1_020, None, None), 20),
        ];
        for (to, seconds) in cases {
            assert_eq!(
                elapsed(&from, &to),
                Elapsed { seconds, milliseconds: seconds * 1000, went_backwards: false },
                "{to:?}"
            );
        }
    }

    #[test]
    fn a_clock_that_ran_backwards_counts_as_nothing_passed() {
        let from = stamp(1_000, Some(("a", 10)), None);
        let to = stamp(400, Some(("a", 500)), None);
        assert_eq!(elapsed(&from, &to), Elapsed { seconds: 0, milliseconds: 0, went_backwards: true });
    }
}
