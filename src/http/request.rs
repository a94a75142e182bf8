//! What is asked, before it is sent.

use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// One request, built up by name. Secrets go into headers that are marked sensitive.
pub struct Request {
    pub(super) method: Method,
    pub(super) url: Zeroizing<String>,
    pub(super) is_url_secret: bool,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
    pub(super) flaw: Option<&'static str>,
}

impl Request {
    /// A request that asks for JSON.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let url = Zeroizing::new(url.into());
        Self { method, url, is_url_secret: false, headers, body: None, flaw: None }
    }

    /// A `POST` to a URL whose path or query is a secret: only its host is ever told.
    pub fn post_to_secret(url: &Secret) -> Self {
        Self { is_url_secret: true, ..Self::post(url.expose()) }
    }

    /// A `GET` that asks for JSON.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::GET, url)
    }

    /// A `POST` that asks for JSON.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new(Method::POST, url)
    }

    /// Adds a header that holds nothing secret. `name` is in lower case.
    #[must_use]
    pub fn header(self, name: &'static str, value: &str) -> Self {
        self.insert(name, value, false)
    }

    /// Adds a header that is a secret and nothing else, such as `x-api-key`.
    #[must_use]
    pub fn secret_header(self, name: &'static str, value: &Secret) -> Self {
        self.insert(name, value.expose(), true)
    }

    /// Adds `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(self, value: &Secret) -> Self {
        let text = Zeroizing::new(format!("Bearer {}", value.expose()));
        self.insert(AUTHORIZATION.as_str(), &text, true)
    }

    /// Sends a JSON document.
    #[must_use]
    pub fn json(self, document: &serde_json::Value) -> Self {
        self.json_text(document.to_string())
    }

    /// Sends a JSON document byte for byte, for which a signature may have been made.
    #[must_use]
    pub fn json_text(self, document: String) -> Self {
        self.body("application/json", document)
    }

    /// Sends plain text.
    #[must_use]
    pub fn text(self, text: String) -> Self {
        self.body("text/plain; charset=utf-8", text)
    }

    fn body(mut self, media_type: &'static str, text: String) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        self.body = Some(text.into_bytes());
        self
    }

    fn insert(mut self, name: &str, value: &str, sensitive: bool) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes());
        match (name, HeaderValue::from_str(value)) {
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(sensitive);
                self.headers.insert(name, value);
            }
            _ => self.flaw = Some("a header holds characters that HTTP does not carry"),
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_headers_are_marked_sensitive() {
        let secret = Secret::from_text("sk-ant-api03-canary-canary".into()).unwrap();
        let request = Request::get("https://h/").secret_header("x-api-key", &secret).bearer(&secret);
        assert!(request.headers["x-api-key"].is_sensitive());
        assert!(request.headers["authorization"].is_sensitive());
        assert!(!format!("{:?}", request.headers).contains("canary"));
    }
}
