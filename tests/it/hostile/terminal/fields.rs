//! Fields of a provider's answers.

use std::sync::{Arc, Mutex};

use serde_json::json;

use super::assert_fit;
use crate::hostile::mutation::ESCAPES;
use crate::hostile::tally::{self, FIELDS};
use crate::lab::double::{Double, Heard, http_answer};
use crate::lab::{ConsoleKey, Lab};
use crate::proof;

/// A field, and how `stage` may end where this stands in it. A header with an escape is no HTTP: nothing is known then.
const CASES: [(&str, &[i32]); 21] = [
    ("401 message", &[20]),
    ("401 kind", &[21]),
    ("401 kind, nearly", &[21]),
    ("403 message", &[21]),
    ("400 message", &[21]),
    ("429 message", &[21]),
    ("500 page", &[21]),
    ("200 page", &[21]),
    ("location", &[21]),
    ("name", &[0]),
    ("id", &[13, 21]),
    ("status", &[21]),
    ("partial_key_hint", &[13]),
    ("workspace_id", &[0]),
    ("expires_at", &[0]),
    ("last_id", &[21]),
    ("date", &[0, 21]),
    ("retry-after", &[0, 21]),
    ("request-id", &[0, 21]),
    ("anthropic-workspace-id", &[0, 21]),
    ("content-type", &[0, 21]),
];

/// What stands in which field now.
type Filled = Arc<Mutex<(&'static str, String)>>;

fn answer(request: &Heard, filled: &Filled, old: &ConsoleKey, new: &ConsoleKey) -> Vec<u8> {
    let (field, text) = filled.lock().unwrap().clone();
    // A line end would end the header, and hyper refuses one of many kilobytes.
    let header: String = text.replace(['\r', '\n', '\0'], "").chars().take(8000).collect();
    let json_type = ("content-type", "application/json");
    let headers: Vec<(&str, &str)> = match field {
        "date" | "retry-after" | "request-id" | "anthropic-workspace-id" => vec![json_type, (field, &header)],
        "content-type" => vec![(field, &header)],
        _ => vec![json_type],
    };
    let refused = |status, kind: &str, message: &str| {
        let body = json!({"type": "error", "error": {"type": kind, "message": message}}).to_string();
        http_answer(status, &[json_type, ("retry-after", "1")], &body)
    };
    if !request.path.starts_with("/v1/organizations/") {
        return match field {
            "401 message" => refused(401, "authentication_error", &text),
            "401 kind" => refused(401, &text, &text),
            "401 kind, nearly" => refused(401, &format!("authentication_error{text}"), "no"),
            "403 message" => refused(403, "permission_error", &text),
            "400 message" => refused(400, "invalid_request_error", &text),
            "429 message" => refused(429, "rate_limit_error", &text),
            "500 page" => http_answer(500, &[("content-type", "text/html")], &text),
            "200 page" => http_answer(200, &[("content-type", "text/html")], &text),
            "location" => http_answer(307, &[("location", &header)], &text),
            _ => http_answer(200, &headers, r#"{"data":[{"id":"claude"}],"has_more":false}"#),
        };
    }
    let item = |key: &ConsoleKey| {
        let hint = format!("{}...{}", &key.value[..16], &key.value[key.value.len() - 4..]);
        let mut item = json!({"id": key.id, "type": "api_key", "name": "a key", "status": "active",
            "partial_key_hint": hint, "workspace_id": null, "expires_at": null});
        if item.get(field).is_some() {
            item[field] = json!(text);
        }
        item
    };
    let (more, last) = if field == "last_id" { (true, json!(text)) } else { (false, json!(null)) };
    let body = json!({"data": [item(old), item(new)], "has_more": more, "last_id": last});
    http_answer(200, &headers, &body.to_string())
}

#[test]
fn a_providers_words_do_not_reach_the_terminal_as_they_are() {
    let lab = Lab::new();
    let old = lab.adopted();
    let new = lab.console_key("new");
    let filled: Filled = Arc::new(Mutex::new(("", String::new())));
    let script = Arc::clone(&filled);
    let double = Double::start(move |request| answer(request, &script, &old, &new));
    lab.configure_at(&double.base_url(), "admin_key = \"file:admin.key\"", &lab.key("prod"));
    let start = lab.snapshot();
    lab.run("stage prod --from file:new.key").expect(0);
    lab.restore(&start);
    let mut cases = 0;
    for (number, (field, codes)) in CASES.into_iter().enumerate() {
        for turn in 0..proof::size(3, ESCAPES.len() + 1) {
            let text = match turn {
                0 => format!("{}{}", ESCAPES.concat(), "long\u{1b}[2J".repeat(40_000)),
                turn => ESCAPES[(number + turn) % ESCAPES.len()].to_owned(),
            };
            *filled.lock().unwrap() = (field, text);
            let talk = ["", " --json", " -vvv"][(number + turn) % 3];
            let which = format!("{field}, turn {turn}{talk}");
            let ran = lab.run(&format!("stage prod --from file:new.key{talk}"));
            assert_fit(&ran, &which);
            assert!(codes.contains(&ran.code), "{which}: {ran:#?}");
            for command in ["status prod", "status --json", "history", "history --json"] {
                assert_fit(&lab.run(command), &format!("{command} after {which}"));
            }
            lab.restore(&start);
            cases += 5;
        }
    }
    tally::counted(FIELDS, cases);
}
