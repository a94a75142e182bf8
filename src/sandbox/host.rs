//! Who may ask: a web page that a browser on this machine shows must not reach the sandbox.
//!
//! Listening on the loopback is not enough. A page can bind its own host name to 127.0.0.1 (DNS
//! rebinding; the `Host` header then carries that name) or post across origins (the `Origin` header
//! then carries the page's).

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::Uri;
use hyper::header::{HOST, ORIGIN};

use super::answer::Refusal;

/// Passes requests whose every named host is the loopback.
///
/// # Errors
/// 403 where the host is missing or another one.
pub(super) fn check(headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
    let hosts: Vec<_> = headers.get_all(HOST).iter().collect();
    let named_once = match hosts.as_slice() {
        [host] => host.to_str().is_ok_and(names_loopback),
        _ => false,
    };
    // an absolute request target outranks the header (RFC 9112, section 3.2.2)
    let target = uri.authority().is_none_or(|authority| names_loopback(authority.as_str()));
    let origin = headers.get_all(ORIGIN).iter().all(|origin| origin.to_str().is_ok_and(is_loopback_origin));
    if named_once && target && origin {
        return Ok(());
    }
    Err(Refusal::forbidden("the sandbox answers only to localhost, 127.0.0.0/8 and [::1]"))
}

fn is_loopback_origin(origin: &str) -> bool {
    origin.split_once("://").is_some_and(|(_, host)| names_loopback(host))
}

/// Whether `host` or `host:port` is `localhost` or a loopback address.
fn names_loopback(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None => return false,
        },
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let is_loopback = host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    is_port && (is_loopback || host.eq_ignore_ascii_case("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_loopback_is_the_loopback() {
        for good in ["localhost", "LOCALHOST:80", "127.0.0.1", "127.9.9.9:8080", "[::1]", "[::1]:8080"] {
            assert!(names_loopback(good), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "10.0.0.1:80",
            "[::1]x",
            "[::2]",
            "127.0.0.1:80@evil.example",
            "localhost:",
        ] {
            assert!(!names_loopback(bad), "{bad}");
        }
        assert!(is_loopback_origin("http://localhost:3000"));
        assert!(!is_loopback_origin("null"));
        assert!(!is_loopback_origin("https://evil.example"));
    }
}
