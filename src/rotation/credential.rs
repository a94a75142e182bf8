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
    /// Made by the provider at our request and not promoted yet: no consumer ever got it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub never_served: bool,
}

impl Credential {
    /// As people recognise it: fingerprint and last four characters.
    pub fn name(&self) -> String {
        if self.last4.is_empty() {
            self.fingerprint.to_string()
        } else {
            format!("{} (…{})", self.fingerprint, self.last4)
        }
    }
}

/// Where a slot's value was put, as its store names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The store's own unmistakable name of the place, such as an ARN with its account: pinned, so that a
    /// later run that would reach another place is stopped.
    pub place: String,
    /// The version that holds the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
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

/// One key of an owner, as a provider that mints lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    pub id: ProviderKeyId,
    pub status: KeyStatus,
    /// By the provider's clock.
    pub created_at: Option<Timestamp>,
    pub last_use: LastUseSeen,
}

/// What a provider says of a key's last use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastUseSeen {
    Never,
    At(LastUse),
    /// It could not be told; the text says why.
    Unknown(String),
}

/// One use of a key, the last that its provider knows of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastUse {
    pub at: Timestamp,
    /// For what, in the provider's words, such as `s3 in eu-central-1`; safe to print.
    pub by: String,
    /// Whether it was such a call as a probe makes, and so perhaps our own.
    pub may_be_a_probe: bool,
}

/// What a provider's report says that one key used in a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageBucket {
    pub id: ProviderKeyId,
    pub from: Timestamp,
    pub until: Timestamp,
    /// More than none; of every kind.
    pub tokens: u64,
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
    /// The provider reports how much each key was used.
    pub usage: bool,
    /// A bucket of that report with no more tokens than these may be our own probes.
    pub probe_tokens: u64,
    /// How many keys of one owner may exist at a time, whatever their status.
    pub keys_limit: Option<usize>,
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
