//! Names and addresses that somebody else chose, in a form that may be printed.

use crate::config::looks_like_a_secret;
use crate::readable;

/// Longer names are cut.
const LONGEST_CHARACTERS: usize = 300;

/// A name or a path: readable, on one line, and not a key that was put in its place.
pub(super) fn name(text: &str) -> String {
    if looks_like_a_secret(text) {
        return "(not shown: it looks like a key)".to_owned();
    }
    readable::line(text, LONGEST_CHARACTERS)
}

/// An address without what may be secret in it: scheme, host and port.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub shown: String,
    /// It is neither encrypted nor on this machine.
    pub is_clear_text: bool,
    pub has_password: bool,
    pub ends_in_v1: bool,
}

/// The address of a server; `None` where the text is none.
pub(super) fn address(text: &str) -> Option<Address> {
    let url = reqwest::Url::parse(text).ok()?;
    let host = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https"))?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_here =
        bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let shown = if looks_like_a_secret(host) {
        name(host)
    } else {
        name(&format!("{}://{host}{port}", url.scheme()))
    };
    Some(Address {
        shown,
        is_clear_text: url.scheme() == "http" && !is_here,
        has_password: !url.username().is_empty() || url.password().is_some(),
        ends_in_v1: url.path().trim_end_matches('/').ends_with("/v1"),
    })
}
