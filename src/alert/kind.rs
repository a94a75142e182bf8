//! What alerts are about, and how bad it is. The names are fixed: routes and receivers rely on them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Wants a look within days.
    Warning,
    /// Wants somebody now.
    Critical,
}

impl Severity {
    pub const ALL: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Critical];

    /// As configurations and documents spell it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// Declares the kinds once: variant, name, and how bad it is where nobody says otherwise.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $severity:ident;)*) => {
        /// What an alert is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])* $variant,)*
        }

        impl Kind {
            /// Every kind, in the order of the reference.
            pub const ALL: &[Kind] = &[$(Kind::$variant,)*];

            /// As configurations and documents spell it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Kind::$variant => $name,)*
                }
            }

            /// How bad it usually is.
            pub fn severity(self) -> Severity {
                match self {
                    $(Kind::$variant => Severity::$severity,)*
                }
            }
        }
    };
}

kinds! {
    /// `rotate adopt` recorded a credential.
    Adopted = "adopted", Info;
    /// A candidate was probed and stored.
    Staged = "staged", Info;
    /// Every target holds the new credential; the grace window runs.
    Promoted = "promoted", Info;
    /// Some target could not be written.
    PartlyPropagated = "partly_propagated", Warning;
    /// Inside the window, a target was seen without the active value.
    Drifted = "drifted", Warning;
    /// The new credential was put out of use again.
    Aborted = "aborted", Info;
    /// The old credential was revoked.
    Revoked = "revoked", Info;
    /// A revocation hit the wrong credential, or nothing, and was taken back.
    RevocationUndone = "revocation_undone", Critical;
    /// The revoked credential was brought back.
    Undone = "undone", Warning;
    /// The revoked credential was deleted for good.
    Purged = "purged", Info;
    /// `rotate revoke-now` is at work; resolved when it is over.
    Emergency = "emergency", Critical;
    /// `rotate finish` found that the old credential is used, or cannot tell.
    EvidenceMissing = "evidence_missing", Warning;
    /// The grace window is over, and nobody finishes the rotation.
    NotFinished = "not_finished", Warning;
    /// An operation was begun, and nobody brings it to its end.
    Interrupted = "interrupted", Warning;
    /// The provider rejects a credential that is in use.
    Rejected = "rejected", Critical;
    /// Whether a credential is accepted cannot be told.
    Unreachable = "unreachable", Warning;
    /// The admin key is dead, or cannot be had.
    AdminKey = "admin_key", Critical;
    /// A target holds another value than the active one.
    TargetDrift = "target_drift", Critical;
    /// A target cannot be read back.
    TargetUnreadable = "target_unreadable", Warning;
    /// A rotation is due, or is soon.
    RotationDue = "rotation_due", Warning;
    /// The provider lets a credential expire before its next rotation.
    ExpiresFirst = "expires_first", Warning;
    /// A rehearsal found what would stop the next rotation.
    RehearsalFailed = "rehearsal_failed", Warning;
    /// A state cannot be used.
    StateUnusable = "state_unusable", Critical;
    /// The journal was changed, cut short or taken away.
    JournalTampered = "journal_tampered", Critical;
    /// A job was not started, because its key is refused.
    JobRefused = "job_refused", Critical;
    /// A job exited 0, and what it should have made is missing.
    JobOutputMissing = "job_output_missing", Critical;
    /// A job exited 0, and printed that its key was refused.
    JobAuthFailure = "job_auth_failure", Critical;
    /// `rotate alerts test`.
    Test = "test", Info;
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no kind has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no alert is called that")]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Kind::ALL.iter().copied().find(|kind| kind.name() == name).ok_or(UnknownKind)
    }
}

impl Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}
