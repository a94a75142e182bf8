//! `rotate lease`

use super::context::Context;
use super::definition_lease::{Lease, LeaseAcquire, LeaseCommand, LeaseList, LeaseRelease, LeaseRenew};
use super::runtime;
use crate::config::{Config, KeySettings, Scope};
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::lease::directory::{self, LeaseDirectory, Reread};
use crate::lease::error::LeaseError;
use crate::lease::record::{Holder, Record};
use crate::rotation::lease::LeaseStanding;
use crate::rotation::phase::KeyState;
use crate::secret::Fingerprint;
use crate::slots::Slots;
use crate::store::StateStore;
use crate::store::actor::Actor;
use crate::ui::Output;
use crate::ui::lease::{self, Granted, Row};
use crate::wiring;
use crate::workflow;
use crate::workflow::serve;

pub(super) fn run(context: &Context, arguments: &Lease) -> Result<Output, Failure> {
    let config = context.config(Scope::Text)?;
    match &arguments.command {
        LeaseCommand::List(arguments) => list(context, &config, arguments),
        LeaseCommand::Acquire(arguments) => acquire(context, &config, arguments),
        LeaseCommand::Renew(arguments) => renew(context, &config, arguments),
        LeaseCommand::Release(arguments) => release(context, &config, arguments),
    }
}

fn list(context: &Context, config: &Config, arguments: &LeaseList) -> Result<Output, Failure> {
    let keys: Vec<&KeySettings> = match &arguments.key {
        Some(name) => vec![config.key(Some(name))?],
        None => config.keys.values().collect(),
    };
    let now = context.clock.now();
    let mut rows = Vec::new();
    for key in keys {
        let leases = leases(context, config, &key.name).list(&now)?;
        if leases.is_empty() {
            continue;
        }
        // Who holds what is told even where the state does not say what it is.
        let state = state(config, key).unwrap_or_else(|failure| {
            context.ui.note(&format!("warning: {}: {failure}", key.name));
            None
        });
        rows.extend(leases.into_iter().map(|lease| row(lease, &key.name, state.as_ref())));
    }
    Ok(lease::list(&rows, context.ui.stdout))
}

fn acquire(context: &Context, config: &Config, arguments: &LeaseAcquire) -> Result<Output, Failure> {
    let key = config.key(arguments.key.key.as_deref())?;
    let reader = Reader::of(config, key)?;
    let mut served = reader.look()?.served?;
    let leases = leases(context, config, &key.name);
    let holder = arguments.holder.clone().unwrap_or_else(|| Actor::of_this_process("lease acquire").user);
    let mut record = leases.acquire(served, &holder, arguments.ttl)?;
    // Whoever made another credential active before the record was there did not see it.
    let active = loop {
        let (now, active) = match reader.look().and_then(|seen| Ok((seen.served?, seen.active))) {
            Ok(now) => now,
            Err(failure) => {
                leases.release(&record.id, true)?;
                return Err(failure);
            }
        };
        if now == served {
            break active;
        }
        served = now;
        record = leases.move_to(&record.id, served)?;
    };
    if let Some(until) = record.expires_at() {
        context.ui.note(&format!("held until {until:.0}; before that: `rotate lease renew {}`", record.id));
    }
    if served != active {
        context.surroundings().narrator.warn(&not_at_hand(&key.name, served, active));
    }
    Ok(lease::acquired(&granted(&record, active)))
}

fn renew(context: &Context, config: &Config, arguments: &LeaseRenew) -> Result<Output, Failure> {
    let id = &arguments.id;
    let (key, leases) = find(context, config, id)?;
    let reader = Reader::of(config, key)?;
    let reread = if arguments.reread { Reread::Yes } else { Reread::No };
    let mut seen = reader.look()?;
    let record = loop {
        let record = leases.renew(id, arguments.ttl, seen.served.as_ref().ok().copied(), reread)?;
        let now = reader.look()?;
        let is_same = now.served.as_ref().ok() == seen.served.as_ref().ok();
        seen = now;
        if is_same {
            break record;
        }
    };
    let granted = granted(&record, seen.active);
    let narrator = context.surroundings().narrator;
    match &seen.served {
        // The job that holds the lease has its value already.
        Err(failure) => narrator.warn(&format!(
            "the lease goes on with {}, but nobody could read the key now: {failure}; {}",
            record.fingerprint, failure.hint
        )),
        Ok(_) if granted.is_active => {}
        Ok(served) if *served == record.fingerprint => {
            narrator.warn(&not_at_hand(&key.name, *served, seen.active));
        }
        Ok(served) => {
            let key = &key.name;
            narrator.warn(&format!(
                "the active credential of `{key}` is {served} now, and this lease holds back the revocation of {}: \
                 read the key again (`rotate key {key}`) and use only what you read, then run \
                 `rotate lease renew {id} --reread`",
                record.fingerprint
            ));
        }
    }
    Ok(lease::renewed(&granted))
}

fn release(context: &Context, config: &Config, arguments: &LeaseRelease) -> Result<Output, Failure> {
    let (key, leases) = find(context, config, &arguments.id)?;
    leases.release(&arguments.id, arguments.yes)?;
    Ok(lease::released(&arguments.id, &key.name))
}

fn leases(context: &Context, config: &Config, key: &str) -> LeaseDirectory {
    wiring::leases(&config.state_directory, key, std::rc::Rc::clone(&context.clock))
}

/// The key to which a lease belongs.
fn find<'a>(
    context: &Context,
    config: &'a Config,
    id: &str,
) -> Result<(&'a KeySettings, LeaseDirectory), Failure> {
    for key in config.keys.values() {
        let leases = leases(context, config, &key.name);
        if leases.has(id)? {
            return Ok((key, leases));
        }
    }
    Err(LeaseError::no_such_lease(id).into())
}

/// What tells the credential that a reader of the key gets.
struct Reader<'a> {
    key: &'a str,
    store: Box<dyn StateStore>,
    slots: Box<dyn Slots>,
}

/// How a key stands for its readers.
struct Seen {
    /// What `rotate key` gives here. Not the active one where that is not at hand and the one before is valid.
    served: Result<Fingerprint, Failure>,
    active: Fingerprint,
}

impl<'a> Reader<'a> {
    fn of(config: &Config, key: &'a KeySettings) -> Result<Self, Failure> {
        let store = wiring::store(&config.state_directory)?;
        Ok(Self { key: &key.name, store, slots: wiring::slots(key, &config.state_directory) })
    }

    /// Reads state and slots as they are now; only where the slots do not give the value is that part of the answer.
    fn look(&self) -> Result<Seen, Failure> {
        let (record, value) = serve::settled(&*self.store, self.key, |record| {
            runtime::read(&*self.slots, serve::active(record, &*self.slots))
        })?;
        let served = match value {
            Err(failure) if failure.exit != ExitCode::State => return Err(failure),
            value => value.map(|value| value.fingerprint()),
        };
        Ok(Seen { served, active: record.state.active().fingerprint })
    }
}

fn not_at_hand(key: &str, served: Fingerprint, active: Fingerprint) -> String {
    format!(
        "the active credential of `{key}` is {active}, but its value is not at hand here: `rotate key {key}` gives \
         {served}, and this lease holds back the revocation of that one; put the value of {active} where \
         `rotate key {key}` reads it, or run this where it is"
    )
}

fn state(config: &Config, key: &KeySettings) -> Result<Option<KeyState>, Failure> {
    let store = wiring::store(&config.state_directory)?;
    Ok(workflow::decode_record(&*store, &key.name)?.map(|decoded| decoded.record.state))
}

fn granted(record: &Record, active: Fingerprint) -> Granted {
    Granted {
        id: record.id.clone(),
        key: record.key.clone(),
        fingerprint: record.fingerprint.to_string(),
        is_active: record.fingerprint == active,
        active_fingerprint: active.to_string(),
        expires_at: record.expires_at(),
    }
}

fn row(lease: directory::Lease, key: &str, state: Option<&KeyState>) -> Row {
    let (standing, detail) = match lease.standing {
        LeaseStanding::Held => ("held", None),
        LeaseStanding::Unknown(reason) => ("unknown", Some(reason)),
    };
    let record = lease.record.as_deref();
    let (kind, holder, expected_end) = match record.map(|record| &record.holder) {
        Some(Holder::Process { command, expected_end, .. }) => {
            (Some("process"), Some(command.clone()), *expected_end)
        }
        Some(Holder::Bearer { holder, .. }) => (Some("bearer"), Some(holder.clone()), None),
        None => (None, None, None),
    };
    Row {
        id: lease.id.clone(),
        key: key.to_owned(),
        fingerprint: record.map(|record| record.fingerprint.to_string()),
        role: record.and_then(|record| Some(role(state?, record.fingerprint))),
        kind,
        holder,
        host: record.map(|record| record.place.host.clone()),
        pid: record.and_then(Record::pid),
        started_at: record.map(|record| record.started_at.wall),
        expires_at: record.and_then(Record::expires_at),
        expected_end_at: expected_end,
        standing,
        detail,
    }
}

fn role(state: &KeyState, fingerprint: Fingerprint) -> &'static str {
    let is = |credential: &crate::rotation::credential::Credential| credential.fingerprint == fingerprint;
    if is(state.active()) {
        "active"
    } else if state.phase.retiring().is_some_and(is) {
        "retiring"
    } else {
        "other"
    }
}
