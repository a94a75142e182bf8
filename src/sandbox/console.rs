//! What a person does in the provider's web console, and how a test bends the sandbox.

use serde_json::{Value, json};

use super::admin;
use super::answer::{Answer, Refusal};
use super::registry::KeyRequest;
use super::routes::Call;
use super::settings::SettingsChange;
use super::state::State;

/// `GET /console/api_keys`: every key, never stale.
pub(super) fn list(call: &Call<'_>, state: &State) -> Result<Answer, Refusal> {
    let keys = state.registry.newest_first();
    let data: Vec<Value> = keys.iter().filter_map(|key| key.rendered(call.now, 0)).collect();
    Ok(Answer::new(json!({ "data": data })))
}

/// `POST /console/api_keys`: the one time the value is shown.
pub(super) fn create(call: &Call<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let (index, value) = state.registry.create(call.json::<KeyRequest>()?, call.now, &mut state.random)?;
    let mut body = state.registry.get(index).and_then(|key| key.rendered(call.now, 0)).unwrap_or_default();
    body["value"] = Value::String(value);
    Ok(Answer::new(body))
}

/// `POST /console/api_keys/{id}`: disabled, enabled, renamed or archived by hand.
pub(super) fn change(call: &Call<'_>, state: &mut State, id: &str) -> Result<Answer, Refusal> {
    admin::change_key(call, state, id)
}

/// `GET /sandbox/settings`.
pub(super) fn settings(state: &State) -> Result<Answer, Refusal> {
    Ok(Answer::new(json!(state.settings)))
}

/// `POST /sandbox/settings`: what is absent stays as it is.
pub(super) fn change_settings(call: &Call<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let change: SettingsChange = call.json()?;
    let settings = change.apply(&state.settings);
    settings.check().map_err(Refusal::invalid)?;
    state.settings = settings;
    if let Some(seed) = change.seed {
        state.restart_faults(seed);
    }
    self::settings(state)
}

/// `GET /sandbox/statistics`.
pub(super) fn statistics(state: &State) -> Result<Answer, Refusal> {
    Ok(Answer::new(json!(state.statistics())))
}
