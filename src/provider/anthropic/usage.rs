//! The usage report of messages: how much each key was used. From documentation (facts page, "Usage"): buckets of a
//! minute, an hour or a day; it counts tokens of messages only, and lags by minutes.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::admin::{Admin, Setback, is_path_safe, reveals};
use crate::provider::Outcome;
use crate::rotation::credential::{ProviderKeyId, UsageBucket};

const PATH: &str = "/v1/organizations/usage_report/messages";
/// A longer span is asked for by the hour.
const BY_THE_MINUTE_HOURS: i64 = 6;
const PAGES_AT_MOST: usize = 50;
/// A paging token becomes part of a URL.
const TOKEN_BYTES: usize = 1024;

impl Admin<'_> {
    /// Every bucket in which one of these keys was used.
    pub(super) async fn usage(
        &self,
        ids: &[ProviderKeyId],
        from: Timestamp,
        until: Option<Timestamp>,
    ) -> Outcome<Vec<UsageBucket>> {
        let query = match query(ids, from, until, self.clock.now().wall) {
            Ok(query) => query,
            Err(why) => return Outcome::Refused(why),
        };
        match self.pages(&query).await {
            Ok(buckets) => match used(buckets, ids) {
                Ok(used) => Outcome::Done(used),
                Err(why) => Outcome::Unknown(nonsense(why)),
            },
            Err(Setback::NotFound(why) | Setback::Refused(why)) => Outcome::Refused(why),
            Err(Setback::Unknown(why)) => Outcome::Unknown(why),
        }
    }

    async fn pages(&self, query: &str) -> Result<Vec<Bucket>, Setback> {
        let mut buckets = Vec::new();
        let mut seen = BTreeSet::new();
        let mut path = format!("{PATH}?{query}");
        for _ in 0..PAGES_AT_MOST {
            let page = Page::deserialize(self.get(&path).await?)
                .map_err(|_| Setback::Unknown(nonsense("it is not the documented report")))?;
            buckets.extend(page.data);
            if !page.has_more {
                return Ok(buckets);
            }
            let next = page.next_page.filter(|next| next.len() <= TOKEN_BYTES && !reveals(next, &[self.key]));
            let next = next
                .ok_or_else(|| Setback::Unknown(nonsense("it says that more follows, but not after what")))?;
            path = format!("{PATH}?{query}&page={}", encoded(&next));
            if !seen.insert(next) {
                return Err(Setback::Unknown(nonsense("its pages go round in a circle")));
            }
        }
        Err(Setback::Unknown(nonsense("it has no end")))
    }
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Bucket>,
    has_more: bool,
    next_page: Option<String>,
}

#[derive(Deserialize)]
struct Bucket {
    starting_at: Timestamp,
    ending_at: Timestamp,
    results: Vec<Value>,
}

/// # Errors
/// An id that cannot stand in a URL.
fn query(
    ids: &[ProviderKeyId],
    from: Timestamp,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<String, String> {
    let by_the_minute =
        until.unwrap_or(now).duration_since(from) <= SignedDuration::from_hours(BY_THE_MINUTE_HOURS);
    let (width, seconds, limit) = if by_the_minute { ("1m", 60, 720) } else { ("1h", 3600, 168) };
    // Whole buckets: the first one touches the beginning, the last one the end.
    let start = |second: i64| second - second.rem_euclid(seconds);
    let moment =
        |second| Timestamp::from_second(second).map_err(|_| "the span lies outside of time".to_owned());
    let mut query = format!(
        "starting_at={}&bucket_width={width}&limit={limit}&group_by[]=api_key_id",
        moment(start(from.as_second()))?
    );
    if let Some(until) = until {
        query.push_str(&format!("&ending_at={}", moment(start(until.as_second()) + seconds)?));
    }
    for id in ids {
        if !is_path_safe(&id.0) {
            return Err(
                "the recorded key id is not one of Anthropic's (letters, digits, `_` and `-`); look the \
                        key up in the console"
                    .to_owned(),
            );
        }
        query.push_str(&format!("&api_key_ids[]={id}"));
    }
    Ok(query)
}

/// A text as part of a query (RFC 3986, section 2): a paging token may hold `=`, `:` and the like.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}

/// The buckets in which these keys were used.
///
/// # Errors
/// A row that is nobody's: then it is not known whose use it is.
fn used(buckets: Vec<Bucket>, ids: &[ProviderKeyId]) -> Result<Vec<UsageBucket>, &'static str> {
    let mut used = Vec::new();
    for bucket in buckets {
        for row in &bucket.results {
            let tokens = tokens(row);
            let named = row.get("api_key_id").and_then(Value::as_str);
            let Some(named) = named else {
                if tokens == 0 {
                    continue;
                }
                return Err("it tells of use without saying by which key");
            };
            let Some(id) = ids.iter().find(|id| id.0 == named).filter(|_| tokens > 0) else { continue };
            let (from, until) = (bucket.starting_at, bucket.ending_at);
            used.push(UsageBucket { id: id.clone(), from, until, tokens });
        }
    }
    Ok(used)
}

/// The sum of every kind. A row without a kind that the documentation names is taken for use.
fn tokens(row: &Value) -> u64 {
    let number = |path: &str| row.pointer(path).and_then(Value::as_u64);
    let kinds = [
        number("/uncached_input_tokens"),
        number("/cache_creation/ephemeral_1h_input_tokens"),
        number("/cache_creation/ephemeral_5m_input_tokens"),
        number("/cache_read_input_tokens"),
        number("/output_tokens"),
    ];
    let known: u64 = kinds.iter().flatten().fold(0, |sum, tokens| sum.saturating_add(*tokens));
    if kinds.iter().all(Option::is_some) { known } else { u64::MAX }
}

fn nonsense(what: &str) -> String {
    format!("the provider's usage report cannot be relied on: {what}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(id: Value, output: u64) -> Value {
        json!({
            "api_key_id": id, "uncached_input_tokens": 0,
            "cache_creation": { "ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0 },
            "cache_read_input_tokens": 0, "output_tokens": output,
        })
    }

    fn bucket(rows: Vec<Value>) -> Vec<Bucket> {
        let at = |second| Timestamp::from_second(second).unwrap();
        vec![Bucket { starting_at: at(60), ending_at: at(120), results: rows }]
    }

    #[test]
    fn rows_are_matched_by_id_and_summed_over_every_kind() {
        let ids = [ProviderKeyId("apikey_a".into())];
        let rows = vec![row(json!("apikey_a"), 7), row(json!("apikey_b"), 9), row(json!("apikey_a"), 0)];
        let used = used(bucket(rows), &ids).unwrap();
        assert_eq!((used.len(), used[0].tokens), (1, 7));
    }

    #[test]
    fn a_row_that_is_nobodys_makes_the_report_useless_only_where_it_tells_of_use() {
        let ids = [ProviderKeyId("apikey_a".into())];
        assert!(used(bucket(vec![row(Value::Null, 0)]), &ids).unwrap().is_empty());
        assert!(used(bucket(vec![row(Value::Null, 1)]), &ids).is_err());
    }

    #[test]
    fn a_row_in_unknown_words_counts_as_use() {
        let ids = [ProviderKeyId("apikey_a".into())];
        let used = used(bucket(vec![json!({ "api_key_id": "apikey_a", "tokens": 0 })]), &ids).unwrap();
        assert_eq!(used.len(), 1);
    }

    #[test]
    fn a_paging_token_is_taken_as_it_comes() {
        assert_eq!(encoded("page_MjAyNS0wNS0xNFQwMDowMDowMFo="), "page_MjAyNS0wNS0xNFQwMDowMDowMFo%3D");
        assert_eq!(encoded("2026-03-01T12:00:00Z&x=1#"), "2026-03-01T12%3A00%3A00Z%26x%3D1%23");
    }

    #[test]
    fn a_span_is_asked_for_in_whole_buckets() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let ids = [ProviderKeyId("apikey_a".into())];
        let now = at("2026-03-01T12:20:10Z");
        let text = query(&ids, at("2026-03-01T12:00:30Z"), None, now).unwrap();
        assert!(text.contains("starting_at=2026-03-01T12:00:00Z&bucket_width=1m"), "{text}");
        assert!(!text.contains("ending_at"), "{text}");
        let text = query(&ids, at("2026-02-27T12:10:00Z"), Some(at("2026-03-01T12:00:30Z")), now).unwrap();
        assert!(text.contains("starting_at=2026-02-27T12:00:00Z&bucket_width=1h"), "{text}");
        assert!(text.contains("&ending_at=2026-03-01T13:00:00Z"), "{text}");
        assert!(query(&[ProviderKeyId("a&b".into())], now, None, now).is_err());
    }
}
