//! Credentials, provider ids and moments by small numbers, and back.

use std::sync::LazyLock;

use jiff::Timestamp;
use rotate::rotation::credential::{Credential, ProviderKeyId, SlotName, TargetId};
use rotate::rotation::phase::Rotation;
use rotate::secret::Fingerprint;

/// How many credentials there can be.
pub const CREDENTIALS: usize = 4;
/// No credential, no version.
pub const NONE: u8 = u8::MAX;
/// Not ours, and never to stay revoked by us.
pub const FOREIGN: u8 = 3;

static FINGERPRINTS: LazyLock<[Fingerprint; CREDENTIALS]> =
    LazyLock::new(|| std::array::from_fn(|number| Fingerprint::of(format!("value-{number}").as_bytes())));

pub fn fingerprint(number: u8) -> Fingerprint {
    FINGERPRINTS[usize::from(number)]
}

pub fn number(wanted: Fingerprint) -> u8 {
    (0..4).find(|number| fingerprint(*number) == wanted).unwrap()
}

pub fn key_id(number: u8) -> ProviderKeyId {
    ProviderKeyId(format!("key-{number}"))
}

pub fn key_number(id: &ProviderKeyId) -> u8 {
    (0..4).find(|number| key_id(*number) == *id).unwrap()
}

pub fn candidate(number: u8) -> Credential {
    Credential {
        fingerprint: fingerprint(number),
        last4: format!("{number:04}"),
        provider_key_id: None,
        expires_at: None,
        never_served: false,
    }
}

pub fn target_id() -> TargetId {
    TargetId("versioned".to_owned())
}

pub fn slot_index(slot: SlotName) -> usize {
    usize::from(slot == SlotName::Secondary)
}

/// A moment by its seconds since the beginning.
pub fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_772_366_400 + seconds).unwrap()
}

pub fn rotation(name: &str) -> Rotation {
    Rotation { id: name.to_owned(), ticket: None, reason: None, started_at: moment(0) }
}
