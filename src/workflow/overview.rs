//! Where a key stands, for people and for `status --json`. Pure: from a record and the configuration.

use jiff::Timestamp;
use serde::Serialize;

use crate::rotation::credential::{Credential, SlotName};
use crate::rotation::grace::GracePolicy;
use crate::rotation::phase::{Direction, Ending, KeyState, Phase, Rotation};
use crate::rotation::stamp::{Stamp, plus_seconds};
use crate::store::format::Record;

/// One key in `status`.
#[derive(Clone, Debug, Serialize)]
pub struct Overview {
    pub key: String,
    pub provider: String,
    /// `None` for a key that was never adopted.
    pub phase: Option<&'static str>,
    pub active: Option<Shown>,
    pub staged: Option<Shown>,
    pub retiring: Option<Shown>,
    /// The credential that the last rotation ended with.
    pub revoked: Option<ShownRevoked>,
    pub propagation: Vec<ShownTarget>,
    pub grace: Option<ShownGrace>,
    pub rotation: Option<ShownRotation>,
    pub due_at: Option<Timestamp>,
    /// The command that moves the key on; `None` where nothing is waiting to be done.
    pub next: Option<String>,
    /// An operation that was begun and whose outcome is not recorded.
    pub interrupted: Option<Interrupted>,
    /// An emergency revocation is under way.
    pub emergency: bool,
    /// The active credential was revoked by order: nothing serves.
    pub outage: bool,
    /// Consumers are being moved back to the old credential.
    pub rolling_back: bool,
    /// Credentials that an abort put aside: perhaps still accepted by the provider.
    pub set_aside: Vec<ShownAside>,
    /// The retiring credential is dead already: it was revoked by order before this rotation.
    pub retiring_is_dead: bool,
    pub generation: Option<u64>,
    /// Why the state cannot be shown, where it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A credential without its value.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    pub slot: SlotName,
    pub fingerprint: String,
    pub last4: String,
    pub provider_key_id: Option<String>,
}

/// A credential that lies in no slot any more.
#[derive(Clone, Debug, Serialize)]
pub struct ShownAside {
    pub fingerprint: String,
    pub last4: String,
    pub provider_key_id: Option<String>,
}

/// The revoked credential.
#[derive(Clone, Debug, Serialize)]
pub struct ShownRevoked {
    pub fingerprint: String,
    pub last4: String,
    pub provider_key_id: Option<String>,
    pub revoked_at: Timestamp,
    pub undo_until: Option<Timestamp>,
    /// It was revoked in an emergency: to bring it back is to bring a leaked key back.
    pub leaked: bool,
    pub purged: bool,
}

/// One target and how far the active value has come there.
#[derive(Clone, Debug, Serialize)]
pub struct ShownTarget {
    pub target: String,
    pub state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The grace window.
#[derive(Clone, Debug, Serialize)]
pub struct ShownGrace {
    pub opened_at: Timestamp,
    pub not_before: Timestamp,
    pub remaining_seconds: u64,
    /// The clock starts with the first use of the new credential, which was not told of yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub awaits_first_use: bool,
    pub floor_seconds: u64,
    pub floor_reason: String,
    pub clock_went_backwards: bool,
}

/// The rotation under way, or the one that led to `Revoked`.
#[derive(Clone, Debug, Serialize)]
pub struct ShownRotation {
    pub id: String,
    pub ticket: Option<String>,
    pub reason: Option<String>,
    pub started_at: Timestamp,
}

/// An operation that was begun and whose outcome is not recorded.
#[derive(Clone, Debug, Serialize)]
pub struct Interrupted {
    pub effect: &'static str,
    /// Running this again resumes.
    pub resume: String,
    pub since: Timestamp,
}

impl Overview {
    /// A key that is configured and was never adopted.
    pub fn never_adopted(key: &str, provider: &str) -> Self {
        Self {
            key: key.to_owned(),
            provider: provider.to_owned(),
            phase: None,
            active: None,
            staged: None,
            retiring: None,
            revoked: None,
            propagation: Vec::new(),
            grace: None,
            rotation: None,
            due_at: None,
            next: Some(format!("rotate adopt {key}")),
            interrupted: None,
            emergency: false,
            outage: false,
            rolling_back: false,
            set_aside: Vec::new(),
            retiring_is_dead: false,
            generation: None,
            problem: None,
        }
    }

    /// A key whose state cannot be read.
    pub fn unreadable(key: &str, provider: &str, problem: String) -> Self {
        Self { next: None, problem: Some(problem), ..Self::never_adopted(key, provider) }
    }

    /// A key as its record has it at `now`.
    pub fn of(record: &Record, rotate_every_seconds: u64, policy: &GracePolicy, now: &Stamp) -> Self {
        let state = &record.state;
        let key = &record.key;
        let other = state.active_slot.other();
        Self {
            key: key.clone(),
            provider: record.provider.clone(),
            phase: Some(state.phase.name()),
            active: Some(shown(state.active(), state.active_slot)),
            staged: state.phase.staged().map(|staged| shown(staged, other)),
            retiring: state.phase.retiring().map(|retiring| shown(retiring, other)),
            revoked: revoked(state),
            propagation: propagation(state),
            grace: grace(state, policy, now),
            rotation: state.phase.rotation().map(|rotation| ShownRotation {
                id: rotation.id.clone(),
                ticket: rotation.ticket.clone(),
                reason: rotation.reason.clone(),
                started_at: rotation.started_at,
            }),
            due_at: Some(due_at(state, rotate_every_seconds)),
            next: Some(command_line(next(state), state, key)),
            interrupted: state.intent.as_ref().map(|intent| Interrupted {
                effect: intent.effect.name(),
                resume: command_line(&intent.command, state, key),
                since: intent.begun_at.wall,
            }),
            emergency: state.emergency.is_some(),
            outage: state.outage,
            rolling_back: matches!(state.phase, Phase::Promoted { direction: Direction::Back, .. }),
            set_aside: state.set_aside.iter().map(aside).collect(),
            retiring_is_dead: state
                .phase
                .retiring()
                .is_some_and(|retiring| state.dead.contains(&retiring.fingerprint)),
            generation: Some(record.generation),
            problem: None,
        }
    }
}

/// When the active credential must be replaced: by policy, or before the provider lets it expire.
fn due_at(state: &KeyState, rotate_every_seconds: u64) -> Timestamp {
    let by_policy = plus_seconds(state.active_since, rotate_every_seconds);
    state.active().expires_at.map_or(by_policy, |expiry| expiry.min(by_policy))
}

/// One line that says which credential serves traffic now, for errors.
pub fn serving(record: &Record) -> String {
    let state = &record.state;
    let active = state.active();
    if state.outage {
        return format!("nothing serves: the active credential {} was revoked by order", active.name());
    }
    let mut line =
        format!("{} serves ({} slot, phase {})", active.name(), state.active_slot, state.phase.name());
    if let Some(retiring) = state.phase.retiring() {
        if state.dead.contains(&retiring.fingerprint) {
            line.push_str(&format!("; {} was revoked before", retiring.name()));
        } else if state.pending_revocation().is_some() {
            line.push_str(&format!("; the revocation of {} was begun", retiring.name()));
        } else {
            line.push_str(&format!("; {} is not revoked either", retiring.name()));
        }
    }
    line
}

fn shown(credential: &Credential, slot: SlotName) -> Shown {
    Shown {
        slot,
        fingerprint: credential.fingerprint.to_string(),
        last4: credential.last4.clone(),
        provider_key_id: credential.provider_key_id.as_ref().map(|id| id.0.clone()),
    }
}

/// The emergency in which the revoked credential was revoked, if it was in one.
pub(super) fn emergency_over(state: &KeyState) -> Option<&Rotation> {
    let last = state.last_rotation.as_ref().filter(|last| last.ended == Ending::Emergency)?;
    matches!(state.phase, Phase::Revoked { .. }).then_some(&last.rotation)
}

fn aside(credential: &Credential) -> ShownAside {
    ShownAside {
        fingerprint: credential.fingerprint.to_string(),
        last4: credential.last4.clone(),
        provider_key_id: credential.provider_key_id.as_ref().map(|id| id.0.clone()),
    }
}

fn revoked(state: &KeyState) -> Option<ShownRevoked> {
    let Phase::Revoked { revoked, .. } = &state.phase else {
        return None;
    };
    Some(ShownRevoked {
        fingerprint: revoked.credential.fingerprint.to_string(),
        last4: revoked.credential.last4.clone(),
        provider_key_id: revoked.credential.provider_key_id.as_ref().map(|id| id.0.clone()),
        revoked_at: revoked.revoked_at,
        undo_until: revoked.undo_until,
        leaked: emergency_over(state).is_some(),
        purged: revoked.purged,
    })
}

fn propagation(state: &KeyState) -> Vec<ShownTarget> {
    use crate::rotation::phase::Propagation;
    let stale = state.stale_targets.iter().map(|(target, reason)| ShownTarget {
        target: target.0.clone(),
        state: "failed",
        reason: Some(reason.clone()),
    });
    let moving = state.phase.propagation().into_iter().flatten().map(|(target, at)| ShownTarget {
        target: target.0.clone(),
        state: at.name(),
        reason: match at {
            Propagation::Failed { reason } => Some(reason.clone()),
            _ => None,
        },
    });
    moving.chain(stale).collect()
}

fn grace(state: &KeyState, policy: &GracePolicy, now: &Stamp) -> Option<ShownGrace> {
    let Phase::GraceWindow { window, .. } = &state.phase else {
        return None;
    };
    let remaining = policy.remaining(state, window, now);
    let awaits_first_use = policy.from.awaits_first_use(state);
    let has_grown = policy.floor_seconds(state.longest_job_seen_seconds) > window.length_seconds;
    let not_before = if awaits_first_use || has_grown {
        plus_seconds(now.wall, remaining.seconds)
    } else {
        window.not_before
    };
    Some(ShownGrace {
        opened_at: window.opened_at.wall,
        not_before,
        awaits_first_use,
        remaining_seconds: remaining.seconds,
        floor_seconds: window.floor_seconds,
        floor_reason: window.floor_reason.clone(),
        clock_went_backwards: remaining.clock_went_backwards,
    })
}

/// A command as it can be typed: an emergency goes on under the reason it was declared with.
pub(super) fn command_line(command: &str, state: &KeyState, key: &str) -> String {
    let line = format!("rotate {command} {key}");
    match &state.emergency {
        Some(emergency) if command == "revoke-now" => {
            format!("{line} --reason '{}'", emergency.reason.replace('\'', "'\\''"))
        }
        _ if command == "stage" && state.phase.staged().is_some() => format!("{line} --replace"),
        _ => line,
    }
}

/// The command that moves the key on.
fn next(state: &KeyState) -> &str {
    if state.emergency.is_some() {
        return "revoke-now";
    }
    if let Some(intent) = &state.intent {
        return &intent.command;
    }
    match &state.phase {
        Phase::Idle { .. } | Phase::Revoked { .. } if !state.stale_targets.is_empty() => "promote",
        Phase::SecondaryStaged { .. } => "promote",
        Phase::Promoted { direction: Direction::Forward, .. } => "promote",
        Phase::Promoted { direction: Direction::Back, .. } => "abort",
        Phase::GraceWindow { .. } => "finish",
        Phase::Idle { .. } | Phase::Revoked { .. } => "stage",
    }
}
