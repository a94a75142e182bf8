//! Which path leads where.

use hyper::{HeaderMap, Method};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::answer::{Answer, Refusal};
use super::state::State;
use super::{admin, api, console};

/// One known path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Models,
    CountTokens,
    Messages,
    Organization,
    Keys,
    Key(String),
    UsageReport,
    ConsoleKeys,
    ConsoleKey(String),
    Settings,
    Statistics,
}

/// Who a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Api,
    Admin,
    Console,
    Sandbox,
}

impl Route {
    /// The route of a path; `None` for an unknown one.
    pub(super) fn of(path: &str) -> Option<Self> {
        let admin = "/v1/organizations/api_keys/";
        let console = "/console/api_keys/";
        match path {
            "/v1/models" => Some(Self::Models),
            "/v1/messages/count_tokens" => Some(Self::CountTokens),
            "/v1/messages" => Some(Self::Messages),
            "/v1/organizations/me" => Some(Self::Organization),
            "/v1/organizations/api_keys" => Some(Self::Keys),
            "/v1/organizations/usage_report/messages" => Some(Self::UsageReport),
            "/console/api_keys" => Some(Self::ConsoleKeys),
            "/sandbox/settings" => Some(Self::Settings),
            "/sandbox/statistics" => Some(Self::Statistics),
            _ => match (path.strip_prefix(admin), path.strip_prefix(console)) {
                (Some(id), _) if is_segment(id) => Some(Self::Key(id.to_owned())),
                (_, Some(id)) if is_segment(id) => Some(Self::ConsoleKey(id.to_owned())),
                _ => None,
            },
        }
    }

    pub(super) fn group(&self) -> Group {
        match self {
            Self::Models | Self::CountTokens | Self::Messages => Group::Api,
            Self::Organization | Self::Keys | Self::Key(_) | Self::UsageReport => Group::Admin,
            Self::ConsoleKeys | Self::ConsoleKey(_) => Group::Console,
            Self::Settings | Self::Statistics => Group::Sandbox,
        }
    }
}

fn is_segment(text: &str) -> bool {
    !text.is_empty() && !text.contains('/')
}

/// One request, read whole.
pub(super) struct Call<'r> {
    pub(super) method: &'r Method,
    pub(super) headers: &'r HeaderMap,
    pub(super) query: Option<&'r str>,
    pub(super) body: &'r [u8],
    pub(super) now: Timestamp,
}

impl Call<'_> {
    /// The JSON body, which is an object everywhere.
    ///
    /// # Errors
    /// 400 that says where the body is wrong.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        // serde reads an array as a struct too, field by field
        if self.body.trim_ascii_start().first() != Some(&b'{') {
            return Err(Refusal::invalid("the request body must be a JSON object"));
        }
        serde_json::from_slice(self.body)
            .map_err(|error| Refusal::invalid(format!("the request body is not valid: {error}")))
    }
}

/// Does what the request asks.
///
/// # Errors
/// The refusal to answer with.
pub(super) fn dispatch(route: &Route, call: &Call<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let method = call.method.as_str();
    match (route, method) {
        (Route::Models, "GET") => api::models(call, state),
        (Route::CountTokens, "POST") => api::count_tokens(call, state),
        (Route::Messages, "POST") => api::messages(call, state),
        (Route::Organization, "GET") => admin::organization(call, state),
        (Route::Keys, "GET") => admin::list(call, state),
        (Route::Key(id), "GET") => admin::get(call, state, id),
        (Route::Key(id), "POST") => admin::change(call, state, id),
        (Route::UsageReport, "GET") => admin::usage(call, state),
        (Route::ConsoleKeys, "GET") => console::list(call, state),
        (Route::ConsoleKeys, "POST") => console::create(call, state),
        (Route::ConsoleKey(id), "POST") => console::change(call, state, id),
        (Route::Settings, "GET") => console::settings(state),
        (Route::Settings, "POST") => console::change_settings(call, state),
        (Route::Statistics, "GET") => console::statistics(state),
        _ => Err(Refusal::wrong_method()),
    }
}
