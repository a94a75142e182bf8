//! Which effects may be begun where, and what one that takes another's place leaves to be done.

use crate::rotation::effect::{Effect, Intent};
use crate::rotation::phase::{KeyState, Phase};

/// Whether an effect belongs to the phase and names what the phase holds.
pub(super) fn fits(state: &KeyState, effect: &Effect) -> bool {
    let other_slot = state.active_slot.other();
    let is_at_rest = matches!(state.phase, Phase::Idle { .. } | Phase::Revoked { .. });
    match effect {
        Effect::StoreAdopted { .. } => false,
        Effect::Mint { .. } => is_at_rest && state.emergency.is_none(),
        Effect::Sweep { ids } => {
            is_at_rest && state.emergency.is_none() && ids.iter().all(|id| state.may_be_swept(id))
        }
        Effect::StoreStaged { slot, credential, .. } => {
            *slot == other_slot && credential.fingerprint != state.active().fingerprint
        }
        Effect::WriteTargets { fingerprint, .. } => {
            let has_left_some = is_at_rest && !state.stale_targets.is_empty();
            (matches!(state.phase, Phase::Promoted { .. }) || has_left_some)
                && *fingerprint == state.active().fingerprint
        }
        Effect::Erase { slot, .. } => *slot == other_slot,
        Effect::Revoke { fingerprint, .. } => state.credential(*fingerprint).is_some(),
        Effect::Reactivate { fingerprint, .. } => {
            let takes_back = matches!(
                state.intent.as_ref().map(|intent| &intent.effect),
                Some(Effect::Revoke { fingerprint: begun, .. } | Effect::Reactivate { fingerprint: begun, .. })
                    if begun == fingerprint
            );
            takes_back || state.was_revoked_last(*fingerprint)
        }
        Effect::Delete { fingerprint, .. } => state.was_revoked_last(*fingerprint),
    }
}

/// With its emergency over, what `revoke-now` has begun is resumed by the command that called it off: typed again,
/// `revoke-now` would be another emergency.
pub(super) fn called_off(state: &mut KeyState) {
    if let Some(intent) = state.intent.as_mut().filter(|intent| intent.command == "revoke-now") {
        intent.command = "abort".to_owned();
    }
}

/// What an intent leaves to be done with a key that the provider made, where another one takes its place that does
/// not go on with it.
pub(super) fn unfinished_making(begun: Intent, next: &Intent) -> Option<Intent> {
    let goes_on = match (&begun.effect, &next.effect) {
        (Effect::Mint { .. } | Effect::Sweep { .. }, Effect::Mint { .. } | Effect::Sweep { .. }) => true,
        // The value that the making gave; or another one, before which everything was cleared away.
        (Effect::Mint { .. }, Effect::StoreStaged { .. }) => next.command == begun.command,
        (Effect::StoreStaged { credential, .. }, Effect::StoreStaged { credential: again, .. }) => {
            credential.fingerprint == again.fingerprint
        }
        (Effect::StoreStaged { credential, .. }, Effect::Sweep { ids }) => {
            credential.provider_key_id.as_ref().is_some_and(|id| ids.contains(id))
        }
        _ => false,
    };
    if goes_on { None } else { left_of_making(begun) }
}

/// What an intent that is not gone on with leaves to be done with a key that the provider made.
pub(super) fn left_of_making(begun: Intent) -> Option<Intent> {
    match begun.effect {
        Effect::Mint { .. } | Effect::Sweep { .. } => Some(begun),
        Effect::StoreStaged { credential, .. } if credential.never_served => {
            let ids = credential.provider_key_id.into_iter().collect();
            Some(Intent { effect: Effect::Sweep { ids }, ..begun })
        }
        _ => None,
    }
}
