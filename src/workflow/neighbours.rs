//! What the other keys of a configuration hold: one credential may serve several.

use super::locked_state::decode_record;
use crate::error::Failure;
use crate::rotation::grace::GracePolicy;
use crate::rotation::phase::{KeyState, Phase, Window};
use crate::rotation::plan::HeldElsewhere;
use crate::store::StateStore;

/// The credentials that the key `name` holds, for the policy of another key; none where it was never
/// adopted. `grace` is that of the key itself.
///
/// # Errors
/// Its state cannot be read (exit 5): then nobody can tell.
pub fn held_by(
    store: &dyn StateStore,
    name: &str,
    grace: &GracePolicy,
) -> Result<Vec<HeldElsewhere>, Failure> {
    let decoded = decode_record(store, name)?;
    Ok(decoded.map(|decoded| held(&decoded.record.state, name, grace)).unwrap_or_default())
}

fn held(state: &KeyState, name: &str, grace: &GracePolicy) -> Vec<HeldElsewhere> {
    let hold =
        |fingerprint, leaving: Option<Window>| HeldElsewhere { fingerprint, key: name.to_owned(), leaving };
    let active = (!state.outage).then(|| hold(state.active().fingerprint, None));
    let staged = state.phase.staged().map(|staged| hold(staged.fingerprint, None));
    let retiring = match &state.phase {
        Phase::GraceWindow { retiring, window, .. } if !grace.from.awaits_first_use(state) => {
            let floor_seconds = grace.floor_seconds(state.longest_job_seen_seconds);
            let length_seconds = window.length_seconds.max(floor_seconds);
            Some(hold(retiring.fingerprint, Some(Window { length_seconds, ..window.clone() })))
        }
        phase => phase.retiring().map(|retiring| hold(retiring.fingerprint, None)),
    };
    [active, staged, retiring]
        .into_iter()
        .flatten()
        .filter(|held| !state.dead.contains(&held.fingerprint))
        .collect()
}
