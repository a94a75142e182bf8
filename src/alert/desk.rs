//! The desk: what is to be told goes over it, and each receiver's part of it into the outbox.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Alert;
use super::incidents::{Incident, Incidents};
use super::journal::{Telling, told_by};
use super::outbox::Outbox;
use super::route::Route;
use crate::durable;
use crate::store::journal::{Entry, Head};
use crate::store::lock::ShortLock;
use crate::store::{StoreError, safety};

/// Who takes alerts, as far as the desk needs to know.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// The receiver's name in the configuration.
    pub name: String,
    pub route: Route,
    /// An incident that still stands is told again after this time.
    pub repeat: Duration,
}

/// The key that a journal belongs to.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    pub key: &'a str,
    pub environment: Option<&'a str>,
}

/// How far a key's journal has been told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    schema: u64,
    /// The newest entry that was told; none before the first.
    head: Option<Head>,
}

const SCHEMA: u64 = 1;

/// Takes what happened, and puts what each subscriber should hear of it into the outbox.
///
/// # Guarantees
/// - After `Ok` everything that was to be told is durable in the outbox.
/// - Whoever is killed in between tells again, under the same deduplication key.
pub struct Desk<'a> {
    directory: PathBuf,
    outbox: Outbox,
    subscribers: &'a [Subscriber],
}

impl<'a> Desk<'a> {
    /// Touches nothing.
    pub fn new(state_directory: &Path, subscribers: &'a [Subscriber]) -> Self {
        Self { directory: state_directory.join("alerts"), outbox: Outbox::new(state_directory), subscribers }
    }

    /// Whether nobody wants to be told anything: then nothing is kept either.
    pub fn is_deserted(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// Remembers that the journal is told up to here, unless something is on record already: a history from before
    /// there were receivers is told to nobody.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn start(&self, key: &str, head: Option<&Head>) -> Result<(), StoreError> {
        if self.is_deserted() || self.cursor(key)?.is_some() {
            return Ok(());
        }
        let _lock = self.lock()?;
        self.advance(key, head)
    }

    /// Tells what a key's journal says since the last time. `head` is the newest entry that the state remembers: what
    /// comes after it may not have happened.
    ///
    /// # Errors
    /// [`StoreError`]; then the rest is told the next time.
    pub fn catch_up(
        &self,
        about: About<'_>,
        entries: &[Entry],
        head: Option<&Head>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(head) = head.filter(|_| !self.is_deserted()) else {
            return Ok(());
        };
        let _lock = self.lock()?;
        let Some(cursor) = self.cursor(about.key)? else {
            return self.advance(about.key, Some(head));
        };
        let told = cursor.head.as_ref().map_or(0, |head| head.sequence);
        if told >= head.sequence {
            return Ok(());
        }
        let new: Vec<&Entry> =
            entries.iter().filter(|entry| entry.sequence > told && entry.sequence <= head.sequence).collect();
        let mut open = self.open()?;
        for telling in told_by(&new, about) {
            match telling {
                Telling::Notice(alert) => open.notice(&alert, now)?,
                Telling::Raise(alert) => open.raise(&alert, now)?,
                Telling::Settle(dedup_key) => open.settle(&dedup_key, now)?,
            }
        }
        open.close()?;
        self.advance(about.key, Some(head))
    }

    /// Tells of something that has no end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn notice(&self, alert: &Alert, now: Timestamp) -> Result<(), StoreError> {
        if self.is_deserted() {
            return Ok(());
        }
        let _lock = self.lock()?;
        self.open()?.notice(alert, now)
    }

    /// Tells what is wrong now, as far as it is news, and that what stood in `scope` and was not found again is over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn survey(
        &self,
        found: &[Alert],
        scope: &dyn Fn(&Incident) -> bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if self.is_deserted() {
            return Ok(());
        }
        let _lock = self.lock()?;
        let mut open = self.open()?;
        for alert in found {
            open.raise(alert, now)?;
        }
        let is_over = |(dedup_key, incident): (&String, &Incident)| {
            let is_found = found.iter().any(|alert| alert.dedup_key == *dedup_key);
            (!is_found && scope(incident)).then(|| dedup_key.clone())
        };
        let over: Vec<String> = open.incidents.standing.iter().filter_map(is_over).collect();
        for dedup_key in over {
            open.settle(&dedup_key, now)?;
        }
        open.close()
    }

    fn lock(&self) -> Result<ShortLock, StoreError> {
        safety::create_directory(&self.directory)?;
        ShortLock::acquire(
            &self.directory.join("lock"),
            "another process does not let go of the alerts' lock:",
        )
    }

    fn open(&self) -> Result<Open<'_>, StoreError> {
        let path = self.directory.join("incidents.json");
        let (incidents, damage) = Incidents::load(&path)?;
        if let Some(damage) = damage {
            tracing::warn!("{} is not understood and begun anew: {damage}", path.display());
        }
        Ok(Open {
            path,
            before: incidents.clone(),
            incidents,
            outbox: &self.outbox,
            subscribers: self.subscribers,
        })
    }

    fn cursor_path(&self, key: &str) -> PathBuf {
        self.directory.join("told").join(format!("{key}.json"))
    }

    fn cursor(&self, key: &str) -> Result<Option<Cursor>, StoreError> {
        let bytes = safety::read_file(&self.cursor_path(key))?;
        let cursor = bytes.and_then(|bytes| serde_json::from_slice::<Cursor>(&bytes).ok());
        Ok(cursor.filter(|cursor| cursor.schema == SCHEMA))
    }

    fn advance(&self, key: &str, head: Option<&Head>) -> Result<(), StoreError> {
        let path = self.cursor_path(key);
        safety::create_directory(durable::parent(&path))?;
        let failed =
            |source| StoreError::Io { what: "cannot keep what was told", path: path.clone(), source };
        let cursor = Cursor { schema: SCHEMA, head: head.cloned() };
        let bytes = serde_json::to_vec(&cursor).map_err(|error| failed(error.into()))?;
        durable::replace(&path, &bytes, 0o600).map_err(|error| failed(error.io()))
    }
}

/// The desk's books, open under its lock.
struct Open<'a> {
    path: PathBuf,
    before: Incidents,
    incidents: Incidents,
    outbox: &'a Outbox,
    subscribers: &'a [Subscriber],
}

impl Open<'_> {
    fn notice(&self, alert: &Alert, now: Timestamp) -> Result<(), StoreError> {
        let mut takers = self.subscribers.iter().filter(|subscriber| subscriber.route.takes(alert));
        takers.try_for_each(|taker| self.outbox.put(&taker.name, alert, now))
    }

    /// An incident is told when it is new, when it has changed, and again after each subscriber's time.
    fn raise(&mut self, alert: &Alert, now: Timestamp) -> Result<(), StoreError> {
        let known = self.incidents.standing.get(&alert.dedup_key);
        let is_same = known.is_some_and(|known| says_the_same(&known.alert, alert));
        let mut told = known.map(|known| known.told.clone()).unwrap_or_default();
        for taker in self.subscribers.iter().filter(|subscriber| subscriber.route.takes(alert)) {
            let is_told = told.get(&taker.name).is_some_and(|last| !is_past(*last, taker.repeat, now));
            if is_same && is_told {
                continue;
            }
            self.outbox.put(&taker.name, alert, now)?;
            told.insert(taker.name.clone(), now);
        }
        let since = known.map_or(alert.occurred_at, |known| known.since);
        let incident = Incident { alert: alert.clone(), since, told };
        self.incidents.standing.insert(alert.dedup_key.clone(), incident);
        Ok(())
    }

    /// Tells those who heard of it that it is over.
    fn settle(&mut self, dedup_key: &str, now: Timestamp) -> Result<(), StoreError> {
        let Some(incident) = self.incidents.standing.get(dedup_key) else {
            return Ok(());
        };
        let over = incident.alert.resolved(now);
        incident.told.keys().try_for_each(|name| self.outbox.put(name, &over, now))?;
        self.incidents.standing.remove(dedup_key);
        Ok(())
    }

    fn close(self) -> Result<(), StoreError> {
        if self.incidents == self.before { Ok(()) } else { self.incidents.save(&self.path) }
    }
}

/// Whether an incident is just what was told before: no worse, no better, no further, and with no key more.
fn says_the_same(told: &Alert, found: &Alert) -> bool {
    told.severity == found.severity
        && told.step == found.step
        && found.keys.iter().all(|key| told.keys.contains(key))
}

/// Whether `span` has passed since `last`. A clock that was set back counts as a long time: better told twice.
fn is_past(last: Timestamp, span: Duration, now: Timestamp) -> bool {
    let passed = now.duration_since(last);
    let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    passed.is_negative() || passed >= span
}
