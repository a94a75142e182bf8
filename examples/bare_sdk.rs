//! The least that a program costs which reads one secret through the same SDK: `./scripts/bench` puts
//! `rotate key` beside it.
//!
//! Usage: `bare_sdk SECRET_ID`. The secret's text goes to stdout.

use std::io::Write;

use aws_config::{BehaviorVersion, timeout::TimeoutConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret_id = std::env::args().nth(1).ok_or("usage: bare_sdk SECRET_ID")?;
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(TimeoutConfig::disabled())
        .load()
        .await;
    let client = aws_sdk_secretsmanager::Client::new(&config);
    let answer = client.get_secret_value().secret_id(secret_id).version_stage("AWSCURRENT").send().await?;
    let text = answer.secret_string().ok_or("the secret is binary")?;
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}
