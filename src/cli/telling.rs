//! What every command does around its work so that people are told: nothing of it ever fails the command.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::context::Context;
use super::look::Undelivered;
use super::runtime;
use crate::alert::desk::{About, Subscriber};
use crate::alert::incidents::Incident;
use crate::alert::outbox::Outbox;
use crate::alert::post::{self, Round, Which};
use crate::alert::{self, Alert, Kind, Receiver, Status};
use crate::config::{Config, KeySettings};
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::store::Journal;
use crate::store::format::Record;
use crate::{wiring, workflow};

/// No command waits longer than this for receivers before it ends.
const POST_LIMIT: Duration = Duration::from_secs(5);

/// The desk of a command: what it tells is in the outbox, and what could be delivered was.
pub(super) struct Desk<'c> {
    context: &'c Context,
    config: &'c Config,
    subscribers: Vec<Subscriber>,
}

impl<'c> Desk<'c> {
    pub(super) fn new(context: &'c Context, config: &'c Config) -> Self {
        Self { context, config, subscribers: wiring::alerts::subscribers(config) }
    }

    fn desk(&self) -> alert::desk::Desk<'_> {
        alert::desk::Desk::new(&self.config.state_directory, &self.subscribers)
    }

    /// Whether anybody is to be told anything. Before there is a state directory there is nothing to tell of.
    fn is_idle(&self) -> bool {
        self.subscribers.is_empty() || !self.config.state_directory.exists()
    }

    /// Does the work of a command that changes a key, and tells of it, whatever came of it; what is still on its way gets
    /// a try before and after. A dry run tells nothing.
    pub(super) fn around<T>(
        &self,
        key: &KeySettings,
        dry_run: bool,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if !dry_run {
            self.post();
        }
        self.after(key, dry_run, work)
    }

    /// As [`Desk::around`], for an emergency: nobody is told anything before the work is done.
    pub(super) fn after<T>(
        &self,
        key: &KeySettings,
        dry_run: bool,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if dry_run || self.subscribers.is_empty() {
            return work();
        }
        let is_new = !self.config.state_directory.exists();
        if !is_new {
            let head = self.record(key).and_then(|record| record.journal);
            self.warn(self.desk().start(&key.name, head.as_ref()));
        }
        let result = work();
        if self.is_idle() {
            return result;
        }
        if is_new {
            self.warn(self.desk().start(&key.name, None));
        }
        self.catch_up(key);
        if let Some(failure) = result.as_ref().err().filter(|failure| failure.exit == ExitCode::Evidence) {
            self.tell_evidence(key, failure);
        }
        self.post();
        result
    }

    /// Tells what the key's journal says since the last time.
    pub(super) fn catch_up(&self, key: &KeySettings) {
        if self.is_idle() {
            return;
        }
        let Some(head) = self.record(key).and_then(|record| record.journal) else { return };
        let journal = wiring::journal(&self.config.state_directory, &key.name);
        let about = About { key: &key.name, environment: key.environment.as_deref() };
        let now = self.context.clock.now().wall;
        let read = journal.entries().and_then(|entries| Ok((entries, journal.verify(Some(&head))?)));
        let (entries, verified) = match read {
            Ok(read) => read,
            Err(error) => return self.warn(Err::<(), _>(error)),
        };
        if let Some((line, problem)) = verified.problems.first() {
            let alert = alert::journal::tampered(about, &format!("line {line} {problem}"), now);
            self.survey(&[alert], &|_| false);
        }
        self.warn(self.desk().catch_up(about, &entries, Some(&head), now));
    }

    /// Tells what is wrong now, and that what stood in `scope` and is not among it is over.
    pub(super) fn survey(&self, found: &[Alert], scope: &dyn Fn(&Incident) -> bool) {
        if !self.is_idle() {
            self.warn(self.desk().survey(found, scope, self.context.clock.now().wall));
        }
    }

    /// Takes what is due to its receivers.
    pub(super) fn post(&self) {
        if self.is_idle() {
            return;
        }
        match self.deliver(Which::Due, POST_LIMIT) {
            Ok(round) => self.tell_round(&round),
            Err(failure) => self.context.ui.note(&format!("warning: alerts stay in the outbox: {failure}")),
        }
    }

    /// The same for `which`, for at most `limit`.
    ///
    /// # Errors
    /// The outbox cannot be used.
    pub(super) fn deliver(&self, which: Which, limit: Duration) -> Result<Round, Failure> {
        let outbox = Outbox::new(&self.config.state_directory);
        // Their references are resolved before the runtime starts: some need one of their own.
        let mut receivers = BTreeMap::new();
        for delivery in outbox.pending()?.deliveries {
            let name = delivery.receiver;
            receivers.entry(name).or_insert_with_key(|name| {
                wiring::alerts::receiver(self.config, name, &self.context.surroundings())
            });
        }
        if receivers.is_empty() {
            return Ok(Round::default());
        }
        let receivers = RefCell::new(receivers);
        let find = |name: &str| -> Option<Result<Box<dyn Receiver>, alert::Undelivered>> {
            // Put there since the look above: the next command takes it.
            let later = || Some(Err(alert::Undelivered::passing("it was put on its way a moment ago")));
            receivers.borrow_mut().remove(name).unwrap_or_else(later)
        };
        let clock = &*self.context.clock;
        runtime::run(async { Ok(post::deliver(&outbox, &find, clock, which, limit).await?) })
    }

    fn tell_round(&self, round: &Round) {
        for (name, failed) in &round.failed {
            self.context.ui.note(&format!("warning: {name} was not told, and will be tried again: {failed}"));
        }
        for (name, count) in &round.given_up {
            self.context.ui.note(&format!(
                "warning: {count} alerts for {name} were given up: the configuration has no such receiver any more"
            ));
        }
    }

    /// What is still on its way, and why.
    pub(super) fn undelivered(&self) -> Undelivered {
        let Ok(pending) = Outbox::new(&self.config.state_directory).pending() else {
            return Undelivered::default();
        };
        let problem = pending.deliveries.iter().find_map(|delivery| {
            delivery.problem.as_ref().map(|problem| format!("{} says: {problem}", delivery.receiver))
        });
        let unreadable =
            pending.unreadable.first().map(|(path, reason)| format!("{}: {reason}", path.display()));
        Undelivered {
            count: pending.deliveries.len() + pending.unreadable.len(),
            since: pending.deliveries.first().map(|delivery| delivery.queued_at),
            problem: problem.or(unreadable),
        }
    }

    /// The evidence that `finish` lacks stays missing until the rotation ends.
    fn tell_evidence(&self, key: &KeySettings, failure: &Failure) {
        let rotation = self.record(key).and_then(|record| Some(record.state.phase.rotation()?.id.clone()));
        let kind = Kind::EvidenceMissing;
        let alert = Alert {
            event: kind,
            severity: kind.severity(),
            keys: vec![key.name.clone()],
            environment: key.environment.clone(),
            summary: failure.to_string(),
            hint: failure.hint.clone(),
            dedup_key: alert::journal::dedup_key(rotation.as_deref(), &key.name, kind),
            rotation_id: rotation,
            occurred_at: self.context.clock.now().wall,
            status: Status::Firing,
            step: 0,
        };
        self.survey(&[alert], &|_| false);
    }

    fn record(&self, key: &KeySettings) -> Option<Record> {
        let store = wiring::store(&self.config.state_directory).ok()?;
        Some(workflow::decode_record(&*store, &key.name).ok()??.record)
    }

    fn warn<T, E: std::fmt::Display>(&self, result: Result<T, E>) {
        if let Err(error) = result {
            self.context.ui.note(&format!("warning: somebody may not be told: {error}"));
        }
    }
}
