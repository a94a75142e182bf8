//! The one place that names concrete adapters: from settings to ports.

pub mod alerts;
pub mod check;
mod secret_store;

use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;

pub use secret_store::environment;

use crate::aws::{self, Content, SecretDocument};
use crate::clock::Clock;
use crate::config::{
    AnthropicSettings, AwsSecretSettings, Config, Environment, KeySettings, Origin, ProbeKind,
    ProviderSettings, SecretReference, SlotsSettings, TargetKind, TargetSettings, ValueAt,
};
use crate::error::Failure;
use crate::http;
use crate::lease::directory::LeaseDirectory;
use crate::lease::neighbours::WithNeighbours;
use crate::provider::Provider;
use crate::provider::anthropic::{self, Anthropic};
use crate::provider::aws_iam::AwsIam;
use crate::provider::probe::ProbeSettings;
use crate::random;
use crate::rotation::grace::GracePolicy;
use crate::rotation::plan::{HeldElsewhere, Policy};
use crate::secret::Secret;
use crate::slots::Slots;
use crate::slots::aws_secrets_manager::AwsSecretsManagerSlots;
use crate::slots::env::EnvSlots;
use crate::slots::file::FileSlots;
use crate::store::actor::Actor;
use crate::store::json_file::JsonFileStore;
use crate::store::lock::OperationLockFiles;
use crate::store::spool::SpoolFile;
use crate::store::{JournalFile, StateStore};
use crate::target::Target;
use crate::target::aws_secrets_manager::AwsSecretsManagerTarget;
use crate::target::command::CommandTarget;
use crate::target::dotenv::DotenvTarget;
use crate::target::file::FileTarget;
use crate::workflow;
use crate::workflow::ports::{Narrator, Ports, Settings};

/// Whether a command needs the admin key that the configuration names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminKey {
    /// It must resolve.
    Needed,
    /// Not asked for: what the command does needs none.
    NotNeeded,
    /// An emergency: where it does not resolve, a person revokes at the console.
    IfAvailable,
}

/// What every operation of this process shares.
pub struct Surroundings<'a> {
    pub environment: &'a Environment,
    pub clock: Rc<dyn Clock>,
    pub narrator: Rc<dyn Narrator>,
}

/// The ports of one key, for a command that changes something. Makes the state directory when missing.
///
/// # Errors
/// Exit 3 where the admin key does not resolve, 5 where the state directory is not safe.
pub fn ports(
    config: &Config,
    key: &KeySettings,
    admin_key: AdminKey,
    surroundings: &Surroundings<'_>,
    removed_variables: &[String],
) -> Result<Ports, Failure> {
    let store = JsonFileStore::open_for_change(&config.state_directory, config.allow_network_state)?;
    let provider = provider(key, admin_key, surroundings)?;
    let removed = secret_variables(config, removed_variables);
    let (slots, targets) = slots_and_targets(key, &config.state_directory, &removed);
    let held_elsewhere = held_elsewhere(config, key, &store, surroundings);
    let settings = settings(key, provider.as_ref(), &targets, held_elsewhere);
    Ok(Ports {
        provider,
        slots,
        targets,
        store: Box::new(store),
        journal: Box::new(journal(&config.state_directory, &key.name)),
        spool: Box::new(SpoolFile::new(&config.state_directory, &key.name)),
        locks: Box::new(OperationLockFiles::new(&config.state_directory)),
        leases: Box::new(all_leases(config, key, surroundings)),
        clock: Rc::clone(&surroundings.clock),
        narrator: Rc::clone(&surroundings.narrator),
        actor: Actor::of_this_process(""),
        settings,
    })
}

/// Where a key's values live and where its consumers read. Slots in a secret and the target that they bring are the same
/// thing, pinned and connected once.
fn slots_and_targets(
    key: &KeySettings,
    state_directory: &Path,
    removed: &[String],
) -> (Box<dyn Slots>, Vec<Box<dyn Target>>) {
    let shared = match &key.slots {
        SlotsSettings::AwsSecretsManager(secret) => Some(Rc::new(slots_document(secret))),
        SlotsSettings::File | SlotsSettings::Env => None,
    };
    let targets = key
        .targets
        .iter()
        .map(|settings| target(settings, state_directory, removed, shared.as_ref()))
        .collect();
    let slots = match shared {
        Some(document) => Box::new(AwsSecretsManagerSlots::new(document)),
        None => slots(key, state_directory),
    };
    (slots, targets)
}

/// The targets of one key, for a command that only reads them; touches nothing.
pub fn targets_to_read(config: &Config, key: &KeySettings) -> Vec<Box<dyn Target>> {
    slots_and_targets(key, &config.state_directory, &secret_variables(config, &[])).1
}

/// The slots of one key.
pub fn slots(key: &KeySettings, state_directory: &Path) -> Box<dyn Slots> {
    match &key.slots {
        SlotsSettings::File => Box::new(FileSlots::new(state_directory, &key.name)),
        SlotsSettings::Env => {
            Box::new(EnvSlots::of_process(key.primary_env.clone(), key.secondary_env.clone()))
        }
        SlotsSettings::AwsSecretsManager(secret) => {
            Box::new(AwsSecretsManagerSlots::new(Rc::new(slots_document(secret))))
        }
    }
}

fn slots_document(secret: &AwsSecretSettings) -> SecretDocument {
    SecretDocument::with_slots(secret.secret_id.clone(), content(&secret.value_at), aws_settings(secret))
}

fn document(secret: &AwsSecretSettings) -> SecretDocument {
    SecretDocument::new(secret.secret_id.clone(), content(&secret.value_at), aws_settings(secret))
}

fn content(value_at: &ValueAt) -> Content {
    match value_at {
        ValueAt::Whole => Content::Whole,
        ValueAt::JsonKey(key) => Content::Member(key.clone()),
        ValueAt::JsonKeys { access_key_id, secret_access_key } => {
            Content::Pair { id: access_key_id.clone(), secret: secret_access_key.clone() }
        }
    }
}

fn aws_settings(secret: &AwsSecretSettings) -> aws::Settings {
    aws::Settings {
        region: secret.region.clone(),
        profile: secret.profile.clone(),
        endpoint_url: secret.endpoint_url.clone(),
    }
}

/// The store for readers; it makes nothing.
///
/// # Errors
/// Exit 5 where the state directory is missing or not safe.
pub fn store(state_directory: &Path) -> Result<Box<dyn StateStore>, Failure> {
    Ok(Box::new(JsonFileStore::open(state_directory)?))
}

/// The journal of a key; touches nothing.
pub fn journal(state_directory: &Path, key: &str) -> JournalFile {
    JournalFile::new(state_directory, key)
}

/// A name for a new rotation: the day and eight random hex digits.
///
/// # Errors
/// The system has no randomness to give.
pub fn rotation_id(now: Timestamp) -> Result<String, Failure> {
    let [first, second, third, fourth, ..] = random::eight_bytes(&now.to_string())
        .map_err(|error| Failure::unexpected(format!("the system gives no random bytes: {error}")))?;
    let day = now.strftime("%Y-%m-%d");
    Ok(format!("{day}-{:08x}", u32::from_be_bytes([first, second, third, fourth])))
}

/// The leases of a key, and of others that may hold the same credential.
fn all_leases(
    config: &Config,
    key: &KeySettings,
    surroundings: &Surroundings<'_>,
) -> WithNeighbours<LeaseDirectory> {
    let of = |name: &str| leases(&config.state_directory, name, Rc::clone(&surroundings.clock));
    let others = config.keys.keys().filter(|name| **name != key.name);
    WithNeighbours { own: of(&key.name), neighbours: others.map(|name| of(name)).collect() }
}

/// The leases of one key; touches nothing.
pub fn leases(state_directory: &Path, key: &str, clock: Rc<dyn Clock>) -> LeaseDirectory {
    LeaseDirectory::new(state_directory, key, clock)
}

/// Who issues the key.
///
/// # Errors
/// Exit 3 where the admin key is needed and does not resolve.
pub fn provider(
    key: &KeySettings,
    admin_key: AdminKey,
    surroundings: &Surroundings<'_>,
) -> Result<Box<dyn Provider>, Failure> {
    match &key.provider {
        ProviderSettings::Anthropic(settings) => {
            let admin_key = admin_secret(settings, admin_key, surroundings)?;
            let http = http::Client::new(settings.timeout)?;
            let probe = match key.probe {
                ProbeKind::Models => anthropic::ProbeKind::Models,
                ProbeKind::Inference => anthropic::ProbeKind::Inference {
                    model: key
                        .probe_model
                        .clone()
                        .unwrap_or_else(|| anthropic::DEFAULT_PROBE_MODEL.to_owned()),
                },
            };
            let adapter = anthropic::Settings { base_url: settings.base_url.clone(), probe };
            Ok(Box::new(Anthropic::new(http, Rc::clone(&surroundings.clock), adapter, admin_key)))
        }
        ProviderSettings::AwsIam(settings) => {
            let user = key.iam_user.clone().unwrap_or_default();
            let aws = aws::Settings {
                region: settings.region.clone(),
                profile: settings.profile.clone(),
                endpoint_url: settings.endpoint_url.clone(),
            };
            Ok(Box::new(AwsIam::new(user, aws)))
        }
    }
}

fn admin_secret(
    settings: &AnthropicSettings,
    wanted: AdminKey,
    surroundings: &Surroundings<'_>,
) -> Result<Option<Secret>, Failure> {
    let Some(reference) = settings.admin_key.as_ref().filter(|_| wanted != AdminKey::NotNeeded) else {
        return Ok(None);
    };
    let origin = Origin::Configuration("providers.anthropic.admin_key");
    match reference.resolve(origin, surroundings.environment, &mut io::empty()) {
        Ok(secret) => Ok(Some(secret)),
        Err(failure) if wanted == AdminKey::IfAvailable => {
            surroundings.narrator.warn(&format!("going on without the admin key: {failure}"));
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// `shared` is the secret that holds the key's slots, where one does.
fn target(
    settings: &TargetSettings,
    state_directory: &Path,
    removed: &[String],
    shared: Option<&Rc<SecretDocument>>,
) -> Box<dyn Target> {
    let locks = state_directory.join("targets");
    match &settings.kind {
        TargetKind::Dotenv { path, variables } => {
            Box::new(DotenvTarget::new(path.clone(), variables.clone(), locks))
        }
        TargetKind::File { path } => Box::new(FileTarget::new(path.clone(), locks)),
        TargetKind::Command { command, read_back, timeout, stdin_newline } => {
            let target = CommandTarget::new(
                command.clone(),
                read_back.clone(),
                *timeout,
                *stdin_newline,
                removed.to_vec(),
            );
            Box::new(target.named(settings.id.clone()))
        }
        TargetKind::AwsSecretsManager { secret, holds_slots } => {
            let document = match shared.filter(|_| *holds_slots) {
                Some(shared) => Rc::clone(shared),
                None => Rc::new(document(secret)),
            };
            Box::new(AwsSecretsManagerTarget::new(settings.id.clone(), document))
        }
    }
}

/// Variables that may hold a secret and are none of a child's business.
pub fn secret_variables(config: &Config, more: &[String]) -> Vec<String> {
    let mut names = more.to_vec();
    for key in config.keys.values() {
        names.push(key.primary_env.clone());
        names.push(key.secondary_env.clone());
        if let ProviderSettings::Anthropic(settings) = &key.provider
            && let Some(SecretReference::Environment(name)) = &settings.admin_key
        {
            names.push(name.clone());
        }
    }
    for reference in config.alerts.iter().flat_map(|settings| settings.kind.references()) {
        if let SecretReference::Environment(name) = reference {
            names.push(name.clone());
        }
    }
    names.sort();
    names.dedup();
    names
}

/// What the other keys hold. A neighbour whose state cannot be read is said, and holds nobody up: an
/// emergency must get through.
fn held_elsewhere(
    config: &Config,
    key: &KeySettings,
    store: &JsonFileStore,
    surroundings: &Surroundings<'_>,
) -> Vec<HeldElsewhere> {
    let others = config.keys.values().filter(|other| other.name != key.name);
    others
        .flat_map(|other| {
            let held = workflow::held_by(store, &other.name, &grace(other));
            held.unwrap_or_else(|failure| {
                let name = &other.name;
                surroundings
                    .narrator
                    .warn(&format!("whether `{name}` shares a credential is not known: {failure}"));
                Vec::new()
            })
        })
        .collect()
}

fn settings(
    key: &KeySettings,
    provider: &dyn Provider,
    targets: &[Box<dyn Target>],
    held_elsewhere: Vec<HeldElsewhere>,
) -> Settings {
    Settings {
        key: key.name.clone(),
        primary_env: key.primary_env.clone(),
        secondary_env: key.secondary_env.clone(),
        policy: Policy {
            grace: grace(key),
            targets: targets.iter().map(|target| target.id().clone()).collect(),
            capabilities: provider.capabilities(),
            workspace: key.workspace.clone(),
            required_evidence: key.require.clone(),
            usage_quiet_seconds: seconds_up(key.usage_quiet),
            usage_lag_seconds: seconds_up(key.usage_lag),
            undo_seconds: key.undo_window.as_secs(),
            held_elsewhere,
        },
        probe: ProbeSettings::new(key.probe_attempts, key.probe_interval),
        rotate_every: key.rotate_every,
        revoke_timeout: key.revoke_timeout,
        manual_revoke_wait: key.manual_revoke_wait,
        lock_wait: key.lock_wait,
    }
}

/// What decides a key's grace windows.
pub fn grace(key: &KeySettings) -> GracePolicy {
    GracePolicy {
        from: key.grace_from,
        grace_seconds: seconds_up(key.grace),
        longest_job_seconds: seconds_up(key.longest_job),
        slowest_refresh_seconds: seconds_up(key.slowest_refresh()),
        provider_propagation_seconds: seconds_up(key.provider.propagation()),
    }
}

/// Whole seconds, never fewer than the duration: a window may only grow by rounding.
fn seconds_up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
