//! AWS by the vendor's own SDK, linked slim: how a client is made, and the few calls that are used.
//!
//! The SDK is touched by [`connect`] and nothing before it: who never connects never pays. Its own chain
//! finds credentials, region and profile. It follows no redirect and takes no proxy from the environment.

pub mod content;
mod error;
pub mod json_member;
mod plain_text;
mod secret_document;
pub mod secrets_manager;

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

pub use content::Content;
pub use error::{AwsError, Fault};
pub use secret_document::SecretDocument;
pub use secrets_manager::SecretsManager;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const ATTEMPT_LIMIT: Duration = Duration::from_secs(10);
const CALL_LIMIT: Duration = Duration::from_secs(30);
const READ_ATTEMPTS: u32 = 3;

/// Where and as whom; what is not set is found by the SDK's own chain (environment, profile, machine).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub region: Option<String>,
    pub profile: Option<String>,
    /// https, or http to this machine.
    pub endpoint_url: Option<String>,
}

/// A client of Secrets Manager. Asks for nothing yet but the region, where only the machine knows it.
///
/// # Guarantees
/// - A read is tried up to three times; a call that changes something is tried once, because a second
///   try can turn a success into an error.
/// - Nothing goes in clear text to another machine, whatever the environment says of endpoints.
///
/// # Errors
/// No region, anywhere.
pub async fn connect(settings: &Settings) -> Result<SecretsManager, AwsError> {
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let limits = TimeoutConfig::builder()
        .connect_timeout(CONNECT_LIMIT)
        .operation_attempt_timeout(ATTEMPT_LIMIT)
        .operation_timeout(CALL_LIMIT)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http).timeout_config(limits);
    if let Ok(name) = AppName::new("rotate") {
        loader = loader.app_name(name);
    }
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint_url) = &settings.endpoint_url {
        loader = loader.endpoint_url(endpoint_url);
    }
    let config = loader.load().await;
    let Some(region) = config.region().map(ToString::to_string) else { return Err(AwsError::no_region()) };
    let client = |retries: RetryConfig| {
        let builder = aws_sdk_secretsmanager::config::Builder::from(&config);
        let builder = builder.retry_config(retries).interceptor(plain_text::NotToOthers);
        aws_sdk_secretsmanager::Client::from_conf(builder.build())
    };
    Ok(SecretsManager::new(
        client(RetryConfig::standard().with_max_attempts(READ_ATTEMPTS)),
        client(RetryConfig::disabled()),
        region,
        settings.profile.clone().or_else(|| std::env::var("AWS_PROFILE").ok()),
    ))
}
