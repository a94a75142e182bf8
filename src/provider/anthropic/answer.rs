//! What the provider's answers mean: the verdict table of the facts page, in words for three in the
//! morning. From documentation; only a 401 in the provider's own words proves a key dead (trap 2).

use serde_json::Value;

use crate::http::{Answer, clean};
use crate::provider::Ping;
use crate::rotation::credential::Verdict;
use crate::secret::Secret;

use super::ProbeKind;

/// An error body: `{"type":"error","error":{"type","message"}}`.
pub(super) struct ApiError {
    /// As it came, for verdicts: a word that cleaning makes right is not the provider's. Never shown.
    kind: String,
    /// Cleaned.
    message: String,
    /// Whether the outer `"type":"error"` is there, which edges in front of the provider leave out.
    is_provider: bool,
}

impl ApiError {
    /// `None` where the body is anything but such an error.
    pub(super) fn of(answer: &Answer, secrets: &[&Secret]) -> Option<Self> {
        let document = answer.json()?;
        let error = document.get("error")?;
        Some(Self {
            kind: error.get("type")?.as_str()?.to_owned(),
            message: clean(error.get("message").and_then(Value::as_str).unwrap_or_default(), secrets),
            is_provider: document.get("type").and_then(Value::as_str) == Some("error"),
        })
    }

    /// Whether it is the provider's definite refusal of the credential that was sent.
    pub(super) fn refuses_the_credential(&self) -> bool {
        self.is_own("authentication_error") && !self.says_none_arrived()
    }

    /// Whether the provider itself, and no edge in front of it, says that this is the kind of error.
    pub(super) fn is_own(&self, kind: &str) -> bool {
        self.is_provider && self.kind == kind
    }

    /// A proxy that strips the header makes the provider say that a key is missing (believed): that
    /// says nothing of the key.
    fn says_none_arrived(&self) -> bool {
        let message = self.message.to_lowercase();
        message.contains("header") && (message.contains("required") || message.contains("missing"))
    }
}

/// The verdict on a credential from the answer to its ping.
pub(super) fn judge(answer: &Answer, probe: &ProbeKind, secrets: &[&Secret]) -> Ping {
    let (verdict, detail) = verdict(answer, probe, secrets);
    Ping {
        verdict,
        detail,
        date: answer.date(),
        retry_after_seconds: answer.retry_after_seconds(),
        workspace: answer.header("anthropic-workspace-id"),
    }
}

fn verdict(answer: &Answer, probe: &ProbeKind, secrets: &[&Secret]) -> (Verdict, String) {
    if answer.status == 200 && is_success(answer, probe) {
        return (Verdict::Accepted, accepted(probe));
    }
    let is_refused = answer.status == 401
        && ApiError::of(answer, secrets).is_some_and(|error| error.refuses_the_credential());
    let verdict = if is_refused { Verdict::Rejected } else { Verdict::Unknown };
    let detail = match probe {
        ProbeKind::Inference { model } if answer.status == 404 => {
            format!("{} (the model asked for is {})", explain(answer, secrets), clean(model, secrets))
        }
        _ => explain(answer, secrets),
    };
    (verdict, detail)
}

fn is_success(answer: &Answer, probe: &ProbeKind) -> bool {
    let Some(document) = answer.json() else { return false };
    match probe {
        ProbeKind::Models => document.get("data").is_some_and(Value::is_array),
        ProbeKind::Inference { .. } => document.get("type").and_then(Value::as_str) == Some("message"),
    }
}

fn accepted(probe: &ProbeKind) -> String {
    match probe {
        ProbeKind::Models => "the provider accepts it: it listed its models".to_owned(),
        ProbeKind::Inference { .. } => "the provider accepts it: it answered with a message".to_owned(),
    }
}

/// What an answer that is not the wanted success means, and what the provider said with it.
pub(super) fn explain(answer: &Answer, secrets: &[&Secret]) -> String {
    let error = ApiError::of(answer, secrets);
    let meaning = meaning(answer, error.as_ref());
    match error {
        Some(error) if !error.message.is_empty() => format!("{meaning}; it said: {}", error.message),
        _ => meaning,
    }
}

fn meaning(answer: &Answer, error: Option<&ApiError>) -> String {
    let status = answer.status;
    match status {
        200..=299 => impostor(answer),
        300..=399 => redirected(answer),
        429 => throttled(answer),
        529 => format!("the provider is overloaded (529){}", waiting(answer)),
        504 => format!("the provider took too long over it (504){}", waiting(answer)),
        500..=599 => {
            let waiting = waiting(answer);
            format!("the provider, or something in front of it, is failing ({status}){waiting}")
        }
        _ => error.map_or_else(|| impostor(answer), |error| refusal(status, error)),
    }
}

fn refusal(status: u16, error: &ApiError) -> String {
    let meaning = match status {
        400 => bad_request(error),
        401 if error.says_none_arrived() => {
            "the provider saw no credential at all (401): something on the way removed it"
        }
        401 if !error.refuses_the_credential() => {
            "a refusal (401) that is not the provider's own: perhaps a proxy on the way wants a login; \
             check `base_url`"
        }
        401 => "the provider refuses the credential (401)",
        402 => {
            "the provider has a problem with the organisation's billing (402): see its console; \
             the key itself was not judged"
        }
        403 if error.is_provider => {
            "the credential may not do this (403), which does not say whether it works for jobs"
        }
        403 => {
            "something in front of the provider forbids the request (403): \
             often the network or country it comes from"
        }
        404 => "the provider knows nothing by this name (404)",
        409 => "the request conflicts with another one (409)",
        413 => "the request is too large for the provider (413)",
        _ => return format!("an answer of {status}, which says nothing about the credential"),
    };
    meaning.to_owned()
}

/// 400 has causes that only its message tells apart; none of them is the key's.
fn bad_request(error: &ApiError) -> &'static str {
    let message = error.message.to_lowercase();
    if message.contains("credit balance") {
        "the organisation's credit balance is too low (400): add credit in the console; \
         the key itself was not judged"
    } else if message.contains("usage limit") || message.contains("spend") {
        "a spend limit is reached (400): raise it in the console or wait for the next period; \
         the key itself was not judged"
    } else if message.contains("workspace") {
        "the key is not bound to one workspace, so every request must name one (400): \
         create the key inside a workspace"
    } else {
        "the provider does not like the request (400), which says nothing about the key"
    }
}

/// An answer that no part of the documentation knows.
fn impostor(answer: &Answer) -> String {
    let content = answer.content_type().unwrap_or_else(|| "without a content type".to_owned());
    format!(
        "an answer of {} that is not the provider's ({content}): perhaps a proxy on the way gave it; \
         check `base_url` and the network",
        answer.status
    )
}

fn redirected(answer: &Answer) -> String {
    format!(
        "{} answered with a redirect ({}) to {}, which is never followed; check `base_url`",
        answer.host(),
        answer.status,
        answer.redirect_host().as_deref().unwrap_or("nowhere")
    )
}

fn throttled(answer: &Answer) -> String {
    match answer.retry_after_seconds() {
        Some(seconds) => {
            format!("the provider is limiting requests (429) and asked to wait {seconds} s")
        }
        None => "the provider is limiting requests (429) and named no time to wait: \
             a spend cap of the organisation's tier looks like this"
            .to_owned(),
    }
}

fn waiting(answer: &Answer) -> String {
    let seconds = answer.retry_after_seconds();
    seconds.map_or_else(String::new, |seconds| format!(" and asked to wait {seconds} s"))
}
