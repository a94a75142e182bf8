//! What is known of a credential without knowing its value.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::secret::Fingerprint;

/// The provider's own name for a credential, such as `apikey_01Rj2N8SVvo6BePZj99NhmiT`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderKeyId(pub String);

impl fmt::Display for ProviderKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One concrete value of a key, by everything but the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    pub fingerprint: Fingerprint,
    /// The last four characters of the value, as consoles show them.
    pub last4: String,
    /// Known where an admin key could prove which provider id belongs to the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_key_id: Option<ProviderKeyId>,
    /// When the provider lets it expire, where it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// The two places that hold a key's overlapping values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotName {
    Primary,
    Secondary,
}

impl SlotName {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            SlotName::Primary => SlotName::Secondary,
            SlotName::Secondary => SlotName::Primary,
        }
    }

    /// `primary` or `secondary`, as the state file and the command line spell it.
    pub fn name(self) -> &'static str {
        match self {
            SlotName::Primary => "primary",
            SlotName::Secondary => "secondary",
        }
    }
}

impl fmt::Display for SlotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of a target, stable across runs: its type and what it points at, such as
/// `dotenv:/srv/publish/.env#ANTHROPIC_API_KEY`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TargetId(pub String);

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a live ping of a credential showed. Never a boolean: `Unknown` is neither of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Accepted,
    Rejected,
    Unknown,
}

/// What a provider lists of one of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderKey {
    pub id: ProviderKeyId,
    pub name: String,
    pub status: KeyStatus,
    /// `None` is the provider's default workspace.
    pub workspace: Option<String>,
    pub expires_at: Option<Timestamp>,
    pub hint: String,
}

/// A provider's record of whether a key is usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    Active,
    /// Disabled; can be made active again.
    Inactive,
    /// Gone for good.
    Archived,
    Expired,
}

impl std::fmt::Display for KeyStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            KeyStatus::Active => "active",
            KeyStatus::Inactive => "inactive",
            KeyStatus::Archived => "archived",
            KeyStatus::Expired => "expired",
        })
    }
}

/// Which provider key a credential is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Exactly one listed key fits the value.
    Proven(ProviderKey),
    NotFound,
    /// Several fit; nothing may be revoked by guess.
    Ambiguous(Vec<ProviderKey>),
    /// Nobody to ask: no admin key is configured, or the provider has no such list.
    Unavailable,
    /// The question got no usable answer; the text says why.
    Unknown(String),
}

/// What an adapter can do, known before anything is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub mint: bool,
    pub revoke: bool,
    pub reactivate: bool,
    pub delete: bool,
    pub last_used: bool,
    pub usage: bool,
}

/// What a target was seen to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadBack {
    Holds(Fingerprint),
    /// It can be read, and the value is not there.
    Absent,
    /// It takes values but gives none back (a write-only store, a command without `read_back`).
    NotReadable,
    /// It should be readable, but was not; the text says why.
    Unknown(String),
}

/// Several targets by name.
pub type TargetSet = BTreeSet<TargetId>;
