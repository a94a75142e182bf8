//! `rotate adopt`: records and stores today's live credential; changes nothing outside.

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
    let slot = slot_for(ports, &value).await?;
    let errand = Errand { goal: Goal::Adopt { candidate, slot }, value: Some(value), dry_run };
    operation::run(ports, errand, "adopted: this is the active credential from now on").await
}

/// The primary slot, unless a person placed the value in the secondary one.
async fn slot_for(ports: &Ports, value: &Secret) -> Result<SlotName, Failure> {
    if !ports.slots.placed_by_person() {
        return Ok(SlotName::Primary);
    }
    for slot in [SlotName::Primary, SlotName::Secondary] {
        if let Ok(Some(placed)) = ports.slots.read(slot).await
            && placed.same_as(value)
        {
            return Ok(slot);
        }
    }
    Err(Failure::new(
        ExitCode::Person,
        "neither slot holds the given value",
        format!(
            "place it in the {} or the {} and run the command again",
            ports.slots.location(SlotName::Primary),
            ports.slots.location(SlotName::Secondary)
        ),
    ))
}
