//! The Anthropic adapter over real HTTP on loopback. Every double answers from documentation (facts
//! page, "Anthropic"); none was compared with the live API.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::{body_json, header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use rotate::clock::Clock;
use rotate::http::{Client, HttpError, Request};
use rotate::provider::anthropic::{Anthropic, ProbeKind, Settings};
use rotate::provider::{Outcome, Ping, Provider};
use rotate::rotation::credential::{Identity, KeyStatus, ProviderKeyId, Verdict};
use rotate::rotation::stamp::Stamp;
use rotate::secret::Secret;

const VALUE: &str = "sk-ant-api03-R2DcanarycanaryCANARYcanary0123456789-igAA";
const ADMIN_KEY: &str = "sk-ant-admin01-canaryADMINcanary9876543210";
const KEY_ID: &str = "apikey_01Rj2N8SVvo6BePZj99NhmiT";

/// Sleeping takes no time and is remembered.
#[derive(Default)]
struct Counting {
    slept: RefCell<Vec<Duration>>,
}

#[async_trait(?Send)]
impl Clock for Counting {
    fn now(&self) -> Stamp {
        Stamp::from_wall(Timestamp::UNIX_EPOCH)
    }

    async fn sleep(&self, duration: Duration) {
        self.slept.borrow_mut().push(duration);
    }
}

struct Bench {
    provider: Anthropic,
    clock: Rc<Counting>,
}

impl Bench {
    fn new(base_url: &str) -> Self {
        Self::with(base_url, ProbeKind::Models, Some(ADMIN_KEY))
    }

    fn with(base_url: &str, probe: ProbeKind, admin_key: Option<&str>) -> Self {
        let clock = Rc::new(Counting::default());
        let settings = Settings { base_url: base_url.to_owned(), probe };
        let provider = Anthropic::new(
            Client::new(Duration::from_secs(5)).unwrap(),
            clock.clone(),
            settings,
            admin_key.map(secret),
        );
        Self { provider, clock }
    }

    fn slept_milliseconds(&self) -> Vec<u128> {
        self.clock.slept.borrow().iter().map(Duration::as_millis).collect()
    }
}

fn secret(text: &str) -> Secret {
    Secret::from_text(text.to_owned()).unwrap()
}

fn key_id() -> ProviderKeyId {
    ProviderKeyId(KEY_ID.to_owned())
}

fn error(kind: &str, message: &str) -> Value {
    json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": "req_1" })
}

fn models() -> Value {
    json!({
        "data": [{ "type": "model", "id": "m", "display_name": "M", "created_at": "2025-01-01T00:00:00Z" }],
        "has_more": true, "first_id": "m", "last_id": "m",
    })
}

async fn serving(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any()).respond_with(response).mount(&server).await;
    server
}

async fn probe(response: ResponseTemplate) -> Ping {
    let server = serving(response).await;
    let ping = Bench::new(&server.uri()).provider.probe_once(&secret(VALUE)).await;
    assert_safe(&ping.detail);
    ping
}

fn assert_safe(text: &str) {
    for canary in ["canary", "CANARY", "ADMIN", "0123456789", "9876543210"] {
        assert!(!text.contains(canary), "{text}");
    }
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

mod probes {
    use super::*;

    #[tokio::test]
    async fn a_models_list_is_accepted_with_date_and_workspace() {
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .and(path("/v1/models"))
            .and(query_param("limit", "1"))
            .and(header("x-api-key", VALUE))
            .and(header("anthropic-version", "2023-06-01"))
            .respond_with(
                ResponseTemplate::new(200)
                    .set_body_json(models())
                    .insert_header("anthropic-workspace-id", "wrkspc_01")
                    .insert_header("date", "Tue, 15 Nov 1994 08:12:31 GMT"),
            )
            .expect(1)
            .mount(&server)
            .await;
        let with_slash = format!("{}/", server.uri());
        let ping = Bench::new(&with_slash).provider.probe_once(&secret(VALUE)).await;
        assert_eq!(ping.verdict, Verdict::Accepted, "{}", ping.detail);
        assert_eq!(ping.workspace.as_deref(), Some("wrkspc_01"));
        assert_eq!(ping.date.unwrap().to_string(), "1994-11-15T08:12:31Z");
        assert_eq!(ping.retry_after_seconds, None);
        let agent = &server.received_requests().await.unwrap()[0].headers["user-agent"];
        assert_eq!(agent.to_str().unwrap(), format!("rotate/{}", env!("CARGO_PKG_VERSION")));
    }

    #[tokio::test]
    async fn inference_asks_for_one_token() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/v1/messages"))
            .and(header("x-api-key", VALUE))
            .and(header("content-type", "application/json"))
            .and(body_json(json!({
                "model": "small", "max_tokens": 1, "messages": [{ "role": "user", "content": "ping" }],
            })))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "type": "message", "id": "msg" })))
            .mount(&server)
            .await;
        let inference = ProbeKind::Inference { model: "small".to_owned() };
        let bench = Bench::with(&server.uri(), inference, None);
        let ping = bench.provider.probe_once(&secret(VALUE)).await;
        assert_eq!(ping.verdict, Verdict::Accepted, "{}", ping.detail);
    }

    #[tokio::test]
    async fn inference_takes_no_models_list_and_names_a_missing_model() {
        let inference = || ProbeKind::Inference { model: "small".to_owned() };
        let server = serving(ResponseTemplate::new(200).set_body_json(models())).await;
        let ping = Bench::with(&server.uri(), inference(), None).provider.probe_once(&secret(VALUE)).await;
        assert_eq!(ping.verdict, Verdict::Unknown);

        let missing = ResponseTemplate::new(404).set_body_json(error("not_found_error", "model: small"));
        let server = serving(missing).await;
        let ping = Bench::with(&server.uri(), inference(), None).provider.probe_once(&secret(VALUE)).await;
        assert_eq!(ping.verdict, Verdict::Unknown);
        assert!(ping.detail.contains("the model asked for is small"), "{}", ping.detail);
    }

    #[tokio::test]
    async fn every_row_of_the_verdict_table() {
        let credit = "Your credit balance is too low to access the Anthropic API.";
        let spend = "You have reached your specified API usage limits.";
        let rows = [
            (400, "invalid_request_error", credit, Verdict::Unknown, "credit balance is too low (400)"),
            (400, "invalid_request_error", spend, Verdict::Unknown, "spend limit is reached"),
            (400, "invalid_request_error", "anthropic-workspace-id: required", Verdict::Unknown, "workspace"),
            (400, "invalid_request_error", "no", Verdict::Unknown, "says nothing about the key"),
            (401, "authentication_error", "invalid x-api-key", Verdict::Rejected, "invalid x-api-key"),
            (401, "authentication_error", "Invalid bearer token", Verdict::Rejected, "(401)"),
            (401, "authentication_error", "x-api-key header is required", Verdict::Unknown, "no credential"),
            (401, "login_required", "hello", Verdict::Unknown, "not the provider's own"),
            (402, "billing_error", "pay", Verdict::Unknown, "billing (402)"),
            (403, "permission_error", "no", Verdict::Unknown, "may not do this (403)"),
            (404, "not_found_error", "no", Verdict::Unknown, "(404)"),
            (409, "conflict_error", "no", Verdict::Unknown, "(409)"),
            (413, "request_too_large", "no", Verdict::Unknown, "(413)"),
            (418, "teapot_error", "no", Verdict::Unknown, "418"),
            (429, "rate_limit_error", "slow", Verdict::Unknown, "named no time to wait"),
            (500, "api_error", "oops", Verdict::Unknown, "failing (500)"),
            (504, "timeout_error", "late", Verdict::Unknown, "(504)"),
            (529, "overloaded_error", "Overloaded", Verdict::Unknown, "overloaded (529)"),
            // Only the status counts, not what an error of another status calls itself.
            (403, "authentication_error", "no", Verdict::Unknown, "(403)"),
            (200, "authentication_error", "no", Verdict::Unknown, "200"),
        ];
        for (status, kind, message, verdict, expected) in rows {
            let ping = probe(ResponseTemplate::new(status).set_body_json(error(kind, message))).await;
            assert_eq!(ping.verdict, verdict, "{status} {kind}: {}", ping.detail);
            assert!(ping.detail.contains(expected), "{status} {kind}: {}", ping.detail);
        }
    }

    #[tokio::test]
    async fn what_is_not_in_the_providers_words_is_unknown() {
        let html = || "<html><h1>401 Unauthorized</h1></html>".to_owned();
        let bare = |kind: &str| json!({ "error": { "type": kind, "message": "no" } });
        let cases = [
            (
                "html 200",
                ResponseTemplate::new(200).set_body_raw(html(), "text/html; charset=utf-8"),
                "text/html",
            ),
            ("html 401", ResponseTemplate::new(401).set_body_raw(html(), "text/html"), "text/html"),
            ("empty 401", ResponseTemplate::new(401), "without a content type"),
            (
                "bare 401",
                ResponseTemplate::new(401).set_body_json(bare("authentication_error")),
                "not the provider",
            ),
            (
                "edge 403",
                ResponseTemplate::new(403).set_body_json(bare("forbidden")),
                "in front of the provider",
            ),
            ("text 200", ResponseTemplate::new(200).set_body_string("ok"), "200"),
            ("json 200", ResponseTemplate::new(200).set_body_json(json!({ "data": {} })), "200"),
            ("list 200", ResponseTemplate::new(200).set_body_json(json!([])), "200"),
            ("cut 200", ResponseTemplate::new(200).set_body_string(r#"{"data":["#), "200"),
            ("empty 204", ResponseTemplate::new(204), "204"),
            ("models 201", ResponseTemplate::new(201).set_body_json(models()), "201"),
            ("html 502", ResponseTemplate::new(502).set_body_raw(html(), "text/html"), "failing (502)"),
        ];
        for (name, response, expected) in cases {
            let ping = probe(response).await;
            assert_eq!(ping.verdict, Verdict::Unknown, "{name}: {}", ping.detail);
            assert!(ping.detail.contains(expected), "{name}: {}", ping.detail);
        }
    }

    #[tokio::test]
    async fn retry_after_is_passed_on() {
        for (status, kind) in [(429, "rate_limit_error"), (529, "overloaded_error")] {
            let response = ResponseTemplate::new(status)
                .set_body_json(error(kind, "later"))
                .insert_header("retry-after", "30");
            let ping = probe(response).await;
            assert_eq!(ping.verdict, Verdict::Unknown);
            assert_eq!(ping.retry_after_seconds, Some(30));
            assert!(ping.detail.contains("asked to wait 30 s"), "{}", ping.detail);
        }
    }

    #[tokio::test]
    async fn a_redirect_is_never_followed_so_the_key_stays_here() {
        for status in [301, 302, 303, 307, 308] {
            let thief = serving(ResponseTemplate::new(200).set_body_json(models())).await;
            let location = format!("{}/v1/models", thief.uri());
            let ping =
                probe(ResponseTemplate::new(status).insert_header("location", location.as_str())).await;
            assert_eq!(ping.verdict, Verdict::Unknown);
            let host = thief.address().to_string();
            assert!(ping.detail.contains(&format!("redirect ({status}) to {host}")), "{}", ping.detail);
            assert!(thief.received_requests().await.unwrap().is_empty());
        }
    }

    #[tokio::test]
    async fn an_echoed_key_and_terminal_escapes_are_not_repeated() {
        let message = format!("\u{1b}]0;owned\u{7}\u{1b}[2Jkey {VALUE} or {} is\r\nbad", &VALUE[13..40]);
        for (status, kind) in [(401, "authentication_error"), (400, "invalid_request_error")] {
            let ping = probe(ResponseTemplate::new(status).set_body_json(error(kind, &message))).await;
            assert!(ping.detail.ends_with("key [redacted] or [redacted] is bad"), "{}", ping.detail);
        }
    }

    #[tokio::test]
    async fn an_answer_without_end_is_not_read() {
        let body = vec![b' '; 1024 * 1024 + 1];
        let ping = probe(ResponseTemplate::new(200).set_body_bytes(body)).await;
        assert_eq!(ping.verdict, Verdict::Unknown);
        assert!(ping.detail.contains("more than 1 MiB"), "{}", ping.detail);
    }
}

mod transport {
    use super::*;

    /// What a server does with one connection after it has read the request.
    #[derive(Clone, Copy)]
    enum Habit {
        Close,
        Silence,
        HalfAnAnswer,
        Gibberish,
        Endless,
    }

    async fn raw_server(habit: Habit) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                match habit {
                    Habit::Close => {}
                    Habit::Silence => std::future::pending().await,
                    Habit::HalfAnAnswer => {
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{").await;
                    }
                    Habit::Gibberish => {
                        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n\r\n").await;
                    }
                    Habit::Endless => {
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                        while stream.write_all(&[b' '; 4096]).await.is_ok() {}
                    }
                }
            }
        });
        format!("http://{address}")
    }

    async fn send(url: String) -> HttpError {
        Client::new(Duration::from_millis(200)).unwrap().send(Request::get(url)).await.unwrap_err()
    }

    #[tokio::test]
    async fn every_way_to_get_no_answer_is_told_apart_and_unknown() {
        let cases = [
            (Habit::Close, "closed the connection"),
            (Habit::Silence, "no whole answer within 200ms"),
            (Habit::HalfAnAnswer, "closed the connection"),
            (Habit::Gibberish, "failed"),
            (Habit::Endless, "more than 1 MiB"),
        ];
        for (habit, expected) in cases {
            let base_url = raw_server(habit).await;
            let error = send(base_url.clone()).await;
            assert!(!error.is_never_sent(), "{error}");
            assert!(error.to_string().contains(expected), "{error}");

            let provider = Anthropic::new(
                Client::new(Duration::from_millis(200)).unwrap(),
                Rc::new(Counting::default()),
                Settings { base_url, probe: ProbeKind::Models },
                Some(secret(ADMIN_KEY)),
            );
            let ping = provider.probe_once(&secret(VALUE)).await;
            assert_eq!(ping.verdict, Verdict::Unknown);
            assert!(ping.detail.contains(expected), "{}", ping.detail);
            assert!(matches!(provider.revoke(&key_id()).await, Outcome::Unknown(_)));
        }
    }

    #[tokio::test]
    async fn no_connection_is_known_never_to_have_arrived() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error = send(format!("http://user:hunter2@{address}/path?query=1")).await;
        assert!(matches!(error, HttpError::CouldNotConnect { .. }), "{error:?}");
        assert!(error.is_never_sent());
        let text = error.to_string();
        assert!(text.starts_with(&format!("could not connect to {address}: ")), "{text}");
        assert!(!text.contains("hunter2") && !text.contains("query"), "{text}");
    }

    #[tokio::test]
    async fn a_server_without_tls_is_no_connection() {
        let base_url = raw_server(Habit::Gibberish).await.replace("http://", "https://");
        let error =
            Client::new(Duration::from_secs(5)).unwrap().send(Request::get(base_url)).await.unwrap_err();
        assert!(error.is_never_sent(), "{error:?}");
    }

    #[tokio::test]
    async fn a_base_url_that_is_none_is_unknown_and_not_repeated() {
        for base_url in ["", "api.anthropic.com", "ftp://u:hunter2@h"] {
            let bench = Bench::new(base_url);
            let ping = bench.provider.probe_once(&secret(VALUE)).await;
            assert_eq!(ping.verdict, Verdict::Unknown);
            assert!(ping.detail.contains("base_url") && !ping.detail.contains("hunter2"), "{}", ping.detail);
            assert!(matches!(bench.provider.identify(&secret(VALUE)).await, Identity::Unknown(_)));
            assert!(bench.slept_milliseconds().is_empty());
        }
    }
}

mod admin {
    use super::*;

    const FITTING: &str = "sk-ant-api03-R2D...igAA";
    const OTHER: &str = "sk-ant-api03-Xyz...0000";

    fn item(id: &str, hint: &str, status: &str) -> Value {
        json!({
            "id": id, "type": "api_key", "name": "Developer\u{1b}[31m Key", "status": status,
            "partial_key_hint": hint, "workspace_id": "wrkspc_01",
            "created_at": "2024-10-30T23:58:27.427722Z", "expires_at": "2027-01-01T00:00:00Z",
            "created_by": { "id": "user_01", "type": "user" },
        })
    }

    fn page(items: &[Value], last_id: Option<&str>) -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_json(json!({
            "data": items, "first_id": null, "last_id": last_id, "has_more": last_id.is_some(),
        }))
    }

    async fn identify(response: ResponseTemplate) -> Identity {
        let server = serving(response).await;
        let identity = Bench::new(&server.uri()).provider.identify(&secret(VALUE)).await;
        assert_safe(&format!("{identity:?}"));
        identity
    }

    fn ids(identity: &Identity) -> Vec<&str> {
        match identity {
            Identity::Proven(key) => vec![&key.id.0],
            Identity::Ambiguous(keys) => keys.iter().map(|key| key.id.0.as_str()).collect(),
            _ => vec![],
        }
    }

    #[tokio::test]
    async fn the_one_key_that_fits_is_proven() {
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .and(path("/v1/organizations/api_keys"))
            .and(query_param("limit", "1000"))
            .and(header("x-api-key", ADMIN_KEY))
            .and(header("anthropic-version", "2023-06-01"))
            .respond_with(page(
                &[item("apikey_other", OTHER, "active"), item(KEY_ID, FITTING, "active")],
                None,
            ))
            .expect(1)
            .mount(&server)
            .await;
        let identity = Bench::new(&server.uri()).provider.identify(&secret(VALUE)).await;
        let Identity::Proven(key) = identity else { panic!("{identity:?}") };
        assert_eq!(key.id, key_id());
        assert_eq!(key.name, "Developer Key");
        assert_eq!(key.status, KeyStatus::Active);
        assert_eq!(key.workspace.as_deref(), Some("wrkspc_01"));
        assert_eq!(key.expires_at.unwrap().to_string(), "2027-01-01T00:00:00Z");
        assert_eq!(key.hint, FITTING);
    }

    #[tokio::test]
    async fn none_several_and_archived_ones() {
        let list = |rows: &[(&str, &str, &str)]| {
            let items: Vec<_> = rows.iter().map(|(id, hint, status)| item(id, hint, status)).collect();
            page(&items, None)
        };
        assert_eq!(identify(list(&[])).await, Identity::NotFound);
        assert_eq!(identify(list(&[("a", OTHER, "active")])).await, Identity::NotFound);

        let several = identify(list(&[("a", FITTING, "active"), ("b", FITTING, "expired")])).await;
        assert!(matches!(several, Identity::Ambiguous(_)));
        assert_eq!(ids(&several), ["a", "b"]);

        let one_archived = identify(list(&[("a", FITTING, "archived"), ("b", FITTING, "inactive")])).await;
        assert!(matches!(one_archived, Identity::Proven(_)));
        assert_eq!(ids(&one_archived), ["b"]);

        let only_archived = identify(list(&[("a", FITTING, "archived")])).await;
        assert!(matches!(only_archived, Identity::Proven(_)));

        let both_archived = identify(list(&[("a", FITTING, "archived"), ("b", FITTING, "archived")])).await;
        assert!(matches!(both_archived, Identity::Ambiguous(_)));
    }

    #[tokio::test]
    async fn a_fitting_key_that_is_not_understood_is_not_passed_over() {
        for odd in [item("a", FITTING, "frozen"), item("../a", FITTING, "active")] {
            let identity = identify(page(&[odd, item("b", FITTING, "active")], None)).await;
            assert!(matches!(identity, Identity::Unknown(_)), "{identity:?}");
        }
        let odd_but_other =
            identify(page(&[item("a", OTHER, "frozen"), item("b", FITTING, "active")], None)).await;
        assert_eq!(ids(&odd_but_other), ["b"]);
    }

    #[tokio::test]
    async fn every_page_is_looked_at_and_repeats_count_once() {
        let server = MockServer::start().await;
        let pages = [
            (None, page(&[item("a", OTHER, "active"), item("b", FITTING, "active")], Some("b"))),
            (Some("b"), page(&[item("b", FITTING, "active")], Some("c"))),
            (Some("c"), page(&[item("d", OTHER, "active")], None)),
        ];
        for (after, response) in pages {
            let mock = Mock::given(method("GET")).and(path("/v1/organizations/api_keys"));
            match after {
                Some(id) => mock.and(query_param("after_id", id)).respond_with(response),
                None => mock.and(query_param_is_missing("after_id")).respond_with(response),
            }
            .expect(1)
            .mount(&server)
            .await;
        }
        let identity = Bench::new(&server.uri()).provider.identify(&secret(VALUE)).await;
        assert!(matches!(identity, Identity::Proven(_)), "{identity:?}");
        assert_eq!(ids(&identity), ["b"]);
    }

    #[tokio::test]
    async fn a_listing_without_end_or_sense_is_unknown() {
        let fitting = [item(KEY_ID, FITTING, "active")];
        let no_cursor = json!({ "data": fitting, "last_id": null, "has_more": true });
        let bad_cursor = json!({ "data": fitting, "last_id": "x&status=active", "has_more": true });
        let no_more = json!({ "data": fitting, "last_id": null });
        let cases = [
            ("a loop", page(&fitting, Some("a"))),
            ("no cursor", ResponseTemplate::new(200).set_body_json(no_cursor)),
            ("a cursor of unknown form", ResponseTemplate::new(200).set_body_json(bad_cursor)),
            ("no word on more", ResponseTemplate::new(200).set_body_json(no_more)),
            ("html", ResponseTemplate::new(200).set_body_raw("<html>", "text/html")),
        ];
        for (name, response) in cases {
            let identity = identify(response).await;
            assert!(matches!(identity, Identity::Unknown(_)), "{name}: {identity:?}");
        }
    }

    #[tokio::test]
    async fn cursors_that_are_always_new_come_to_an_end() {
        struct EverNew(std::sync::atomic::AtomicU32);
        impl wiremock::Respond for EverNew {
            fn respond(&self, _: &wiremock::Request) -> ResponseTemplate {
                let number = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                page(&[], Some(&format!("cursor_{number}")))
            }
        }
        let server = MockServer::start().await;
        Mock::given(method("GET")).respond_with(EverNew(0.into())).expect(50).mount(&server).await;
        let identity = Bench::new(&server.uri()).provider.identify(&secret(VALUE)).await;
        assert!(matches!(identity, Identity::Unknown(_)), "{identity:?}");
    }

    #[tokio::test]
    async fn a_rejected_admin_key_is_named_and_not_retried() {
        let message = format!("invalid x-api-key {ADMIN_KEY}");
        let rejected = ResponseTemplate::new(401).set_body_json(error("authentication_error", &message));
        let server = serving(rejected).await;
        let bench = Bench::new(&server.uri());
        let Identity::Unknown(why) = bench.provider.identify(&secret(VALUE)).await else { panic!() };
        assert!(why.contains("the admin key was rejected") && why.contains("admin_key"), "{why}");
        assert_safe(&why);
        let Outcome::Refused(why) = bench.provider.revoke(&key_id()).await else { panic!() };
        assert_safe(&why);
        assert!(bench.slept_milliseconds().is_empty());
    }

    #[tokio::test]
    async fn reads_are_repeated_as_long_as_the_provider_asks_within_reason() {
        let server = MockServer::start().await;
        let answers = [
            ResponseTemplate::new(429).insert_header("retry-after", "7"),
            ResponseTemplate::new(529).insert_header("retry-after", "3600"),
            ResponseTemplate::new(503),
        ];
        for answer in answers {
            Mock::given(method("GET")).respond_with(answer).up_to_n_times(1).mount(&server).await;
        }
        Mock::given(method("GET"))
            .respond_with(page(&[item(KEY_ID, FITTING, "active")], None))
            .mount(&server)
            .await;
        let bench = Bench::new(&server.uri());
        assert!(matches!(bench.provider.identify(&secret(VALUE)).await, Identity::Proven(_)));
        assert_eq!(bench.slept_milliseconds(), [7_000, 30_000, 2_000]);
    }

    #[tokio::test]
    async fn reads_give_up_after_four_attempts() {
        let server = MockServer::start().await;
        Mock::given(method("GET")).respond_with(ResponseTemplate::new(500)).expect(4).mount(&server).await;
        let bench = Bench::new(&server.uri());
        assert!(matches!(bench.provider.key_status(&key_id()).await, Outcome::Unknown(_)));
        assert_eq!(bench.slept_milliseconds(), [500, 1_000, 2_000]);
    }

    #[tokio::test]
    async fn the_record_of_one_key() {
        let own_404 = ResponseTemplate::new(404).set_body_json(error("not_found_error", "no such key"));
        let html_404 = ResponseTemplate::new(404).set_body_raw("<html>", "text/html");
        let another = ResponseTemplate::new(200).set_body_json(item("apikey_other", OTHER, "active"));
        let cases = [
            (ResponseTemplate::new(200).set_body_json(item(KEY_ID, FITTING, "inactive")), "done"),
            (own_404, "absent"),
            (html_404, "unknown"),
            (another, "unknown"),
            (ResponseTemplate::new(200).set_body_json(item(KEY_ID, FITTING, "frozen")), "unknown"),
            (ResponseTemplate::new(403).set_body_json(error("permission_error", "no")), "refused"),
        ];
        for (response, expected) in cases {
            let server = serving(response).await;
            let outcome = Bench::new(&server.uri()).provider.key_status(&key_id()).await;
            let found = match &outcome {
                Outcome::Done(Some(KeyStatus::Inactive)) => "done",
                Outcome::Done(None) => "absent",
                Outcome::Refused(_) => "refused",
                Outcome::Unknown(_) => "unknown",
                Outcome::Done(Some(_)) => "wrong",
            };
            assert_eq!(found, expected, "{outcome:?}");
        }
    }

    #[tokio::test]
    async fn writes_name_one_key_and_one_status() {
        for wanted in ["inactive", "active", "archived"] {
            let server = MockServer::start().await;
            Mock::given(method("POST"))
                .and(path(format!("/v1/organizations/api_keys/{KEY_ID}")))
                .and(header("x-api-key", ADMIN_KEY))
                .and(body_json(json!({ "status": wanted })))
                .respond_with(ResponseTemplate::new(200).set_body_json(item(KEY_ID, FITTING, wanted)))
                .expect(1)
                .mount(&server)
                .await;
            let bench = Bench::new(&server.uri());
            let outcome = match wanted {
                "inactive" => bench.provider.revoke(&key_id()).await,
                "active" => bench.provider.reactivate(&key_id()).await,
                _ => bench.provider.delete(&key_id()).await,
            };
            assert_eq!(outcome, Outcome::Done(()), "{wanted}");
        }
    }

    #[tokio::test]
    async fn every_outcome_of_a_write_and_never_a_second_request() {
        let own = |status: u16, kind: &str| ResponseTemplate::new(status).set_body_json(error(kind, "no"));
        let record = |value: Value| ResponseTemplate::new(200).set_body_json(value);
        let cases = [
            (record(item(KEY_ID, FITTING, "active")), "unknown"),
            (record(item("apikey_other", FITTING, "inactive")), "unknown"),
            (record(json!({})), "unknown"),
            (ResponseTemplate::new(200).set_body_string("ok"), "unknown"),
            (ResponseTemplate::new(204), "unknown"),
            (ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/"), "unknown"),
            (own(400, "invalid_request_error"), "refused"),
            (own(401, "authentication_error"), "refused"),
            (own(403, "permission_error"), "refused"),
            (own(404, "not_found_error"), "refused"),
            (own(409, "conflict_error"), "refused"),
            (own(429, "rate_limit_error"), "unknown"),
            (own(500, "api_error"), "unknown"),
            (own(529, "overloaded_error"), "unknown"),
            (ResponseTemplate::new(401).set_body_raw("<html>", "text/html"), "unknown"),
            (ResponseTemplate::new(404).set_body_raw("<html>", "text/html"), "unknown"),
        ];
        for (response, expected) in cases {
            let server = serving(response).await;
            let bench = Bench::new(&server.uri());
            let outcome = bench.provider.revoke(&key_id()).await;
            let (found, text) = match outcome {
                Outcome::Done(()) => ("done", String::new()),
                Outcome::Refused(text) => ("refused", text),
                Outcome::Unknown(text) => ("unknown", text),
            };
            assert_eq!(found, expected, "{text}");
            assert_safe(&text);
            assert_eq!(server.received_requests().await.unwrap().len(), 1, "{text}");
            assert!(bench.slept_milliseconds().is_empty());
        }
    }

    #[tokio::test]
    async fn an_id_that_leads_elsewhere_sends_nothing() {
        let server = serving(ResponseTemplate::new(200)).await;
        let bench = Bench::new(&server.uri());
        for id in ["../users/x", "", "a?status=x", "a b"] {
            let id = ProviderKeyId(id.to_owned());
            assert!(matches!(bench.provider.revoke(&id).await, Outcome::Refused(_)));
            assert!(matches!(bench.provider.key_status(&id).await, Outcome::Refused(_)));
        }
        assert!(server.received_requests().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn without_an_admin_key_nobody_is_asked() {
        let server = serving(ResponseTemplate::new(200)).await;
        let bench = Bench::with(&server.uri(), ProbeKind::Models, None);
        let capabilities = bench.provider.capabilities();
        assert!(
            !capabilities.revoke && !capabilities.reactivate && !capabilities.delete && !capabilities.usage
        );
        assert_eq!(bench.provider.identify(&secret(VALUE)).await, Identity::Unavailable);
        for outcome in [
            bench.provider.revoke(&key_id()).await,
            bench.provider.reactivate(&key_id()).await,
            bench.provider.delete(&key_id()).await,
        ] {
            let Outcome::Refused(why) = outcome else { panic!("{outcome:?}") };
            assert!(why.contains("admin_key") && why.contains(&bench.provider.console_page()), "{why}");
        }
        assert!(server.received_requests().await.unwrap().is_empty());
    }
}
