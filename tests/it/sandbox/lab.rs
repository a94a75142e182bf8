//! A sandbox on a clock that only the tests move, and a client that asks it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rotate::clock::Clock;
use rotate::rotation::stamp::Stamp;
use rotate::sandbox::{Faults, RunningSandbox, Sandbox, SandboxSettings};
use serde_json::{Value, json};

pub const WORKSPACE: &str = "wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ";

/// 2026-03-01T12:00:00Z, in milliseconds.
pub const START: i64 = 1_772_366_400_000;

/// A clock that stands until it is moved; sleeping moves it.
#[derive(Clone)]
struct TestClock(Arc<AtomicI64>);

#[async_trait(?Send)]
impl Clock for TestClock {
    fn now(&self) -> Stamp {
        Stamp::from_wall(Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap())
    }

    async fn sleep(&self, duration: Duration) {
        self.0.fetch_add(i64::try_from(duration.as_millis()).unwrap(), Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
}

/// A sandbox, its clock, and someone who asks it things.
pub struct Lab {
    pub sandbox: RunningSandbox,
    pub milliseconds: Arc<AtomicI64>,
    pub client: reqwest::Client,
}

pub struct Seen {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn ids(&self) -> Vec<&str> {
        self.body["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
    }
}

impl Lab {
    pub fn new() -> Self {
        Self::with(SandboxSettings::default())
    }

    pub fn with(settings: SandboxSettings) -> Self {
        // the client wants a TLS provider even for http://; another test may have installed it already
        let _ = rustls::crypto::ring::default_provider().install_default();
        let milliseconds = Arc::new(AtomicI64::new(START));
        let clock = TestClock(Arc::clone(&milliseconds));
        let listen = "127.0.0.1:0".parse().unwrap();
        let sandbox = Sandbox::start(listen, move || Box::new(clock.clone()), settings, Some(7)).unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { sandbox, milliseconds, client }
    }

    pub fn advance(&self, milliseconds: i64) {
        self.milliseconds.fetch_add(milliseconds, Ordering::SeqCst);
    }

    pub fn admin_key(&self) -> String {
        self.sandbox.admin_key().expose().to_owned()
    }

    pub fn create(&self, name: &str) -> (String, String) {
        let (id, value) = self.sandbox.create_key(name, None).unwrap();
        (id, value.expose().to_owned())
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.sandbox.base_url());
        self.client.request(method.parse().unwrap(), url)
    }

    pub async fn api(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Seen, reqwest::Error> {
        let request =
            self.request(method, path).header("x-api-key", key).header("anthropic-version", "2023-06-01");
        send(match body {
            Some(body) => request.body(body.to_string()),
            None => request,
        })
        .await
    }

    pub async fn get(&self, key: &str, path: &str) -> Seen {
        self.api(key, "GET", path, None).await.unwrap()
    }

    pub async fn probe(&self, key: &str) -> u16 {
        self.get(key, "/v1/models?limit=1").await.status
    }

    pub async fn admin_get(&self, path: &str) -> Seen {
        self.get(&self.admin_key(), path).await
    }

    pub async fn set_status(&self, id: &str, status: &str) -> Seen {
        let path = format!("/v1/organizations/api_keys/{id}");
        self.api(&self.admin_key(), "POST", &path, Some(json!({ "status": status }))).await.unwrap()
    }

    pub async fn message(&self, key: &str, model: &str) -> Result<Seen, reqwest::Error> {
        let messages = json!([{ "role": "user", "content": "hello" }]);
        let body = json!({ "model": model, "max_tokens": 1, "messages": messages });
        self.api(key, "POST", "/v1/messages", Some(body)).await
    }

    pub async fn plain(&self, method: &str, path: &str, body: Value) -> Seen {
        send(self.request(method, path).body(body.to_string())).await.unwrap()
    }

    pub fn faults(&self, faults: Faults) {
        self.sandbox.update_settings(|settings| settings.faults = faults).unwrap();
    }
}

pub async fn send(request: reqwest::RequestBuilder) -> Result<Seen, reqwest::Error> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await?;
    Ok(Seen { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
}

pub fn assert_error(seen: &Seen, status: u16, kind: &str) {
    assert_eq!((seen.status, seen.body["error"]["type"].as_str()), (status, Some(kind)), "{}", seen.body);
    assert_eq!(seen.body["type"], "error");
    assert_eq!(seen.body["request_id"].as_str(), seen.header("request-id"));
    assert!(seen.body["error"]["message"].is_string());
}
