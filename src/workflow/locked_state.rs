//! A key's state while its lock is held: the only thing that can commit.

use std::marker::PhantomData;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::narration;
use super::ports::Ports;
use crate::crash;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::rotation::event::Event;
use crate::rotation::phase::KeyState;
use crate::rotation::stamp::Stamp;
use crate::rotation::transition;
use crate::store::format::{self, Decoded, Record};
use crate::store::journal::{Draft, Head};
use crate::store::spool::Note;
use crate::store::{Hold, OperationLock, StateStore, StoreError, Stored, Swap, Version};

/// By what right a state may be changed.
pub(super) enum Right<'lock> {
    Lock(PhantomData<&'lock OperationLock>),
    /// An emergency that does not wait for a lock; compare-and-swap alone keeps it safe.
    Emergency,
}

/// A key's state, as of the last commit of this process.
///
/// Lives no longer than the lock it was opened under.
pub(super) struct LockedState<'lock> {
    record: Option<Record>,
    version: Option<Version>,
    _right: Right<'lock>,
    /// In an emergency a failing disk does not stop the revocation; what failed is kept here.
    tolerant: bool,
    problems: Vec<String>,
    /// What happened since, where an emergency goes on past a disk that fails.
    unsaved: Vec<Event>,
    /// What an earlier command has noted is being committed.
    is_taking_in: bool,
}

impl<'lock> LockedState<'lock> {
    /// Opens the state under a lock.
    ///
    /// # Errors
    /// The state is unreadable, unsafe or newer (exit 5).
    pub(super) fn open(ports: &Ports, _lock: &'lock OperationLock) -> Result<Self, Failure> {
        let mut opened = Self::load(ports, Right::Lock(PhantomData), false)?;
        ports.store.make_durable()?;
        ports.spool.reserve()?;
        opened.take_in_spool(ports)?;
        Ok(opened)
    }

    /// Opens the state for an emergency, with or without the lock.
    ///
    /// # Errors
    /// The state is unreadable or unsafe: then nobody knows what to revoke (exit 5).
    pub(super) fn open_for_emergency(
        ports: &Ports,
        lock: Option<&'lock OperationLock>,
    ) -> Result<Self, Failure> {
        let right = lock.map_or(Right::Emergency, |_| Right::Lock(PhantomData));
        let mut opened = Self::load(ports, right, true)?;
        if let Err(error) = ports.store.make_durable() {
            opened.problem(ports, format!("a power cut could still lose the state: {error}"));
        }
        if let Err(error) = ports.spool.reserve() {
            opened.problem(ports, format!("no room is reserved for outcomes: {error}"));
        }
        if let Err(failure) = opened.take_in_spool(ports) {
            opened.problem(ports, format!("an outcome noted earlier is not taken in: {failure}"));
        }
        Ok(opened)
    }

    fn load(ports: &Ports, right: Right<'lock>, tolerant: bool) -> Result<Self, Failure> {
        let key = &ports.settings.key;
        let stored = ports.store.load(key)?;
        let (record, version) = match stored {
            None => (None, None),
            Some(Stored { bytes, version }) => {
                let path = ports.store.path(key);
                let Decoded { record, newer_schema } = format::decode(&bytes, &path)?;
                check_names(&record, ports)?;
                if let Some(schema) = newer_schema {
                    return Err(StoreError::Newer { path, schema }.into());
                }
                (Some(record), Some(version))
            }
        };
        Ok(Self {
            record,
            version,
            _right: right,
            tolerant,
            problems: Vec::new(),
            unsaved: Vec::new(),
            is_taking_in: false,
        })
    }

    pub(super) fn state(&self) -> Option<&KeyState> {
        self.record.as_ref().map(|record| &record.state)
    }

    pub(super) fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// The generation of the last commit; `None` for a key that was never adopted.
    pub(super) fn generation(&self) -> Option<u64> {
        self.record.as_ref().map(|record| record.generation)
    }

    /// What failed and was passed over, in an emergency.
    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Applies an event, writes it to the journal, then commits the state.
    ///
    /// After `Ok` both are durable (in an emergency: or the problem is noted). `seen` is what was
    /// observed beside the event, for the journal.
    ///
    /// # Errors
    /// The state on disk is as it was, unless the message says otherwise; an outcome that could not be
    /// written is in the spool.
    pub(super) fn commit(
        &mut self,
        ports: &Ports,
        command: &str,
        event: &Event,
        seen: Option<(&str, Value)>,
        now: &Stamp,
    ) -> Result<(), Failure> {
        let next = transition::apply(self.state(), event).map_err(|illegal| {
            Failure::unexpected("the step was not taken, because the state does not allow it")
                .caused_by(&illegal)
        })?;
        if self.is_noted_over(ports) {
            return Err(conflict(ports).because(NOTED_OVER));
        }
        crash::point("before the journal");
        let head = match self.journal(ports, command, event, seen, now) {
            Ok(head) => Some(head),
            Err(error) if self.tolerant => {
                self.problem(ports, format!("the journal was not written: {error}"));
                self.record.as_ref().and_then(|record| record.journal.clone())
            }
            Err(error) => return Err(self.spool(ports, event, self.generation(), error.into())),
        };
        crash::point("between journal and state");
        let record = Record {
            generation: self.record.as_ref().map_or(1, |record| record.generation + 1),
            key: ports.settings.key.clone(),
            provider: ports.provider.name().to_owned(),
            primary_env: ports.settings.primary_env.clone(),
            secondary_env: ports.settings.secondary_env.clone(),
            written_at: now.wall,
            journal: head,
            state: next,
        };
        self.swap(ports, record, event)?;
        crash::point("after the state");
        Ok(())
    }

    /// Makes sure that nobody has overtaken this process, and that nobody does until the hold is dropped.
    ///
    /// A command that was stopped, while an emergency went on without the lock, must not put a value
    /// where the emergency has put another one.
    ///
    /// # Errors
    /// Exit 4 where the state has changed. In an emergency a failing disk is passed over (`None`).
    pub(super) fn hold(&mut self, ports: &Ports) -> Result<Option<Hold>, Failure> {
        match self.hold_of_newest(ports) {
            Ok(Some(_)) if self.is_noted_over(ports) => Err(conflict(ports).because(NOTED_OVER)),
            Ok(Some(hold)) => Ok(Some(hold)),
            Ok(None) => Err(self.overtaken(ports)),
            Err(error) if self.tolerant => {
                self.problem(ports, format!("other commands could not be kept away: {error}"));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// `None` where somebody has changed the state; where the lock fails, what can be seen must do.
    fn hold_of_newest(&self, ports: &Ports) -> Result<Option<Hold>, StoreError> {
        let hold = ports.store.hold(&ports.settings.key, self.version.as_ref());
        if hold.is_err() && self.is_replaced(ports) { Ok(None) } else { hold }
    }

    fn is_replaced(&self, ports: &Ports) -> bool {
        let found = ports.store.load(&ports.settings.key);
        found.is_ok_and(|found| found.map(|stored| stored.version) != self.version)
    }

    /// Whether an emergency whose disk failed has noted what follows this very state: it happened, though no state tells
    /// of it.
    fn is_noted_over(&self, ports: &Ports) -> bool {
        let is_own = self.is_taking_in || !self.unsaved.is_empty();
        let note = || ports.spool.read().ok().flatten();
        !is_own && note().is_some_and(|note| Some(note.generation) == self.generation())
    }

    /// Whether somebody has changed the state since the last commit here, as far as the disk tells.
    pub(super) fn is_overtaken(&self, ports: &Ports) -> bool {
        matches!(self.hold_of_newest(ports), Ok(None))
    }

    /// The state as it is on disk by now, from which this run speaks from now on; `None` where it cannot be read.
    ///
    /// For a run that was overtaken: it commits nothing any more.
    pub(super) fn newest(&mut self, ports: &Ports) -> Option<&KeyState> {
        let decoded = decode_record(&*ports.store, &ports.settings.key).ok().flatten()?;
        self.record = Some(decoded.record);
        self.state()
    }

    /// The failure of a command that was overtaken, which from now on speaks of the state as it is.
    fn overtaken(&mut self, ports: &Ports) -> Failure {
        self.newest(ports);
        conflict(ports)
    }

    /// The same where the journal tells of an event that did not become part of the state: it is said
    /// there, too.
    fn not_committed(&mut self, ports: &Ports, refused: &Record) -> Failure {
        let failure = self.overtaken(ports);
        let Some(head) = &refused.journal else {
            return failure;
        };
        let draft = Draft {
            at: ports.clock.now(),
            by: ports.actor.running("(overtaken)"),
            rotation: refused.state.phase.rotation().map(|rotation| rotation.id.clone()),
            event: "not_committed".to_owned(),
            data: json!({ "sequence": head.sequence }),
        };
        match ports.journal.append(draft, Some(head)) {
            Ok(_) => failure,
            Err(error) => {
                failure.because(format!("entry {} of the journal did not happen ({error})", head.sequence))
            }
        }
    }

    fn swap(&mut self, ports: &Ports, record: Record, event: &Event) -> Result<(), Failure> {
        let bytes = format::encode(&record)
            .map_err(|error| Failure::unexpected("the state cannot be serialised").caused_by(&error))?;
        let is_wanted = || !self.is_noted_over(ports);
        let swap =
            ports.store.compare_and_swap(&ports.settings.key, self.version.as_ref(), &bytes, &is_wanted);
        let before = self.generation();
        let failure: Failure = match swap {
            Swap::Committed(version) => {
                self.version = Some(version);
                self.record = Some(record);
                return self.saved(ports);
            }
            Swap::Conflict => {
                let is_noted = self.is_noted_over(ports);
                let failure = self.not_committed(ports, &record);
                return Err(if is_noted { failure.because(NOTED_OVER) } else { failure });
            }
            Swap::Unknown(error) => self.unknown(ports, &record, error),
            Swap::Failed(error) => error.into(),
        };
        if self.tolerant {
            self.unsaved.push(event.clone());
            // Each of them has raised the generation by one since the state was last on disk.
            let generation = record.generation.saturating_sub(self.unsaved.len() as u64);
            let note = Note { generation, events: self.unsaved.clone() };
            let noted = match ports.spool.write(&note) {
                Ok(()) => "it is noted, and the next command takes it in".to_owned(),
                Err(error) => format!("it could not be noted either ({error})"),
            };
            self.problem(
                ports,
                format!(
                    "the state was not written, so `rotate key` may give a dead value: {failure}; {noted}"
                ),
            );
            self.record = Some(record);
            return Ok(());
        }
        Err(self.spool(ports, event, before, failure))
    }

    /// Once the state is on disk again, what was noted meanwhile is part of it.
    fn saved(&mut self, ports: &Ports) -> Result<(), Failure> {
        if !std::mem::take(&mut self.unsaved).is_empty()
            && let Err(error) = ports.spool.clear()
        {
            self.problem(ports, format!("an outdated note stays in the spool: {error}"));
        }
        Ok(())
    }

    /// A write whose durability is unknown: the file is read again, and nothing is claimed.
    fn unknown(&mut self, ports: &Ports, record: &Record, error: StoreError) -> Failure {
        let loaded = ports.store.load(&ports.settings.key).ok().flatten();
        let found = loaded.and_then(|stored| {
            let decoded = format::decode(&stored.bytes, &PathBuf::new()).ok()?;
            Some((decoded.record, stored.version))
        });
        let failure: Failure = error.into();
        match found {
            Some((found, version)) if found.generation == record.generation => {
                self.record = Some(found);
                self.version = Some(version);
                failure.because("the new state is in place, but a power cut could still lose it")
            }
            _ => failure.because("whether the new state is in place could not be found out"),
        }
    }

    fn journal(
        &self,
        ports: &Ports,
        command: &str,
        event: &Event,
        seen: Option<(&str, Value)>,
        now: &Stamp,
    ) -> Result<Head, StoreError> {
        let mut data = serde_json::to_value(event).unwrap_or_else(|_| json!({}));
        if let (Some((name, value)), Some(object)) = (seen, data.as_object_mut()) {
            object.insert(name.to_owned(), value);
        }
        let rotation = match event {
            Event::Staged { rotation, .. } => Some(rotation.id.clone()),
            Event::EmergencyDeclared { emergency } => Some(emergency.rotation.id.clone()),
            _ => self.state().and_then(|state| state.phase.rotation()).map(|rotation| rotation.id.clone()),
        };
        let draft = Draft {
            at: now.clone(),
            by: ports.actor.running(command),
            rotation,
            event: event.name().to_owned(),
            data,
        };
        ports.journal.append(draft, self.record.as_ref().and_then(|record| record.journal.as_ref()))
    }

    /// Keeps an outcome that could not be written, as one that follows this generation: where the write is found to have
    /// lasted, the note says nothing new. An intent that could not be written is simply not begun.
    fn spool(&self, ports: &Ports, event: &Event, before: Option<u64>, failure: Failure) -> Failure {
        if matches!(event, Event::Intended { .. }) {
            return failure.because("nothing was begun");
        }
        let Some(generation) = before else {
            return failure;
        };
        let note = Note { generation, events: vec![event.clone()] };
        match ports.spool.write(&note) {
            Ok(()) => failure.because("what was done is noted in the spool, and the next command takes it in"),
            Err(error) => failure.because(format!(
                "what was done (`{}`) could not be noted either ({error}); the next command finds it out by looking",
                event.name()
            )),
        }
    }

    fn take_in_spool(&mut self, ports: &Ports) -> Result<(), Failure> {
        let Some(note) = ports.spool.read()? else {
            return Ok(());
        };
        let follows = |generation: u64| self.generation() == Some(generation);
        let belongs = follows(note.generation);
        // The write that the note is about has lasted; but nobody was told what it said.
        let has_lasted = follows(note.generation + note.events.len() as u64);
        let told = |event: &Event| narration::of(event).unwrap_or_else(|| event.name().to_owned());
        let applied = note.events.iter().try_fold(self.state().cloned(), |state, event| {
            transition::apply(state.as_ref(), event).map(Some)
        });
        if belongs && applied.is_ok() {
            self.is_taking_in = true;
            for event in &note.events {
                ports.narrator.say(&format!("taking in what an earlier command did: {}", told(event)));
                let seen = Some(("from_spool", Value::Bool(true)));
                self.commit(ports, "(spool)", event, seen, &ports.clock.now())?;
            }
            self.is_taking_in = false;
        } else if has_lasted {
            for event in &note.events {
                ports.narrator.say(&format!("an earlier command did: {}", told(event)));
            }
        }
        ports.spool.clear()?;
        Ok(())
    }

    fn problem(&mut self, ports: &Ports, text: String) {
        ports.narrator.warn(&text);
        // A disk that fails often is one problem.
        if !self.problems.contains(&text) {
            self.problems.push(text);
        }
    }
}

/// A key's record, for readers: no lock, and a newer schema may be read.
///
/// # Errors
/// The state is unreadable or unsafe (exit 5).
pub fn decode_record(store: &dyn StateStore, key: &str) -> Result<Option<Decoded>, Failure> {
    let Some(stored) = store.load(key)? else {
        return Ok(None);
    };
    let decoded = format::decode(&stored.bytes, &store.path(key))?;
    if decoded.record.key != key {
        return Err(foreign(&decoded.record.key, key));
    }
    Ok(Some(decoded))
}

/// That the file is this key's, and that its slots are still called what they were.
fn check_names(record: &Record, ports: &Ports) -> Result<(), Failure> {
    if record.key != ports.settings.key {
        return Err(foreign(&record.key, &ports.settings.key));
    }
    if record.provider != ports.provider.name() {
        return Err(Failure::new(
            ExitCode::Configuration,
            format!(
                "the key `{}` was adopted from the provider {}, and the configuration now says {}",
                record.key,
                record.provider,
                ports.provider.name()
            ),
            format!(
                "set `provider = \"{}\"` again, or give the new provider's key a name of its own",
                record.provider
            ),
        ));
    }
    Ok(())
}

fn foreign(found: &str, key: &str) -> Failure {
    StoreError::Damaged {
        path: PathBuf::from(format!("{key}.json")),
        reason: format!("it is the state of the key `{}`", found.escape_default()),
    }
    .into()
}

const NOTED_OVER: &str =
    "an emergency whose disk failed noted what it did, and the next command takes that in";

fn conflict(ports: &Ports) -> Failure {
    let key = &ports.settings.key;
    Failure::new(
        ExitCode::Locked,
        format!("another command changed the state of `{key}` at the same time"),
        format!("look at `rotate status {key}`, then run the same command again if it is still wanted"),
    )
}
