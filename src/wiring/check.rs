//! From settings to what a check works with: nothing is made, and nothing can be changed through it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::rc::Rc;

use super::{AdminKey, Surroundings, grace, journal, provider, secret_variables, slots_and_targets, store};
use crate::check::{Finding, Item, Settings, Severity, Standing, Subject, Verdict};
use crate::config::{Config, KeySettings, ProviderSettings};
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::file_lock;
use crate::provider::Provider;
use crate::provider::gate::{Gate, Gated};
use crate::readable;
use crate::store::{StateStore, StoreError, safety};
use crate::workflow;

/// What is looked at, and what went wrong before anything was.
pub struct Subjects {
    pub subjects: Vec<Subject>,
    pub findings: Vec<Finding>,
}

/// The subjects of these keys. Keys of one provider share its connection, and one gate of `calls` at a time.
///
/// # Errors
/// The state directory is not safe (exit 5), or a provider cannot be set up at all.
pub fn subjects(
    config: &Config,
    keys: &[&KeySettings],
    calls: usize,
    surroundings: &Surroundings<'_>,
) -> Result<Subjects, Failure> {
    let directory = &config.state_directory;
    let store = if directory.exists() { Some(store(directory)?) } else { None };
    let removed = secret_variables(config, &[]);
    let mut providers = Providers { calls, surroundings, gates: BTreeMap::new(), shared: Vec::new() };
    let mut findings = Vec::new();
    let mut subjects = Vec::new();
    for key in keys {
        let provider = providers.of(key, &mut findings)?;
        let (slots, targets) = slots_and_targets(key, directory, &removed);
        subjects.push(Subject {
            settings: settings(key),
            provider,
            slots,
            targets,
            standing: standing(config, store.as_deref(), &key.name),
        });
    }
    Ok(Subjects { subjects, findings })
}

/// What the configuration says of a key, as far as a check needs it.
pub fn settings(key: &KeySettings) -> Settings {
    Settings {
        key: key.name.clone(),
        environment: key.environment.clone(),
        provider: key.provider.name(),
        grace: grace(key),
        rotate_every: key.rotate_every,
        remind: key.remind.clone(),
        probe_attempts: key.probe_attempts,
        probe_interval: key.probe_interval,
    }
}

/// What is on record of a key; whatever cannot be read is part of the answer.
pub fn standing(config: &Config, store: Option<&dyn StateStore>, key: &str) -> Standing {
    let Some(store) = store else {
        return Standing::NeverAdopted;
    };
    match workflow::decode_record(store, key) {
        Ok(None) => Standing::NeverAdopted,
        Ok(Some(decoded)) => {
            let record = Box::new(decoded.record);
            let verified = journal(&config.state_directory, key).verify(record.journal.as_ref());
            Standing::Known { record, journal: verified.map_err(|error| error.to_string()) }
        }
        Err(failure) => Standing::Unusable(failure.to_string()),
    }
}

/// Keys that are asked about in the same way share a provider.
struct Providers<'a> {
    calls: usize,
    surroundings: &'a Surroundings<'a>,
    gates: BTreeMap<&'static str, Rc<Gate>>,
    shared: Vec<(&'a KeySettings, Rc<dyn Provider>)>,
}

impl<'a> Providers<'a> {
    fn of(&mut self, key: &'a KeySettings, findings: &mut Vec<Finding>) -> Result<Rc<dyn Provider>, Failure> {
        let is_alike = |other: &KeySettings| {
            other.provider.name() == key.provider.name()
                && other.probe == key.probe
                && other.probe_model == key.probe_model
                && other.iam_user == key.iam_user
        };
        if let Some((_, provider)) = self.shared.iter().find(|(other, _)| is_alike(other)) {
            return Ok(Rc::clone(provider));
        }
        let provider = match provider(key, AdminKey::Needed, self.surroundings) {
            Ok(provider) => provider,
            Err(failure) if has_admin_key(&key.provider) => {
                findings.push(no_admin_key(&key.name, &failure));
                provider(key, AdminKey::NotNeeded, self.surroundings)?
            }
            Err(failure) => return Err(failure),
        };
        let clock = Rc::clone(&self.surroundings.clock);
        let gate =
            self.gates.entry(key.provider.name()).or_insert_with(|| Rc::new(Gate::new(self.calls, clock)));
        let provider: Rc<dyn Provider> = Rc::new(Gated::new(provider, Rc::clone(gate)));
        self.shared.push((key, Rc::clone(&provider)));
        Ok(provider)
    }
}

fn has_admin_key(provider: &ProviderSettings) -> bool {
    matches!(provider, ProviderSettings::Anthropic(settings) if settings.admin_key.is_some())
}

fn no_admin_key(key: &str, failure: &Failure) -> Finding {
    let detail = format!("the admin key cannot be had, so nothing can be revoked: {failure}");
    Finding::wrong(key, Item::AdminKey, Severity::Critical, Verdict::Missing, detail, &failure.hint)
}

/// Lets one watch at a time work on a state directory, until dropped.
///
/// # Errors
/// Exit 4 where another is at work; exit 5 where the directory is not safe.
pub fn watch_lock(state_directory: &Path) -> Result<File, Failure> {
    let directory = state_directory.join("check");
    safety::create_directory(&directory)?;
    let path = directory.join("watch.lock");
    let failed = |source| StoreError::Io { what: "cannot lock", path: path.clone(), source };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file =
        safety::open(&path, &mut options)?.ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
    if !file_lock::try_lock(&file).map_err(failed)? {
        let mut holder = String::new();
        // Who it is, is a courtesy.
        let _ = Read::by_ref(&mut file).take(64).read_to_string(&mut holder);
        let holder = readable::line(holder.trim(), 64);
        let message = format!("another `rotate check --every` is at work here (process {holder})");
        return Err(Failure::new(ExitCode::Locked, message, "let it work, or end it first"));
    }
    let written = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
    written.map_err(failed)?;
    Ok(file)
}
