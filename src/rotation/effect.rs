//! What can be done to the world outside, and the record that it was begun.
//!
//! Every effect names exactly what it touches, so that it may be repeated by whoever comes next.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::credential::{Credential, ProviderKeyId, SlotName, TargetSet};
use super::phase::Rotation;
use super::stamp::Stamp;
use crate::secret::Fingerprint;

/// One outside effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Put today's live value into a slot.
    StoreAdopted { slot: SlotName, credential: Credential },
    /// Have the provider make one more key. `existing` are all that were there before: what is there
    /// afterwards beside them came of this.
    Mint { rotation: Rotation, existing: BTreeSet<ProviderKeyId> },
    /// Delete keys that an interrupted `stage` made and whose values are lost.
    Sweep { ids: BTreeSet<ProviderKeyId> },
    /// Put a candidate's value into a slot.
    StoreStaged { slot: SlotName, credential: Credential, rotation: Rotation },
    /// Write the value with this fingerprint to these targets and read each back.
    WriteTargets { targets: TargetSet, fingerprint: Fingerprint },
    /// Remove values from a slot; other values in it are left alone.
    Erase { slot: SlotName, fingerprints: BTreeSet<Fingerprint> },
    /// Make the provider refuse this credential.
    Revoke { id: ProviderKeyId, fingerprint: Fingerprint },
    /// Make the provider accept it again.
    Reactivate { id: ProviderKeyId, fingerprint: Fingerprint },
    /// Delete or archive it for good.
    Delete { id: ProviderKeyId, fingerprint: Fingerprint },
}

impl Effect {
    /// The name that the journal carries.
    pub fn name(&self) -> &'static str {
        match self {
            Effect::StoreAdopted { .. } => "store_adopted",
            Effect::Mint { .. } => "mint",
            Effect::Sweep { .. } => "sweep",
            Effect::StoreStaged { .. } => "store_staged",
            Effect::WriteTargets { .. } => "write_targets",
            Effect::Erase { .. } => "erase",
            Effect::Revoke { .. } => "revoke",
            Effect::Reactivate { .. } => "reactivate",
            Effect::Delete { .. } => "delete",
        }
    }
}

/// The record, durable before the effect, that it was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    #[serde(flatten)]
    pub effect: Effect,
    /// The command that began it, such as `promote`; running it again resumes.
    pub command: String,
    pub begun_at: Stamp,
}
