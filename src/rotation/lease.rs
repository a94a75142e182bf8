//! What is known of running jobs that hold a credential.

use crate::secret::Fingerprint;

/// One lease, as it was found just now. A lease whose holder is certainly gone is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseSeen {
    pub id: String,
    /// `None` where its record cannot be read: then it may be about any credential.
    pub fingerprint: Option<Fingerprint>,
    /// For people: who holds it, since when and until when.
    pub holder: String,
    pub standing: LeaseStanding,
}

/// Whether the holder of a lease is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseStanding {
    /// The process was seen to live, or the lease's time is not over.
    Held,
    /// It cannot be told from here, with the reason: another host, another container, a damaged record.
    Unknown(String),
}
