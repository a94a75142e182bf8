//! What must be rotated when. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Finding, Item, Settings, Severity, Verdict};
use crate::duration::{friendly, friendly_duration};
use crate::rotation::phase::{KeyState, Phase};
use crate::rotation::stamp::plus_seconds;

/// Within so long before its end a credential that nobody replaces is everybody's business.
const LAST_CALL_SECONDS: u64 = 24 * 60 * 60;

/// Why a key is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// `rotate_every` has passed since the active credential took over.
    Policy,
    /// The provider lets the active credential expire.
    Expiry,
}

/// When a key must be rotated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Due {
    pub key: String,
    pub due_at: Timestamp,
    pub why: Why,
    /// When the active credential took over.
    pub active_since: Timestamp,
    /// When the provider lets it expire, where it said so.
    pub expires_at: Option<Timestamp>,
    /// Negative where it is overdue.
    pub remaining_seconds: i64,
    /// A rotation is under way already.
    pub is_under_way: bool,
    /// The exact next command.
    pub next: String,
}

impl Due {
    /// By the policy or by the provider's expiry, whichever comes first.
    pub fn of(state: &KeyState, settings: &Settings, now: Timestamp) -> Self {
        let by_policy = plus_seconds(state.active_since, settings.rotate_every.as_secs());
        let expires_at = state.active().expires_at;
        let (due_at, why) = match expires_at {
            Some(expiry) if expiry < by_policy => (expiry, Why::Expiry),
            _ => (by_policy, Why::Policy),
        };
        let is_under_way = matches!(state.phase, Phase::SecondaryStaged { .. });
        let command = if is_under_way { "promote" } else { "stage" };
        Self {
            key: settings.key.clone(),
            due_at,
            why,
            active_since: state.active_since,
            expires_at,
            remaining_seconds: due_at.duration_since(now).as_secs(),
            is_under_way,
            next: format!("rotate {command} {}", settings.key),
        }
    }

    /// Whether it is due within this time, or overdue.
    pub fn is_within(&self, within: Duration) -> bool {
        self.remaining_seconds <= i64::try_from(within.as_secs()).unwrap_or(i64::MAX)
    }

    /// Which of the reminders has come: the shortest whose time is here.
    pub fn reminder(&self, remind: &[Duration]) -> Option<Duration> {
        remind.iter().copied().filter(|ahead| self.is_within(*ahead)).min()
    }

    /// `due in 13d, on 2026-05-30, because it expires then`.
    pub fn told(&self) -> String {
        let day = self.due_at.strftime("%Y-%m-%d");
        let because = match self.why {
            Why::Policy => "",
            Why::Expiry => ": the provider lets the credential expire then",
        };
        match u64::try_from(self.remaining_seconds) {
            Ok(seconds) => format!("due in {}, on {day}{because}", friendly(coarse(seconds))),
            Err(_) => format!(
                "overdue by {}, since {day}{because}",
                friendly(coarse(self.remaining_seconds.unsigned_abs()))
            ),
        }
    }
}

/// Nobody counts the minutes of a day that is a fortnight away.
fn coarse(seconds: u64) -> u64 {
    let unit = match seconds {
        0..=3599 => 60,
        3600..=172_799 => 3600,
        _ => 86_400,
    };
    seconds - seconds % unit
}

/// What a check says of when a key is due, and of an expiry that comes before.
pub fn findings(state: &KeyState, settings: &Settings, now: Timestamp) -> Vec<Finding> {
    let key = &settings.key;
    let due = Due::of(state, settings, now);
    let finding = if due.remaining_seconds < 0 {
        let finding =
            Finding::wrong(key, Item::Due, Severity::Warning, Verdict::Overdue, due.told(), &due.next);
        Finding { step: u32::MAX, ..finding }
    } else if let Some(ahead) = due.reminder(&settings.remind) {
        let detail = format!("{} (reminder {} ahead)", due.told(), friendly_duration(ahead));
        let finding = Finding::wrong(key, Item::Due, Severity::Warning, Verdict::Soon, detail, &due.next);
        Finding { step: step(ahead, &settings.remind), ..finding }
    } else {
        Finding::fine(key, Item::Due, Verdict::Waiting, due.told())
    };
    let mut findings = vec![finding.at(due.due_at)];
    findings.extend(due.expires_at.map(|expiry| of_expiry(&due, expiry, settings, now)));
    findings
}

/// Which reminder this is: the more urgent, the higher.
fn step(ahead: Duration, remind: &[Duration]) -> u32 {
    let longer = remind.iter().filter(|other| **other >= ahead).count();
    u32::try_from(longer).unwrap_or(u32::MAX - 1)
}

/// A credential that dies before anybody means to replace it.
fn of_expiry(due: &Due, expiry: Timestamp, settings: &Settings, now: Timestamp) -> Finding {
    let key = &settings.key;
    let day = expiry.strftime("%Y-%m-%d");
    let finding = if expiry <= now {
        let detail = format!("the active credential expired on {day}, by the provider's record");
        Finding::wrong(key, Item::Expiry, Severity::Critical, Verdict::Overdue, detail, &due.next)
    } else if expiry.duration_since(now) <= seconds(LAST_CALL_SECONDS) {
        let left = friendly(coarse(expiry.duration_since(now).as_secs().unsigned_abs()));
        let detail = format!("the active credential expires in {left}, by the provider's record");
        Finding::wrong(key, Item::Expiry, Severity::Critical, Verdict::Soon, detail, &due.next)
    } else if due.why == Why::Expiry {
        let every = friendly_duration(settings.rotate_every);
        let detail =
            format!("the active credential expires on {day}, before its next rotation (every {every})");
        let hint = format!("{}, or create keys that live for longer than rotate_every", due.next);
        Finding::wrong(key, Item::Expiry, Severity::Warning, Verdict::Soon, detail, hint)
    } else {
        Finding::fine(key, Item::Expiry, Verdict::Waiting, format!("the active credential expires on {day}"))
    };
    finding.at(expiry)
}

fn seconds(seconds: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
}
