//! What the model needs to know of a state again and again.

use rotate::rotation::effect::Effect;
use rotate::rotation::phase::{Direction, KeyState, Phase};

use super::names::{NONE, number, slot_index};
use super::situation::bit;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brief {
    pub active: u8,
    pub active_slot: usize,
    /// What `rotate key` may give where the active value is not at hand.
    pub fallback: u8,
    pub is_outage: bool,
    pub is_emergency: bool,
    pub accepts_outage: bool,
    /// One bit a credential.
    pub suspects: u8,
    pub dead: u8,
    /// The name of the move of consumers that is under way, where an earlier one may still be on its way; else 0.
    pub fence: u8,
    pub is_revoking: bool,
    /// Some consumers are known to be left behind, or are being moved.
    pub is_moving: bool,
    pub is_at_rest: bool,
}

impl Brief {
    pub fn of(state: &KeyState) -> Self {
        let fallback = state.phase.retiring().filter(|_| state.both_valid());
        let suspects = state.emergency.iter().flat_map(|emergency| &emergency.suspects);
        let goes_back = matches!(state.phase, Phase::Promoted { direction: Direction::Back, .. });
        let is_fenced = goes_back || state.emergency.is_some();
        let revoking = state.intent.as_ref().map(|intent| &intent.effect);
        let is_open = state.intent.is_some() || state.emergency.is_some() || state.left_over.is_some();
        Self {
            active: number(state.active().fingerprint),
            active_slot: slot_index(state.active_slot),
            fallback: fallback.map_or(NONE, |credential| number(credential.fingerprint)),
            is_outage: state.outage,
            is_emergency: state.emergency.is_some(),
            accepts_outage: state.emergency.as_ref().is_some_and(|emergency| emergency.accept_outage),
            suspects: suspects.fold(0, |all, suspect| all | bit(number(*suspect))),
            dead: state.dead.iter().fold(0, |all, dead| all | bit(number(*dead))),
            fence: if is_fenced { move_of(state) } else { 0 },
            is_revoking: matches!(revoking, Some(Effect::Revoke { .. })),
            is_moving: matches!(state.phase, Phase::Promoted { .. }) || !state.stale_targets.is_empty(),
            is_at_rest: matches!(state.phase, Phase::Idle { .. } | Phase::Revoked { .. })
                && !is_open
                // Where nothing valid remains, there is nothing that they could be given.
                && (state.stale_targets.is_empty() || state.outage),
        }
    }

    pub fn is_suspect(&self, credential: u8) -> bool {
        self.suspects & bit(credential) != 0
    }

    pub fn is_dead(&self, credential: u8) -> bool {
        self.dead & bit(credential) != 0
    }
}

/// Each move of consumers has its own nanosecond, as it has in life.
fn move_of(state: &KeyState) -> u8 {
    u8::try_from(state.active_since.subsec_nanosecond()).unwrap()
}
