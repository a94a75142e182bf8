//! The outbox: each delivery is a file until its receiver has taken it.
//!
//! `<state>/alerts/outbox/ID.json`, one alert for one receiver. A delivery is durable before whoever caused it goes on, and
//! is removed only after the receiver's yes: it arrives at least once, whatever crashes. Its id is made from what it
//! tells, so that telling it twice after a crash is one delivery while the first is still there.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Alert, Undelivered};
use crate::durable;
use crate::rotation::stamp::plus_seconds;
use crate::secret::Fingerprint;
use crate::store::{StoreError, safety};

const SCHEMA: u64 = 1;
const SUFFIX: &str = ".json";
/// The first pause after a failed try; each further one is twice as long.
const FIRST_PAUSE_SECONDS: u64 = 5;
/// No pause is longer, whatever a receiver asks for.
const LONGEST_PAUSE_SECONDS: u64 = 60 * 60;

/// One alert on its way to one receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    schema: u64,
    /// Names the same delivery in every try.
    pub id: String,
    /// The receiver's name in the configuration.
    pub receiver: String,
    pub alert: Alert,
    pub queued_at: Timestamp,
    /// Tries that failed.
    pub attempts: u32,
    /// Not tried again before.
    pub next_at: Timestamp,
    /// Why the last try failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Whether that is about this alert, as far as one can tell: then others may fare better.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_refused: bool,
}

impl Delivery {
    fn new(receiver: &str, alert: Alert, now: Timestamp) -> Self {
        Self {
            schema: SCHEMA,
            id: id(receiver, &alert),
            receiver: receiver.to_owned(),
            alert,
            queued_at: now,
            attempts: 0,
            next_at: now,
            problem: None,
            is_refused: false,
        }
    }
}

/// Sorts by the time of what happened, what is over behind what is not, and tells apart what is told to whom.
fn id(receiver: &str, alert: &Alert) -> String {
    let told = [receiver, alert.dedup_key.as_str(), alert.status.name(), alert.severity.name()].join("\n");
    let fingerprint = Fingerprint::of(told.as_bytes());
    let milliseconds = alert.occurred_at.as_millisecond().max(0);
    format!("{milliseconds:014}-{}-{fingerprint}", alert.status.name())
}

/// What is on its way.
#[derive(Debug, Default)]
pub struct Pending {
    /// By id: oldest first.
    pub deliveries: Vec<Delivery>,
    /// Files that are no delivery of this version, and why.
    pub unreadable: Vec<(PathBuf, String)>,
}

/// The outbox of one state directory.
#[derive(Clone, Debug)]
pub struct Outbox {
    directory: PathBuf,
}

impl Outbox {
    /// Touches nothing.
    pub fn new(state_directory: &Path) -> Self {
        Self { directory: state_directory.join("alerts").join("outbox") }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Puts an alert on its way to a receiver. After `Ok` it is durable.
    ///
    /// # Errors
    /// [`StoreError`]; then it is not on its way, or a power cut could still lose it.
    pub fn put(&self, receiver: &str, alert: &Alert, now: Timestamp) -> Result<(), StoreError> {
        let delivery = Delivery::new(receiver, alert.clone(), now);
        if self.path(&delivery.id).exists() {
            return Ok(());
        }
        safety::create_directory(&self.directory)?;
        self.write(&delivery)
    }

    /// Everything that is on its way.
    ///
    /// # Errors
    /// [`StoreError`] where the directory cannot be read; a file that cannot be is among what is unreadable.
    pub fn pending(&self) -> Result<Pending, StoreError> {
        let failed = |source| StoreError::Io {
            what: "cannot read the outbox of alerts",
            path: self.directory.clone(),
            source,
        };
        let entries = match std::fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Pending::default()),
            entries => entries.map_err(failed)?,
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.ends_with(SUFFIX) && !name.starts_with('.') {
                paths.push(path);
            }
        }
        paths.sort();
        let mut pending = Pending::default();
        for path in paths {
            match read(&path) {
                // Delivered meanwhile, by somebody else.
                Ok(None) => {}
                Ok(Some(delivery)) => pending.deliveries.push(delivery),
                Err(reason) => pending.unreadable.push((path, reason)),
            }
        }
        Ok(pending)
    }

    /// The receiver has it.
    ///
    /// # Errors
    /// [`StoreError`]; then it will be delivered once more.
    pub fn delivered(&self, delivery: &Delivery) -> Result<(), StoreError> {
        let path = self.path(&delivery.id);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(|source| StoreError::Io {
                what: "cannot remove the delivered alert",
                path,
                source,
            }),
        }
    }

    /// A try failed: keeps the delivery for later.
    ///
    /// # Errors
    /// [`StoreError`]; then it is tried again sooner.
    pub fn postpone(
        &self,
        delivery: &Delivery,
        failed: &Undelivered,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let attempts = delivery.attempts.saturating_add(1);
        let pause = pause_seconds(attempts, failed.retry_after_seconds);
        let postponed = Delivery {
            attempts,
            next_at: plus_seconds(now, pause),
            problem: Some(failed.reason.clone()),
            is_refused: failed.is_lasting(),
            ..delivery.clone()
        };
        // Whoever delivered it meanwhile has removed it, and it is not to come back.
        if self.path(&delivery.id).exists() { self.write(&postponed) } else { Ok(()) }
    }

    fn write(&self, delivery: &Delivery) -> Result<(), StoreError> {
        let path = self.path(&delivery.id);
        let failed = |source| StoreError::Io { what: "cannot keep the alert", path: path.clone(), source };
        let bytes = serde_json::to_vec(delivery).map_err(|error| failed(error.into()))?;
        durable::replace(&path, &bytes, 0o600).map_err(|error| failed(error.io()))
    }

    fn path(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{id}{SUFFIX}"))
    }
}

fn read(path: &Path) -> Result<Option<Delivery>, String> {
    let bytes = safety::read_file(path).map_err(|error| error.to_string())?;
    let Some(bytes) = bytes else { return Ok(None) };
    let delivery: Delivery =
        serde_json::from_slice(&bytes).map_err(|error| format!("it is no alert of this version: {error}"))?;
    if delivery.schema != SCHEMA {
        return Err(format!("it was written by another version (schema {})", delivery.schema));
    }
    Ok(Some(delivery))
}

/// Twice as long after each try, and never shorter than what the receiver asks for, up to an hour.
fn pause_seconds(attempts: u32, asked_seconds: Option<u64>) -> u64 {
    let doubled =
        FIRST_PAUSE_SECONDS.saturating_mul(1_u64.checked_shl(attempts.saturating_sub(1)).unwrap_or(u64::MAX));
    doubled.max(asked_seconds.unwrap_or(0)).min(LONGEST_PAUSE_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour_and_heed_what_the_receiver_asks_for() {
        let cases = [
            (1, None, 5),
            (2, None, 10),
            (5, None, 80),
            (11, None, 3600),
            (64, None, 3600),
            (65, None, 3600),
            (u32::MAX, None, 3600),
            (1, Some(30), 30),
            (4, Some(30), 40),
            (1, Some(86_400), 3600),
        ];
        for (attempts, asked, seconds) in cases {
            assert_eq!(pause_seconds(attempts, asked), seconds, "{attempts} {asked:?}");
        }
    }
}
