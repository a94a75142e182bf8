//! Anthropic: API keys that a person creates in the console and an admin key can disable.
//!
//! Everything about the API is from documentation (facts page, "Anthropic"); nothing was called live.

mod admin;
mod answer;
mod hint;
pub mod shape;
mod usage;

use std::rc::Rc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;

use self::admin::Admin;
use super::{Outcome, Ping, Provider, WrongKind};
use crate::clock::Clock;
use crate::http::{Client, Request};
use crate::rotation::credential::{Capabilities, Identity, KeyStatus, ProviderKeyId, UsageBucket, Verdict};
use crate::secret::Secret;

/// Where the API is, unless a proxy or a test stands in for it.
pub const DEFAULT_BASE_URL: &str = "https://api.anthropic.com";

/// The model an inference probe asks for one token: a small one. Believed to be current, so configurable.
pub const DEFAULT_PROBE_MODEL: &str = "claude-haiku-4-5";

/// Where a person creates and disables keys (from documentation).
pub const CONSOLE_PAGE: &str = "https://platform.claude.com/settings/keys";

/// More than the pings of one minute use, each with one short message and one token in answer.
const PROBE_TOKENS: u64 = 200;

/// Sent with every request (from documentation).
const API_VERSION: &str = "2023-06-01";

/// How to reach the provider and what to ask it in a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Scheme, host and perhaps a path, with or without a slash at its end.
    pub base_url: String,
    pub probe: ProbeKind,
}

/// What a probe asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// The list of models: free, proves that the key authenticates.
    Models,
    /// One token of a model: the only proof that the key can do the jobs' work; costs that token.
    Inference { model: String },
}

/// The adapter. Without an admin key it can probe, and nothing else.
pub struct Anthropic {
    http: Client,
    clock: Rc<dyn Clock>,
    base_url: String,
    probe: ProbeKind,
    admin_key: Option<Secret>,
}

impl Anthropic {
    /// `clock` is only slept on, between repeated reads with the admin key.
    pub fn new(http: Client, clock: Rc<dyn Clock>, settings: Settings, admin_key: Option<Secret>) -> Self {
        let base_url = settings.base_url.trim_end_matches('/').to_owned();
        Self { http, clock, base_url, probe: settings.probe, admin_key }
    }

    fn admin(&self) -> Option<Admin<'_>> {
        self.admin_key.as_ref().map(|key| Admin {
            http: &self.http,
            clock: &*self.clock,
            base_url: &self.base_url,
            key,
        })
    }

    async fn set_status(&self, id: &ProviderKeyId, wanted: KeyStatus) -> Outcome<()> {
        match self.admin() {
            Some(admin) => admin.set_status(id, wanted).await,
            None => Outcome::Refused(no_admin_key()),
        }
    }

    fn probe_request(&self, value: &Secret) -> Request {
        let request = match &self.probe {
            ProbeKind::Models => Request::get(format!("{}/v1/models?limit=1", self.base_url)),
            ProbeKind::Inference { model } => {
                Request::post(format!("{}/v1/messages", self.base_url)).json(&json!({
                    "model": model,
                    "max_tokens": 1,
                    "messages": [{ "role": "user", "content": "ping" }],
                }))
            }
        };
        request.header("anthropic-version", API_VERSION).secret_header("x-api-key", value)
    }
}

#[async_trait(?Send)]
impl Provider for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn capabilities(&self) -> Capabilities {
        let with_admin_key = self.admin_key.is_some();
        Capabilities {
            mint: false,
            revoke: with_admin_key,
            reactivate: with_admin_key,
            delete: with_admin_key,
            last_used: false,
            usage: with_admin_key,
            probe_tokens: match self.probe {
                ProbeKind::Models => 0,
                ProbeKind::Inference { .. } => PROBE_TOKENS,
            },
            keys_limit: None,
        }
    }

    fn console_page(&self) -> String {
        CONSOLE_PAGE.to_owned()
    }

    fn check_shape(&self, value: &Secret) -> Result<(), WrongKind> {
        shape::check(value)
    }

    fn shape_remark(&self, value: &Secret) -> Option<String> {
        shape::remark(value)
    }

    async fn probe_once(&self, value: &Secret) -> Ping {
        match self.http.send(self.probe_request(value)).await {
            Ok(answer) => answer::judge(&answer, &self.probe, &[value]),
            Err(error) => Ping {
                verdict: Verdict::Unknown,
                detail: error.to_string(),
                date: None,
                retry_after_seconds: None,
                workspace: None,
            },
        }
    }

    async fn identify(&self, value: &Secret) -> Identity {
        match self.admin() {
            Some(admin) => admin.identify(value).await,
            None => Identity::Unavailable,
        }
    }

    async fn key_status(&self, id: &ProviderKeyId) -> Outcome<Option<KeyStatus>> {
        match self.admin() {
            Some(admin) => admin.key_status(id).await,
            None => Outcome::Refused(no_admin_key()),
        }
    }

    async fn revoke(&self, id: &ProviderKeyId) -> Outcome<()> {
        self.set_status(id, KeyStatus::Inactive).await
    }

    async fn reactivate(&self, id: &ProviderKeyId) -> Outcome<()> {
        self.set_status(id, KeyStatus::Active).await
    }

    /// Archives: the provider keeps the record and never lets the key work again.
    async fn delete(&self, id: &ProviderKeyId) -> Outcome<()> {
        self.set_status(id, KeyStatus::Archived).await
    }

    async fn usage(
        &self,
        ids: &[ProviderKeyId],
        from: Timestamp,
        until: Option<Timestamp>,
    ) -> Outcome<Vec<UsageBucket>> {
        match self.admin() {
            Some(admin) => admin.usage(ids, from, until).await,
            None => Outcome::Refused(no_admin_key()),
        }
    }
}

fn no_admin_key() -> String {
    format!("no admin key is configured: set `admin_key` of [providers.anthropic], or use {CONSOLE_PAGE}")
}
