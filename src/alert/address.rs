//! Where a receiver is. Its address usually is its password, too: whoever has it can write to the channel.

use reqwest::Url;

use super::Undelivered;
pub use crate::http::guard::Allowed;
use crate::http::guard::{Special, literal, special};
use crate::http::host_of;
use crate::secret::Secret;

const EXAMPLE: &str = "https://HOST/PATH";

/// The URL of a receiver that is spoken to over HTTP.
///
/// Holds: https, or http to this machine where that is allowed; its host is not an address that is not allowed. Where
/// the host is a name, that is judged again when it is connected to.
pub struct Address {
    url: Secret,
    host: String,
    /// What must not be repeated of it: path and query, user and password.
    hidden: Vec<Secret>,
}

impl Address {
    /// Checks a URL.
    ///
    /// # Errors
    /// [`Undelivered`] with what to write instead; it never repeats the URL.
    pub fn new(url: Secret, allowed: Allowed) -> Result<Self, Undelivered> {
        let parsed = parse(&url, EXAMPLE)?;
        let is_here = literal(&parsed).map_or(parsed.host_str() == Some("localhost"), |address| {
            special(address) == Some(Special::Loopback)
        });
        allowed.permits_host(&parsed).map_err(|special| forbidden(&host_of(&parsed), special))?;
        match parsed.scheme() {
            "https" => {}
            "http" if is_here && allowed.loopback => {}
            "http" if is_here => return Err(forbidden(&host_of(&parsed), Special::Loopback)),
            "http" => {
                return Err(Undelivered::lasting(
                    format!("the receiver's address on {} is not encrypted", host_of(&parsed)),
                    "use its https address; plain http is for receivers on this machine only",
                ));
            }
            _ => return Err(not_a_url(EXAMPLE)),
        }
        Ok(Self { host: host_of(&parsed), hidden: hidden_parts(&parsed), url })
    }

    pub fn url(&self) -> &Secret {
        &self.url
    }

    /// Host and, where it is unusual, port: all that may be told of it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What has to be hidden in whatever the receiver says.
    pub fn hidden(&self) -> impl Iterator<Item = &Secret> {
        self.hidden.iter()
    }

    /// The address with one more segment at the end of its path.
    pub(super) fn below(&self, segment: &str) -> Result<Secret, Undelivered> {
        self.extended(|url| {
            if let Ok(mut path) = url.path_segments_mut() {
                path.pop_if_empty().push(segment);
            }
        })
    }

    /// The address with one more parameter in its query, in the place of one of that name.
    pub(super) fn with_parameter(&self, name: &str, value: &str) -> Result<Secret, Undelivered> {
        self.extended(|url| {
            let others: Vec<(String, String)> = url
                .query_pairs()
                .filter(|(known, _)| known != name)
                .map(|(n, v)| (n.into(), v.into()))
                .collect();
            url.query_pairs_mut().clear().extend_pairs(others).append_pair(name, value);
        })
    }

    /// The address itself, once more.
    pub(super) fn as_it_is(&self) -> Result<Secret, Undelivered> {
        self.extended(|_| {})
    }

    fn extended(&self, extend: impl Fn(&mut Url)) -> Result<Secret, Undelivered> {
        let mut url = parse(&self.url, EXAMPLE)?;
        extend(&mut url);
        Secret::from_text(url.into()).map_err(|_| not_a_url(EXAMPLE))
    }
}

/// A URL of any scheme that has a host. `example` shows what is wanted.
pub(super) fn parse(url: &Secret, example: &str) -> Result<Url, Undelivered> {
    match Url::parse(url.expose()) {
        Ok(parsed) if parsed.host_str().is_some_and(|host| !host.is_empty()) => Ok(parsed),
        _ => Err(not_a_url(example)),
    }
}

pub(super) fn not_a_url(example: &str) -> Undelivered {
    Undelivered::lasting(
        "what `url` refers to is not a usable address (not repeated here)",
        format!("put {example} where `url` points, and nothing else"),
    )
}

/// The failure for a host with a special address that is not allowed.
pub(super) fn forbidden(host: &str, special: Special) -> Undelivered {
    let remedy = match special {
        Special::Loopback => "set allow_loopback = true for it, if a receiver on this machine is meant",
        Special::LinkLocal => "set allow_link_local = true for it, if a receiver on this link is meant",
    };
    Undelivered::lasting(format!("the receiver {host} is {special}"), remedy)
}

fn hidden_parts(url: &Url) -> Vec<Secret> {
    let path_and_query = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    // The bare root says nothing, and hiding it would hide every slash.
    let path_and_query = (path_and_query.len() > 1).then_some(path_and_query);
    let password = url.password().map(str::to_owned);
    [path_and_query, password].into_iter().flatten().filter_map(|part| Secret::from_text(part).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Allowed = Allowed { loopback: true, link_local: false };

    fn address(text: &str, allowed: Allowed) -> Result<Address, Undelivered> {
        Address::new(Secret::from_text(text.to_owned()).unwrap(), allowed)
    }

    #[test]
    fn what_may_be_an_address() {
        let nothing = Allowed::default();
        let link = Allowed { loopback: false, link_local: true };
        let cases = [
            ("https://hooks.example.com/services/T0/B0/canary", nothing, Ok("hooks.example.com")),
            ("https://user:canary@hooks.example.com:8443/x", nothing, Ok("hooks.example.com:8443")),
            ("https://192.168.7.7/canary", nothing, Ok("192.168.7.7")),
            ("http://hooks.example.com/canary", nothing, Err("not encrypted")),
            ("http://hooks.example.com/canary", HERE, Err("not encrypted")),
            ("http://192.168.7.7/canary", HERE, Err("not encrypted")),
            ("http://127.0.0.1:9/canary", HERE, Ok("127.0.0.1:9")),
            ("http://[::1]:9/canary", HERE, Ok("[::1]:9")),
            ("http://localhost:9/canary", HERE, Ok("localhost:9")),
            ("http://localhost:9/canary", nothing, Err("allow_loopback")),
            ("http://127.0.0.1:9/canary", link, Err("allow_loopback")),
            ("https://127.1/canary", nothing, Err("allow_loopback")),
            ("https://[::ffff:127.0.0.1]/canary", nothing, Err("allow_loopback")),
            ("https://0.0.0.0/canary", nothing, Err("allow_loopback")),
            ("https://169.254.169.254/canary", HERE, Err("allow_link_local")),
            ("https://169.254.169.254/canary", link, Ok("169.254.169.254")),
            ("http://169.254.169.254/canary", link, Err("not encrypted")),
            ("ftp://hooks.example.com/canary", nothing, Err("not a usable address")),
            ("hooks.example.com/canary", nothing, Err("not a usable address")),
            ("file:///canary", nothing, Err("not a usable address")),
            ("https:///canary", nothing, Ok("canary")),
        ];
        for (text, allowed, expected) in cases {
            match (address(text, allowed), expected) {
                (Ok(address), Ok(host)) => assert_eq!(address.host(), host, "{text}"),
                (Err(error), Err(words)) => {
                    let said = format!("{error} {}", error.remedy);
                    assert!(said.contains(words) && !said.contains("canary"), "{text}: {said}");
                    assert!(!error.remedy.is_empty());
                }
                (made, expected) => panic!("{text}: {:?}, not {expected:?}", made.map(|_| ())),
            }
        }
    }

    #[test]
    fn an_address_is_extended_where_its_query_is_not() {
        let made = address("https://h.example/ping/uuid/?create=1", Allowed::default()).unwrap();
        assert_eq!(made.below("fail").unwrap().expose(), "https://h.example/ping/uuid/fail?create=1");
        let wait = made.with_parameter("wait", "true").unwrap();
        assert_eq!(wait.expose(), "https://h.example/ping/uuid/?create=1&wait=true");
        let made = address("https://h.example/a?wait=false&thread_id=7", Allowed::default()).unwrap();
        let wait = made.with_parameter("wait", "true").unwrap();
        assert_eq!(wait.expose(), "https://h.example/a?thread_id=7&wait=true");
    }

    #[test]
    fn path_query_and_password_are_hidden_and_the_host_is_not() {
        let made = address("https://u:password-1@h.example/services/T0?k=v", Allowed::default()).unwrap();
        let hidden: Vec<&str> = made.hidden().map(Secret::expose).collect();
        assert_eq!(hidden, ["/services/T0?k=v", "password-1"]);
        assert_eq!(address("https://h.example/", Allowed::default()).unwrap().hidden().count(), 0);
    }
}
