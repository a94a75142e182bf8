//! One gate for many keys of one provider: so many calls at a time, and none while the provider asks for peace.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;

use super::{Outcome, Ping, Provider, WrongKind};
use crate::clock::Clock;
use crate::rotation::credential::{Capabilities, Identity, KeyStatus, ProviderKeyId, Verdict};
use crate::secret::Secret;

/// The most that a provider's `Retry-After` is waited for.
const LONGEST_PAUSE_SECONDS: u64 = 60;

/// A ping that the provider has put off is repeated so often.
const REPEATS: u32 = 3;

/// How many calls pass at a time, and until when none does.
pub struct Gate {
    permits: Semaphore,
    shut_until: Cell<Option<Timestamp>>,
    clock: Rc<dyn Clock>,
}

impl Gate {
    /// Open for `calls` at a time.
    pub fn new(calls: usize, clock: Rc<dyn Clock>) -> Self {
        Self { permits: Semaphore::new(calls.max(1)), shut_until: Cell::new(None), clock }
    }

    /// Waits while the gate is shut, then makes the call.
    async fn pass<T>(&self, call: impl Future<Output = T>) -> T {
        // The semaphore is never closed, so there always is a permit.
        let _permit = self.permits.acquire().await;
        while let Some(left) = self.shut_for() {
            self.clock.sleep(left).await;
        }
        call.await
    }

    /// `None` where it is open. A clock that is set back must not shut it for longer than the provider can ask.
    fn shut_for(&self) -> Option<Duration> {
        let left = self.shut_until.get()?.duration_since(self.clock.now().wall);
        let left = Duration::try_from(left).ok().filter(|left| !left.is_zero())?;
        Some(left.min(Duration::from_secs(LONGEST_PAUSE_SECONDS)))
    }

    fn shut(&self, seconds: u64) {
        let seconds = i64::try_from(seconds.clamp(1, LONGEST_PAUSE_SECONDS)).unwrap_or(1);
        let until = self.clock.now().wall.checked_add(SignedDuration::from_secs(seconds));
        self.shut_until.set(until.ok().max(self.shut_until.get()));
    }
}

/// A provider behind a gate, for whoever only asks: what changes something is refused.
pub struct Gated {
    provider: Box<dyn Provider>,
    gate: Rc<Gate>,
}

impl Gated {
    pub fn new(provider: Box<dyn Provider>, gate: Rc<Gate>) -> Self {
        Self { provider, gate }
    }
}

const ONLY_ASKS: &str = "a check changes nothing";

#[async_trait(?Send)]
impl Provider for Gated {
    fn name(&self) -> &'static str {
        self.provider.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.provider.capabilities()
    }

    fn administrator(&self) -> &'static str {
        self.provider.administrator()
    }

    fn console_page(&self) -> String {
        self.provider.console_page()
    }

    fn check_shape(&self, value: &Secret) -> Result<(), WrongKind> {
        self.provider.check_shape(value)
    }

    fn shape_remark(&self, value: &Secret) -> Option<String> {
        self.provider.shape_remark(value)
    }

    fn last4(&self, value: &Secret) -> String {
        self.provider.last4(value)
    }

    /// A ping that the provider puts off is repeated when it allows the next one.
    async fn probe_once(&self, value: &Secret) -> Ping {
        let mut ping = self.gate.pass(self.provider.probe_once(value)).await;
        for _ in 0..REPEATS {
            let Some(seconds) = ping.retry_after_seconds.filter(|_| ping.verdict == Verdict::Unknown) else {
                break;
            };
            self.gate.shut(seconds);
            ping = self.gate.pass(self.provider.probe_once(value)).await;
        }
        ping
    }

    async fn identify(&self, value: &Secret) -> Identity {
        self.gate.pass(self.provider.identify(value)).await
    }

    async fn key_status(&self, id: &ProviderKeyId) -> Outcome<Option<KeyStatus>> {
        self.gate.pass(self.provider.key_status(id)).await
    }

    async fn revoke(&self, _id: &ProviderKeyId) -> Outcome<()> {
        Outcome::Refused(ONLY_ASKS.to_owned())
    }

    async fn reactivate(&self, _id: &ProviderKeyId) -> Outcome<()> {
        Outcome::Refused(ONLY_ASKS.to_owned())
    }

    async fn delete(&self, _id: &ProviderKeyId) -> Outcome<()> {
        Outcome::Refused(ONLY_ASKS.to_owned())
    }
}
