//! Variables in dotenv files.

use std::path::Path;

use super::files;
use crate::doctor::seen::{Assignment, Place, Seen, Trouble};
use crate::doctor::value::Value;
use crate::target::dotenv::document::located;

/// What a dotenv file is here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A part of the environment; it was named, so it has to be there.
    Environment,
    /// A target of the key, which is read back beside this: that tells where it cannot be read.
    Target,
}

/// Notes every assignment of these variables in the file.
pub(super) fn read(path: &Path, names: &[String], role: Role, seen: &mut Seen) {
    let bytes = match role {
        Role::Environment => files::read_named(path, seen),
        Role::Target => crate::target::file::read(path).ok(),
    };
    let Some(bytes) = bytes else { return };
    let shown = files::shown(path);
    for name in names {
        match located(&bytes, name) {
            Ok(found) => seen.assignments.extend(found.into_iter().map(|found| {
                let (path, line) = (shown.clone(), found.line);
                let place = match role {
                    Role::Environment => Place::EnvFile { path, line },
                    Role::Target => Place::TargetFile { path, line },
                };
                Assignment { variable: name.clone(), place, value: Value::new(found.value.to_vec()) }
            })),
            Err(unclear) => {
                let is_noted = seen.troubles.iter().any(|trouble| {
                    matches!(trouble, Trouble::Unclear { path, unclear: known, .. } if *path == shown && *known == unclear)
                });
                if !is_noted {
                    seen.troubles.push(Trouble::Unclear {
                        path: shown.clone(),
                        variable: name.clone(),
                        unclear,
                    });
                }
            }
        }
    }
}
