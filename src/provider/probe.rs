//! The sustained verdict: one answer proves little, a run of equal ones settles it.
//!
//! Providers lag, balance their load and throttle: a credential counts as accepted or rejected only
//! after several equal answers in a row, and what cannot be told never counts as either.

use std::borrow::Borrow;
use std::time::Duration;

use jiff::Timestamp;

use super::{Ping, Provider};
use crate::clock::Clock;
use crate::rotation::credential::Verdict;
use crate::rotation::stamp::elapsed;
use crate::secret::{Fingerprint, Secret};

/// The most that a provider's `Retry-After` is waited for between two pings.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The least between two pings of a long wait, so that an interval of zero does not spin.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// How long a verdict takes to settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeSettings {
    /// Equal verdicts in a row that settle it; zero counts as one.
    pub attempts: u32,
    /// The pause between two pings.
    pub interval: Duration,
    /// Pings after which it stays unknown; never fewer than `attempts`.
    pub max_pings: u32,
}

impl ProbeSettings {
    /// Allows three pings for each one that is needed.
    pub fn new(attempts: u32, interval: Duration) -> Self {
        Self { attempts, interval, max_pings: attempts.saturating_mul(3) }
    }

    fn needed(&self) -> u32 {
        self.attempts.max(1)
    }

    fn pings_at_most(&self) -> u32 {
        self.max_pings.max(self.needed())
    }

    /// The pause after a ping: the interval or what the provider asked for, within reason.
    fn pause_after(&self, ping: &Ping) -> Duration {
        let asked = ping.retry_after_seconds.map_or(Duration::ZERO, Duration::from_secs);
        self.interval.max(asked.min(LONGEST_PAUSE))
    }
}

impl Default for ProbeSettings {
    /// Three in a row, a second apart.
    fn default() -> Self {
        Self::new(3, Duration::from_secs(1))
    }
}

/// What a run of pings came to. Only this module makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub verdict: Verdict,
    /// For people: the last answer that says why; safe to print.
    pub detail: String,
    /// The provider's clock in the latest answer that had one.
    pub date: Option<Timestamp>,
    /// The credential's workspace, where an answer named it.
    pub workspace: Option<String>,
    pub pings: u32,
    /// The value that a whole run of acceptances proved live.
    proven: Option<Fingerprint>,
}

impl Settled {
    /// The value as one that is proven live, where it is the very one that these pings settled as
    /// accepted. A lone acceptance at the end of [`await_rejection`] proves nothing.
    pub fn proves<S: Borrow<Secret>>(&self, value: S) -> Option<Accepted<S>> {
        let is_proven = self.proven == Some(value.borrow().fingerprint());
        is_proven.then_some(Accepted(value))
    }
}

/// Something that was proven live a moment ago; only [`Settled::proves`] makes one.
///
/// What demands this type cannot be given a credential that nobody probed.
#[derive(Debug)]
pub struct Accepted<T>(T);

impl<T> Accepted<T> {
    pub fn value(&self) -> &T {
        &self.0
    }
}

/// The end of a wait for a rejection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// `Rejected` where the rejection settled, else the last answer's verdict: `Accepted` or `Unknown`.
    pub settled: Settled,
    /// From the call to the first of the rejections that settled it, or to giving up.
    pub lag_seconds: u64,
}

/// Pings until `attempts` equal verdicts came in a row; `Unknown` where they never did.
pub async fn settle(
    provider: &dyn Provider,
    clock: &dyn Clock,
    value: &Secret,
    settings: &ProbeSettings,
) -> Settled {
    let mut run = Run::default();
    loop {
        let ping = provider.probe_once(value).await;
        run.take(&ping);
        if run.length >= settings.needed() {
            let proven = (ping.verdict == Verdict::Accepted).then(|| value.fingerprint());
            return Settled { proven, ..run.settled(ping.verdict, ping.detail) };
        }
        if run.pings >= settings.pings_at_most() {
            let detail = run.why_unsettled();
            return run.settled(Verdict::Unknown, detail);
        }
        clock.sleep(settings.pause_after(&ping)).await;
    }
}

/// Pings until the rejection settles or `limit` has passed; `max_pings` does not apply.
///
/// A run of rejections that has begun before the limit is seen to its end. The pauses grow with the
/// wait, to a twentieth of it and 30 s at most, so that waiting for a person is no burden to the
/// provider. `on_wait` sees every ping that did not settle it.
pub async fn await_rejection(
    provider: &dyn Provider,
    clock: &dyn Clock,
    value: &Secret,
    settings: &ProbeSettings,
    limit: Duration,
    on_wait: &mut dyn FnMut(&Ping),
) -> Awaited {
    let began = clock.now();
    let mut slept = Duration::ZERO;
    let mut rejected_after = Duration::ZERO;
    let mut run = Run::default();
    loop {
        let ping = provider.probe_once(value).await;
        run.take(&ping);
        // A wall clock that is set back would make the wait endless; what was slept has passed too.
        let passed = Duration::from_secs(elapsed(&began, &clock.now()).seconds).max(slept);
        let is_rejected = ping.verdict == Verdict::Rejected;
        if is_rejected && run.length == 1 {
            rejected_after = passed;
        }
        if is_rejected && run.length >= settings.needed() {
            let settled = run.settled(ping.verdict, ping.detail);
            return Awaited { settled, lag_seconds: rejected_after.as_secs() };
        }
        if !is_rejected && passed >= limit {
            let settled = run.settled(ping.verdict, ping.detail);
            return Awaited { settled, lag_seconds: passed.as_secs() };
        }
        on_wait(&ping);
        let patience = if is_rejected { Duration::ZERO } else { (passed / 20).min(LONGEST_PAUSE) };
        let pause = settings.pause_after(&ping).max(patience).max(SHORTEST_WAIT);
        clock.sleep(pause).await;
        slept += pause;
    }
}

/// The pings so far.
#[derive(Default)]
struct Run {
    verdict: Option<Verdict>,
    /// Equal verdicts at the end; zero after `Unknown`.
    length: u32,
    pings: u32,
    accepted: u32,
    rejected: u32,
    last_unknown: Option<String>,
    date: Option<Timestamp>,
    workspace: Option<String>,
}

impl Run {
    fn take(&mut self, ping: &Ping) {
        self.pings = self.pings.saturating_add(1);
        let goes_on = self.verdict == Some(ping.verdict);
        self.verdict = Some(ping.verdict);
        self.length = match ping.verdict {
            Verdict::Unknown => 0,
            _ if goes_on => self.length.saturating_add(1),
            _ => 1,
        };
        match ping.verdict {
            Verdict::Accepted => self.accepted = self.accepted.saturating_add(1),
            Verdict::Rejected => self.rejected = self.rejected.saturating_add(1),
            Verdict::Unknown => self.last_unknown = Some(ping.detail.clone()),
        }
        self.date = ping.date.or(self.date);
        if ping.workspace.is_some() {
            self.workspace.clone_from(&ping.workspace);
        }
    }

    fn why_unsettled(&self) -> String {
        let counted = format!(
            "{} of {} pings were accepted and {} rejected, never enough in a row",
            self.accepted, self.pings, self.rejected
        );
        match &self.last_unknown {
            Some(detail) if self.accepted + self.rejected == 0 => detail.clone(),
            Some(detail) => format!("{detail} ({counted})"),
            None => counted,
        }
    }

    fn settled(self, verdict: Verdict, detail: String) -> Settled {
        Settled {
            verdict,
            detail,
            date: self.date,
            workspace: self.workspace,
            pings: self.pings,
            proven: None,
        }
    }
}

#[cfg(test)]
mod tests;
