//! `rotate key`: the value that a consumer should use. Takes no lock and changes nothing.

use super::locked_state::decode_record;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::rotation::credential::{Credential, SlotName};
use crate::rotation::phase::KeyState;
use crate::secret::Secret;
use crate::slots::Slots;
use crate::store::StateStore;
use crate::store::format::Record;

/// The record of a key as it is now.
///
/// # Errors
/// Exit 5 where it cannot be read, 6 where the key was never adopted.
pub fn record(store: &dyn StateStore, key: &str) -> Result<Record, Failure> {
    let decoded = decode_record(store, key)?.ok_or_else(|| {
        Failure::new(
            ExitCode::WrongPhase,
            format!("`{key}` was never adopted"),
            format!("record today's live credential first: `rotate adopt {key}`"),
        )
    })?;
    Ok(decoded.record)
}

/// What `read` gives by the record of a key, and that record. Between the state and a slot another command may commit:
/// a read that failed by a record that is out of date is done again.
///
/// # Errors
/// As [`record`]; what `read` says of the record as it is now is inside.
pub fn settled<T>(
    store: &dyn StateStore,
    key: &str,
    read: impl Fn(&Record) -> Result<T, Failure>,
) -> Result<(Record, Result<T, Failure>), Failure> {
    let mut current = record(store, key)?;
    loop {
        let value = read(&current);
        if value.is_ok() {
            return Ok((current, value));
        }
        let now = record(store, key)?;
        if now.generation == current.generation {
            return Ok((current, value));
        }
        current = now;
    }
}

/// The value of the active credential.
///
/// Where the active slot does not hold it (an environment variable that this process has not got yet),
/// the other slot's value is given, but only while both are valid.
///
/// # Errors
/// Exit 5 where no slot holds a value that the state knows, 20 where the active credential was revoked
/// by order.
pub async fn active(record: &Record, slots: &dyn Slots) -> Result<Secret, Failure> {
    let state = &record.state;
    let key = &record.key;
    pin(state, slots);
    if state.outage {
        return Err(Failure::new(
            ExitCode::Rejected,
            format!("the active credential of `{key}` was revoked by order"),
            format!("stage and promote a new one: `rotate stage {key}`"),
        )
        .with_status(super::overview::serving(record)));
    }
    let first = in_slot(state.active(), state.active_slot, slots).await;
    let Err(reason) = first else {
        return first.map_err(Failure::unexpected);
    };
    if let Some(retiring) = state.phase.retiring()
        && state.both_valid()
        && let Ok(value) = in_slot(retiring, state.active_slot.other(), slots).await
    {
        return Ok(value);
    }
    Err(Failure::new(
        ExitCode::State,
        format!("the active value of `{key}` is not at hand: {reason}"),
        format!(
            "put the value of {} back into the {}",
            state.active().fingerprint,
            slots.location(state.active_slot)
        ),
    )
    .with_status(super::overview::serving(record)))
}

/// The value in one particular slot, whatever the phase.
///
/// # Errors
/// Exit 5 where the slot is empty, unreadable, or holds a value that the state does not know.
pub async fn slot(record: &Record, slot: SlotName, slots: &dyn Slots) -> Result<Secret, Failure> {
    let state = &record.state;
    pin(state, slots);
    let known = if slot == state.active_slot { Some(state.active()) } else { state.phase.other() };
    let place = slots.location(slot);
    let empty = |reason: String| {
        Failure::new(
            ExitCode::State,
            format!("the {slot} slot of `{}` has no value to give: {reason}", record.key),
            format!("look at `rotate status {}`", record.key),
        )
    };
    match known {
        Some(credential) => in_slot(credential, slot, slots).await.map_err(empty),
        None => Err(empty(format!("{place} is not in use in the phase {}", state.phase.name()))),
    }
}

fn pin(state: &KeyState, slots: &dyn Slots) {
    if let Some(place) = &state.place {
        slots.pin(place);
    }
}

async fn in_slot(credential: &Credential, slot: SlotName, slots: &dyn Slots) -> Result<Secret, String> {
    let place = slots.location(slot);
    match slots.read(slot).await {
        Ok(Some(value)) if value.fingerprint() == credential.fingerprint => Ok(value),
        Ok(Some(value)) => Err(format!(
            "{place} holds {}, the state expects {}",
            value.fingerprint(),
            credential.fingerprint
        )),
        Ok(None) => Err(format!("{place} holds no value")),
        Err(error) => Err(format!("{error}; {}", error.remedy)),
    }
}
