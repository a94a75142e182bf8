//! What became of a delivery over HTTP, in words: whether it may pass by itself, and what a person can mend.

use std::time::Duration;

use super::Undelivered;
use super::address::{Address, Allowed, forbidden};
use crate::http::{Answer, Client, HttpError, clean};
use crate::secret::Secret;

/// No receiver is left alone for longer than this, whatever it asks for.
const LONGEST_WAIT_SECONDS: u64 = 24 * 60 * 60;

/// The client that receivers are spoken to with.
pub(super) fn client(limit: Duration, allowed: Allowed) -> Result<Client, Undelivered> {
    Client::guarded(limit, allowed).map_err(|failure| Undelivered::lasting(failure.to_string(), failure.hint))
}

/// There was no answer.
pub(super) fn unanswered(error: HttpError) -> Undelivered {
    let reason = error.to_string();
    match error {
        HttpError::Forbidden { host, special } => forbidden(&host, special),
        HttpError::TooLarge { .. } => Undelivered::lasting(
            reason,
            "check that the address is the receiver's own, and no page or download",
        ),
        HttpError::Unusable { .. } => {
            Undelivered::lasting(reason, "check the receiver's address and its other settings")
        }
        HttpError::CouldNotConnect { .. }
        | HttpError::TimedOut { .. }
        | HttpError::Closed { .. }
        | HttpError::Other { .. } => Undelivered::passing(reason),
    }
}

/// The answer is not the one that says that the alert was taken. `secrets` are hidden in what it says, beside the
/// address's own.
pub(super) fn refused(answer: &Answer, address: &Address, secrets: &[&Secret]) -> Undelivered {
    let said = said(answer, address, secrets);
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    let reason = format!("{} answered {}{said}", address.host(), answer.status);
    match answer.status {
        // 408 and 425 ask for another try by their definition (RFC 9110, section 15.5.9; RFC 8470, section 5.2).
        408 | 425 | 429 | 500..=599 => passing(reason, answer.retry_after_seconds()),
        300..=399 => redirected(answer, address),
        401 | 403 => Undelivered::lasting(
            reason,
            "check that the address is still valid, and `secret` where it is set",
        ),
        404 | 410 => Undelivered::lasting(
            reason,
            "nobody listens at this address any more: make a new one there, and put it where `url` points",
        ),
        413 => Undelivered::lasting(reason, "have the receiver take messages of up to 64 KiB"),
        _ => Undelivered::lasting(reason, "check that the address is that of a receiver of this type"),
    }
}

/// Where it redirects to is told by its host only, and never visited.
fn redirected(answer: &Answer, address: &Address) -> Undelivered {
    let hidden: Vec<&Secret> = address.hidden().collect();
    let to = answer.redirect_host().map(|host| clean(&host, &hidden)).unwrap_or_default();
    let to = if to.is_empty() { "elsewhere".to_owned() } else { format!("to {to}") };
    Undelivered::lasting(
        format!("{} redirects {to} ({}), which is not followed", address.host(), answer.status),
        "put the address that it redirects to where `url` points, if you trust it",
    )
}

/// A failure that may pass, and how long the receiver asks to be left alone.
pub(super) fn passing(reason: String, retry_after_seconds: Option<u64>) -> Undelivered {
    let retry_after_seconds = retry_after_seconds.map(|seconds| seconds.min(LONGEST_WAIT_SECONDS));
    Undelivered { retry_after_seconds, ..Undelivered::passing(reason) }
}

/// What an answer says, in one clean line: the message of a JSON document, or plain text; nothing of a web page.
pub(super) fn said(answer: &Answer, address: &Address, secrets: &[&Secret]) -> String {
    let text = match answer.json() {
        Some(document) => message_of(&document),
        None => String::from_utf8_lossy(&answer.body).into_owned(),
    };
    if text.trim_start().starts_with('<') {
        return String::new();
    }
    let hidden: Vec<&Secret> = address.hidden().chain(secrets.iter().copied()).collect();
    clean(&text, &hidden)
}

/// The texts that services put their reason into.
fn message_of(document: &serde_json::Value) -> String {
    let one = ["message", "error", "detail", "title"]
        .iter()
        .find_map(|name| document.get(name).and_then(serde_json::Value::as_str));
    let several = document.get("errors").and_then(serde_json::Value::as_array);
    let several = several.into_iter().flatten().filter_map(serde_json::Value::as_str);
    one.into_iter().chain(several).collect::<Vec<_>>().join("; ")
}
