//! `rotate adopt`: records and stores today's live credential; changes nothing outside.

use super::act;
use super::locked_state::decode_record;
use super::operation::{self, Errand, Report};
use super::ports::Ports;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::rotation::credential::SlotName;
use crate::rotation::plan::Goal;
use crate::secret::Secret;

/// Adopts `value` as the active credential.
///
/// # Errors
/// Exit 2 for a value of the wrong kind, 6 where another credential is adopted already, 20 and 21 where
/// the provider does not accept it or cannot be asked.
pub async fn adopt(ports: &Ports, value: Secret, dry_run: bool) -> Result<Report, Failure> {
    let candidate = operation::candidate(ports, &value)?;
    let settings = &ports.settings;
    if let Some(other) = settings.policy.holder(candidate.fingerprint, &ports.clock.now()) {
        ports.narrator.warn(&format!(
            "the key `{other}` uses the same credential; it is revoked only when both have left it"
        ));
    }
    let is_adopted = decode_record(&*ports.store, &settings.key)?.is_some();
    // The plan then only compares the value with the active one.
    let slot = if is_adopted { SlotName::Primary } else { slot_for(ports, &value).await? };
    let errand = Errand { goal: Goal::Adopt { candidate, slot }, value: Some(value), dry_run };
    operation::run(ports, errand, "adopted: this is the active credential from now on").await
}

/// The slot for the value: the one that holds it already, else an empty one.
///
/// Where there is no state, what lies in the slots may be the only copy of a live value: it is never
/// written over.
async fn slot_for(ports: &Ports, value: &Secret) -> Result<SlotName, Failure> {
    let slots = &*ports.slots;
    let (mut empty, mut broken) = (None, None);
    for slot in [SlotName::Primary, SlotName::Secondary] {
        match slots.read(slot).await {
            Ok(Some(placed)) if placed.same_as(value) => return Ok(slot),
            Ok(None) => empty = empty.or(Some(slot)),
            Ok(Some(_)) => {}
            Err(error) => broken = broken.or(Some(error)),
        }
    }
    if let Some(slot) = empty.filter(|_| !slots.placed_by_person()) {
        return Ok(slot);
    }
    let (primary, secondary) = (slots.location(SlotName::Primary), slots.location(SlotName::Secondary));
    Err(match broken {
        _ if slots.placed_by_person() => Failure::new(
            ExitCode::Person,
            "neither slot holds the given value",
            format!("place it in the {primary} or the {secondary} and run the command again"),
        ),
        Some(error) => act::slot_failure(error, ExitCode::State),
        None => Failure::new(
            ExitCode::State,
            "both slots hold other values, and no state says what they are",
            format!("look whether they are still needed, then move {primary} or {secondary} away"),
        ),
    })
}
