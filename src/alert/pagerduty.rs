//! PagerDuty, by its Events API v2: an incident is opened, and closed again when the cause is gone.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::address::{Address, Allowed};
use super::text::{cut, headline};
use super::{Alert, Receiver, Status, Undelivered, error};
use crate::http::{Answer, Client, Request};
use crate::secret::Secret;

/// Where events go, unless the account is in another service region (PagerDuty, "Send an Alert Event"; Europe's is
/// `https://events.eu.pagerduty.com/v2/enqueue`).
const EVENTS: &str = "https://events.pagerduty.com/v2/enqueue";
/// Limits of `payload.summary` and `dedup_key` (same page).
const LONGEST_SUMMARY_CHARACTERS: usize = 1024;
const LONGEST_KEY_CHARACTERS: usize = 255;

pub struct Settings {
    /// The integration key of a service.
    pub routing_key: Secret,
    /// Where events go, if not to [the usual place](https://events.pagerduty.com/v2/enqueue).
    pub url: Option<Secret>,
    pub allowed: Allowed,
    pub timeout: Duration,
}

/// Opens an incident for an alert, and closes it when the alert is resolved. Repetitions and retries have the same
/// `dedup_key`, by which PagerDuty knows them. Taken is what is answered by 202.
pub struct PagerDutyReceiver {
    routing_key: Secret,
    address: Address,
    client: Client,
}

impl PagerDutyReceiver {
    /// # Errors
    /// The address is not usable or not allowed.
    pub fn new(settings: Settings) -> Result<Self, Undelivered> {
        let url = match settings.url {
            Some(url) => url,
            None => Secret::from_text(EVENTS.to_owned())
                .map_err(|malformed| Undelivered::lasting(malformed.to_string(), malformed.remedy()))?,
        };
        let address = Address::new(url, settings.allowed)?;
        let client = error::client(settings.timeout, settings.allowed)?;
        Ok(Self { routing_key: settings.routing_key, address, client })
    }

    fn judge(&self, answer: &Answer) -> Undelivered {
        let refused = error::refused(answer, &self.address, &[&self.routing_key]);
        match answer.status {
            // "Bad Request - Check that the JSON is valid"; a key that no integration has is told the same way.
            400 => Undelivered::lasting(
                refused.reason,
                "check that `secret` points at the integration key of a service: 32 characters, type Events API v2",
            ),
            200..=299 => Undelivered::lasting(
                refused.reason,
                "check that `url` points at the Events API v2, https://events.pagerduty.com/v2/enqueue",
            ),
            _ => refused,
        }
    }
}

#[async_trait(?Send)]
impl Receiver for PagerDutyReceiver {
    async fn deliver(&self, alert: &Alert, _delivery: &str, _now: Timestamp) -> Result<(), Undelivered> {
        let mut event = event(alert);
        event["routing_key"] = Value::from(self.routing_key.expose());
        let request = Request::post_to_secret(self.address.url()).json(&event);
        let answer = self.client.send(request).await.map_err(error::unanswered)?;
        if answer.status == 202 { Ok(()) } else { Err(self.judge(&answer)) }
    }
}

/// The event without the routing key.
fn event(alert: &Alert) -> Value {
    let action = match alert.status {
        Status::Firing => "trigger",
        Status::Resolved => "resolve",
    };
    json!({
        "event_action": action,
        "dedup_key": dedup_key(&alert.dedup_key),
        "client": "rotate",
        "payload": {
            "summary": cut(&headline(alert), LONGEST_SUMMARY_CHARACTERS),
            "source": alert.keys_named(),
            // Its names are PagerDuty's own.
            "severity": alert.severity.name(),
            "timestamp": alert.occurred_at,
            "class": alert.event.name(),
            "group": alert.environment,
            "custom_details": alert.document(),
        },
    })
}

/// A key that is too long is replaced by a digest of it, which is the same every time.
fn dedup_key(key: &str) -> String {
    if key.chars().count() <= LONGEST_KEY_CHARACTERS {
        return key.to_owned();
    }
    Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_keys_stay_apart_and_short_ones_as_they_are() {
        let (one, other) = ("k".repeat(300), "k".repeat(301));
        assert_eq!(dedup_key(&"k".repeat(255)), "k".repeat(255));
        assert_eq!(dedup_key(&one).len(), 64);
        assert_eq!(dedup_key(&one), dedup_key(&one));
        assert_ne!(dedup_key(&one), dedup_key(&other));
    }
}
