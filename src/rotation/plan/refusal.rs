//! Why a goal cannot be reached from here. The words for people are the workflow's.

use std::collections::BTreeMap;
use std::fmt;

use crate::rotation::credential::{ListedKey, ProviderKey, TargetId};
use crate::rotation::evidence::Evidence;
use crate::secret::Fingerprint;

/// Which credential a check was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Candidate,
    /// The provider has just made it.
    Minted,
    Staged,
    Active,
    Retiring,
    Revoked,
    Replacement,
    /// A credential that an emergency is about.
    Suspect,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wanted::Candidate => "candidate",
            Wanted::Minted => "new key",
            Wanted::Staged => "staged credential",
            Wanted::Active => "active credential",
            Wanted::Retiring => "retiring credential",
            Wanted::Revoked => "revoked credential",
            Wanted::Replacement => "replacement",
            Wanted::Suspect => "suspect",
        })
    }
}

/// Why a goal cannot be reached from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    NotAdopted,
    AlreadyAdopted,
    /// The phase does not fit; these commands do.
    WrongPhase {
        next: &'static [&'static str],
    },
    /// Another operation must end first.
    Busy {
        resume: &'static str,
        what: &'static str,
    },
    AlreadyStaged {
        staged: Fingerprint,
    },
    CandidateIsActive,
    /// Deleting the key was begun, and may still land.
    BeingDeleted {
        fingerprint: Fingerprint,
    },
    RevokedBefore {
        fingerprint: Fingerprint,
    },
    WrongWorkspace {
        expected: String,
        found: Option<String>,
    },
    WorkspaceUnknown {
        expected: String,
    },
    Rejected {
        wanted: Wanted,
        fingerprint: Fingerprint,
        detail: String,
    },
    Unreachable {
        wanted: Wanted,
        detail: String,
    },
    /// The credential's value is not where it should be, so nobody can be asked about it.
    ValueMissing {
        wanted: Wanted,
        reason: String,
    },
    /// The provider or its admin API did not answer a question or confirm an act.
    AdminUnreachable {
        detail: String,
    },
    IdNotFound {
        wanted: Wanted,
        fingerprint: Fingerprint,
    },
    IdAmbiguous {
        wanted: Wanted,
        candidates: Vec<ProviderKey>,
    },
    /// The provider id on record is not the one that the value proves now.
    IdChanged {
        wanted: Wanted,
        recorded: String,
        found: String,
    },
    TargetsBroken {
        targets: BTreeMap<TargetId, String>,
    },
    TargetsFailed {
        targets: BTreeMap<TargetId, String>,
    },
    EvidenceMissing {
        table: Vec<Evidence>,
    },
    /// The active credential is dead: the retiring one is all that serves.
    ActiveRejected {
        table: Vec<Evidence>,
    },
    /// Only a person can revoke this credential, and has not yet.
    PersonMustRevoke {
        fingerprint: Fingerprint,
    },
    /// Another key's consumers use this very credential; nothing new is shared.
    HeldElsewhere {
        key: String,
    },
    /// Another key's consumers still use the credential that would be revoked.
    InUseElsewhere {
        key: String,
    },
    /// The provider definitely refused the act.
    ProviderRefused {
        act: &'static str,
        detail: String,
    },
    /// The provider confirmed the revocation, but goes on accepting the credential.
    StillAccepted {
        fingerprint: Fingerprint,
    },
    /// A revocation was taken back because it hit the wrong thing.
    TakenBack {
        reason: String,
    },
    CannotMint,
    /// The owner has as many keys as the provider allows.
    NoRoom {
        listed: Vec<ListedKey>,
    },
    /// A key turned up that an interrupted `stage` may have made, or somebody else.
    StrangeKey {
        key: ListedKey,
    },
    CannotReactivate,
    CannotDelete,
    UndoExpired,
    Purged,
    NeedsReplacement {
        suspect: Fingerprint,
    },
    /// None of this key's credentials is a suspect.
    NoSuspect,
}
