//! The provider's usage report: silence, its control, and everything that makes silence worthless.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::{lacks, row, unused};
use crate::lab::double::{Double, Heard, http_answer, pass_on};
use crate::lab::{ConsoleKey, Lab};

const REPORT: &str = "/v1/organizations/usage_report/messages";

#[test]
fn silence_counts_only_where_the_new_credential_is_seen_in_use() {
    let (lab, old, new) = unused();
    lacks(&lab, "usage", "unknown", "silence on the old one proves nothing");
    assert!(lab.accepts(&old.value));
    lab.work(&new.value);
    let document = lab.run("finish prod --json").expect(0).json();
    let (verdict, detail) = row(&document, "usage");
    assert!(verdict == "met" && detail.contains("2026-03-01T13:0"), "{detail}");
}

#[test]
fn use_of_the_old_credential_blocks_until_the_report_was_quiet_for_long_enough() {
    let (lab, old, new) = unused();
    lab.work(&new.value);
    lab.work(&old.value);
    lacks(&lab, "usage", "unmet", "the old credential was used until");
    lab.run("finish prod --accept-unknown usage").expect(11);
    lab.advance_minutes(19);
    lacks(&lab, "usage", "unmet", "the old credential was used until");
    assert!(lab.accepts(&old.value));
    lab.advance_minutes(3);
    lab.run("finish prod").expect(0);
    assert!(!lab.accepts(&old.value));
}

#[test]
fn our_own_probes_are_no_traffic() {
    let lab = Lab::new();
    lab.configure(&lab.key_with("prod", "probe = \"inference\"", &[]));
    let (old, new) = lab.staged();
    lab.run("promote prod").expect(0);
    lab.advance_minutes(61);
    for _ in 0..2 {
        lacks(&lab, "usage", "unknown", "silence on the old one proves nothing");
        lab.advance_minutes(30);
    }
    for _ in 0..40 {
        lab.work(&new.value);
    }
    lab.run("finish prod").expect(0);
    assert!(!lab.accepts(&old.value));
}

#[test]
fn a_report_that_lags_behind_the_control_proves_nothing_yet() {
    let (lab, old, new) = unused();
    lab.sandbox.update_settings(|settings| settings.usage_lag_milliseconds = 30 * 60_000).unwrap();
    lab.work(&new.value);
    lacks(&lab, "usage", "unknown", "silence on the old one proves nothing");
    assert!(lab.accepts(&old.value));
    lab.advance_minutes(32);
    lab.run("finish prod").expect(0);
}

#[test]
fn a_span_that_began_before_the_window_says_nothing_of_it() {
    let lab = Lab::new();
    lab.configure(&lab.key_with("prod", "usage_lag = \"2h\"", &[]));
    let (old, _) = lab.promoted();
    lab.advance_minutes(61);
    lacks(&lab, "usage", "unknown", "enough at 2026-03-01T14:05:0");
    lab.advance_minutes(65);
    lab.run("finish prod").expect(0);
    assert!(!lab.accepts(&old.value));
}

#[test]
fn a_promotion_of_ten_days_ago_is_looked_up_over_several_pages() {
    let lab = Lab::new();
    let (old, new) = lab.staged();
    lab.run("promote prod").expect(0);
    lab.advance_minutes(120);
    lab.work(&new.value);
    lab.advance_minutes(10 * 24 * 60);
    let double = Double::in_front_of(lab.sandbox.address());
    through(&lab, &double);
    let document = lab.run("finish prod --json").expect(0).json();
    assert_eq!(row(&document, "usage").0, "met");
    let asked: Vec<_> = double.take().into_iter().filter(|heard| heard.path.starts_with(REPORT)).collect();
    assert!(asked.iter().any(|heard| heard.path.contains("bucket_width=1m")), "{asked:#?}");
    assert!(asked.iter().any(|heard| heard.path.contains("&page=")), "{asked:#?}");
    assert!(!lab.accepts(&old.value));
}

fn through(lab: &Lab, double: &Double) {
    lab.configure_at(&double.base_url(), "admin_key = \"file:admin.key\"\n", &lab.key("prod"));
}

/// A provider whose usage report is answered by the test for as long as the switch is on.
fn misreporting(
    lab: &Lab,
    answer: impl Fn(&Heard) -> Vec<u8> + Send + Sync + 'static,
) -> (Double, Arc<AtomicBool>) {
    let address = lab.sandbox.address();
    let is_on = Arc::new(AtomicBool::new(true));
    let switch = Arc::clone(&is_on);
    let double = Double::start(move |request| {
        if request.path.starts_with(REPORT) && switch.load(Ordering::SeqCst) {
            answer(request)
        } else {
            pass_on(request, address).unwrap_or_default()
        }
    });
    through(lab, &double);
    (double, is_on)
}

/// The report cannot be had or believed: exit 11, nothing revoked; when it is well again, `finish` goes on.
#[track_caller]
fn blocks(said: &str, answer: impl Fn(&Heard) -> Vec<u8> + Send + Sync + 'static) {
    let (lab, old, new) = unused();
    lab.work(&new.value);
    let (_double, is_on) = misreporting(&lab, answer);
    lacks(&lab, "usage", "unknown", said);
    assert!(lab.accepts(&old.value));
    is_on.store(false, Ordering::SeqCst);
    lab.run("finish prod").expect(0);
    assert!(!lab.accepts(&old.value));
}

fn says(status: u16, document: &Value) -> Vec<u8> {
    http_answer(status, &[("content-type", "application/json")], &document.to_string())
}

fn error(status: u16, kind: &str, message: &str) -> Vec<u8> {
    says(
        status,
        &json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": "r" }),
    )
}

fn bucket(rows: &[Value]) -> Value {
    json!({ "data": [{ "starting_at": "2026-03-01T13:00:00Z", "ending_at": "2026-03-01T13:01:00Z", "results": rows }],
        "has_more": false, "next_page": null })
}

fn used(id: Value) -> Value {
    json!({ "api_key_id": id, "uncached_input_tokens": 5, "cache_read_input_tokens": 0, "output_tokens": 5,
        "cache_creation": { "ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0 } })
}

#[test]
fn without_the_providers_time_the_span_is_not_known() {
    let (lab, old, new) = unused();
    lab.work(&new.value);
    let address = lab.sandbox.address();
    // From documentation of nobody: a gateway that takes the date off every answer.
    let double = Double::start(move |request| {
        let answer = pass_on(request, address).unwrap_or_default();
        String::from_utf8(answer)
            .unwrap()
            .replace("date:", "x-date:")
            .replace("Date:", "x-date:")
            .into_bytes()
    });
    through(&lab, &double);
    lacks(&lab, "usage", "unknown", "the provider's time is not known");
    assert!(lab.accepts(&old.value));
}

#[test]
fn an_earlier_use_of_the_old_credential_is_told_beside_the_silence() {
    let lab = Lab::new();
    let (old, _) = lab.promoted();
    lab.work(&old.value);
    lab.advance_minutes(61);
    let document = lab.run("finish prod --json").expect(0).json();
    let (verdict, detail) = row(&document, "usage");
    assert!(verdict == "met" && detail.contains("(last until 2026-03-01T12:01:00Z)"), "{detail}");
}

#[test]
fn throttled() {
    blocks("429", |_| error(429, "rate_limit_error", "slow down"));
}

#[test]
fn overloaded() {
    blocks("529", |_| error(529, "overloaded_error", "later"));
}

#[test]
fn broken_down() {
    blocks("500", |_| error(500, "api_error", "oops"));
}

#[test]
fn an_admin_key_without_the_right_is_named() {
    blocks("the admin key may not do this", |_| error(403, "permission_error", "needs usage access"));
}

#[test]
fn a_page_of_a_proxy() {
    blocks("", |_| http_answer(200, &[("content-type", "text/html")], "<html>sign in</html>"));
}

#[test]
fn a_document_of_another_kind() {
    blocks("is not the documented report", |_| {
        says(200, &json!({ "data": [{ "usage": 0 }], "has_more": false }))
    });
}

#[test]
fn pages_without_end() {
    blocks("round in a circle", |_| {
        says(200, &json!({ "data": [], "has_more": true, "next_page": "page_1" }))
    });
}

#[test]
fn more_that_follows_nothing() {
    blocks("but not after what", |_| says(200, &json!({ "data": [], "has_more": true, "next_page": null })));
}

#[test]
fn use_by_no_key_in_particular() {
    blocks("without saying by which key", |_| says(200, &bucket(&[used(Value::Null)])));
}

#[test]
fn ids_that_nobody_asked_for_are_neither_use_nor_control() {
    blocks("silence on the old one proves nothing", |_| {
        says(200, &bucket(&[used(json!("apikey_stranger")), used(json!("apikey_01"))]))
    });
}

#[test]
fn an_id_that_is_not_known_makes_the_report_useless() {
    let lab = Lab::new();
    // Adopted and staged without an admin key: nobody could tell which keys they are.
    lab.configure_with("", &lab.key("prod"));
    let (old, new): (ConsoleKey, ConsoleKey) = lab.staged();
    lab.run("promote prod").expect(0);
    lab.work(&new.value);
    lab.advance_minutes(61);
    // With one, their ids are asked for, and the report by them.
    lab.configure(&lab.key("prod"));
    let document = lab.run("finish prod --json").expect(0).json();
    assert_eq!(row(&document, "usage").0, "met");
    assert!(!lab.accepts(&old.value));
}

#[test]
fn without_an_admin_key_it_is_not_available_and_blocks_only_where_it_is_required() {
    for (required, code) in [("", 13), ("require = [\"usage\"]", 11)] {
        let lab = Lab::new();
        lab.configure_with("", &lab.key_with("prod", required, &[]));
        let (old, _) = lab.staged();
        lab.run("promote prod").expect(0);
        lab.advance_minutes(61);
        let ran = lab.refused("finish prod", code);
        assert!(lab.accepts(&old.value), "{ran:#?}");
    }
}
