//! Values travel in clear text to this machine only.

use std::net::IpAddr;

use aws_sdk_secretsmanager::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_secretsmanager::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_secretsmanager::error::BoxError;

/// What the refusal says; [`super::error`] knows it by these words.
pub(super) const REFUSAL: &str = "the endpoint would get keys in clear text";

/// Refuses a request over plain http to another machine.
///
/// rotate.toml is checked when it is read; this looks at every request, because an endpoint can also
/// come from AWS_ENDPOINT_URL, its forms for one service, and profiles.
#[derive(Debug)]
pub(super) struct NotToOthers;

impl Intercept for NotToOthers {
    fn name(&self) -> &'static str {
        "NotToOthers"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if is_private(context.request().uri()) { Ok(()) } else { Err(REFUSAL.into()) }
    }
}

fn is_private(uri: &str) -> bool {
    uri.starts_with("https://") || is_to_this_machine(uri)
}

/// Whether it is plain http, to a loopback address.
pub(super) fn is_to_this_machine(uri: &str) -> bool {
    let Some(rest) = uri.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let is_loopback =
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    is_loopback && !authority.contains('@')
}

#[cfg(test)]
mod tests {
    use super::is_private;

    #[test]
    fn plain_http_is_for_this_machine() {
        for uri in ["https://example.com/", "http://127.0.0.1:5000/", "http://[::1]:1/x", "http://localhost"]
        {
            assert!(is_private(uri), "{uri}");
        }
        for uri in
            ["http://example.com/", "http://localhost@example.com/", "http://10.0.0.1", "127.0.0.1", ""]
        {
            assert!(!is_private(uri), "{uri}");
        }
    }
}
