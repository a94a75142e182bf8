//! `[providers.NAME]`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::document::Section;
use super::field::Field;
use super::known;
use super::nearest::suggestion;
use super::settings::{AnthropicSettings, AwsIamSettings, ProviderSettings};
use crate::error::Failure;

const ANTHROPIC_BASE_URL: &str = "https://api.anthropic.com";
/// IAM tells of its changes eventually, mostly within seconds (AWS: "IAM best practices", eventual consistency).
const IAM_PROPAGATION: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(10);

/// The `[providers]` table, each section read at most once.
pub(super) struct Providers<'d> {
    section: Option<Section<'d>>,
    read: RefCell<BTreeMap<&'static str, ProviderSettings>>,
}

impl<'d> Providers<'d> {
    pub fn new(section: Option<Section<'d>>) -> Self {
        Self { section, read: RefCell::default() }
    }

    /// The provider that a key's `provider` field names.
    pub fn of_key(&self, field: &Field<'_>) -> Result<ProviderSettings, Failure> {
        self.named(field.choice(known::PROVIDERS)?)
    }

    /// Reads every section, used or not.
    pub fn check_all(&self) -> Result<(), Failure> {
        let Some(providers) = &self.section else { return Ok(()) };
        for field in providers.fields() {
            let Some(name) = known::PROVIDERS.iter().copied().find(|name| *name == field.name) else {
                return Err(field.failure("is no known provider", suggestion(field.name, known::PROVIDERS)));
            };
            self.named(name)?;
        }
        Ok(())
    }

    fn named(&self, name: &'static str) -> Result<ProviderSettings, Failure> {
        if let Some(settings) = self.read.borrow().get(name) {
            return Ok(settings.clone());
        }
        let field = self.section.as_ref().and_then(|providers| providers.field(name));
        let section = field.map(|field| field.section()).transpose()?;
        let settings = match name {
            "aws-iam" => aws_iam(section.as_ref())?,
            _ => anthropic(section.as_ref())?,
        };
        self.read.borrow_mut().insert(name, settings.clone());
        Ok(settings)
    }
}

fn anthropic(section: Option<&Section<'_>>) -> Result<ProviderSettings, Failure> {
    if let Some(section) = section {
        section.deny_unknown(known::ANTHROPIC)?;
    }
    let field = |name| section.and_then(|section| section.field(name));
    Ok(ProviderSettings::Anthropic(AnthropicSettings {
        base_url: field("base_url").map_or(Ok(ANTHROPIC_BASE_URL.to_owned()), |field| base_url(&field))?,
        admin_key: field("admin_key").map(|field| field.reference()).transpose()?,
        timeout: field("timeout").map_or(Ok(TIMEOUT), |field| field.positive_duration())?,
        propagation: field("propagation").map_or(Ok(Duration::ZERO), |field| field.duration())?,
    }))
}

fn aws_iam(section: Option<&Section<'_>>) -> Result<ProviderSettings, Failure> {
    if let Some(section) = section {
        section.deny_unknown(known::AWS_IAM)?;
    }
    let field = |name| section.and_then(|section| section.field(name));
    let text = |name| field(name).map(|field| field.text().map(str::to_owned)).transpose();
    Ok(ProviderSettings::AwsIam(AwsIamSettings {
        region: text("region")?,
        profile: text("profile")?,
        endpoint_url: field("endpoint_url").map(|field| base_url(&field)).transpose()?,
        propagation: field("propagation").map_or(Ok(IAM_PROPAGATION), |field| field.duration())?,
    }))
}

/// A URL that keys may be sent to. Never repeated in messages: it may hold a password.
pub(super) fn base_url(field: &Field<'_>) -> Result<String, Failure> {
    let example = format!("write {} = \"https://HOST\"", field.name);
    let text = field.text()?;
    let url = reqwest::Url::parse(text)
        .map_err(|error| field.failure(format!("is not a URL: {error}"), example.as_str()))?;
    if !url.username().is_empty() || url.password().is_some() {
        let hint = "remove what stands before `@`; keys are the only credential that is sent";
        return Err(field.failure("contains a user name or password", hint));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(field.failure("contains a query or fragment", "remove everything from `?` or `#` on"));
    }
    let host = url.host_str().unwrap_or_default();
    match url.scheme() {
        "https" if !host.is_empty() => Ok(url.as_str().trim_end_matches('/').to_owned()),
        "http" if is_loopback(host) => Ok(url.as_str().trim_end_matches('/').to_owned()),
        "http" => Err(field.failure(
            "would send keys in clear text",
            "use https; plain http is for this machine only (127.0.0.1, ::1, localhost)",
        )),
        _ => Err(field.failure("is not an https URL", example)),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
