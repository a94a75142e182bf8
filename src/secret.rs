//! Secret values: how they enter, how they are named without being shown, how they leave memory.
//!
//! [`Secret`] has no `Display`, no `Serialize` and no `Clone`; it is wiped when dropped. Everything
//! the program records or prints about a secret is its [`Fingerprint`] and its last four characters.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// One secret value, wiped on drop.
///
/// Holds after construction through [`Secret::from_bytes`]: not empty, valid UTF-8, no white space,
/// quotes or control characters anywhere.
pub struct Secret(SecretString);

impl Secret {
    /// Accepts raw bytes as they came from a prompt, a file or a pipe.
    ///
    /// One trailing newline (`\n` or `\r\n`) is dropped; anything else odd is refused by name. The
    /// bytes are wiped whether or not they are accepted.
    ///
    /// # Errors
    /// [`Malformed`], which never repeats the value.
    pub fn from_bytes(mut bytes: Vec<u8>) -> Result<Self, Malformed> {
        let checked = check(&bytes).map(|end| {
            let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
            Secret(SecretString::from(text))
        });
        bytes.zeroize();
        checked
    }

    /// Accepts text under the same rules as [`Secret::from_bytes`].
    ///
    /// # Errors
    /// [`Malformed`], which never repeats the value.
    pub fn from_text(text: String) -> Result<Self, Malformed> {
        Self::from_bytes(text.into_bytes())
    }

    /// The value itself. Every call is a place where a leak could start: keep them few.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The two halves of a pair such as `ACCESS_KEY_ID:SECRET_ACCESS_KEY`, split at the first colon; `None` where
    /// there are none.
    pub fn halves(&self) -> Option<(Secret, Secret)> {
        let (first, second) = self.expose().split_once(':')?;
        let half = |text: &str| Secret::from_text(text.to_owned()).ok();
        Some((half(first)?, half(second)?))
    }

    /// The first 16 hex digits of the SHA-256 of the value.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.expose().as_bytes())
    }

    /// The last four characters, or fewer where the value is short enough that four would tell much.
    pub fn last4(&self) -> String {
        let value = self.expose();
        if value.chars().count() < 12 {
            return String::new();
        }
        let start = value.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
        value[start..].to_owned()
    }

    /// Equality in constant time.
    pub fn same_as(&self, other: &Secret) -> bool {
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }

    /// `text` with every occurrence of this value replaced; for text that came from outside.
    pub fn redact(&self, text: &str) -> String {
        text.replace(self.expose(), "[redacted]")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.fingerprint())
    }
}

/// Why bytes were not taken for a secret value. Names the oddity, never the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("the value is empty")]
    Empty,
    #[error("the value is not valid UTF-8")]
    NotUtf8,
    #[error("the value is wrapped in quotes")]
    Quoted,
    #[error("the value contains a quote character")]
    InnerQuote,
    #[error("the value has more than one line")]
    MultiLine,
    #[error("the value has white space at its start or end")]
    OuterSpace,
    #[error("the value contains white space")]
    InnerSpace,
    #[error("the value contains a control character")]
    Control,
}

impl Malformed {
    /// What the person who supplied the value should do.
    pub fn remedy(self) -> &'static str {
        match self {
            Malformed::Empty => {
                "check that the source really holds the key; an unset variable reads as empty"
            }
            Malformed::Quoted | Malformed::InnerQuote => "pass the bare value, without quotes around it",
            Malformed::MultiLine => "pass exactly one line that holds nothing but the key",
            Malformed::NotUtf8 | Malformed::Control => {
                "copy the key again from the provider's console; it is plain ASCII text"
            }
            Malformed::OuterSpace | Malformed::InnerSpace => {
                "remove the white space; it often comes from copying out of a document"
            }
        }
    }
}

fn check(bytes: &[u8]) -> Result<usize, Malformed> {
    let mut end = bytes.len();
    if bytes.ends_with(b"\n") {
        end -= 1;
        if bytes[..end].ends_with(b"\r") {
            end -= 1;
        }
    }
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| Malformed::NotUtf8)?;
    let trimmed = text.trim_matches([' ', '\t']);
    if trimmed.is_empty() {
        return Err(Malformed::Empty);
    }
    if text.contains(['\n', '\r']) {
        return Err(Malformed::MultiLine);
    }
    if trimmed.len() != text.len() {
        return Err(Malformed::OuterSpace);
    }
    let is_quote =
        |c: char| matches!(c, '"' | '\'' | '`' | '\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}');
    if text.starts_with(is_quote) && text.ends_with(is_quote) {
        return Err(Malformed::Quoted);
    }
    if text.contains(is_quote) {
        return Err(Malformed::InnerQuote);
    }
    if text.chars().any(char::is_whitespace) {
        return Err(Malformed::InnerSpace);
    }
    if text.chars().any(|c| c.is_control() || c == '\u{feff}') {
        return Err(Malformed::Control);
    }
    Ok(end)
}

/// The public name of a secret value: the first 16 hex digits of its SHA-256.
///
/// 64 bits: enough to tell the credentials of one key apart, too little to confirm a guess of a
/// high-entropy key, and no help in recovering one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 8]);

impl Fingerprint {
    /// The fingerprint of raw bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes);
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(first)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 16 lower-case hex digits.
#[derive(Debug, thiserror::Error)]
#[error("not a fingerprint: expected 16 hex digits")]
pub struct NotAFingerprint;

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        if text.len() != 16 || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(NotAFingerprint);
        }
        u64::from_str_radix(text, 16).map(|number| Self(number.to_be_bytes())).map_err(|_| NotAFingerprint)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oddities_are_refused_by_name() {
        let cases: &[(&[u8], Malformed)] = &[
            (b"", Malformed::Empty),
            (b"\n", Malformed::Empty),
            (b"  ", Malformed::Empty),
            (b"\"abc\"", Malformed::Quoted),
            (b"'abc'\n", Malformed::Quoted),
            (b"ab\"c", Malformed::InnerQuote),
            (b"abc\ndef\n", Malformed::MultiLine),
            (b"abc\n\n", Malformed::MultiLine),
            (b" abc", Malformed::OuterSpace),
            (b"abc \n", Malformed::OuterSpace),
            (b"a bc", Malformed::InnerSpace),
            (b"a\x1b[31mbc", Malformed::Control),
            (b"a\0bc", Malformed::Control),
            (b"\xff\xfe", Malformed::NotUtf8),
        ];
        for (bytes, expected) in cases {
            let error = Secret::from_bytes(bytes.to_vec()).map(|_| ()).unwrap_err();
            assert_eq!(error, *expected, "{bytes:?}");
        }
    }

    #[test]
    fn one_trailing_newline_is_dropped() {
        for bytes in [&b"sk-value-123456"[..], b"sk-value-123456\n", b"sk-value-123456\r\n"] {
            let secret = Secret::from_bytes(bytes.to_vec()).unwrap();
            assert_eq!(secret.expose(), "sk-value-123456");
            assert_eq!(secret.last4(), "3456");
        }
    }

    #[test]
    fn debug_shows_the_fingerprint_only() {
        let secret = Secret::from_text("sk-ant-api03-verysecret".into()).unwrap();
        assert_eq!(format!("{secret:?}"), format!("Secret({})", secret.fingerprint()));
    }

    #[test]
    fn fingerprints_round_trip_and_match_sha256() {
        let fingerprint = Fingerprint::of(b"abc");
        assert_eq!(fingerprint.to_string(), "ba7816bf8f01cfea");
        assert_eq!("ba7816bf8f01cfea".parse::<Fingerprint>().unwrap(), fingerprint);
        for bad in ["", "BA7816BF8F01CFEA", "ba7816bf8f01cfe", "+a7816bf8f01cfea"] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }
}
