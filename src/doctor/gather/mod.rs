//! Looking at an environment: variables, files of the home directory, dotenv files, and a key's own places.
//!
//! Everything is only read. A file that is not there is no trouble; one that cannot be read is.

mod anthropic_profile;
mod aws_profiles;
mod claude;
mod dotenv;
mod files;
mod key;

use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use jiff::Timestamp;

pub use key::{carriers, key};

use super::seen::{Assignment, Place, Seen};
use super::value::Value;
use super::watched;
use crate::config::{Environment, KeySettings, TargetKind};

/// Variables that name files which must be there.
const FILE_VARIABLES: [&str; 2] = ["ANTHROPIC_IDENTITY_TOKEN_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE"];

/// Everything but the key's own places: `key` says which variables count beside those that are known, and which dotenv
/// files are its targets. `env_file` is looked at as a part of the environment.
pub fn environment(
    environment: &Environment,
    env_file: Option<&Path>,
    key: Option<&KeySettings>,
    now: Timestamp,
) -> Seen {
    let mut seen = Seen::default();
    let names = names(key);
    for name in &names {
        if let Some(value) = environment.variable(name) {
            let value = Value::new(value.into_vec());
            seen.assignments.push(Assignment { variable: name.clone(), place: Place::Environment, value });
        }
    }
    if let Some(path) = env_file {
        dotenv::read(&environment.directory().join(path), &names, dotenv::Role::Environment, &mut seen);
    }
    for (path, variables) in key.into_iter().flat_map(dotenv_targets) {
        dotenv::read(path, variables, dotenv::Role::Target, &mut seen);
    }
    claude::look(environment, &names, now, &mut seen);
    anthropic_profile::look(environment, &mut seen);
    aws_profiles::look(environment, &mut seen);
    seen.gh_login = gh_login(environment);
    seen.missing_files = missing_files(environment, &seen);
    seen
}

/// The variables that count: those that are known, and those that carry the key's credential.
fn names(key: Option<&KeySettings>) -> Vec<String> {
    let mut names: Vec<String> = watched::ALL.iter().map(|watched| watched.name.to_owned()).collect();
    for name in key.into_iter().flat_map(carriers).flatten() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn dotenv_targets(key: &KeySettings) -> impl Iterator<Item = (&Path, &[String])> {
    key.targets.iter().filter_map(|target| match &target.kind {
        TargetKind::Dotenv { path, variables } => Some((path.as_path(), variables.as_slice())),
        _ => None,
    })
}

/// Where `gh` remembers its logins (GitHub: `gh help environment`, GH_CONFIG_DIR).
fn gh_login(environment: &Environment) -> Option<String> {
    let directory = environment
        .path("GH_CONFIG_DIR")
        .or_else(|| environment.xdg("XDG_CONFIG_HOME", ".config").map(|base| base.join("gh")))?;
    let path = environment.directory().join(directory).join("hosts.yml");
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0)
        .then(|| files::shown(&path))
}

fn missing_files(environment: &Environment, seen: &Seen) -> Vec<&'static str> {
    let is_missing = |name: &&'static str| {
        let path = seen.setting(name).map(|path| environment.directory().join(path));
        path.is_some_and(|path| matches!(path.try_exists(), Ok(false)))
    };
    FILE_VARIABLES.into_iter().filter(is_missing).collect()
}
