//! Pages of a list by cursors: `{"data","first_id","last_id","has_more"}`.

use serde_json::{Value, json};

use super::answer::Refusal;
use super::query::Query;

/// The query parameters that [`page`] reads.
pub(super) const PARAMETERS: [&str; 3] = ["limit", "after_id", "before_id"];

/// One page of `items`: those right after `after_id`, right before `before_id`, or the first ones,
/// in the list's own order. `render` leaves out what the other filters don't let through, so a
/// cursor stays good when its item has left the filter.
///
/// # Errors
/// 400 for a bad limit, both cursors at once, or a cursor that is nowhere in the list.
pub(super) fn page<T>(
    items: &[T],
    id_of: impl Fn(&T) -> &str,
    render: impl Fn(&T) -> Option<Value>,
    query: &Query,
) -> Result<Value, Refusal> {
    let limit = query.limit(20, 1..=1000)?;
    let find = |name: &str, cursor: &str| {
        items
            .iter()
            .position(|item| id_of(item) == cursor)
            .ok_or_else(|| Refusal::invalid(format!("{name}: no such object")))
    };
    // one more than asked for says whether there are more
    let mut data: Vec<Value> = match (query.one("after_id"), query.one("before_id")) {
        (Some(_), Some(_)) => return Err(Refusal::invalid("after_id and before_id exclude each other")),
        (None, Some(cursor)) => {
            let end = find("before_id", cursor)?;
            items.iter().take(end).rev().filter_map(&render).take(limit + 1).collect()
        }
        (Some(cursor), None) => {
            let start = find("after_id", cursor)? + 1;
            items.iter().skip(start).filter_map(&render).take(limit + 1).collect()
        }
        (None, None) => items.iter().filter_map(&render).take(limit + 1).collect(),
    };
    let has_more = data.len() > limit;
    data.truncate(limit);
    if query.one("before_id").is_some() {
        data.reverse();
    }
    let id = |item: Option<&Value>| item.map_or(Value::Null, |item| item["id"].clone());
    let (first_id, last_id) = (id(data.first()), id(data.last()));
    Ok(json!({ "data": data, "first_id": first_id, "last_id": last_id, "has_more": has_more }))
}
