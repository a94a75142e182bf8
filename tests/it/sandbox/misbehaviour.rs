//! Faults, lags and the settings that cause them.

use std::sync::atomic::Ordering;

use rotate::sandbox::{FaultScope, Faults, SandboxSettings};
use serde_json::{Value, json};

use super::lab::{Lab, START, assert_error};

#[tokio::test]
async fn each_fault_shows_as_itself() {
    let lab = Lab::new();
    let (_, value) = lab.create("publish");
    let none = Faults::default();
    lab.faults(Faults { rate_limited: 1.0, ..none });
    let seen = lab.get(&value, "/v1/models").await;
    assert_error(&seen, 429, "rate_limit_error");
    assert_eq!(seen.header("retry-after"), Some("1"));
    lab.faults(Faults { overloaded: 1.0, ..none });
    assert_error(&lab.get(&value, "/v1/models").await, 529, "overloaded_error");
    lab.faults(Faults { server_error: 1.0, ..none });
    assert_error(&lab.get(&value, "/v1/models").await, 500, "api_error");
    lab.faults(Faults { garbage: 1.0, ..none });
    let seen = lab.get(&value, "/v1/models").await;
    assert_eq!((seen.status, seen.header("content-type")), (200, Some("text/html")));
    assert!(seen.body.as_str().unwrap().contains("<html>"));
    lab.faults(Faults { closed: 1.0, ..none });
    assert!(lab.api(&value, "GET", "/v1/models", None).await.is_err());
    assert!(lab.message(&value, "claude-a").await.is_err());

    let counts = lab.sandbox.statistics();
    assert_eq!((counts.requests, counts.faulted, counts.refused), (6, 6, 0));
    assert!(counts.keys.values().all(|key| key.accepted == 0), "these faults have no effect");
}

#[tokio::test]
async fn faults_keep_to_their_scope() {
    let lab = Lab::new();
    let (_, value) = lab.create("publish");
    let faults = Faults { overloaded: 1.0, ..Faults::default() };
    for (scope, api, admin) in
        [(FaultScope::Api, 529, 200), (FaultScope::Admin, 200, 529), (FaultScope::All, 529, 529)]
    {
        lab.sandbox
            .update_settings(|settings| (settings.faults, settings.fault_scope) = (faults, scope))
            .unwrap();
        assert_eq!(lab.probe(&value).await, api, "{scope:?}");
        assert_eq!(lab.admin_get("/v1/organizations/me").await.status, admin, "{scope:?}");
        assert_eq!(lab.plain("GET", "/console/api_keys", Value::Null).await.status, 200, "{scope:?}");
        assert_eq!(lab.plain("GET", "/sandbox/statistics", Value::Null).await.status, 200, "{scope:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_has_had_its_effect() {
    let lab = Lab::new();
    let (id, value) = lab.create("publish");
    lab.faults(Faults { lost_answer: 1.0, ..Faults::default() });
    let path = format!("/v1/organizations/api_keys/{id}");
    let lost = lab.api(&lab.admin_key(), "POST", &path, Some(json!({ "status": "inactive" }))).await;
    assert!(lost.is_err());
    lab.faults(Faults::default());
    assert_eq!(lab.probe(&value).await, 401);
    assert_eq!(lab.admin_get(&path).await.body["status"], "inactive");
}

#[tokio::test]
async fn admin_reads_are_stale_for_as_long_as_set() {
    let lab = Lab::with(SandboxSettings { admin_read_lag_milliseconds: 500, ..Default::default() });
    let (id, value) = lab.create("publish");
    let path = format!("/v1/organizations/api_keys/{id}");
    assert_error(&lab.admin_get(&path).await, 404, "not_found_error");
    assert!(lab.admin_get("/v1/organizations/api_keys").await.ids().is_empty());
    assert_eq!(lab.probe(&value).await, 200, "only reads are stale, the key works");
    lab.advance(500);
    assert_eq!(lab.set_status(&id, "inactive").await.body["status"], "inactive", "the writer sees its write");
    assert_eq!(lab.admin_get(&path).await.body["status"], "active");
    assert_eq!(lab.admin_get("/v1/organizations/api_keys?status=active").await.ids(), [id.as_str()]);
    assert_eq!(
        lab.plain("GET", "/console/api_keys", Value::Null).await.body["data"][0]["status"],
        "inactive"
    );
    lab.advance(499);
    lab.set_status(&id, "active").await;
    lab.advance(1);
    assert_eq!(lab.admin_get(&path).await.body["status"], "inactive", "each write is seen in its turn");
    lab.advance(499);
    assert_eq!(lab.admin_get(&path).await.body["status"], "active");
}

#[tokio::test]
async fn settings_and_statistics_have_their_routes() {
    let lab = Lab::new();
    let (id, value) = lab.create("publish");
    let change = json!({
        "revocation_lag_milliseconds": 9,
        "faults": { "garbage": 0.5 },
        "fault_scope": "admin",
        "seed": 3,
    });
    let set = lab.plain("POST", "/sandbox/settings", change).await;
    let expected = json!({
        "revocation_lag_milliseconds": 9,
        "admin_read_lag_milliseconds": 0,
        "usage_lag_milliseconds": 0,
        "latency_milliseconds": 0,
        "faults": {
            "rate_limited": 0.0,
            "overloaded": 0.0,
            "server_error": 0.0,
            "closed": 0.0,
            "garbage": 0.5,
            "lost_answer": 0.0,
        },
        "fault_scope": "admin",
    });
    assert_eq!((set.status, &set.body), (200, &expected));
    for bad in [
        json!({ "faults": { "closed": 1.5 } }),
        json!({ "faults": { "closed": -0.1 } }),
        json!({ "faults": { "closed": 0.6, "garbage": 0.6 } }),
        json!({ "faults": { "typo": 0.1 } }),
        json!({ "latency": 1 }),
        json!({ "fault_scope": "console" }),
        json!("x"),
    ] {
        assert_error(&lab.plain("POST", "/sandbox/settings", bad).await, 400, "invalid_request_error");
    }
    let kept = lab.plain("POST", "/sandbox/settings", json!({ "latency_milliseconds": 250 })).await;
    assert_eq!(
        (&kept.body["latency_milliseconds"], &kept.body["faults"]["garbage"]),
        (&json!(250), &json!(0.5))
    );
    assert_eq!(
        lab.plain("POST", "/sandbox/settings", json!({ "faults": {} })).await.body["faults"]["garbage"],
        0.0
    );
    assert_eq!(lab.plain("GET", "/sandbox/settings", Value::Null).await.body, json!(lab.sandbox.settings()));

    assert_eq!(lab.probe(&value).await, 200);
    assert_eq!(lab.milliseconds.load(Ordering::SeqCst), START + 250, "latency passes on the sandbox's clock");
    let counts = lab.plain("GET", "/sandbox/statistics", Value::Null).await;
    let of_key = json!({ "accepted": 1, "refused": 0, "last_used": "2026-03-01T12:00:00.25Z" });
    assert_eq!(counts.body, json!({ "requests": 1, "refused": 0, "faulted": 0, "keys": { id: of_key } }));
}
