//! Who asks: an API key or the admin key, and in which version of the API.

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use jiff::Timestamp;

use super::answer::Refusal;
use super::state::State;

/// The version that is documented, and the one that the vendor's SDKs send (seen in `anthropic` 2.11 and
/// `@anthropic-ai/sdk` 1.11).
const VERSIONS: [&str; 2] = ["2023-06-01", "2026-10-21"];

/// The index of the accepted API key, by `x-api-key` or `Authorization: Bearer`; counted to the key.
///
/// # Errors
/// 401 for no key, an unknown one, an admin key, and one that is no longer accepted; 400 for a
/// version that is missing or another one.
pub(super) fn api_key(headers: &HeaderMap, now: Timestamp, state: &mut State) -> Result<usize, Refusal> {
    let (value, refusal) = match (header(headers, "x-api-key"), bearer(headers)) {
        // apiKeyHelper sends both; the documentation does not say which one counts
        (Some(value), _) => (value, Refusal::unauthenticated("invalid x-api-key")),
        (None, Some(value)) => (value, Refusal::unauthenticated("Invalid bearer token")),
        (None, None) => return Err(Refusal::unauthenticated("x-api-key header is required")),
    };
    let Some(index) = state.registry.find_value(value) else { return Err(refusal) };
    let Some(key) = state.registry.get_mut(index) else { return Err(refusal) };
    if !key.is_accepted(now) {
        key.statistics.refused += 1;
        return Err(refusal);
    }
    key.statistics.accepted += 1;
    key.statistics.last_used = Some(now);
    version(headers).map(|()| index)
}

/// Passes the admin key; it goes in `x-api-key`, the only way the documentation shows for it.
///
/// # Errors
/// 401 for anything else; 400 for a version that is missing or another one.
pub(super) fn admin(headers: &HeaderMap, state: &State) -> Result<(), Refusal> {
    match header(headers, "x-api-key") {
        Some(value) if state.registry.is_admin(value) => version(headers),
        Some(_) => Err(Refusal::unauthenticated("invalid x-api-key")),
        None => Err(Refusal::unauthenticated("x-api-key header is required")),
    }
}

fn version(headers: &HeaderMap) -> Result<(), Refusal> {
    match header(headers, "anthropic-version") {
        Some(version) if VERSIONS.contains(&version) => Ok(()),
        Some(_) => Err(Refusal::invalid("anthropic-version: not a valid version")),
        None => Err(Refusal::invalid("anthropic-version: header is required")),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, value) = header(headers, AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(value.trim())
}

/// A header's text; one that is not visible ASCII reads as empty, which no key is.
fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}
