//! Why a lease was not taken, renewed or released, and what to do about it.

use crate::error::Failure;
use crate::exit::ExitCode;
use crate::readable;
use crate::store::StoreError;

const ID_CHARACTERS: usize = 64;

/// What goes wrong with leases.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The directory of leases or a file in it.
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the system gives no random bytes")]
    NoRandomness(#[source] getrandom::Error),
    #[error("every id that was drawn for a lease is taken")]
    NoId,
    /// It was never there, or it is over and was dropped.
    #[error("there is no lease `{id}`")]
    NoSuchLease { id: String },
    /// A bearer's lease whose time had passed before it was renewed.
    #[error("the lease `{id}` is over: its time had passed")]
    Over { id: String },
    /// A process holds it, and time does not end it.
    #[error("the lease `{id}` belongs to a process and ends with it")]
    OfAProcess { id: String },
    /// Its process is alive.
    #[error("the lease `{id}` is held: {holder}")]
    Held { id: String, holder: String },
    #[error("the record of the lease `{id}` cannot be used: {reason}")]
    Damaged { id: String, reason: String },
}

impl LeaseError {
    /// There is no lease of this id. The text may be anything that somebody typed.
    pub fn no_such_lease(id: &str) -> Self {
        LeaseError::NoSuchLease { id: readable::line(id, ID_CHARACTERS) }
    }
}

impl From<LeaseError> for Failure {
    fn from(error: LeaseError) -> Self {
        let message = error.to_string();
        match error {
            LeaseError::Store(error) => error.into_failure(),
            LeaseError::NoRandomness(source) => Failure::unexpected(message).caused_by(&source),
            LeaseError::NoId => Failure::unexpected(message),
            LeaseError::NoSuchLease { .. } => Failure::new(
                ExitCode::WrongPhase,
                message,
                "it may have ended already: `rotate lease list` shows those there are; a job that still runs \
                 acquires a new one with `rotate lease acquire` and reads the key again",
            ),
            LeaseError::Over { .. } => Failure::new(
                ExitCode::WrongPhase,
                message,
                "acquire a new one with `rotate lease acquire`, then read the key again: the credential may \
                 have been revoked meanwhile",
            ),
            LeaseError::OfAProcess { .. } => Failure::new(
                ExitCode::WrongPhase,
                message,
                "there is nothing to renew; let the process end, or see `rotate lease list`",
            ),
            LeaseError::Held { .. } => Failure::new(
                ExitCode::Usage,
                message,
                "let the process end, which ends the lease, too; if you are certain that it does not use the \
                 credential, add --yes",
            ),
            LeaseError::Damaged { .. } => Failure::new(
                ExitCode::State,
                message,
                "acquire a new one with `rotate lease acquire`, then read the key again",
            ),
        }
    }
}
