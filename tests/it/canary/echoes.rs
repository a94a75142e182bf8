//! Answers that repeat the key.

use std::sync::Mutex;

use serde_json::json;

use super::tally;
use super::trap::{Hostile, Trap};
use crate::lab::double::http_answer;

#[test]
fn answers_that_echo_the_key_are_not_repeated() {
    let hostile: [(&str, Hostile); 9] = [
        ("401 in the provider's words", |request, _| {
            let key = request.header("x-api-key").unwrap();
            let body = json!({"type": "error", "error": {"type": "authentication_error", "message": format!("invalid x-api-key: {key}")}});
            http_answer(401, &[("content-type", "application/json"), ("request-id", key)], &body.to_string())
        }),
        ("401 with the key escaped", |request, _| {
            let key = request.header("x-api-key").unwrap();
            let escaped: String = key.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
            let body = format!(
                "{{\"type\":\"error\",\"error\":{{\"type\":\"authentication_error\",\"message\":\"{escaped}\"}}}}"
            );
            http_answer(401, &[("content-type", "application/json")], &body)
        }),
        ("403 with the key torn apart", |request, _| {
            let torn: String =
                request.header("x-api-key").unwrap().chars().flat_map(|c| [c, '\u{200b}']).collect();
            let body = json!({"type": "error", "error": {"type": "permission_error", "message": torn}});
            http_answer(403, &[("content-type", "application/json")], &body.to_string())
        }),
        ("500 with the key", |request, _| {
            let key = request.header("x-api-key").unwrap();
            http_answer(
                500,
                &[("content-type", "text/html"), ("retry-after", "0")],
                &format!("<html>{key}</html>"),
            )
        }),
        ("429 with the key", |request, _| {
            let key = request.header("x-api-key").unwrap();
            let body = json!({"type": "error", "error": {"type": "rate_limit_error", "message": key}});
            http_answer(429, &[("retry-after", "1"), ("content-type", "application/json")], &body.to_string())
        }),
        ("garbage with the key", |request, _| {
            let key = request.header("x-api-key").unwrap();
            http_answer(200, &[("content-type", key), ("anthropic-workspace-id", key)], key)
        }),
        ("a redirect that carries the key", |request, other| {
            let key = request.header("x-api-key").unwrap();
            http_answer(307, &[("location", &format!("{other}/take/{key}?key={key}"))], key)
        }),
        ("no HTTP at all", |request, _| request.header("x-api-key").unwrap().as_bytes().to_vec()),
        ("a list of keys that shows the key", |request, _| {
            let key = request.header("x-api-key").unwrap();
            let body = json!({"data": [{"id": key, "type": key, "status": key, "name": key, "partial_key_hint": key, "workspace_id": key}], "has_more": true, "last_id": key});
            http_answer(200, &[("content-type", "application/json")], &body.to_string())
        }),
    ];
    let trap = Trap::new();
    let before: &[(&str, &[&str])] = &[
        ("", &["adopt prod --from file:old.key"]),
        (
            "adopt prod --from file:old.key",
            &[
                "stage prod --from file:new.key",
                "revoke-now prod --reason a --replace-from file:new.key --yes",
            ],
        ),
        (
            "stage prod --from file:new.key",
            &[
                "promote prod",
                "revoke-now prod --reason a --yes",
                "stage prod --from file:replacement.key --replace",
            ],
        ),
        (
            "promote prod",
            &["finish prod", "abort prod", "revoke-now prod --reason a --suspect all --accept-outage --yes"],
        ),
        ("finish prod", &["undo prod", "purge prod --yes"]),
    ];
    for (prepare, commands) in before {
        trap.provider_is(None);
        if !prepare.is_empty() {
            assert_eq!(trap.run(prepare).code, 0, "{prepare}");
        }
        if *prepare == "promote prod" {
            trap.lab.work_with("prod");
            trap.lab.advance_minutes(61);
        }
        let start = trap.lab.snapshot();
        for (number, (name, answer)) in hostile.iter().enumerate() {
            trap.provider_is(Some(*answer));
            for command in *commands {
                let talk = ["", " -vv", " --json"][number % 3];
                trap.run(&format!("{command}{talk}"));
                trap.lab.run("status prod");
                trap.lab.restore(&start);
                let _ = name;
            }
        }
    }
    tally::over();
}

/// The values that the double shows in its list, in the order in which it heard them.
static SHOWN: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[test]
fn a_list_of_keys_that_shows_the_candidate_is_not_repeated() {
    let shows_everything: Hostile = |request, _| {
        let key = request.header("x-api-key").unwrap().to_owned();
        if !request.path.starts_with("/v1/organizations/") {
            SHOWN.lock().unwrap().push(key);
            let body = json!({"data": [{"id": "claude", "type": "model"}], "has_more": false});
            return http_answer(200, &[("content-type", "application/json")], &body.to_string());
        }
        let value = SHOWN.lock().unwrap().last().cloned().unwrap_or_default();
        let hint = format!("{}...{}", &value[..value.len() - 5], &value[value.len() - 4..]);
        let item = |id: &str| {
            json!({"id": id, "type": "api_key", "status": "active", "name": value, "partial_key_hint": hint,
                   "workspace_id": value, "created_at": value, "expires_at": null})
        };
        let body = json!({"data": [item("apikey_one"), item("apikey_two"), item(&value)], "has_more": false});
        http_answer(200, &[("content-type", "application/json")], &body.to_string())
    };
    let trap = Trap::new();
    trap.run("adopt prod --from file:old.key");
    trap.provider_is(Some(shows_everything));
    for talk in ["", " --json", " -vv"] {
        let ran = trap.run(&format!("stage prod --from file:new.key{talk}"));
        assert_ne!(ran.code, 0, "{ran:#?}");
    }
    tally::over();
}
