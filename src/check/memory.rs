//! What one check knows of those before it: how often in a row something could not be told (a moment's silence is no
//! incident, an hour's is), and when all was well last.
//!
//! `<state>/check/KEY.json`, not durable: what a power cut takes is counted anew.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Finding, Severity};
use crate::durable;
use crate::store::{StoreError, safety};

const SCHEMA: u64 = 1;

/// What is remembered of one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    schema: u64,
    /// By item and target, since the last answer that was none of these.
    unknown_in_a_row: BTreeMap<String, u32>,
    /// When the last check ended that found nothing wrong.
    pub last_success: Option<Timestamp>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { schema: SCHEMA, unknown_in_a_row: BTreeMap::new(), last_success: None }
    }
}

impl Memory {
    /// What is on record; nothing where there is no record of this version.
    pub fn load(state_directory: &Path, key: &str) -> Self {
        let bytes = safety::read_file(&path(state_directory, key)).ok().flatten();
        let memory = bytes.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        memory.filter(|memory| memory.schema == SCHEMA).unwrap_or_default()
    }

    /// Puts it on record.
    ///
    /// # Errors
    /// [`StoreError`]; then the next check counts from what is there.
    pub fn save(&self, state_directory: &Path, key: &str) -> Result<(), StoreError> {
        let path = path(state_directory, key);
        let failed =
            |source| StoreError::Io { what: "cannot keep the memory of checks", path: path.clone(), source };
        let directory = durable::parent(&path);
        safety::create_fleeting_directory(directory)?;
        let bytes = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        let mut temporary = tempfile::Builder::new().prefix(".").tempfile_in(directory).map_err(failed)?;
        temporary.write_all(&bytes).map_err(failed)?;
        temporary.persist(&path).map(|_| ()).map_err(|error| failed(error.error))
    }

    /// Counts the findings of a check that ended `now`, and makes critical what could not be told in `unknown_after` checks
    /// in a row or more.
    pub fn weigh(&mut self, findings: &mut [Finding], unknown_after: u32, now: Timestamp) {
        let before = std::mem::take(&mut self.unknown_in_a_row);
        for finding in findings.iter_mut().filter(|finding| finding.is_unreachable()) {
            let name = format!("{} {}", finding.item.name(), finding.target.as_deref().unwrap_or_default());
            let times = before.get(&name).copied().unwrap_or(0).saturating_add(1);
            self.unknown_in_a_row.insert(name, times);
            if times >= unknown_after {
                finding.severity = Severity::Critical;
            }
            if times > 1 {
                finding.detail.push_str(&format!(" ({times} checks in a row)"));
            }
        }
        if findings.iter().all(|finding| finding.severity == Severity::Ok) {
            self.last_success = Some(now);
        }
    }
}

fn path(state_directory: &Path, key: &str) -> PathBuf {
    state_directory.join("check").join(format!("{key}.json"))
}
