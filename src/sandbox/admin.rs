//! What the admin key may do.

use serde_json::json;

use super::answer::{Answer, Refusal};
use super::auth;
use super::key_record::KeyState;
use super::paging;
use super::query::Query;
use super::registry::no_such_key;
use super::routes::Call;
use super::state::State;
use super::usage_report;

/// `GET /v1/organizations/me`.
pub(super) fn organization(call: &Call<'_>, state: &State) -> Result<Answer, Refusal> {
    auth::admin(call.headers, state)?;
    let body = json!({ "id": state.organization_id, "type": "organization", "name": "Sandbox" });
    Ok(Answer::new(body))
}

/// `GET /v1/organizations/api_keys`.
pub(super) fn list(call: &Call<'_>, state: &State) -> Result<Answer, Refusal> {
    auth::admin(call.headers, state)?;
    let [limit, after_id, before_id] = paging::PARAMETERS;
    let query = Query::parse(call.query, &[limit, after_id, before_id, "status", "workspace_id"])?;
    let status = query.one("status").map(checked_status).transpose()?;
    let workspace = query.one("workspace_id");
    let lag = state.settings.admin_read_lag_milliseconds;
    let keys = state.registry.newest_first();
    let body = paging::page(
        &keys,
        |key| &key.id,
        |key| {
            let item = key.rendered(call.now, lag)?;
            let of_status = status.is_none_or(|status| item["status"] == json!(status));
            let of_workspace = workspace.is_none_or(|workspace| item["workspace_id"] == workspace);
            (of_status && of_workspace).then_some(item)
        },
        &query,
    )?;
    Ok(Answer::new(body))
}

/// `GET /v1/organizations/api_keys/{id}`.
pub(super) fn get(call: &Call<'_>, state: &State, id: &str) -> Result<Answer, Refusal> {
    auth::admin(call.headers, state)?;
    let lag = state.settings.admin_read_lag_milliseconds;
    let body = state.registry.by_id(id)?.rendered(call.now, lag).ok_or_else(no_such_key)?;
    Ok(Answer::new(body))
}

/// `POST /v1/organizations/api_keys/{id}`; the answer shows the write, however stale reads are.
pub(super) fn change(call: &Call<'_>, state: &mut State, id: &str) -> Result<Answer, Refusal> {
    auth::admin(call.headers, state)?;
    change_key(call, state, id)
}

/// The change itself, which the console makes too.
pub(super) fn change_key(call: &Call<'_>, state: &mut State, id: &str) -> Result<Answer, Refusal> {
    let settings = &state.settings;
    let (revocation_lag, read_lag) =
        (settings.revocation_lag_milliseconds, settings.admin_read_lag_milliseconds);
    let key = state.registry.by_id_mut(id)?;
    key.change(call.json()?, call.now, revocation_lag, read_lag)?;
    let body = key.rendered(call.now, 0).ok_or_else(no_such_key)?;
    Ok(Answer::new(body))
}

/// `GET /v1/organizations/usage_report/messages`.
pub(super) fn usage(call: &Call<'_>, state: &State) -> Result<Answer, Refusal> {
    auth::admin(call.headers, state)?;
    usage_report::report(call, state).map(Answer::new)
}

fn checked_status(text: &str) -> Result<KeyState, Refusal> {
    KeyState::from_text(text).ok_or_else(|| {
        Refusal::invalid("status: Input should be 'active', 'inactive', 'archived' or 'expired'")
    })
}
