//! `rotate.toml`: from the file to resolved settings, and secret references.
//!
//! [`find`] the file, [`load`] it, take a [`Config::key`]. The file is read and parsed once, nothing
//! asks the network, and everything that can be wrong is refused before anything else is touched:
//! with the line, the reason and what to write instead. No message repeats the text of a line, which
//! may hold a key that somebody pasted there.

mod alerts;
mod aws_secret;
mod check;
mod command_output;
mod document;
mod emergency;
mod environment;
mod field;
mod file;
mod key;
pub mod known;
mod nearest;
mod pair;
mod provider;
mod secret_ref;
mod secret_source;
mod settings;
mod shared_target;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use alerts::{AlertSettings, ReceiverSettings};
pub use environment::{Environment, NotFetched};
pub use file::{find, find_any};
pub use nearest::nearest;
pub use secret_ref::{NotAReference, Origin, SecretReference, looks_like_a_secret};
pub use settings::{
    AnthropicSettings, AwsIamSettings, AwsSecretSettings, KeySettings, ProbeKind, ProviderSettings,
    SlotsSettings, TargetKind, TargetSettings, ValueAt,
};

use crate::error::Failure;
use crate::exit::ExitCode;
use document::{Document, Section};
use key::ReadKey;
use provider::Providers;

/// How much of the file has to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// All of it, and no two paths of targets may be one file, which takes a look at each: for
    /// commands that change something.
    Everything,
    /// All of it, as far as the text alone tells: for commands that write to no target and must not
    /// wait for a file system that hangs.
    Text,
    /// What concerns this key; for emergencies. When [`Scope::Text`] fails, the tables of other keys,
    /// receivers of alerts that are set up wrongly and unknown top-level tables are set aside, and so is the
    /// check that the grace is long enough.
    OnlyKey(&'a str),
}

/// A configuration that holds together, as far as its [`Scope`] asks.
#[derive(Clone, Debug)]
pub struct Config {
    /// Absolute, unless the current directory could not be told.
    pub path: PathBuf,
    /// Likewise. It may not exist yet.
    pub state_directory: PathBuf,
    /// Whether state may be kept on a file system whose locks are not trusted.
    pub allow_network_state: bool,
    /// By name; at least one.
    pub keys: BTreeMap<String, KeySettings>,
    /// Receivers of alerts, in the order of their names.
    pub alerts: Vec<AlertSettings>,
    /// What [`Scope::OnlyKey`] looked past. Worth a warning; then `keys` holds that key alone.
    pub set_aside: Option<Failure>,
}

/// Loads a configuration. `state_override` is `--state`.
///
/// # Errors
/// Exit 3 with file, line and remedy; exit 2 for a key in `scope` that does not exist, and for an
/// unusable `state_override`.
pub fn load(
    path: &Path,
    scope: Scope<'_>,
    state_override: Option<&Path>,
    environment: &Environment,
) -> Result<Config, Failure> {
    let path = environment.directory().join(path);
    let text = file::read(&path)?;
    let whole = resolve(&path, &text, scope, state_override, environment);
    match (scope, whole) {
        (Scope::OnlyKey(name), Ok(config)) => config.key(Some(name)).map(|_| ()).map(|()| config),
        (Scope::OnlyKey(name), Err(failure)) => {
            resolve_one(&path, &text, name, state_override, environment, failure)
        }
        (_, whole) => whole,
    }
}

impl Config {
    /// A key by name; without a name, the only key there is.
    ///
    /// # Errors
    /// Exit 2: an unknown name, with the nearest known one; or no name where there are several keys.
    pub fn key(&self, name: Option<&str>) -> Result<&KeySettings, Failure> {
        let names = || self.keys.keys().map(String::as_str).collect::<Vec<_>>();
        let Some(name) = name else {
            let mut keys = self.keys.values();
            return match (keys.next(), keys.next()) {
                (Some(only), None) => Ok(only),
                _ => Err(Failure::new(
                    ExitCode::Usage,
                    format!("which key? the configuration has {}", self.keys.len()),
                    format!("name one of: {}", names().join(", ")),
                )),
            };
        };
        self.keys.get(name).ok_or_else(|| no_such_key(&self.path, name, &names()))
    }
}

fn no_such_key(path: &Path, name: &str, known: &[&str]) -> Failure {
    let message = format!("no key {} in {}", document::shown(name), path.display());
    Failure::new(ExitCode::Usage, message, nearest::suggestion(name, known))
}

/// Everything in the file, checked.
fn resolve(
    path: &Path,
    text: &str,
    scope: Scope<'_>,
    state_override: Option<&Path>,
    environment: &Environment,
) -> Result<Config, Failure> {
    let document = Document::parse(path, text)?;
    let top = document.top_level();
    top.deny_unknown(known::TOP_LEVEL)?;
    let tables = Tables::of(&top)?;
    tables.providers.check_all()?;
    let keys: Vec<ReadKey> =
        tables.keys.fields().map(|field| tables.key(field.name)).collect::<Result<_, _>>()?;
    if keys.is_empty() {
        let hint = "add one, beginning with [keys.prod] and provider = \"anthropic\"";
        return Err(tables.keys.failure("the configuration has no key", hint));
    }
    for key in &keys {
        check::grace(&document, key)?;
        check::grace_from(&document, key)?;
    }
    check::names(&document, &keys)?;
    check::slot_variables(&document, &keys)?;
    check::iam_users(&document, &keys)?;
    shared_target::check(&document, &keys, scope == Scope::Everything)?;
    let alerts = match top.field("alerts") {
        Some(alerts) => alerts::read(&alerts.section()?, &named(&keys))?,
        None => Vec::new(),
    };
    config(&top, keys, alerts, state_override, environment)
}

fn named(keys: &[ReadKey]) -> alerts::Named<'_> {
    let keys = keys.iter().map(|key| &key.settings);
    let environments: BTreeSet<&str> = keys.clone().filter_map(|key| key.environment.as_deref()).collect();
    alerts::Named {
        keys: keys.map(|key| key.name.as_str()).collect(),
        environments: environments.into_iter().collect(),
    }
}

/// One key, whatever is wrong with the others. `failure` is what stopped the whole.
fn resolve_one(
    path: &Path,
    text: &str,
    name: &str,
    state_override: Option<&Path>,
    environment: &Environment,
    failure: Failure,
) -> Result<Config, Failure> {
    let (without_others, without_alerts);
    let document = match Document::parse(path, text) {
        Ok(document) => document,
        Err(_) => {
            without_others = emergency::without_other_keys(text, name);
            match Document::parse(path, &without_others) {
                Ok(document) => document,
                Err(_) => {
                    without_alerts = emergency::without_alerts(&without_others);
                    Document::parse(path, &without_alerts)?
                }
            }
        }
    };
    let top = document.top_level();
    if let Some(field) =
        top.fields().find(|field| !known::TOP_LEVEL.contains(&field.name) && !field.is_table())
    {
        // A misspelt `state` would look for the key's state in the wrong place.
        return Err(top.unknown(&field, known::TOP_LEVEL));
    }
    let alerts = top.field("alerts").and_then(|field| field.section().ok());
    let alerts = alerts.map_or_else(Vec::new, |alerts| alerts::read_usable(&alerts));
    let tables = Tables::of(&top)?;
    let key = tables.key(name)?;
    let keys = [key];
    shared_target::check(&document, &keys, false)?;
    let mut config = config(&top, keys.into(), alerts, state_override, environment)?;
    config.set_aside = Some(failure);
    Ok(config)
}

/// The tables at the top of the file.
struct Tables<'d> {
    defaults: Option<Section<'d>>,
    providers: Providers<'d>,
    keys: Section<'d>,
}

impl<'d> Tables<'d> {
    fn of(top: &Section<'d>) -> Result<Self, Failure> {
        let table = |name| top.field(name).map(|field| field.section()).transpose();
        let defaults = table("defaults")?;
        if let Some(defaults) = &defaults {
            key::check_defaults(defaults)?;
        }
        let keys = table("keys")?.ok_or_else(|| {
            let hint = "add one, beginning with [keys.prod] and provider = \"anthropic\"";
            top.failure("the configuration has no key", hint)
        })?;
        Ok(Self { defaults, providers: Providers::new(table("providers")?), keys })
    }

    fn key(&self, name: &str) -> Result<ReadKey, Failure> {
        let field = self.keys.field(name).ok_or_else(|| {
            let known: Vec<&str> = self.keys.fields().map(|field| field.name).collect();
            no_such_key(self.keys.document.path, name, &known)
        })?;
        key::read(&field.section()?, name, self.defaults.as_ref(), &self.providers)
    }
}

fn config(
    top: &Section<'_>,
    keys: Vec<ReadKey>,
    alerts: Vec<AlertSettings>,
    state_override: Option<&Path>,
    environment: &Environment,
) -> Result<Config, Failure> {
    let in_file = top.field("state").map(|field| field.path()).transpose()?;
    Ok(Config {
        path: top.document.path.to_owned(),
        state_directory: file::state_directory(state_override, in_file, environment)?,
        allow_network_state: top.field("allow_network_state").map_or(Ok(false), |field| field.flag())?,
        keys: keys.into_iter().map(|key| (key.settings.name.clone(), key.settings)).collect(),
        alerts,
        set_aside: None,
    })
}
