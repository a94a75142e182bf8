//! Keys: made, accepted, refused, listed.

use rotate::exit::ExitCode;
use rotate::sandbox::SandboxSettings;
use serde_json::json;

use super::lab::{Lab, START, WORKSPACE, assert_error};

#[tokio::test]
async fn a_key_lives_and_dies() {
    let lab = Lab::with(SandboxSettings { revocation_lag_milliseconds: 5_000, ..Default::default() });
    let request = json!({ "name": "publish", "workspace_id": WORKSPACE });
    let made = lab.plain("POST", "/console/api_keys", request).await;
    let (id, value) = (made.body["id"].as_str().unwrap(), made.body["value"].as_str().unwrap());
    assert_eq!(value.len(), 108);
    assert_eq!(id.len(), "apikey_01Rj2N8SVvo6BePZj99NhmiT".len());

    let models = lab.get(value, "/v1/models?limit=1").await;
    assert_eq!(models.status, 200);
    assert_eq!(models.header("anthropic-workspace-id"), Some(WORKSPACE));
    assert!(models.header("request-id").unwrap().starts_with("req_"));
    assert_eq!(models.body["data"][0]["type"], "model");
    assert_eq!(models.body["has_more"], true);

    assert_eq!(lab.set_status(id, "inactive").await.body["status"], "inactive");
    lab.advance(4_999);
    assert_eq!(lab.probe(value).await, 200, "the revocation lags");
    lab.advance(1);
    let refused = lab.get(value, "/v1/models").await;
    assert_error(&refused, 401, "authentication_error");
    assert_eq!(refused.body["error"]["message"], "invalid x-api-key");

    lab.set_status(id, "active").await;
    assert_eq!(lab.probe(value).await, 200, "a reactivation does not lag");
    lab.set_status(id, "archived").await;
    lab.advance(5_000);
    assert_eq!(lab.probe(value).await, 401);
    for status in ["active", "inactive", "archived"] {
        assert_error(&lab.set_status(id, status).await, 400, "invalid_request_error");
    }
    assert_eq!(lab.probe(value).await, 401);

    let counts = &lab.sandbox.statistics().keys[id];
    assert_eq!((counts.accepted, counts.refused), (3, 3));
    assert_eq!(counts.last_used.unwrap().as_millisecond(), START + 5_000);
}

#[tokio::test]
async fn the_record_of_a_key_has_the_documented_shape() {
    let lab = Lab::new();
    let (id, value) = lab.create("publish");
    let seen = lab.admin_get(&format!("/v1/organizations/api_keys/{id}")).await;
    let creator = seen.body["created_by"]["id"].as_str().unwrap();
    let expected = json!({
        "id": id,
        "type": "api_key",
        "name": "publish",
        "status": "active",
        "partial_key_hint": format!("{}...{}", &value[..16], &value[104..]),
        "workspace_id": null,
        "created_at": "2026-03-01T12:00:00Z",
        "expires_at": null,
        "created_by": { "id": creator, "type": "user" },
    });
    assert_eq!(seen.body, expected);
    assert!(!seen.body.to_string().contains(&value));
    assert_eq!(seen.header("anthropic-workspace-id"), None);
    assert_error(&lab.admin_get("/v1/organizations/api_keys/apikey_01none").await, 404, "not_found_error");
}

#[tokio::test]
async fn an_expired_key_is_refused_at_once_and_stays_so() {
    let lab = Lab::with(SandboxSettings { revocation_lag_milliseconds: 60_000, ..Default::default() });
    let request = json!({ "name": "short", "expires_at": "2026-03-01T15:00:00Z" });
    let made = lab.plain("POST", "/console/api_keys", request).await;
    let (id, value) = (made.body["id"].as_str().unwrap(), made.body["value"].as_str().unwrap());
    lab.advance(3 * 3_600_000 - 1);
    assert_eq!(lab.probe(value).await, 200);
    lab.advance(1);
    assert_eq!(lab.probe(value).await, 401);
    assert_eq!(lab.admin_get("/v1/organizations/api_keys?status=expired").await.ids(), [id]);
    assert_error(&lab.set_status(id, "active").await, 400, "invalid_request_error");
    assert_eq!(lab.set_status(id, "archived").await.status, 200);
}

#[tokio::test]
async fn lists_are_filtered_and_paged_in_both_directions() {
    let lab = Lab::new();
    let mut newest_first: Vec<String> =
        (0..25).map(|number| lab.create(&format!("key {number}")).0).collect();
    newest_first.reverse();
    let ids: Vec<&str> = newest_first.iter().map(String::as_str).collect();
    let list = async |query: &str| lab.admin_get(&format!("/v1/organizations/api_keys{query}")).await;

    let first = list("").await;
    assert_eq!(first.ids(), ids[..20]);
    assert_eq!(first.body["has_more"], true);
    assert_eq!(
        (first.body["first_id"].as_str(), first.body["last_id"].as_str()),
        (Some(ids[0]), Some(ids[19]))
    );
    let second = list(&format!("?after_id={}", ids[19])).await;
    assert_eq!(second.ids(), ids[20..]);
    assert_eq!(second.body["has_more"], false);
    let back = list(&format!("?limit=3&before_id={}", ids[20])).await;
    assert_eq!(back.ids(), ids[17..20]);
    assert_eq!(back.body["has_more"], true);
    let begin = list(&format!("?limit=3&before_id={}", ids[3])).await;
    assert_eq!(begin.ids(), ids[..3]);
    assert_eq!(begin.body["has_more"], false);

    lab.set_status(ids[24], "inactive").await;
    assert_eq!(list("?status=inactive").await.ids(), [ids[24]]);
    let none = list(&format!("?workspace_id={WORKSPACE}")).await;
    assert_eq!(none.body, json!({ "data": [], "first_id": null, "last_id": null, "has_more": false }));
    let (in_workspace, _) = lab.sandbox.create_key("placed", Some(WORKSPACE)).unwrap();
    assert_eq!(list(&format!("?workspace_id={WORKSPACE}")).await.ids(), [in_workspace.as_str()]);

    for bad in
        ["?limit=0", "?limit=1001", "?status=dead", "?after_id=x", "?after=x", "?limit=1&limit=2", "?limit=%"]
    {
        assert_error(&list(bad).await, 400, "invalid_request_error");
    }
    assert_error(&list(&format!("?after_id={0}&before_id={0}", ids[3])).await, 400, "invalid_request_error");
}

#[tokio::test]
async fn the_console_refuses_what_makes_no_key() {
    let lab = Lab::new();
    for bad in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "x".repeat(501) }),
        json!({ "name": "x", "workspace_id": "elsewhere" }),
        json!({ "name": "x", "workspace_id": "wrkspc_\r\nx" }),
        json!({ "name": "x", "expires_at": "2026-03-01T12:00:00Z" }),
        json!({ "name": "x", "expires_at": "soon" }),
        json!({ "name": "x", "colour": "red" }),
    ] {
        assert_error(&lab.plain("POST", "/console/api_keys", bad).await, 400, "invalid_request_error");
    }
    assert_eq!(lab.sandbox.create_key("", None).unwrap_err().exit, ExitCode::Usage);
    let (id, value) = lab.create("publish");
    let path = format!("/console/api_keys/{id}");
    assert_eq!(lab.plain("POST", &path, json!({ "status": "inactive" })).await.body["status"], "inactive");
    assert_eq!(lab.probe(&value).await, 401, "disabled by hand");
    assert_eq!(lab.plain("POST", &path, json!({ "name": "renamed" })).await.body["name"], "renamed");
    for bad in [json!({ "status": "expired" }), json!({ "status": "dead" }), json!({ "name": "" }), json!([])]
    {
        assert_error(&lab.plain("POST", &path, bad).await, 400, "invalid_request_error");
    }
    let nowhere = lab.plain("POST", "/console/api_keys/apikey_01none", json!({})).await;
    assert_error(&nowhere, 404, "not_found_error");
}
