//! What was decided and done: the only things that change a key's state, and the journal's entries.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::credential::{Credential, Placement, ProviderKeyId, SlotName, TargetId, TargetSet};
use super::effect::Intent;
use super::phase::{Direction, Emergency, Propagation, Rotation, Window};
use super::stamp::Stamp;
use crate::secret::Fingerprint;

/// One fact that [`super::transition::apply`] turns into the next state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Today's live credential was stored and is now this key's active one.
    Adopted {
        credential: Credential,
        slot: SlotName,
        at: Timestamp,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        placement: Option<Placement>,
    },
    /// An outside effect is about to be tried.
    Intended {
        intent: Intent,
    },
    /// The effect was definitely not done, or is not wanted any more.
    IntentDropped {
        reason: String,
    },
    /// Keys that an interrupted `stage` had left at the provider are gone.
    Swept {
        ids: BTreeSet<ProviderKeyId>,
    },
    /// A probed candidate lies in its slot.
    Staged {
        slot: SlotName,
        credential: Credential,
        rotation: Rotation,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        placement: Option<Placement>,
    },
    /// The staged credential is put out of use before promotion.
    StagedDropped {
        reason: String,
    },
    /// The other credential is the active one from now on.
    Switched {
        direction: Direction,
        targets: TargetSet,
        at: Timestamp,
    },
    /// What came of writing targets.
    TargetsWritten {
        outcomes: BTreeMap<TargetId, Propagation>,
        /// The versions that consumers read from now on, where a target's store keeps versions.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        versions: BTreeMap<TargetId, String>,
        /// Where these targets are, in their stores' own unmistakable words.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        places: BTreeMap<TargetId, String>,
    },
    /// Every target holds the active value; the clock runs.
    GraceOpened {
        window: Window,
        targets: TargetSet,
    },
    /// The retiring credential is about to be probed, which shows as a use of it. All that was to be known of its
    /// use was seen before.
    ProbeAnnounced {
        at: Timestamp,
    },
    /// The provider told of a use of the active credential, for the first time since its promotion.
    FirstUseSeen {
        /// By the provider's clock.
        at: Timestamp,
        /// The window that runs from that use, where the key's does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window: Option<Window>,
    },
    /// A job was seen to run for longer than any before.
    LongerJobSeen {
        seconds: u64,
    },
    /// Inside the window, these targets were seen without the active value: their consumers are to be
    /// moved again.
    Drifted {
        targets: TargetSet,
    },
    /// Every target holds the old value again.
    RolledBack {
        targets: TargetSet,
    },
    /// The provider was seen to refuse the credential.
    Revoked {
        fingerprint: Fingerprint,
        proof: Proof,
    },
    /// A revocation that hit the wrong credential, or nothing, was taken back.
    RevocationUndone {
        fingerprint: Fingerprint,
        reason: String,
    },
    /// The revoked credential is accepted again, and a new window runs.
    Undone {
        window: Window,
        /// How far the active value was seen to have come at each target.
        propagation: BTreeMap<TargetId, Propagation>,
    },
    /// The revoked credential is gone for good.
    Purged,
    EmergencyDeclared {
        emergency: Emergency,
    },
    EmergencyEnded,
}

/// What was seen after a revocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub by: RevokedBy,
    pub at: Stamp,
    /// The active credential was accepted right after the refusal of the other was seen.
    pub active_accepted: bool,
    /// From the provider's confirmation to the first refusal of the settled run, where we revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<u64>,
    /// Until when `undo` may bring it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_until: Option<Timestamp>,
}

/// Whose act ended a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokedBy {
    /// `rotate`, through the provider's API.
    Api,
    /// A person at the console, or an expiry; we only saw the refusal.
    Elsewhere,
}

impl Event {
    /// The name that the journal carries.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Adopted { .. } => "adopted",
            Event::Intended { .. } => "intended",
            Event::IntentDropped { .. } => "intent_dropped",
            Event::Swept { .. } => "swept",
            Event::Staged { .. } => "staged",
            Event::StagedDropped { .. } => "staged_dropped",
            Event::Switched { .. } => "switched",
            Event::TargetsWritten { .. } => "targets_written",
            Event::GraceOpened { .. } => "grace_opened",
            Event::ProbeAnnounced { .. } => "probe_announced",
            Event::FirstUseSeen { .. } => "first_use_seen",
            Event::LongerJobSeen { .. } => "longer_job_seen",
            Event::Drifted { .. } => "drifted",
            Event::RolledBack { .. } => "rolled_back",
            Event::Revoked { .. } => "revoked",
            Event::RevocationUndone { .. } => "revocation_undone",
            Event::Undone { .. } => "undone",
            Event::Purged => "purged",
            Event::EmergencyDeclared { .. } => "emergency_declared",
            Event::EmergencyEnded => "emergency_ended",
        }
    }
}
