//! What jobs call with an API key.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal};
use super::auth;
use super::mint;
use super::paging;
use super::query::Query;
use super::routes::Call;
use super::state::State;
use super::usage::Tokens;

/// `(id, display_name, created_at)`, newest first; any other name that starts with `claude-` works in
/// requests too, so that a configuration made for the real API runs here.
const MODELS: [(&str, &str, &str); 3] = [
    ("claude-opus-4-1-20250805", "Claude Opus 4.1", "2025-08-05T00:00:00Z"),
    ("claude-sonnet-4-20250514", "Claude Sonnet 4", "2025-05-22T00:00:00Z"),
    ("claude-3-5-haiku-20241022", "Claude Haiku 3.5", "2024-10-22T00:00:00Z"),
];

/// What every message says, and how many tokens that is taken to be.
const ANSWER: &str = "This is the sandbox; no model was asked.";
const ANSWER_TOKENS: u64 = 11;

/// `GET /v1/models`.
pub(super) fn models(call: &Call<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let index = auth::api_key(call.headers, call.now, state)?;
    let query = Query::parse(call.query, &paging::PARAMETERS)?;
    let render = |(id, display_name, created_at): &(&str, &str, &str)| {
        Some(json!({ "type": "model", "id": id, "display_name": display_name, "created_at": created_at }))
    };
    let body = paging::page(&MODELS, |(id, _, _)| id, render, &query)?;
    Ok(of_key(body, index, state))
}

/// `POST /v1/messages/count_tokens`.
pub(super) fn count_tokens(call: &Call<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let index = auth::api_key(call.headers, call.now, state)?;
    call.json::<MessageRequest>()?.check()?;
    Ok(of_key(json!({ "input_tokens": input_tokens(call.body) }), index, state))
}

/// `POST /v1/messages`: a fixed answer, whose tokens are accounted to the key.
pub(super) fn messages(call: &Call<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let index = auth::api_key(call.headers, call.now, state)?;
    let request = call.json::<MessageRequest>()?;
    request.check()?;
    let most = match request.max_tokens {
        Some(most) if most > 0 => most,
        Some(_) => return Err(Refusal::invalid("max_tokens: Input should be greater than or equal to 1")),
        None => return Err(Refusal::invalid("max_tokens: Field required")),
    };
    if request.stream == Some(true) {
        return Err(Refusal::invalid("stream: the sandbox does not stream"));
    }
    let tokens = Tokens { input: input_tokens(call.body), output: most.min(ANSWER_TOKENS) };
    state.usage.record(call.now, index, &request.model, tokens);
    let body = json!({
        "id": mint::id(&mut state.random, "msg"),
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": [{ "type": "text", "text": if most < ANSWER_TOKENS { "This" } else { ANSWER } }],
        "stop_reason": if most < ANSWER_TOKENS { "max_tokens" } else { "end_turn" },
        "stop_sequence": null,
        "usage": {
            "input_tokens": tokens.input,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": tokens.output,
            "service_tier": "standard",
        },
    });
    Ok(of_key(body, index, state))
}

/// What the sandbox looks at in a request for a message; the rest passes unread.
#[derive(Deserialize)]
struct MessageRequest {
    model: String,
    messages: Vec<IgnoredAny>,
    max_tokens: Option<u64>,
    stream: Option<bool>,
}

impl MessageRequest {
    fn check(&self) -> Result<(), Refusal> {
        let is_model = self.model.len() <= 100 && self.model.starts_with("claude-");
        if !is_model {
            return Err(Refusal::not_found(format!("model: {}", self.model)));
        }
        if self.messages.is_empty() {
            return Err(Refusal::invalid("messages: at least one message is required"));
        }
        Ok(())
    }
}

/// About four bytes a token, as a rule of thumb.
fn input_tokens(body: &[u8]) -> u64 {
    u64::try_from(body.len() / 4).unwrap_or(u64::MAX).max(1)
}

/// A success names the key's workspace. For a key of the default workspace, which the admin API gives
/// no id either, the header is left out (assumed: the documentation does not say).
fn of_key(body: Value, index: usize, state: &State) -> Answer {
    let workspace = state.registry.get(index).and_then(|key| key.workspace.clone());
    Answer { body, workspace }
}
