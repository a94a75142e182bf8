//! A receiver of one's own: the document as JSON, signed.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::address::{Address, Allowed};
use super::{Alert, Receiver, Undelivered, error, signature};
use crate::http::{Client, Request};
use crate::secret::Secret;

/// The header that names a delivery, the same in every try of it.
const DELIVERY: &str = "rotate-delivery";

pub struct Settings {
    pub url: Secret,
    /// Signs each delivery; without one a receiver cannot tell where a delivery comes from.
    pub secret: Option<Secret>,
    pub allowed: Allowed,
    pub timeout: Duration,
}

/// Posts [`Alert::document`] to a URL, with the headers `rotate-delivery` and [`signature::HEADER`]. Any answer of the
/// class 2xx says that it was taken.
pub struct WebhookReceiver {
    address: Address,
    secret: Option<Secret>,
    client: Client,
}

impl WebhookReceiver {
    /// # Errors
    /// The address is not usable or not allowed.
    pub fn new(settings: Settings) -> Result<Self, Undelivered> {
        let address = Address::new(settings.url, settings.allowed)?;
        Ok(Self {
            address,
            secret: settings.secret,
            client: error::client(settings.timeout, settings.allowed)?,
        })
    }
}

#[async_trait(?Send)]
impl Receiver for WebhookReceiver {
    async fn deliver(&self, alert: &Alert, delivery: &str, now: Timestamp) -> Result<(), Undelivered> {
        let body = alert.document().to_string();
        let mut request = Request::post_to_secret(self.address.url()).header(DELIVERY, delivery);
        if let Some(secret) = &self.secret {
            let signature = signature::sign(secret, body.as_bytes(), now).map_err(|error| {
                Undelivered::lasting(error.to_string(), "give the receiver another `secret`")
            })?;
            request = request.header(signature::HEADER, &signature);
        }
        let answer = self.client.send(request.json_text(body)).await.map_err(error::unanswered)?;
        match answer.status {
            200..=299 => Ok(()),
            _ => Err(error::refused(&answer, &self.address, &self.secret.iter().collect::<Vec<_>>())),
        }
    }
}
