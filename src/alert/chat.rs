//! Channels of a chat platform, by an incoming webhook. Its address is all that it takes to write there.

mod discord;
mod slack;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::address::{Address, Allowed};
use super::{Alert, Receiver, Undelivered, error};
use crate::http::{Answer, Client, Request};
use crate::secret::Secret;

/// Whose channel it is: they differ in how text is escaped, how much of it they take, and how they refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    Slack,
    Discord,
}

pub struct Settings {
    pub platform: Platform,
    pub url: Secret,
    pub allowed: Allowed,
    pub timeout: Duration,
}

/// Posts an alert as plain text. Nothing in it is taken for markup, and nobody is mentioned by it.
///
/// # Caveats
/// A chat has no deduplication: a delivery that is tried again after an unknown end may stand there twice.
pub struct ChatReceiver {
    platform: Platform,
    address: Address,
    /// The address that is posted to.
    url: Secret,
    client: Client,
}

impl ChatReceiver {
    /// # Errors
    /// The address is not usable or not allowed.
    pub fn new(settings: Settings) -> Result<Self, Undelivered> {
        let address = Address::new(settings.url, settings.allowed)?;
        let url = match settings.platform {
            Platform::Slack => address.as_it_is()?,
            // Without it Discord answers before it has saved the message, and tells of no failure to save it
            // (Discord, "Webhook Resource", Execute Webhook).
            Platform::Discord => address.with_parameter("wait", "true")?,
        };
        let client = error::client(settings.timeout, settings.allowed)?;
        Ok(Self { platform: settings.platform, address, url, client })
    }

    fn judge(&self, answer: &Answer) -> Result<(), Undelivered> {
        match self.platform {
            Platform::Slack => slack::judge(answer, &self.address),
            Platform::Discord => discord::judge(answer, &self.address),
        }
    }
}

#[async_trait(?Send)]
impl Receiver for ChatReceiver {
    async fn deliver(&self, alert: &Alert, _delivery: &str, _now: Timestamp) -> Result<(), Undelivered> {
        let message = match self.platform {
            Platform::Slack => slack::message(alert),
            Platform::Discord => discord::message(alert),
        };
        let request = Request::post_to_secret(&self.url).json(&message);
        let answer = self.client.send(request).await.map_err(error::unanswered)?;
        self.judge(&answer)
    }
}
