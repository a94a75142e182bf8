//! The one HTTP client: what leaves this machine over HTTP leaves through here.
//!
//! No redirect is ever followed (clients forward `x-api-key` across hosts, facts page, trap 9), no proxy
//! is taken from the environment, every exchange has a time limit, an answer has a size limit, and
//! what an answer says is foreign text until [`clean`] has seen it.

mod foreign;
pub mod guard;
mod request;

use std::error::Error;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};

pub use foreign::clean;
pub use request::Request;
pub use reqwest::Method;

use crate::error::Failure;
use crate::exit::ExitCode;
use guard::{Allowed, Refused, Resolver, Special};

/// The largest answer that is read; anything larger is [`HttpError::TooLarge`].
pub const ANSWER_LIMIT_BYTES: usize = 1024 * 1024;

const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Makes requests, one connection each. Cheap to clone.
///
/// # Guarantees
/// - No redirect is followed, no request is repeated, no proxy of the environment is used.
/// - [`Client::send`] ends within the time limit, connecting and reading included.
/// - Only method, path, status and duration are logged, never a header, a body, or a path that is a secret.
#[derive(Clone)]
pub struct Client {
    plain: reqwest::Client,
    /// Built by the first `https` request: it loads the platform's trust store, which a rotation
    /// against the sandbox on loopback does not need and a bare container may not have.
    encrypted: Arc<OnceLock<reqwest::Client>>,
    limit: Duration,
    /// Where requests may go; `None` is anywhere.
    allowed: Option<Allowed>,
}

impl Client {
    /// A client whose exchanges take at most `limit` each; connecting takes at most ten seconds of it.
    ///
    /// # Errors
    /// When the TLS library refuses its own settings, which should not happen.
    pub fn new(limit: Duration) -> Result<Self, Failure> {
        Self::set_up(limit, None)
    }

    /// The same, which connects to no special address (of this machine, link-local) that is not allowed. What is
    /// judged is the address that is connected to, whatever a name resolved to before.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn guarded(limit: Duration, allowed: Allowed) -> Result<Self, Failure> {
        Self::set_up(limit, Some(allowed))
    }

    fn set_up(limit: Duration, allowed: Option<Allowed>) -> Result<Self, Failure> {
        // An error only says that another client of this process has installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let plain = settings(limit, allowed).tls_certs_only([]).build().map_err(|error| {
            Failure::new(
                ExitCode::Unexpected,
                "the HTTP client could not be set up",
                "this is a defect: report it with the output of the same command under -v",
            )
            .because(root_cause(&error))
        })?;
        Ok(Self { plain, encrypted: Arc::new(OnceLock::new()), limit, allowed })
    }

    /// Makes one request and reads its answer, whatever its status.
    ///
    /// # Errors
    /// [`HttpError`], safe to print.
    pub async fn send(&self, request: Request) -> Result<Answer, HttpError> {
        if let Some(flaw) = request.flaw {
            return Err(HttpError::Unusable { reason: flaw.to_owned() });
        }
        let url = usable_url(&request.url)?;
        let host = host_of(&url);
        if let Some(Err(special)) = self.allowed.map(|allowed| allowed.permits_host(&url)) {
            return Err(HttpError::Forbidden { host, special });
        }
        let path = if request.is_url_secret { "(a secret path)" } else { url.path() };
        let (method, path) = (request.method.clone(), path.to_owned());
        // The machine's stopwatch, not the injected clock: a real exchange takes real time.
        let began = Instant::now();
        let answered = self.exchange(request, url, &host).await;
        let milliseconds = began.elapsed().as_millis();
        match &answered {
            Ok(answer) => {
                tracing::debug!("{method} {path} on {host}: {} in {milliseconds} ms", answer.status)
            }
            Err(error) => tracing::debug!("{method} {path}: {error} (after {milliseconds} ms)"),
        }
        answered
    }

    async fn exchange(&self, request: Request, url: Url, host: &str) -> Result<Answer, HttpError> {
        let client = self.client_for(&url)?;
        let mut outgoing = client.request(request.method, url.clone()).headers(request.headers);
        if let Some(body) = request.body {
            outgoing = outgoing.body(body);
        }
        let mut response = outgoing.send().await.map_err(|error| self.classify(&error, host))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();

        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.classify(&error, host))? {
            if body.len() + piece.len() > ANSWER_LIMIT_BYTES {
                return Err(HttpError::TooLarge { host: host.to_owned() });
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer { status, body, url, headers })
    }

    fn client_for(&self, url: &Url) -> Result<&reqwest::Client, HttpError> {
        if url.scheme() == "http" {
            return Ok(&self.plain);
        }
        if let Some(client) = self.encrypted.get() {
            return Ok(client);
        }
        let client = settings(self.limit, self.allowed).https_only(true).build().map_err(|error| {
            HttpError::Unusable {
                reason: format!(
                    "no TLS connection can be checked: {}; install the system's CA certificates",
                    root_cause(&error)
                ),
            }
        })?;
        Ok(self.encrypted.get_or_init(|| client))
    }

    fn classify(&self, error: &reqwest::Error, host: &str) -> HttpError {
        let host = host.to_owned();
        if let Some(Refused(special)) = Refused::within(error) {
            HttpError::Forbidden { host, special: *special }
        } else if error.is_builder() {
            HttpError::Unusable { reason: root_cause(error) }
        } else if error.is_connect() {
            HttpError::CouldNotConnect { host, reason: root_cause(error) }
        } else if error.is_timeout() {
            HttpError::TimedOut { host, limit: self.limit }
        } else if was_closed(error) {
            HttpError::Closed { host }
        } else {
            HttpError::Other { host, reason: root_cause(error) }
        }
    }
}

/// What every client of this program has in common.
fn settings(limit: Duration, allowed: Option<Allowed>) -> reqwest::ClientBuilder {
    let settings = reqwest::Client::builder()
        .user_agent(concat!("rotate/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .http1_only()
        // A new connection each time: a probe then sees whichever server a consumer could meet, and no
        // request fails because an idle connection had died.
        .pool_max_idle_per_host(0)
        .connect_timeout(limit.min(CONNECT_LIMIT))
        .timeout(limit);
    match allowed {
        Some(allowed) => settings.dns_resolver(Resolver(allowed)),
        None => settings,
    }
}

/// One whole answer. Everything in it is foreign: text goes through [`clean`] before it is shown.
pub struct Answer {
    pub status: u16,
    /// At most [`ANSWER_LIMIT_BYTES`].
    pub body: Vec<u8>,
    url: Url,
    headers: HeaderMap,
}

impl Answer {
    /// The body as JSON, or `None` where it is anything else.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// A header's first value, cleaned; `None` where it is absent, empty or not text.
    pub fn header(&self, name: &str) -> Option<String> {
        let text = clean(self.headers.get(name)?.to_str().ok()?, &[]);
        (!text.is_empty()).then_some(text)
    }

    /// The server's clock, from the `Date` header.
    pub fn date(&self) -> Option<Timestamp> {
        http_date(self.headers.get(DATE)?)
    }

    /// How long the server asks to wait: `Retry-After` in seconds or, as a date, its distance from the
    /// server's own `Date`, so that the local clock plays no part.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let value = self.headers.get(RETRY_AFTER)?;
        if let Ok(seconds) = value.to_str().ok()?.trim().parse() {
            return Some(seconds);
        }
        let distance_seconds = http_date(value)?.as_second() - self.date()?.as_second();
        Some(u64::try_from(distance_seconds).unwrap_or(0))
    }

    /// The media type without its parameters, in lower case.
    pub fn content_type(&self) -> Option<String> {
        let text = self.header(CONTENT_TYPE.as_str())?;
        let media_type = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        (!media_type.is_empty()).then_some(media_type)
    }

    /// The host that a redirect points at; never visited.
    pub fn redirect_host(&self) -> Option<String> {
        let target = self.headers.get(LOCATION)?.to_str().ok()?;
        self.url.join(target).ok().map(|url| clean(&host_of(&url), &[]))
    }

    /// The host that was asked.
    pub fn host(&self) -> String {
        host_of(&self.url)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("bytes", &self.body.len()).finish()
    }
}

/// Why there is no answer. The texts name the host and the reason, never a credential or a whole URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Nothing was sent, and trying again will not help: a bad URL, a bad header, no trust store.
    #[error("the request could not be made: {reason}")]
    Unusable { reason: String },
    /// Nothing was sent: the host is, or resolves to, an address that a guarded client does not connect to.
    #[error("{host} is {special}, which is not connected to")]
    Forbidden { host: String, special: Special },
    /// No connection (name, network, TLS): the request certainly never reached the server.
    #[error("could not connect to {host}: {reason}")]
    CouldNotConnect { host: String, reason: String },
    /// The time limit passed; the request may have been carried out.
    #[error("{host} gave no whole answer within {limit:?}")]
    TimedOut { host: String, limit: Duration },
    /// The connection ended early; the request may have been carried out.
    #[error("{host} closed the connection before its answer was whole")]
    Closed { host: String },
    /// The answer exceeds [`ANSWER_LIMIT_BYTES`]; the request may have been carried out.
    #[error("{host} sent an answer of more than 1 MiB, which is not read")]
    TooLarge { host: String },
    /// Something else, such as bytes that are not HTTP; the request may have been carried out.
    #[error("the exchange with {host} failed: {reason}")]
    Other { host: String, reason: String },
}

impl HttpError {
    /// Whether the request certainly never reached the server.
    pub fn is_never_sent(&self) -> bool {
        matches!(
            self,
            HttpError::Unusable { .. } | HttpError::Forbidden { .. } | HttpError::CouldNotConnect { .. }
        )
    }

    /// Whether the same request may fare better in a moment.
    pub fn is_passing(&self) -> bool {
        !matches!(self, HttpError::Unusable { .. } | HttpError::Forbidden { .. } | HttpError::TooLarge { .. })
    }
}

fn usable_url(text: &str) -> Result<Url, HttpError> {
    let unusable = |reason: &str| HttpError::Unusable { reason: reason.to_owned() };
    // The text is not repeated: it may hold a user and a password.
    let url = Url::parse(text).map_err(|_| unusable("its address is not a URL; check `base_url`"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(unusable("its address is neither http nor https; check `base_url`")),
    }
}

/// Host and, where it is unusual, port; no user, password, path or query.
pub fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("a nameless host");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// RFC 9110's preferred format; the two obsolete ones are not worth their code.
fn http_date(value: &HeaderValue) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(value.to_str().ok()?).ok()
}

/// The innermost reason, which is the one a person can act on; the outer ones repeat the URL.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let text = chain(error).last().map(ToString::to_string).unwrap_or_default();
    clean(&text, &[])
}

fn was_closed(error: &(dyn Error + 'static)) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    chain(error).any(|error| {
        let by_hyper = error
            .downcast_ref::<hyper::Error>()
            .is_some_and(|error| error.is_incomplete_message() || error.is_canceled() || error.is_closed());
        let by_system = error.downcast_ref::<std::io::Error>().is_some_and(|error| {
            matches!(
                error.kind(),
                BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof
            )
        });
        by_hyper || by_system
    })
}

fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[(&'static str, &str)]) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        let url = Url::parse("https://user:password@api.example.com/v1/x?y=z").unwrap();
        Answer { status: 200, body: Vec::new(), url, headers: map }
    }

    #[test]
    fn dates_are_read_as_http_writes_them() {
        let answer = answer(&[("date", "Tue, 15 Nov 1994 08:12:31 GMT")]);
        assert_eq!(answer.date().unwrap().to_string(), "1994-11-15T08:12:31Z");
    }

    #[test]
    fn retry_after_is_seconds_or_a_distance_from_the_servers_own_date() {
        let date = ("date", "Tue, 15 Nov 1994 08:12:31 GMT");
        let cases = [
            (vec![("retry-after", "30")], Some(30)),
            (vec![date, ("retry-after", "Tue, 15 Nov 1994 08:13:01 GMT")], Some(30)),
            (vec![date, ("retry-after", "Tue, 15 Nov 1994 08:12:01 GMT")], Some(0)),
            (vec![("retry-after", "Tue, 15 Nov 1994 08:13:01 GMT")], None),
            (vec![("retry-after", "soon")], None),
            (vec![("retry-after", "-3")], None),
            (vec![], None),
        ];
        for (headers, seconds) in cases {
            assert_eq!(answer(&headers).retry_after_seconds(), seconds, "{headers:?}");
        }
    }

    #[test]
    fn a_redirect_names_its_host_and_nothing_else() {
        let cases = [
            ("https://me:pass@evil.example:8443/take?key=1", "evil.example:8443"),
            ("/elsewhere", "api.example.com"),
        ];
        for (location, host) in cases {
            assert_eq!(answer(&[("location", location)]).redirect_host().as_deref(), Some(host));
        }
    }

    #[test]
    fn a_bad_address_is_refused_without_repeating_it() {
        for text in ["not a url", "ftp://user:hunter2@host/", "file:///etc/passwd", ""] {
            let error = usable_url(text).unwrap_err();
            assert!(error.is_never_sent());
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
