//! What Claude Code finds in its own files: settings, a helper, a login.
//!
//! Where they are is from its pages "Settings" and "Authentication", as several third parties tell it. On macOS the login
//! is in the Keychain, and managed settings are elsewhere: neither is looked at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;

use super::files;
use crate::config::Environment;
use crate::doctor::seen::{Assignment, Helper, Login, Place, Seen};
use crate::doctor::value::Value;

/// What counts of a settings file.
#[derive(Deserialize)]
struct Settings {
    #[serde(rename = "apiKeyHelper")]
    helper: Option<serde_json::Value>,
    #[serde(default)]
    env: BTreeMap<String, serde_json::Value>,
}

/// What counts of the file of a login. Borrowed: the tokens stay where they are wiped.
#[derive(Deserialize)]
struct Credentials<'a> {
    #[serde(rename = "claudeAiOauth", borrow)]
    login: Option<Tokens<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tokens<'a> {
    access_token: Option<&'a str>,
    refresh_token: Option<&'a str>,
    /// Milliseconds since 1970.
    expires_at: Option<f64>,
}

pub(super) fn look(environment: &Environment, names: &[String], now: Timestamp, seen: &mut Seen) {
    let own = directory(environment);
    let project = environment.directory().join(".claude");
    // What comes later goes before what came earlier.
    let mut paths: Vec<PathBuf> = own.iter().map(|own| own.join("settings.json")).collect();
    paths.extend(["settings.json", "settings.local.json"].map(|name| project.join(name)));
    paths.dedup();
    for path in &paths {
        settings(path, names, seen);
    }
    if let Some(own) = own {
        login(&own.join(".credentials.json"), now, seen);
    }
}

fn directory(environment: &Environment) -> Option<PathBuf> {
    let own = environment.path("CLAUDE_CONFIG_DIR").map(|path| environment.directory().join(path));
    own.or_else(|| environment.path("HOME").map(|home| home.join(".claude")))
}

fn settings(path: &Path, names: &[String], seen: &mut Seen) {
    let Some(bytes) = files::read_if_there(path, seen) else { return };
    let Ok(settings) = serde_json::from_slice::<Settings>(&bytes) else {
        return files::malformed(path, "is not a JSON document of settings", seen);
    };
    let shown = files::shown(path);
    if settings.helper.is_some_and(|helper| helper.as_str().is_some_and(|helper| !helper.trim().is_empty())) {
        seen.helper = Some(Helper { path: shown.clone() });
    }
    for (variable, value) in settings.env {
        if !names.contains(&variable) {
            continue;
        }
        let value = match value {
            serde_json::Value::String(text) => Value::new(text),
            other => Value::new(other.to_string()),
        };
        seen.assignments.push(Assignment {
            variable,
            place: Place::ClaudeSettings { path: shown.clone() },
            value,
        });
    }
}

fn login(path: &Path, now: Timestamp, seen: &mut Seen) {
    let Some(bytes) = files::read_if_there(path, seen) else { return };
    let Ok(credentials) = serde_json::from_slice::<Credentials<'_>>(&bytes) else {
        return files::malformed(path, "is not a JSON document of a login", seen);
    };
    let is_there = |token: Option<&str>| token.is_some_and(|token| !token.trim().is_empty());
    let Some(tokens) = credentials.login.filter(|tokens| is_there(tokens.access_token)) else { return };
    seen.login = Some(Login {
        path: files::shown(path),
        is_expired: tokens.expires_at.is_some_and(|at| at < now.as_millisecond() as f64),
        can_renew: is_there(tokens.refresh_token),
    });
}
