//! Which alerts still stand: so that one incident is told once, again after a while, and when it is over.
//!
//! `<state>/alerts/incidents.json`. Losing it costs a repetition, never an alert: what still stands is found again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Alert;
use crate::durable;
use crate::store::{StoreError, safety};

const SCHEMA: u64 = 1;

/// Something that is wrong, and who was told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// As it was told last.
    pub alert: Alert,
    pub since: Timestamp,
    /// By receiver: when it was put on its way last.
    pub told: BTreeMap<String, Timestamp>,
}

/// Every incident that stands, by its deduplication key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incidents {
    schema: u64,
    pub standing: BTreeMap<String, Incident>,
}

impl Default for Incidents {
    fn default() -> Self {
        Self { schema: SCHEMA, standing: BTreeMap::new() }
    }
}

impl Incidents {
    /// Those on record; none where the record cannot be understood, which the second value says.
    ///
    /// # Errors
    /// [`StoreError`] where the file is there and cannot be read safely.
    pub fn load(path: &Path) -> Result<(Self, Option<String>), StoreError> {
        let Some(bytes) = safety::read_file(path)? else {
            return Ok((Self::default(), None));
        };
        match serde_json::from_slice::<Self>(&bytes) {
            Ok(incidents) if incidents.schema == SCHEMA => Ok((incidents, None)),
            Ok(other) => {
                Ok((Self::default(), Some(format!("it is of another version (schema {})", other.schema))))
            }
            Err(error) => Ok((Self::default(), Some(error.to_string()))),
        }
    }

    /// Puts them on record.
    ///
    /// # Errors
    /// [`StoreError`]; what stood on record before may still stand there.
    pub fn save(&self, path: &Path) -> Result<(), StoreError> {
        let failed =
            |source| StoreError::Io { what: "cannot keep the incidents", path: PathBuf::from(path), source };
        let bytes = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        durable::replace(path, &bytes, 0o600).map_err(|error| failed(error.io()))
    }
}
