//! The state file: versioned, checksummed JSON, readable by small scripts.
//!
//! The types here are the file's, not the program's: a change of the core does not change the file
//! unless someone changes it here and raises [`SCHEMA`].

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::journal::Head;
use super::{StoreError, hex};
use crate::rotation::credential::{Credential, SlotName, TargetId};
use crate::rotation::effect::Intent;
use crate::rotation::phase::{
    Direction, Emergency, EndedRotation, KeyState, Phase, Propagation, RevokedCredential, Rotation, Window,
};
use crate::secret::Fingerprint;

/// The schema this version writes. A newer one is read as far as it is understood, and never written.
pub const SCHEMA: u64 = 1;

/// A key's state with what the file keeps beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Rises by one with every write.
    pub generation: u64,
    pub key: String,
    pub provider: String,
    pub primary_env: String,
    pub secondary_env: String,
    pub written_at: Timestamp,
    /// The journal's newest entry when this was written.
    pub journal: Option<Head>,
    pub state: KeyState,
}

/// A record as it was read.
#[derive(Clone, Debug)]
pub struct Decoded {
    pub record: Record,
    /// The schema of the file where it is newer than [`SCHEMA`]: it may be read, not written.
    pub newer_schema: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct StateFile {
    schema: u64,
    generation: u64,
    key: String,
    provider: String,
    phase: String,
    active: SlotName,
    primary_env: String,
    secondary_env: String,
    slots: SlotsFile,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation: Option<Rotation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    direction: Option<Direction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    propagation: Option<BTreeMap<TargetId, Propagation>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grace: Option<Window>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked: Option<RevokedCredential>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    intent: Option<Intent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    emergency: Option<Emergency>,
    #[serde(default)]
    outage: bool,
    #[serde(default)]
    revoked_fingerprints: Vec<Fingerprint>,
    #[serde(default)]
    set_aside: Vec<Credential>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_rotation: Option<EndedRotation>,
    active_since: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    stale_targets: BTreeMap<TargetId, String>,
    #[serde(default)]
    longest_job_seen_seconds: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    target_places: BTreeMap<TargetId, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left_over: Option<Intent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retiring_probed_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_used_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    journal: Option<Head>,
    written_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct SlotsFile {
    primary: Option<Credential>,
    secondary: Option<Credential>,
}

#[derive(Deserialize)]
struct Header {
    schema: u64,
}

const CHECKSUM_FIELD: &str = ",\n  \"checksum\": \"sha256:";
const BODY_END: &str = "\n}";
const FILE_END: &str = "\"\n}\n";

/// The file's bytes: pretty-printed JSON whose last field is the SHA-256 of everything before it.
///
/// # Errors
/// None in practice; serialisation of these types does not fail, and a failure is passed on.
pub fn encode(record: &Record) -> Result<Vec<u8>, serde_json::Error> {
    let body = serde_json::to_string_pretty(&to_file(record))?;
    let fields = body.strip_suffix(BODY_END).unwrap_or(&body);
    let checksum = hex(&Sha256::digest(fields));
    Ok(format!("{fields}{CHECKSUM_FIELD}{checksum}{FILE_END}").into_bytes())
}

/// The record in a file's bytes.
///
/// # Errors
/// [`StoreError::Damaged`] for anything truncated, edited or not ours; [`StoreError::Newer`] for a newer
/// file that cannot be understood at all. `path` is for the message.
pub fn decode(bytes: &[u8], path: &Path) -> Result<Decoded, StoreError> {
    let damaged = |reason: String| StoreError::Damaged { path: path.to_owned(), reason };
    let text = std::str::from_utf8(bytes).map_err(|_| damaged("it is not UTF-8 text".to_owned()))?;
    verify_checksum(text).map_err(|reason| damaged(reason.to_owned()))?;
    let not_understood = |schema: u64, reason: String| match schema {
        ..=SCHEMA => damaged(reason),
        newer => StoreError::Newer { path: path.to_owned(), schema: newer },
    };
    let file: StateFile =
        serde_json::from_str(text).map_err(|reason| match serde_json::from_str::<Header>(text) {
            Ok(header) => not_understood(header.schema, reason.to_string()),
            Err(error) => damaged(format!("it is not a state file: {error}")),
        })?;
    let schema = file.schema;
    let record = from_file(file).map_err(|reason| not_understood(schema, reason.to_owned()))?;
    Ok(Decoded { record, newer_schema: (schema > SCHEMA).then_some(schema) })
}

fn verify_checksum(text: &str) -> Result<(), &'static str> {
    let (fields, rest) = text.rsplit_once(CHECKSUM_FIELD).ok_or("it is truncated, or has no checksum")?;
    let found = rest.strip_suffix(FILE_END).ok_or("it is truncated")?;
    if hex(&Sha256::digest(fields)) == found {
        Ok(())
    } else {
        Err("its checksum does not fit: it was edited, or the disk lost a part of it")
    }
}

fn to_file(record: &Record) -> StateFile {
    let state = &record.state;
    let active = state.active().clone();
    let other = state.phase.other().filter(|other| other.fingerprint != active.fingerprint).cloned();
    let slots = match state.active_slot {
        SlotName::Primary => SlotsFile { primary: Some(active), secondary: other },
        SlotName::Secondary => SlotsFile { primary: other, secondary: Some(active) },
    };
    let (direction, grace, revoked) = match &state.phase {
        Phase::Promoted { direction, .. } => (Some(*direction), None, None),
        Phase::GraceWindow { window, .. } => (None, Some(window.clone()), None),
        Phase::Revoked { revoked, .. } => (None, None, Some(revoked.clone())),
        Phase::Idle { .. } | Phase::SecondaryStaged { .. } => (None, None, None),
    };
    StateFile {
        schema: SCHEMA,
        generation: record.generation,
        key: record.key.clone(),
        provider: record.provider.clone(),
        phase: state.phase.name().to_owned(),
        active: state.active_slot,
        primary_env: record.primary_env.clone(),
        secondary_env: record.secondary_env.clone(),
        slots,
        rotation: state.phase.rotation().cloned(),
        direction,
        propagation: state.phase.propagation().cloned(),
        grace,
        revoked,
        intent: state.intent.clone(),
        emergency: state.emergency.clone(),
        outage: state.outage,
        revoked_fingerprints: state.dead.iter().copied().collect(),
        set_aside: state.set_aside.clone(),
        last_rotation: state.last_rotation.clone(),
        active_since: state.active_since,
        stale_targets: state.stale_targets.clone(),
        longest_job_seen_seconds: state.longest_job_seen_seconds,
        place: state.place.clone(),
        left_over: state.left_over.clone(),
        target_places: state.target_places.clone(),
        retiring_probed_at: state.retiring_probed_at,
        first_used_at: state.first_used_at,
        journal: record.journal.clone(),
        written_at: record.written_at,
    }
}

fn from_file(file: StateFile) -> Result<Record, &'static str> {
    let (active, other) = match file.active {
        SlotName::Primary => (file.slots.primary, file.slots.secondary),
        SlotName::Secondary => (file.slots.secondary, file.slots.primary),
    };
    let active = active.ok_or("its active slot is empty")?;
    let other = other.ok_or("its other slot is empty in a phase that needs it");
    let rotation = file.rotation.ok_or("it names no rotation in a phase that needs one");
    let phase = match file.phase.as_str() {
        "Idle" => Phase::Idle { active },
        "SecondaryStaged" => Phase::SecondaryStaged { active, staged: other?, rotation: rotation? },
        "Promoted" => Phase::Promoted {
            active,
            retiring: other?,
            rotation: rotation?,
            direction: file.direction.ok_or("it does not say which way consumers are moved")?,
            propagation: file.propagation.unwrap_or_default(),
        },
        "GraceWindow" => Phase::GraceWindow {
            active,
            retiring: other?,
            rotation: rotation?,
            propagation: file.propagation.unwrap_or_default(),
            window: file.grace.ok_or("it has no grace window in the phase GraceWindow")?,
        },
        "Revoked" => Phase::Revoked {
            active,
            revoked: file.revoked.ok_or("it names no revoked credential in the phase Revoked")?,
            rotation: rotation?,
        },
        _ => return Err("it names a phase that this version does not know"),
    };
    let state = KeyState {
        phase,
        active_slot: file.active,
        intent: file.intent,
        emergency: file.emergency,
        outage: file.outage,
        dead: file.revoked_fingerprints.into_iter().collect(),
        set_aside: file.set_aside,
        last_rotation: file.last_rotation,
        active_since: file.active_since,
        stale_targets: file.stale_targets,
        longest_job_seen_seconds: file.longest_job_seen_seconds,
        place: file.place,
        left_over: file.left_over,
        target_places: file.target_places,
        retiring_probed_at: file.retiring_probed_at,
        first_used_at: file.first_used_at,
    };
    Ok(Record {
        generation: file.generation,
        key: file.key,
        provider: file.provider,
        primary_env: file.primary_env,
        secondary_env: file.secondary_env,
        written_at: file.written_at,
        journal: file.journal,
        state,
    })
}
