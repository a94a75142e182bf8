//! Refusing one target for two keys: each would overwrite the other's value.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::document::Document;
use super::key::ReadKey;
use super::settings::{AwsSecretSettings, TargetKind, TargetSettings};
use crate::error::Failure;
use crate::rotation::credential::TargetId;

/// Refuses a target that two keys share, or that one key has twice.
///
/// With `look`, two paths of one file (through symbolic links) are found too, by one `stat` a path;
/// without it the file system is left alone, so that a dead mount cannot hold the caller up.
pub(super) fn check(document: &Document<'_>, keys: &[ReadKey], look: bool) -> Result<(), Failure> {
    let all: Vec<Placed<'_>> = keys.iter().flat_map(placed).collect();
    let paths = Paths::of(&all, look);
    let mut files: HashMap<PathBuf, Vec<&Placed<'_>>> = HashMap::new();
    let mut commands: HashMap<&[String], &Placed<'_>> = HashMap::new();
    let mut secrets: HashMap<_, Vec<&Placed<'_>>> = HashMap::new();
    let mut ids: HashMap<(&str, &TargetId), &Placed<'_>> = HashMap::new();
    for target in &all {
        let clash = match &target.settings.kind {
            TargetKind::Command { command, .. } => commands.insert(command, target),
            TargetKind::AwsSecretsManager { secret, .. } => {
                let AwsSecretSettings { secret_id, region, profile, endpoint_url, .. } = secret;
                let here = secrets.entry((secret_id, region, profile, endpoint_url)).or_default();
                let clash = here.iter().copied().find(|other| overlap(other.settings, target.settings));
                here.push(target);
                clash
            }
            TargetKind::Dotenv { path, .. } | TargetKind::File { path } => {
                let here = files.entry(paths.identity(path)).or_default();
                let clash = here.iter().copied().find(|other| overlap(other.settings, target.settings));
                here.push(target);
                clash
            }
        };
        if let Some(other) = clash {
            return Err(shared(document, other, target));
        }
        if let Some(other) = ids.insert((target.key, &target.settings.id), target) {
            return Err(same_id(document, other, target));
        }
    }
    Ok(())
}

struct Placed<'k> {
    key: &'k str,
    settings: &'k TargetSettings,
    at: usize,
}

fn placed(key: &ReadKey) -> impl Iterator<Item = Placed<'_>> {
    let targets = key.settings.targets.iter().zip(&key.targets_at);
    targets.map(|(settings, at)| Placed { key: &key.settings.name, settings, at: *at })
}

/// Whether two targets in the same file or secret write over each other: unless both name a part of it, and
/// not the same one.
fn overlap(one: &TargetSettings, other: &TargetSettings) -> bool {
    match (&one.kind, &other.kind) {
        (TargetKind::Dotenv { variables: one, .. }, TargetKind::Dotenv { variables: other, .. }) => {
            one.iter().any(|variable| other.contains(variable))
        }
        (
            TargetKind::AwsSecretsManager { secret: one, .. },
            TargetKind::AwsSecretsManager { secret: other, .. },
        ) => {
            let (one, other) = (one.value_at.keys(), other.value_at.keys());
            one.is_empty() || other.is_empty() || one.iter().any(|key| other.contains(key))
        }
        _ => true,
    }
}

fn shared(document: &Document<'_>, one: &Placed<'_>, other: &Placed<'_>) -> Failure {
    let (first, second) = if one.at <= other.at { (one, other) } else { (other, one) };
    let line = document.line(first.at);
    let id = &second.settings.id;
    if first.key == second.key {
        let message = format!("[keys.{}] has the target {id} twice, here and on line {line}", first.key);
        return document.failure(second.at, message, "remove one of them");
    }
    let message =
        format!("the keys `{}` (line {line}) and `{}` share the target {id}", first.key, second.key);
    let hint = "a target holds one key's value: remove one of the two, or give it another path, variable, command, or \
                secret";
    document.failure(second.at, message, hint)
}

fn same_id(document: &Document<'_>, one: &Placed<'_>, other: &Placed<'_>) -> Failure {
    let line = document.line(one.at);
    let message =
        format!("[keys.{}] has two targets known as {}, here and on line {line}", one.key, other.settings.id);
    document.failure(other.at, message, "give each of them a `name` of its own")
}

/// Which paths are the same file.
struct Paths {
    /// Normalised paths that are known under a canonical one.
    canonical: HashMap<PathBuf, PathBuf>,
}

impl Paths {
    fn of(targets: &[Placed<'_>], look: bool) -> Self {
        let mut canonical = HashMap::new();
        let mut by_inode: HashMap<(u64, u64), PathBuf> = HashMap::new();
        let paths = targets.iter().filter_map(|target| match &target.settings.kind {
            TargetKind::Dotenv { path, .. } | TargetKind::File { path } => Some(path),
            TargetKind::Command { .. } | TargetKind::AwsSecretsManager { .. } => None,
        });
        let paths: Vec<PathBuf> =
            if look { paths.map(|path| normalised(path)).collect() } else { Vec::new() };
        if paths.len() < 2 {
            return Self { canonical };
        }
        for path in paths {
            // A file that is not there yet cannot be the same as another.
            let Ok(metadata) = path.metadata() else { continue };
            match by_inode.get(&(metadata.dev(), metadata.ino())) {
                Some(first) if *first != path => {
                    // Hard links share an inode too, but replacing one by rename leaves the other alone.
                    for path in [first, &path] {
                        if let Ok(real) = path.canonicalize() {
                            canonical.insert(path.clone(), real);
                        }
                    }
                }
                Some(_) => {}
                None => {
                    by_inode.insert((metadata.dev(), metadata.ino()), path);
                }
            }
        }
        Self { canonical }
    }

    fn identity(&self, path: &Path) -> PathBuf {
        let path = normalised(path);
        self.canonical.get(&path).cloned().unwrap_or(path)
    }
}

/// Without `.`, `..` and doubled slashes, by the text alone.
fn normalised(path: &Path) -> PathBuf {
    let mut result = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                result.pop();
            }
            other => result.push(other),
        }
    }
    result
}
