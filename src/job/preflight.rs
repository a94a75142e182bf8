//! `--preflight`: whether the provider accepts the value, asked before the job starts.

use std::future::Future;
use std::io::ErrorKind;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::UnixStream;

use super::Refusal;
use super::credential::runtime;
use super::note::Notes;
use super::signals::Signals;
use crate::clock::Clock;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::provider::Provider;
use crate::provider::probe::{ProbeSettings, Settled, settle};
use crate::rotation::credential::Verdict;
use crate::rotation::stamp::Stamp;
use crate::secret::{Fingerprint, Secret};
use crate::workflow::ports::Narrator;

/// How the provider is asked.
pub struct Preflight<'a> {
    pub key: String,
    /// Made only where it has to be asked.
    pub provider: Box<dyn Fn() -> Result<Box<dyn Provider>, Failure> + 'a>,
    pub clock: Rc<dyn Clock>,
    pub notes: Notes,
    /// How long an acceptance is believed.
    pub time_to_live: Duration,
    /// Rejections in a row that are believed, and the time between them.
    pub attempts: u32,
    pub interval: Duration,
    /// Without a verdict: go on, and say so.
    pub fail_open: bool,
}

impl Preflight<'_> {
    /// Passes where the provider accepts the value, or did so a moment ago.
    ///
    /// # Errors
    /// Exit 20 where it rejects it, 21 where it cannot be told; interrupted where a signal asked for an end.
    pub(super) fn check(
        &self,
        value: &Secret,
        signals: &mut Signals,
        people: &dyn Narrator,
    ) -> Result<(), Refusal> {
        let fingerprint = value.fingerprint();
        let now = self.clock.now();
        if self.notes.was_accepted(fingerprint, self.time_to_live, &now) {
            return Ok(());
        }
        let provider = (self.provider)()?;
        let seen = until_stopped(signals, self.ask(&*provider, value))?;
        self.judge(seen, fingerprint, now, people)?;
        Ok(())
    }

    fn judge(
        &self,
        seen: Settled,
        fingerprint: Fingerprint,
        now: Stamp,
        people: &dyn Narrator,
    ) -> Result<(), Failure> {
        match seen.verdict {
            Verdict::Accepted => {
                if let Err(error) = self.notes.keep_accepted(fingerprint, now) {
                    people.warn(&format!("the next job will ask the provider again: {error}"));
                }
                Ok(())
            }
            Verdict::Rejected => Err(Failure::new(
                ExitCode::Rejected,
                format!("the provider rejects the active credential {fingerprint}; the job was not started"),
                format!(
                    "see `rotate status {0}`; where the key is dead, bring a new one: `rotate stage {0}`",
                    self.key
                ),
            )
            .because(seen.detail)),
            Verdict::Unknown if self.fail_open => {
                people.warn(&format!(
                    "FAIL-OPEN: whether the provider accepts {fingerprint} cannot be told ({}); the job starts all \
                     the same",
                    seen.detail
                ));
                Ok(())
            }
            Verdict::Unknown => Err(Failure::new(
                ExitCode::Unreachable,
                format!("whether the provider accepts {fingerprint} cannot be told; the job was not started"),
                "run it again when the provider answers, or add --fail-open to start it without a verdict",
            )
            .because(seen.detail)),
        }
    }

    /// One acceptance is enough; a rejection has to settle.
    async fn ask(&self, provider: &dyn Provider, value: &Secret) -> Settled {
        let settled = ProbeSettings::new(self.attempts, self.interval);
        let once = ProbeSettings { attempts: 1, max_pings: 1, ..settled };
        let first = settle(provider, &*self.clock, value, &once).await;
        if first.verdict == Verdict::Accepted {
            return first;
        }
        settle(provider, &*self.clock, value, &settled).await
    }
}

/// Waits for an answer, or for a signal that asks for an end: the lease is ended then, as after every refusal.
fn until_stopped<T>(signals: &mut Signals, answer: impl Future<Output = T>) -> Result<T, Refusal> {
    let unexpected = |error: std::io::Error| {
        Refusal::from(Failure::unexpected("signals cannot be waited for").caused_by(&error))
    };
    let stream = signals.stream().and_then(|stream| stream.set_nonblocking(true).map(|()| stream));
    let stream = stream.map_err(unexpected)?;
    runtime()?.block_on(async {
        let stream = UnixStream::from_std(stream).map_err(unexpected)?;
        let mut answer = pin!(answer);
        loop {
            tokio::select! {
                answer = &mut answer => return Ok(answer),
                ready = stream.readable() => ready.map_err(unexpected)?,
            }
            // What has come is taken below; from here on the next one is waited for.
            let _ = stream.try_io(Interest::READABLE, || Err::<(), _>(ErrorKind::WouldBlock.into()));
            signals.pass_on(None);
            if let Some(signal) = signals.take_stop() {
                return Err(Refusal::interrupted(signal));
            }
        }
    })
}
