//! AWS by the vendor's own SDK, linked slim: how a client is made, and the few calls that are used.
//!
//! The SDK is touched by [`connect`] and [`connect_iam`] and nothing before them: who never connects never pays. Its own chain
//! finds credentials, region and profile. It follows no redirect and takes no proxy from the environment.

pub mod content;
mod error;
mod heard;
pub mod iam;
pub mod json_member;
mod plain_text;
mod secret_document;
pub mod secrets_manager;
pub mod sts;

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use heard::Heard;

pub use content::Content;
pub use error::{AwsError, Fault};
pub use iam::Iam;
pub use secret_document::{Over, SecretDocument};
pub use secrets_manager::SecretsManager;
pub use sts::Sts;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const ATTEMPT_LIMIT: Duration = Duration::from_secs(10);
const CALL_LIMIT: Duration = Duration::from_secs(30);
const READ_ATTEMPTS: u32 = 3;
/// Where IAM signs requests of those who name no region (AWS: "IAM endpoints and quotas").
const HOME_REGION: &str = "us-east-1";

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
    let config = found(settings).await;
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
        profile(settings),
    ))
}

/// Clients of IAM and STS, with the guarantees of [`connect`]. IAM is the same in every region, so without one it
/// is asked in [`HOME_REGION`].
pub async fn connect_iam(settings: &Settings) -> (Iam, Sts) {
    let config = found(settings).await;
    let region = config.region().map_or_else(|| HOME_REGION.to_owned(), ToString::to_string);
    let heard = Heard::default();
    let client = |retries: RetryConfig| {
        let builder = aws_sdk_iam::config::Builder::from(&config).region(Region::new(region.clone()));
        let builder = builder.retry_config(retries).interceptor(plain_text::NotToOthers);
        let builder = builder.interceptor(heard.clone());
        aws_sdk_iam::Client::from_conf(builder.build())
    };
    let iam = Iam::new(
        client(RetryConfig::standard().with_max_attempts(READ_ATTEMPTS)),
        client(RetryConfig::disabled()),
        heard.clone(),
        region.clone(),
        profile(settings),
    );
    let sts = aws_sdk_sts::config::Builder::from(&config).region(Region::new(region.clone()));
    let sts = sts.retry_config(RetryConfig::disabled()).interceptor(plain_text::NotToOthers);
    (iam, Sts::new(sts, region))
}

/// What the SDK's own chain finds, under our limits.
async fn found(settings: &Settings) -> SdkConfig {
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
    if !config.endpoint_url().is_some_and(plain_text::is_to_this_machine) {
        return config;
    }
    // No certificate is read where none is looked at.
    config.into_builder().http_client(aws_smithy_http_client::Builder::new().build_http()).build()
}

fn profile(settings: &Settings) -> Option<String> {
    settings.profile.clone().or_else(|| std::env::var("AWS_PROFILE").ok())
}
