//! Where a key stands: phases with the data they hold, and what is remembered beside them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::credential::{Credential, ProviderKeyId, SlotName, TargetId};
use super::effect::{Effect, Intent};
use super::stamp::Stamp;
use crate::secret::Fingerprint;

/// Everything that is remembered of one key. Never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyState {
    pub phase: Phase,
    /// The slot that holds the active credential; the other one holds the staged or retiring one.
    pub active_slot: SlotName,
    /// An outside effect that was begun and whose outcome is not recorded yet.
    pub intent: Option<Intent>,
    /// An emergency revocation that is not over yet.
    pub emergency: Option<Emergency>,
    /// The active credential was itself revoked, by explicit order; ends with the next promotion.
    pub outage: bool,
    /// Every credential of this key that was ever revoked: none may be staged again.
    pub dead: BTreeSet<Fingerprint>,
    /// Credentials that were staged or promoted and then put aside: perhaps still accepted.
    pub set_aside: Vec<Credential>,
    /// The rotation that ended last, and how.
    pub last_rotation: Option<EndedRotation>,
    /// When the active credential became the active one.
    pub active_since: Timestamp,
    /// Targets that an emergency had to leave behind, with the reason: they hold a dead value until
    /// `promote` reaches them.
    pub stale_targets: BTreeMap<TargetId, String>,
    /// The longest job that leases have seen, in seconds; feeds the grace floor.
    pub longest_job_seen_seconds: u64,
    /// When the retiring credential was last probed by `finish`, after its last use had been looked at: a probe is
    /// a use, too.
    pub retiring_probed_at: Option<Timestamp>,
    /// The earliest use of the active credential since it was promoted that the provider told of, by its clock.
    pub first_used_at: Option<Timestamp>,
    /// What was begun with a key that the provider made, when an emergency came in between: it is gone on with
    /// when the emergency is over.
    pub left_over: Option<Intent>,
    /// Where the slots lie, in their store's own unmistakable words, where it has any.
    pub place: Option<String>,
    /// Where targets were written in this rotation, in their stores' own unmistakable words.
    pub target_places: BTreeMap<TargetId, String>,
}

/// Where a rotation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing under way.
    Idle { active: Credential },
    /// The new value was probed and stored; consumers see nothing yet.
    SecondaryStaged { active: Credential, staged: Credential, rotation: Rotation },
    /// Consumers are being moved; both are valid; resumable.
    Promoted {
        active: Credential,
        retiring: Credential,
        rotation: Rotation,
        direction: Direction,
        propagation: BTreeMap<TargetId, Propagation>,
    },
    /// Every target was read back; the clock runs.
    GraceWindow {
        active: Credential,
        retiring: Credential,
        rotation: Rotation,
        propagation: BTreeMap<TargetId, Propagation>,
        window: Window,
    },
    /// The provider was seen to refuse the old value; the next `stage` starts here.
    Revoked { active: Credential, revoked: RevokedCredential, rotation: Rotation },
}

/// Which way consumers are being moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To the new credential.
    Forward,
    /// Back to the old one: an abort, or a new credential that is suspect.
    Back,
}

/// One change of a key's credential, from `stage` to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub started_at: Timestamp,
}

/// A rotation that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedRotation {
    pub rotation: Rotation,
    pub ended: Ending,
}

/// How a rotation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Finished,
    Aborted,
    Emergency,
    /// It had ended with a revocation, which was undone.
    Undone,
}

/// How far the active value has come at one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Propagation {
    Pending,
    /// Read back, and it was the active value.
    Confirmed,
    /// Written, and the target gives nothing back to read.
    Written,
    Failed {
        reason: String,
    },
}

impl Propagation {
    /// Whether consumers of this target will find the active value.
    pub fn is_settled(&self) -> bool {
        matches!(self, Propagation::Confirmed | Propagation::Written)
    }

    /// The name that JSON carries.
    pub fn name(&self) -> &'static str {
        match self {
            Propagation::Pending => "pending",
            Propagation::Confirmed => "confirmed",
            Propagation::Written => "written",
            Propagation::Failed { .. } => "failed",
        }
    }
}

/// The time in which old and new are both valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub opened_at: Stamp,
    /// `opened_at` plus `length_seconds` by the wall clock; for people. The decision compares
    /// [`super::stamp::elapsed`] with `length_seconds`.
    pub not_before: Timestamp,
    pub length_seconds: u64,
    pub floor_seconds: u64,
    pub floor_reason: String,
}

/// The credential that the last rotation ended with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedCredential {
    pub credential: Credential,
    pub revoked_at: Timestamp,
    /// Until when `undo` may bring it back; absent where the provider cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_until: Option<Timestamp>,
    /// Deleted or archived for good.
    #[serde(default)]
    pub purged: bool,
}

/// An emergency revocation under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emergency {
    pub suspects: BTreeSet<Fingerprint>,
    pub reason: String,
    pub rotation: Rotation,
    /// The operator accepted that nothing valid remains.
    pub accept_outage: bool,
}

impl Phase {
    /// The name that the interface fixes.
    pub fn name(&self) -> &'static str {
        match self {
            Phase::Idle { .. } => "Idle",
            Phase::SecondaryStaged { .. } => "SecondaryStaged",
            Phase::Promoted { .. } => "Promoted",
            Phase::GraceWindow { .. } => "GraceWindow",
            Phase::Revoked { .. } => "Revoked",
        }
    }

    /// The credential that consumers should use.
    pub fn active(&self) -> &Credential {
        match self {
            Phase::Idle { active }
            | Phase::SecondaryStaged { active, .. }
            | Phase::Promoted { active, .. }
            | Phase::GraceWindow { active, .. }
            | Phase::Revoked { active, .. } => active,
        }
    }

    /// The new credential before promotion.
    pub fn staged(&self) -> Option<&Credential> {
        match self {
            Phase::SecondaryStaged { staged, .. } => Some(staged),
            _ => None,
        }
    }

    /// The credential that consumers are leaving.
    pub fn retiring(&self) -> Option<&Credential> {
        match self {
            Phase::Promoted { retiring, .. } | Phase::GraceWindow { retiring, .. } => Some(retiring),
            _ => None,
        }
    }

    /// The rotation under way, or in `Revoked` the one that led there.
    pub fn rotation(&self) -> Option<&Rotation> {
        match self {
            Phase::Idle { .. } => None,
            Phase::SecondaryStaged { rotation, .. }
            | Phase::Promoted { rotation, .. }
            | Phase::GraceWindow { rotation, .. }
            | Phase::Revoked { rotation, .. } => Some(rotation),
        }
    }

    /// Per target, how far the active value has come; empty outside Promoted and GraceWindow.
    pub fn propagation(&self) -> Option<&BTreeMap<TargetId, Propagation>> {
        match self {
            Phase::Promoted { propagation, .. } | Phase::GraceWindow { propagation, .. } => Some(propagation),
            _ => None,
        }
    }

    /// Whether the active value is known to have reached this target in this rotation.
    pub fn has_settled(&self, target: &TargetId) -> bool {
        self.propagation()
            .is_some_and(|propagation| propagation.get(target).is_some_and(Propagation::is_settled))
    }

    /// The credential in the slot that is not the active one, where it is of this rotation.
    pub fn other(&self) -> Option<&Credential> {
        match self {
            Phase::Revoked { revoked, .. } => Some(&revoked.credential),
            _ => self.staged().or(self.retiring()),
        }
    }
}

impl KeyState {
    /// The state right after adoption.
    pub fn adopted(credential: Credential, slot: SlotName, at: Timestamp) -> Self {
        Self {
            phase: Phase::Idle { active: credential },
            active_slot: slot,
            intent: None,
            emergency: None,
            outage: false,
            dead: BTreeSet::new(),
            set_aside: Vec::new(),
            last_rotation: None,
            active_since: at,
            stale_targets: BTreeMap::new(),
            longest_job_seen_seconds: 0,
            retiring_probed_at: None,
            first_used_at: None,
            left_over: None,
            place: None,
            target_places: BTreeMap::new(),
        }
    }

    /// The credential that consumers should use.
    pub fn active(&self) -> &Credential {
        self.phase.active()
    }

    /// The slot in which a credential of this key lies, by its fingerprint.
    pub fn slot_of(&self, fingerprint: Fingerprint) -> Option<SlotName> {
        if self.active().fingerprint == fingerprint {
            Some(self.active_slot)
        } else if self.phase.other().is_some_and(|other| other.fingerprint == fingerprint) {
            Some(self.active_slot.other())
        } else {
            None
        }
    }

    /// Whether this is the credential that the last rotation ended with, and it is not gone for good.
    pub fn was_revoked_last(&self, fingerprint: Fingerprint) -> bool {
        matches!(&self.phase, Phase::Revoked { revoked, .. }
            if revoked.credential.fingerprint == fingerprint && !revoked.purged)
    }

    /// Whether this is the credential that the last rotation ended with.
    pub fn ended_with(&self, fingerprint: Fingerprint) -> bool {
        matches!(&self.phase, Phase::Revoked { revoked, .. } if revoked.credential.fingerprint == fingerprint)
    }

    /// Whether an `undo` was begun; every other reactivation takes back a revocation that is under way.
    pub fn is_undoing(&self) -> bool {
        match self.intent.as_ref().map(|intent| &intent.effect) {
            Some(Effect::Reactivate { fingerprint, .. }) => self.ended_with(*fingerprint),
            _ => false,
        }
    }

    /// Whether storing or erasing a value was begun in the slot that is not active: what lies there may
    /// not be what the phase says.
    pub fn other_slot_is_in_doubt(&self) -> bool {
        let effect = self.intent.as_ref().map(|intent| &intent.effect);
        matches!(effect, Some(Effect::StoreStaged { .. } | Effect::Erase { .. }))
    }

    /// The credential with this fingerprint, wherever it is remembered.
    pub fn credential(&self, fingerprint: Fingerprint) -> Option<&Credential> {
        std::iter::once(self.active())
            .chain(self.phase.other())
            .chain(&self.set_aside)
            .find(|credential| credential.fingerprint == fingerprint)
    }

    /// Whether a credential that may be in use, or come back into use, has this id.
    pub fn knows(&self, id: &ProviderKeyId) -> bool {
        std::iter::once(self.active())
            .chain(self.phase.other())
            .chain(&self.set_aside)
            .any(|credential| credential.provider_key_id.as_ref() == Some(id))
    }

    /// Whether a key with this id may be deleted though it was not revoked: no consumer ever got it.
    pub fn may_be_swept(&self, id: &ProviderKeyId) -> bool {
        let has_id = |credential: &&Credential| credential.provider_key_id.as_ref() == Some(id);
        let in_use = std::iter::once(self.active()).chain(self.phase.other()).find(has_id);
        in_use.is_none() && self.set_aside.iter().filter(has_id).all(|aside| aside.never_served)
    }

    /// What is left over to be gone on with: but for keys that a person has put to use meanwhile.
    pub fn left_to_do(&self) -> Option<Intent> {
        let mut intent = self.left_over.clone()?;
        if let Effect::Sweep { ids } = &mut intent.effect {
            ids.retain(|id| self.may_be_swept(id));
        }
        Some(intent)
    }

    /// Whether deleting the key with this id was begun, as one that nobody has; the request may still be on its way.
    pub fn has_begun_to_delete(&self, id: &ProviderKeyId) -> bool {
        let mut begun = self.intent.iter().chain(&self.left_over).map(|intent| &intent.effect);
        begun.any(|effect| matches!(effect, Effect::Sweep { ids } if ids.contains(id)))
    }

    /// Whether an emergency under way is about this credential.
    pub fn is_suspect(&self, fingerprint: Fingerprint) -> bool {
        self.emergency.as_ref().is_some_and(|emergency| emergency.suspects.contains(&fingerprint))
    }

    /// Whether nothing has to be accepted beside a suspect that is revoked: the active credential was
    /// revoked by order, is itself to be revoked, or the operator accepted that nothing valid remains.
    pub fn active_may_be_dead(&self) -> bool {
        self.outage
            || self.is_suspect(self.active().fingerprint)
            || self.emergency.as_ref().is_some_and(|emergency| emergency.accept_outage)
    }

    /// The revocation whose intent is durable and whose outcome is not known yet.
    pub fn pending_revocation(&self) -> Option<(&super::credential::ProviderKeyId, Fingerprint)> {
        match self.intent.as_ref().map(|intent| &intent.effect) {
            Some(Effect::Revoke { id, fingerprint }) => Some((id, *fingerprint)),
            _ => None,
        }
    }

    /// The credential whose revocation, or the taking back of it, was begun: that it is accepted now says
    /// nothing of the next minute.
    pub fn in_doubt(&self) -> Option<Fingerprint> {
        match self.intent.as_ref().map(|intent| &intent.effect) {
            Some(Effect::Revoke { fingerprint, .. }) => Some(*fingerprint),
            Some(Effect::Reactivate { fingerprint, .. }) if !self.is_undoing() => Some(*fingerprint),
            _ => None,
        }
    }

    /// Whether both credentials may be used right now: consumers are moving from one to the other.
    pub fn both_valid(&self) -> bool {
        let is_fit = |credential: &Credential| {
            !self.dead.contains(&credential.fingerprint) && !self.is_suspect(credential.fingerprint)
        };
        self.phase.retiring().is_some_and(is_fit) && self.in_doubt().is_none()
    }
}
