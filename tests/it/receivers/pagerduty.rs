//! PagerDuty's Events API v2, from its documentation ("Send an Alert Event", "Events API v2 Overview").

use rotate::alert::pagerduty::{PagerDutyReceiver, Settings};
use rotate::alert::{Alert, Receiver, Severity, Undelivered};
use serde_json::{Value, json};

use super::{CANARY, DELIVERY, HERE, TIMEOUT, address, alert, lasting, now, only, passing, secret};
use crate::lab::double::{Double, http_answer};

const TAKEN: &str =
    "{\"status\":\"success\",\"message\":\"Event processed\",\"dedup_key\":\"rejected/prod-publish\"}";

async fn deliver(double: &Double, alert: &Alert) -> Result<(), Undelivered> {
    let settings =
        Settings { routing_key: secret(CANARY), url: Some(address(double)), allowed: HERE, timeout: TIMEOUT };
    PagerDutyReceiver::new(settings).unwrap().deliver(alert, DELIVERY, now()).await
}

async fn answered(status: u16, body: &str) -> Result<(), Undelivered> {
    let body = body.to_owned();
    let double = Double::start(move |_| http_answer(status, &[], &body));
    deliver(&double, &alert()).await
}

#[tokio::test]
async fn an_incident_is_opened_and_closed_under_one_key() {
    let double = Double::start(|_| http_answer(202, &[], TAKEN));
    deliver(&double, &alert()).await.unwrap();
    let opened: Value = serde_json::from_str(&only(&double).body).unwrap();
    assert_eq!(opened["routing_key"], CANARY);
    assert_eq!(opened["event_action"], "trigger");
    assert_eq!(opened["dedup_key"], "rejected/prod-publish");
    let payload = &opened["payload"];
    assert_eq!(payload["summary"], "CRITICAL prod-publish: the provider rejects the active credential");
    assert_eq!(payload["severity"], "critical");
    assert_eq!(payload["source"], "prod-publish");
    assert_eq!(payload["timestamp"], "2026-03-01T12:00:00Z");
    assert_eq!(payload["class"], "rejected");
    assert_eq!(payload["group"], "production");
    assert_eq!(payload["custom_details"]["hint"], "rotate status prod-publish");

    deliver(&double, &alert().resolved(now())).await.unwrap();
    let closed: Value = serde_json::from_str(&only(&double).body).unwrap();
    assert_eq!(closed["event_action"], "resolve");
    assert_eq!(
        (&closed["dedup_key"], &closed["routing_key"]),
        (&opened["dedup_key"], &opened["routing_key"])
    );
}

#[tokio::test]
async fn fields_are_within_their_limits() {
    let double = Double::start(|_| http_answer(202, &[], TAKEN));
    let mut alert = alert();
    alert.summary = "ü".repeat(5000);
    alert.dedup_key = "k".repeat(5000);
    for (severity, name) in
        [(Severity::Info, "info"), (Severity::Warning, "warning"), (Severity::Critical, "critical")]
    {
        alert.severity = severity;
        deliver(&double, &alert).await.unwrap();
        let sent: Value = serde_json::from_str(&only(&double).body).unwrap();
        assert_eq!(sent["payload"]["severity"], name);
        assert!(sent["payload"]["summary"].as_str().unwrap().chars().count() <= 1024);
        assert!(sent["dedup_key"].as_str().unwrap().len() <= 255);
    }
}

#[tokio::test]
async fn what_is_not_accepted_is_not_taken() {
    // From documentation.
    let invalid = json!({"status": "invalid event", "message": "Event object is invalid",
        "errors": ["'routing_key' is missing or blank", format!("{CANARY} is not a valid routing key")]});
    let words = [
        "400",
        "Event object is invalid; 'routing_key' is missing or blank",
        "[redacted] is not",
        "integration key",
    ];
    lasting(answered(400, &invalid.to_string()).await, &words);
    lasting(answered(200, "OK").await, &["200", "Events API v2"]);
    lasting(answered(404, "").await, &["404", "`url`"]);
    passing(answered(429, "").await, &["429"]);
    passing(answered(500, "").await, &["500"]);
}

#[test]
fn without_an_address_events_go_to_pagerduty() {
    let settings = Settings { routing_key: secret(CANARY), url: None, allowed: HERE, timeout: TIMEOUT };
    assert!(PagerDutyReceiver::new(settings).is_ok());
}
