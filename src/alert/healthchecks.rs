//! Healthchecks (healthchecks.io, or one's own): a check that turns red when something is wrong, or when nobody reports.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::address::{Address, Allowed};
use super::{Alert, Receiver, Severity, Status, Undelivered, error, text};
use crate::http::{Answer, Client, Request};
use crate::secret::Secret;

/// Older installations keep 10 kB of a text (Healthchecks, "Pinging API").
const LONGEST_TEXT_CHARACTERS: usize = 2500;

pub struct Settings {
    /// A check's ping URL, by its UUID or its slug.
    pub url: Secret,
    pub allowed: Allowed,
    pub timeout: Duration,
}

/// What to tell a check of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// A run has begun.
    Start,
    /// It ended well.
    Success,
    /// It did not, and why.
    Fail(String),
}

/// Turns a check red for an alert, and green when it is resolved. Good news is no failure: what is merely good to know is
/// logged with the check and changes nothing.
///
/// # Assumptions
/// - One check stands for one thing: where several alerts go to one check, the first that is resolved turns it green.
pub struct HealthchecksReceiver {
    address: Address,
    success: Secret,
    start: Secret,
    fail: Secret,
    log: Secret,
    client: Client,
}

impl HealthchecksReceiver {
    /// # Errors
    /// The address is not usable or not allowed.
    pub fn new(settings: Settings) -> Result<Self, Undelivered> {
        let address = Address::new(settings.url, settings.allowed)?;
        let client = error::client(settings.timeout, settings.allowed)?;
        let (success, start) = (address.as_it_is()?, address.below("start")?);
        let (fail, log) = (address.below("fail")?, address.below("log")?);
        Ok(Self { address, success, start, fail, log, client })
    }

    /// Tells of a run.
    ///
    /// # Errors
    /// As [`Receiver::deliver`].
    pub async fn pulse(&self, pulse: Pulse) -> Result<(), Undelivered> {
        match pulse {
            Pulse::Start => self.ping(&self.start, "").await,
            Pulse::Success => self.ping(&self.success, "").await,
            Pulse::Fail(text) => self.ping(&self.fail, &text).await,
        }
    }

    async fn ping(&self, url: &Secret, text: &str) -> Result<(), Undelivered> {
        let request = Request::post_to_secret(url).text(text::cut(text, LONGEST_TEXT_CHARACTERS));
        let answer = self.client.send(request).await.map_err(error::unanswered)?;
        self.judge(&answer)
    }

    /// 200 or, for a check that the ping made, 201, with a short text. The hosted service answers 200 also to a UUID that
    /// it does not know and to pings that come too often, and says so in the text (Healthchecks, "Pinging API").
    fn judge(&self, answer: &Answer) -> Result<(), Undelivered> {
        let host = self.address.host();
        if !matches!(answer.status, 200 | 201) {
            return Err(error::refused(answer, &self.address, &[]));
        }
        let said = String::from_utf8_lossy(&answer.body).trim().to_ascii_lowercase();
        if said.contains("rate limited") {
            return Err(error::passing(
                format!("{host} ignored the ping: too many of them"),
                answer.retry_after_seconds(),
            ));
        }
        if said.contains("not found") {
            return Err(Undelivered::lasting(
                format!("{host} knows no check under this address"),
                "the check was deleted, or its address is not whole: copy its ping URL to where `url` points",
            ));
        }
        if said.starts_with('<') || said.len() > 100 {
            return Err(Undelivered::lasting(
                format!("{host} answered with a page, not as Healthchecks does"),
                "check that `url` points at a check's ping URL, such as https://hc-ping.com/UUID",
            ));
        }
        Ok(())
    }
}

#[async_trait(?Send)]
impl Receiver for HealthchecksReceiver {
    async fn deliver(&self, alert: &Alert, _delivery: &str, _now: Timestamp) -> Result<(), Undelivered> {
        let url = match (alert.status, alert.severity) {
            (Status::Resolved, Severity::Info) => &self.log,
            (Status::Resolved, _) => &self.success,
            (Status::Firing, Severity::Info) => &self.log,
            (Status::Firing, _) => &self.fail,
        };
        self.ping(url, &text::lines(alert).join("\n")).await
    }
}
