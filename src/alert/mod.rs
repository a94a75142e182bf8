//! Who is told, and the outbox that never loses an alert.
//!
//! An [`Alert`] says one thing about one key, or about several that share a cause. The [`desk`] makes alerts of what a key's
//! journal tells, [`incidents`] remembers which of them still stand, [`route`] says who hears of what, and the [`outbox`]
//! keeps each delivery until its [`Receiver`] has taken it. Nothing here moves a rotation, and no failure here fails one.

pub mod address;
pub mod chat;
pub mod command;
pub mod desk;
pub mod email;
mod error;
pub mod healthchecks;
pub mod incidents;
pub mod journal;
pub mod kind;
pub mod outbox;
pub mod pagerduty;
pub mod post;
pub mod route;
pub mod signature;
mod text;
pub mod webhook;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use kind::{Kind, Severity};

/// The schema of the document that a webhook receives and the outbox keeps.
pub const SCHEMA_VERSION: u64 = 1;

/// Whether something is wrong, or not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Firing,
    Resolved,
}

impl Status {
    /// As documents spell it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Firing => "firing",
            Status::Resolved => "resolved",
        }
    }
}

/// One thing that somebody should know.
///
/// Holds: no text in it contains a secret; `summary` and `hint` are one line each, fit for any receiver once it has escaped
/// them for its own format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    pub event: Kind,
    pub severity: Severity,
    /// The keys it is about, at least one, in the order of their names; several where one cause hits them all.
    pub keys: Vec<String>,
    /// The environment of the keys, where they have one in common.
    pub environment: Option<String>,
    /// One sentence.
    pub summary: String,
    /// The exact next command or act; empty where nothing is to be done.
    pub hint: String,
    pub rotation_id: Option<String>,
    /// The same for whatever tells of the same thing: a repetition, a retry, and the end of it.
    pub dedup_key: String,
    pub occurred_at: Timestamp,
    pub status: Status,
    /// How far it has come: an incident that stands is told again, however short ago it was told, when this changes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub step: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Alert {
    /// The document that webhooks and commands receive. `key` is there where the alert is about one key alone.
    pub fn document(&self) -> Value {
        let key = match self.keys.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        json!({
            "schema_version": SCHEMA_VERSION,
            "event": self.event.name(),
            "severity": self.severity.name(),
            "key": key,
            "keys": self.keys,
            "environment": self.environment,
            "summary": self.summary,
            "hint": self.hint,
            "rotation_id": self.rotation_id,
            "dedup_key": self.dedup_key,
            "occurred_at": self.occurred_at,
            "status": self.status.name(),
        })
    }

    /// The keys in a few words: `prod-publish`, or `50 keys (billing, import, prod-publish, …)`.
    pub fn keys_named(&self) -> String {
        match self.keys.as_slice() {
            [] => String::new(),
            [only] => only.clone(),
            many => {
                let shown: Vec<&str> = many.iter().take(3).map(String::as_str).collect();
                let more = if many.len() > 3 { ", …" } else { "" };
                format!("{} keys ({}{more})", many.len(), shown.join(", "))
            }
        }
    }

    /// The first line of every rendering: `CRITICAL prod-publish: the provider rejects the active credential`.
    pub fn headline(&self) -> String {
        let label = match self.status {
            Status::Firing => self.severity.name().to_uppercase(),
            Status::Resolved => "RESOLVED".to_owned(),
        };
        format!("{label} {}: {}", self.keys_named(), self.summary)
    }

    /// The same thing, over at `at`.
    #[must_use]
    pub fn resolved(&self, at: Timestamp) -> Self {
        Self { status: Status::Resolved, occurred_at: at, hint: String::new(), ..self.clone() }
    }
}

/// Somebody who takes alerts.
///
/// # Guarantees
/// - After `Ok` the receiver has said that it has taken the alert.
/// - Ends within the time limit that the adapter was made with.
/// - Follows no redirect, and connects to no address that [`address`] refuses.
///
/// # Assumptions
/// - `delivery` names the same delivery in every try, so that a receiver can tell a repetition.
///
/// # Caveats
/// - After an error the alert may have arrived all the same: whoever retries delivers at least once.
///
/// # Errors
/// [`Undelivered`]; its text is clean, and holds no secret and no address with a secret in it.
#[async_trait(?Send)]
pub trait Receiver {
    async fn deliver(&self, alert: &Alert, delivery: &str, now: Timestamp) -> Result<(), Undelivered>;
}

/// Why a receiver has not said that it has taken an alert.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Undelivered {
    pub reason: String,
    /// What a person can mend; empty where waiting is all there is.
    pub remedy: String,
    /// How long the receiver asks to be left alone.
    pub retry_after_seconds: Option<u64>,
}

impl Undelivered {
    /// A failure that may pass by itself.
    pub fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), remedy: String::new(), retry_after_seconds: None }
    }

    /// A failure that somebody has to mend.
    pub fn lasting(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { reason: reason.into(), remedy: remedy.into(), retry_after_seconds: None }
    }

    /// Whether somebody has to mend something.
    pub fn is_lasting(&self) -> bool {
        !self.remedy.is_empty()
    }
}
