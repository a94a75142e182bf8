//! `GET /v1/organizations/usage_report/messages`: token counts in buckets of time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::Refusal;
use super::query::Query;
use super::routes::Call;
use super::state::State;
use super::usage::{Entry, Tokens};

const PARAMETERS: [&str; 9] = [
    "starting_at",
    "ending_at",
    "bucket_width",
    "limit",
    "page",
    "api_key_ids[]",
    "workspace_ids[]",
    "models[]",
    "group_by[]",
];

/// What the documentation lets one group by (`speed` needs a beta header). Of these the sandbox
/// tells keys, workspaces and models apart; the rest has one value everywhere.
const DIMENSIONS: [&str; 8] = [
    "account_id",
    "api_key_id",
    "context_window",
    "inference_geo",
    "model",
    "service_account_id",
    "service_tier",
    "workspace_id",
];

/// The page of buckets a query asks for, empty ones included.
///
/// # Errors
/// 400 for any parameter that is missing or makes no sense.
pub(super) fn report(call: &Call<'_>, state: &State) -> Result<Value, Refusal> {
    let query = Query::parse(call.query, &PARAMETERS)?;
    let span = Span::of(&query, call.now)?;
    let grouping = Grouping::of(&query)?;
    let lag = i64::try_from(state.settings.usage_lag_milliseconds).unwrap_or(i64::MAX);
    let is_visible = |entry: &Entry<'_>| {
        let end_milliseconds = entry.minute_start_seconds.saturating_add(60).saturating_mul(1000);
        lag == 0 || end_milliseconds.saturating_add(lag) <= call.now.as_millisecond()
    };
    let mut data = Vec::new();
    let mut start = span.start;
    while start < span.end && data.len() < span.limit {
        let end = start + span.width;
        let mut rows: BTreeMap<[Option<&str>; 3], Tokens> = BTreeMap::new();
        for entry in state.usage.entries(start..end).filter(is_visible) {
            let Some(key) = state.registry.get(entry.key_index) else { continue };
            let row = [Some(key.id.as_str()), key.workspace.as_deref(), Some(entry.model)];
            if passes(&query, row) {
                *rows.entry(grouping.keep(row)).or_default() += entry.tokens;
            }
        }
        let results: Vec<Value> =
            rows.into_iter().map(|(row, tokens)| grouping.render(row, tokens)).collect();
        data.push(json!({ "starting_at": time(start), "ending_at": time(end), "results": results }));
        start = end;
    }
    let has_more = start < span.end;
    let next_page = has_more.then(|| format!("page_{start}="));
    Ok(json!({ "data": data, "has_more": has_more, "next_page": next_page }))
}

/// Which buckets: seconds since the epoch, aligned to the width.
struct Span {
    start: i64,
    /// No bucket ends after this one ends; exclusive.
    end: i64,
    width: i64,
    limit: usize,
}

impl Span {
    fn of(query: &Query, now: Timestamp) -> Result<Self, Refusal> {
        let (width, default, most) = match query.one("bucket_width") {
            Some("1m") => (60, 60, 1440),
            Some("1h") => (3600, 24, 168),
            Some("1d") | None => (86_400, 7, 31),
            Some(_) => return Err(Refusal::invalid("bucket_width: Input should be '1m', '1h' or '1d'")),
        };
        let limit = query.limit(default, 1..=most)?;
        let from =
            moment(query, "starting_at")?.ok_or_else(|| Refusal::invalid("starting_at: Field required"))?;
        let start = from - from.rem_euclid(width);
        let end = match moment(query, "ending_at")? {
            Some(until) if until <= from => {
                return Err(Refusal::invalid("ending_at: should be after starting_at"));
            }
            // only buckets that have ended by then; so the last one starts a whole width earlier
            Some(until) => until - until.rem_euclid(width),
            // up to now, the bucket that is still filling included (assumed)
            None => now.as_second() - now.as_second().rem_euclid(width) + width,
        };
        let Some(page) = query.one("page") else { return Ok(Self { start, end, width, limit }) };
        let start = page
            .strip_prefix("page_")
            .and_then(|text| text.strip_suffix('=')?.parse::<i64>().ok())
            .filter(|next| (start..=end).contains(next) && next.rem_euclid(width) == 0)
            .ok_or_else(|| Refusal::invalid("page: not a token of this report"))?;
        Ok(Self { start, end, width, limit })
    }
}

fn moment(query: &Query, name: &str) -> Result<Option<i64>, Refusal> {
    let Some(text) = query.one(name) else { return Ok(None) };
    let refusal = || Refusal::invalid(format!("{name}: Input should be an RFC 3339 time"));
    text.parse::<Timestamp>().map(|at| Some(at.as_second())).map_err(|_| refusal())
}

fn passes(query: &Query, row: [Option<&str>; 3]) -> bool {
    ["api_key_ids[]", "workspace_ids[]", "models[]"].into_iter().zip(row).all(|(name, value)| {
        let mut wanted = query.all(name).peekable();
        wanted.peek().is_none() || wanted.any(|one| Some(one) == value)
    })
}

/// The dimensions that are told apart; the others read null.
struct Grouping {
    by: [bool; DIMENSIONS.len()],
}

impl Grouping {
    fn of(query: &Query) -> Result<Self, Refusal> {
        let asked: Vec<&str> = query.all("group_by[]").collect();
        match asked.iter().find(|name| !DIMENSIONS.contains(name)) {
            Some(_) => {
                Err(Refusal::invalid(format!("group_by[]: Input should be {}", DIMENSIONS.join(", "))))
            }
            None => Ok(Self { by: DIMENSIONS.map(|name| asked.contains(&name)) }),
        }
    }

    fn has(&self, name: &str) -> bool {
        DIMENSIONS.iter().zip(self.by).any(|(dimension, by)| by && *dimension == name)
    }

    fn keep<'s>(&self, [key, workspace, model]: [Option<&'s str>; 3]) -> [Option<&'s str>; 3] {
        [
            key.filter(|_| self.has("api_key_id")),
            workspace.filter(|_| self.has("workspace_id")),
            model.filter(|_| self.has("model")),
        ]
    }

    fn render(&self, [key, workspace, model]: [Option<&str>; 3], tokens: Tokens) -> Value {
        let fixed = |name, value: &'static str| self.has(name).then_some(value);
        json!({
            "api_key_id": key,
            "workspace_id": workspace,
            "model": model,
            "service_tier": fixed("service_tier", "standard"),
            "context_window": fixed("context_window", "0-200k"),
            "inference_geo": fixed("inference_geo", "not_available"),
            "uncached_input_tokens": tokens.input,
            "cache_creation": { "ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0 },
            "cache_read_input_tokens": 0,
            "output_tokens": tokens.output,
            "server_tool_use": { "web_search_requests": 0 },
        })
    }
}

fn time(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX).to_string()
}
