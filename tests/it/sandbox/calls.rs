//! What API keys and the admin key get, and what they don't.

use serde_json::{Value, json};

use super::lab::{Lab, Seen, WORKSPACE, assert_error, send};

#[tokio::test]
async fn each_kind_of_key_opens_its_own_doors_only() {
    let lab = Lab::new();
    let (id, value) = lab.create("publish");
    let admin = lab.admin_key();
    let organization = lab.admin_get("/v1/organizations/me").await;
    assert_eq!((organization.status, organization.body["type"].as_str()), (200, Some("organization")));
    assert_error(&lab.get(&admin, "/v1/models").await, 401, "authentication_error");
    let key_path = format!("/v1/organizations/api_keys/{id}");
    for path in ["/v1/organizations/me", "/v1/organizations/api_keys", &key_path] {
        assert_error(&lab.get(&value, path).await, 401, "authentication_error");
    }
    assert_error(&lab.get("sk-ant-api03-nonsense", "/v1/models").await, 401, "authentication_error");
    assert_eq!(lab.sandbox.statistics().refused, 5);

    let version = "anthropic-version";
    let bearer =
        |token: &str| lab.request("GET", "/v1/models").header("authorization", format!("Bearer {token}"));
    assert_eq!(send(bearer(&value).header(version, "2023-06-01")).await.unwrap().status, 200);
    let wrong = send(bearer("wrong").header(version, "2023-06-01")).await.unwrap();
    assert_error(&wrong, 401, "authentication_error");
    assert_eq!(wrong.body["error"]["message"], "Invalid bearer token");
    assert_error(&send(bearer(&value)).await.unwrap(), 400, "invalid_request_error");
    assert_error(
        &send(bearer(&value).header(version, "1999-01-01")).await.unwrap(),
        400,
        "invalid_request_error",
    );
    let nobody = send(lab.request("GET", "/v1/models").header(version, "2023-06-01")).await.unwrap();
    assert_error(&nobody, 401, "authentication_error");
}

#[tokio::test]
async fn messages_answer_and_bad_ones_are_refused() {
    let lab = Lab::new();
    let (_, value) = lab.create("publish");
    let seen = lab.message(&value, "claude-sonnet-4-20250514").await.unwrap();
    assert_eq!(seen.status, 200);
    assert_eq!(
        (seen.body["type"].as_str(), seen.body["stop_reason"].as_str()),
        (Some("message"), Some("max_tokens"))
    );
    assert_eq!(seen.body["usage"]["output_tokens"], 1);
    let count = json!({ "model": "claude-x", "messages": [{ "role": "user", "content": "hello" }] });
    let counted = lab.api(&value, "POST", "/v1/messages/count_tokens", Some(count)).await.unwrap();
    assert!(counted.body["input_tokens"].as_u64().unwrap() > 0);

    let full = json!({ "model": "claude-x", "max_tokens": 1, "messages": [{}] });
    for (name, bad, status, kind) in [
        ("model", json!("gpt"), 404, "not_found_error"),
        ("model", Value::Null, 400, "invalid_request_error"),
        ("max_tokens", json!(0), 400, "invalid_request_error"),
        ("max_tokens", json!(-1), 400, "invalid_request_error"),
        ("max_tokens", Value::Null, 400, "invalid_request_error"),
        ("messages", json!([]), 400, "invalid_request_error"),
        ("messages", json!({}), 400, "invalid_request_error"),
        ("stream", json!(true), 400, "invalid_request_error"),
    ] {
        let mut body = full.clone();
        body[name] = bad;
        assert_error(&lab.api(&value, "POST", "/v1/messages", Some(body)).await.unwrap(), status, kind);
    }
    // one byte too many, and it is the last: so the server has read all when it answers
    let padding = "x".repeat(1024 * 1024 + 1 - r#"{"padding":""}"#.len());
    let huge = lab.api(&value, "POST", "/v1/messages", Some(json!({ "padding": padding }))).await.unwrap();
    assert_error(&huge, 413, "request_too_large");
    assert_error(&lab.get(&value, "/v1/messages").await, 405, "invalid_request_error");
    for path in [
        "/",
        "/v1",
        "/v1/models/",
        "/v1/organizations/api_keys/",
        "/console",
        "/v1/organizations/api_keys/a/b",
    ] {
        assert_error(&lab.get(&value, path).await, 404, "not_found_error");
    }
}

#[tokio::test]
async fn usage_stands_in_buckets_of_time() {
    let lab = Lab::new();
    let (first, first_value) = lab.create("first");
    let (second, second_value) = lab.sandbox.create_key("second", Some(WORKSPACE)).unwrap();
    lab.message(&first_value, "claude-a").await.unwrap();
    lab.message(second_value.expose(), "claude-a").await.unwrap();
    lab.advance(60_000);
    lab.message(second_value.expose(), "claude-b").await.unwrap();
    lab.advance(60_000);
    let report = async |query: &str| {
        let path = format!("/v1/organizations/usage_report/messages?{query}");
        lab.admin_get(&path).await
    };
    let minutes = "starting_at=2026-03-01T12:00:30Z&bucket_width=1m";

    let all = report(minutes).await;
    let rows = |seen: &Seen, bucket: usize| seen.body["data"][bucket]["results"].as_array().unwrap().clone();
    assert_eq!(all.body["data"].as_array().unwrap().len(), 3);
    assert_eq!(all.body["data"][0]["starting_at"], "2026-03-01T12:00:00Z");
    assert_eq!(all.body["data"][0]["ending_at"], "2026-03-01T12:01:00Z");
    let row = &rows(&all, 0)[0];
    assert_eq!((&row["api_key_id"], &row["output_tokens"]), (&Value::Null, &json!(2)));
    assert_eq!(
        row["cache_creation"],
        json!({ "ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0 })
    );
    assert!(row["uncached_input_tokens"].as_u64().unwrap() > 0);
    assert!(rows(&all, 2).is_empty());
    assert_eq!((&all.body["has_more"], &all.body["next_page"]), (&json!(false), &Value::Null));

    let grouped =
        report(&format!("{minutes}&group_by[]=api_key_id&group_by[]=workspace_id&group_by[]=model")).await;
    assert_eq!(rows(&grouped, 0).len(), 2);
    let row = &rows(&grouped, 1)[0];
    assert_eq!(
        (row["api_key_id"].as_str(), row["workspace_id"].as_str()),
        (Some(second.as_str()), Some(WORKSPACE))
    );
    assert_eq!(row["model"], "claude-b");

    let of_first = report(&format!("{minutes}&api_key_ids%5B%5D={first}")).await;
    assert_eq!((rows(&of_first, 0).len(), rows(&of_first, 1).len()), (1, 0));
    assert_eq!(rows(&of_first, 0)[0]["output_tokens"], 1);
    let of_model = report(&format!("{minutes}&models[]=claude-b&workspace_ids[]={WORKSPACE}")).await;
    assert_eq!((rows(&of_model, 0).len(), rows(&of_model, 1).len()), (0, 1));

    let page = report(&format!("{minutes}&limit=2")).await;
    assert_eq!((page.body["data"].as_array().unwrap().len(), &page.body["has_more"]), (2, &json!(true)));
    let token = page.body["next_page"].as_str().unwrap();
    let rest = report(&format!("{minutes}&limit=2&page={token}")).await;
    assert_eq!(rest.body["data"][0]["starting_at"], "2026-03-01T12:02:00Z");
    assert_eq!((rest.body["data"].as_array().unwrap().len(), &rest.body["has_more"]), (1, &json!(false)));

    let ended = report(&format!("{minutes}&ending_at=2026-03-01T12:01:59Z")).await;
    assert_eq!(ended.body["data"].as_array().unwrap().len(), 1, "only buckets that have ended by then");
    let day = report("starting_at=2026-03-01T12:00:00Z").await;
    assert_eq!(day.body["data"][0]["starting_at"], "2026-03-01T00:00:00Z");
    assert_eq!(rows(&day, 0)[0]["output_tokens"], 3);

    lab.sandbox.update_settings(|settings| settings.usage_lag_milliseconds = 60_000).unwrap();
    let late = report(minutes).await;
    assert_eq!((rows(&late, 0).len(), rows(&late, 1).len()), (1, 0));

    for bad in [
        "",
        "starting_at=yesterday",
        "starting_at=2026-03-01T12:00:00Z&bucket_width=1w",
        "starting_at=2026-03-01T12:00:00Z&bucket_width=1m&limit=1441",
        "starting_at=2026-03-01T12:00:00Z&ending_at=2026-03-01T12:00:00Z",
        "starting_at=2026-03-01T12:00:00Z&group_by[]=colour",
        "starting_at=2026-03-01T12:00:00Z&page=page_1",
        "starting_at=2026-03-01T12:00:00Z&page=9",
        "starting_at=2026-03-01T12:00:00Z&api_key_ids=x",
    ] {
        assert_error(&report(bad).await, 400, "invalid_request_error");
    }
    assert_eq!(report("starting_at=9999-01-01T00:00:00Z").await.body["data"], json!([]));
}
