//! What has to hold between the settings of a key, and between keys.

use std::collections::BTreeMap;
use std::time::Duration;

use super::document::Document;
use super::key::ReadKey;
use super::settings::{ProviderSettings, SlotsSettings};
use crate::duration::{friendly_duration, spelled};
use crate::error::Failure;
use crate::rotation::grace::GraceFrom;

/// Refuses a grace that is not longer than its floor (DESIGN, invariant 6).
pub(super) fn grace(document: &Document<'_>, key: &ReadKey) -> Result<(), Failure> {
    let settings = &key.settings;
    let floor = settings.grace_floor();
    if settings.grace > floor {
        return Ok(());
    }
    let slowest = settings.targets.iter().max_by_key(|target| target.refresh);
    let of_target = slowest.map_or_else(String::new, |target| format!(" of {}", target.id));
    let terms = [
        (settings.longest_job, "longest_job", String::new()),
        (settings.slowest_refresh(), "refresh", of_target),
        (settings.provider.propagation(), "provider propagation", String::new()),
    ];
    let spoken: Vec<String> =
        terms.iter().map(|(length, term, of)| format!("{term} {}{of}", friendly_duration(*length))).collect();
    let dominating =
        terms.iter().rev().max_by_key(|(length, ..)| *length).map_or("longest_job", |(_, term, _)| term);
    let message = format!(
        "grace {} of [keys.{}] must be longer than its floor of {}: {}; {dominating} dominates",
        friendly_duration(settings.grace),
        settings.name,
        friendly_duration(floor),
        spoken.join(" + "),
    );
    let hint = format!(
        "set grace = \"{}\" or longer in [keys.{}], or shorten {dominating} if it is too pessimistic",
        spelled(enough(floor)),
        settings.name
    );
    Err(document.failure(key.grace_at, message, hint))
}

/// Refuses a clock that waits for what nobody could tell: without an admin key there is no usage report.
pub(super) fn grace_from(document: &Document<'_>, key: &ReadKey) -> Result<(), Failure> {
    let settings = &key.settings;
    let is_deaf =
        matches!(&settings.provider, ProviderSettings::Anthropic(provider) if provider.admin_key.is_none());
    if settings.grace_from == GraceFrom::Promotion || !is_deaf {
        return Ok(());
    }
    Err(document.failure(
        key.at,
        format!(
            "grace_from = \"first-use\" of [keys.{}] needs the provider's usage report, and that needs an admin key",
            settings.name
        ),
        "set admin_key in [providers.anthropic], or grace_from = \"promotion\"",
    ))
}

/// A round time above the floor.
fn enough(floor: Duration) -> Duration {
    let step_seconds = if floor.as_secs() < 60 { 1 } else { 60 };
    Duration::from_secs((floor.as_secs() / step_seconds + 1) * step_seconds)
}

/// Refuses keys whose names differ only in case: their state files are one on some file systems.
pub(super) fn names(document: &Document<'_>, keys: &[ReadKey]) -> Result<(), Failure> {
    let mut seen: BTreeMap<String, &ReadKey> = BTreeMap::new();
    for key in keys {
        if let Some(other) = seen.insert(key.settings.name.to_ascii_lowercase(), key) {
            let what = "differ only in case: on some file systems they would share a state file";
            return Err(clash(document, other, key, what, "rename one of them"));
        }
    }
    Ok(())
}

/// Refuses one user of IAM for two keys: each would take the other's new access key for its own leftover.
pub(super) fn iam_users(document: &Document<'_>, keys: &[ReadKey]) -> Result<(), Failure> {
    let mut seen: BTreeMap<&str, &ReadKey> = BTreeMap::new();
    for key in keys {
        let Some(user) = key.settings.iam_user.as_deref() else { continue };
        if let Some(other) = seen.insert(user, key) {
            let what = format!("both rotate the access keys of the user {user}");
            let hint = "a user's access keys are one key: put the targets of both into one of them";
            return Err(clash(document, other, key, &what, hint));
        }
    }
    Ok(())
}

/// Refuses a variable that is a slot of two keys.
pub(super) fn slot_variables(document: &Document<'_>, keys: &[ReadKey]) -> Result<(), Failure> {
    let mut seen: BTreeMap<&str, &ReadKey> = BTreeMap::new();
    for key in keys.iter().filter(|key| key.settings.slots == SlotsSettings::Env) {
        for variable in [&key.settings.primary_env, &key.settings.secondary_env] {
            if let Some(other) = seen.insert(variable, key) {
                let what = format!("both use the variable {variable} as a slot");
                let hint = "set primary_env and secondary_env so that every key has variables of its own";
                return Err(clash(document, other, key, &what, hint));
            }
        }
    }
    Ok(())
}

/// The failure for two keys that cannot both be as they are; it points at the later one.
fn clash(document: &Document<'_>, other: &ReadKey, key: &ReadKey, what: &str, hint: &str) -> Failure {
    let message = format!(
        "the keys `{}` (line {}) and `{}` {what}",
        other.settings.name,
        document.line(other.at),
        key.settings.name,
    );
    document.failure(key.at, message, hint)
}
