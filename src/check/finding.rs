//! What a check found: one line each.

use jiff::Timestamp;
use serde::Serialize;

pub use crate::severity::Severity;

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    State,
    Journal,
    Active,
    Staged,
    Retiring,
    Target,
    Grace,
    Operation,
    Due,
    Expiry,
    AdminKey,
    Slots,
    Alerts,
}

impl Item {
    /// As documents and metrics spell it.
    pub fn name(self) -> &'static str {
        match self {
            Item::State => "state",
            Item::Journal => "journal",
            Item::Active => "active",
            Item::Staged => "staged",
            Item::Retiring => "retiring",
            Item::Target => "target",
            Item::Grace => "grace",
            Item::Operation => "operation",
            Item::Due => "due",
            Item::Expiry => "expiry",
            Item::AdminKey => "admin_key",
            Item::Slots => "slots",
            Item::Alerts => "alerts",
        }
    }
}

/// What it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Fine,
    /// The provider accepts the credential.
    Accepted,
    /// The provider rejects it.
    Rejected,
    /// It cannot be told.
    Unknown,
    /// There is no value where one should be.
    Missing,
    /// Another value than the active one.
    Drifted,
    /// Takes values but gives none back.
    NotReadable,
    /// It would not work.
    Broken,
    /// Its time has come.
    Overdue,
    /// Its time comes soon.
    Soon,
    /// Begun, and not brought to its end.
    Interrupted,
    /// Its time has not come.
    Waiting,
    /// Changed, cut short or taken away.
    Tampered,
    /// Nothing is on record.
    NeverAdopted,
    /// On the way, and not taken yet.
    Undelivered,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// None where it is about the whole installation.
    pub key: Option<String>,
    pub item: Item,
    /// Which of several: a target's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    pub severity: Severity,
    pub verdict: Verdict,
    /// For people; safe to print.
    pub detail: String,
    /// The exact next command or act; empty where nothing is to be done.
    pub hint: String,
    /// When its time comes, for what has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// How far it has come: whoever was told is told again when this changes.
    #[serde(skip)]
    pub step: u32,
}

impl Finding {
    /// Something that is as it should be.
    pub fn fine(key: &str, item: Item, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self {
            key: Some(key.to_owned()),
            item,
            target: None,
            severity: Severity::Ok,
            verdict,
            detail: detail.into(),
            hint: String::new(),
            at: None,
            step: 0,
        }
    }

    /// Something that needs attention.
    pub fn wrong(
        key: &str,
        item: Item,
        severity: Severity,
        verdict: Verdict,
        detail: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { severity, hint: hint.into(), ..Self::fine(key, item, verdict, detail) }
    }

    /// The same about this target.
    #[must_use]
    pub fn about(self, target: &str) -> Self {
        Self { target: Some(target.to_owned()), ..self }
    }

    /// The same with its time.
    #[must_use]
    pub fn at(self, at: Timestamp) -> Self {
        Self { at: Some(at), ..self }
    }

    /// Whether it says that something could not be reached, and nothing worse.
    pub fn is_unreachable(&self) -> bool {
        self.verdict == Verdict::Unknown && self.severity != Severity::Ok
    }
}
