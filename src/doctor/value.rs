//! One value as it was found, oddities and all; and what is odd about it.

use zeroize::Zeroizing;

use super::finding::Id;
use crate::secret::{Fingerprint, Malformed, Secret};

/// A fingerprint of fewer characters would let a guess be confirmed.
const SHORTEST_SHOWN_CHARACTERS: usize = 12;

/// That many of one character in a row are in no key that is made of random characters.
const RUN_CHARACTERS: usize = 8;

/// Words of templates. Too long to stand in a random key by chance, whatever their case.
const TEMPLATE_WORDS: &[&str] = &[
    "placeholder",
    "changeme",
    "change-me",
    "change_me",
    "replace-me",
    "replace_me",
    "replaceme",
    "example",
];

/// Shorter ones, for what does not look like a key anyway.
const SHORT_TEMPLATE_WORDS: &[&str] =
    &["your", "todo", "xxx", "***", "...", "…", "dummy", "insert", "redacted", "fixme"];

/// What languages print where there is no value.
const NOTHINGS: &[&str] =
    &["null", "none", "nil", "undefined", "false", "true", "key", "secret", "token", "test", "-"];

/// The bytes that a variable holds; wiped on drop.
pub struct Value(Zeroizing<Vec<u8>>);

impl Value {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// Whether programs take it for unset: nothing, or white space alone.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(u8::is_ascii_whitespace)
    }

    /// The value without what a paste or a file has put around it; `None` where nothing sensible remains.
    pub fn core(&self) -> Option<Secret> {
        let text = std::str::from_utf8(&self.0).ok()?;
        Secret::from_text(bare(text).to_owned()).ok()
    }

    /// The fingerprint of the core, where it is long enough for one to be shown.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        let core = self.core()?;
        (core.expose().chars().count() >= SHORTEST_SHOWN_CHARACTERS).then(|| core.fingerprint())
    }

    /// Whether two values are the same but for what is odd about them. Takes the same time wherever they differ.
    pub fn same_as(&self, other: &Self) -> bool {
        match (self.core(), other.core()) {
            (Some(one), Some(other)) => one.same_as(&other),
            (None, None) => self.is_empty() && other.is_empty(),
            _ => false,
        }
    }

    /// The text of a setting that is no secret.
    pub fn setting(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok().map(bare).filter(|text| !text.is_empty())
    }

    /// What is shown in the value's place.
    pub fn shown(&self) -> String {
        match self.fingerprint() {
            Some(fingerprint) => fingerprint.to_string(),
            None if self.is_empty() => "empty".to_owned(),
            None => "no fingerprint is shown of so short or broken a value".to_owned(),
        }
    }

    /// What is odd about it as a secret; the first thing, for the rest may go with it.
    pub fn oddity(&self) -> Option<Oddity> {
        if self.is_empty() {
            return Some(Oddity::Empty);
        }
        let Ok(text) = std::str::from_utf8(&self.0) else { return Some(Oddity::NotText) };
        let inner = bare(text);
        if is_unexpanded(inner) {
            return Some(Oddity::Unexpanded);
        }
        if is_placeholder(inner) {
            return Some(Oddity::Placeholder);
        }
        if let Some(oddity) = self.form() {
            return Some(oddity);
        }
        is_twice(inner).then_some(Oddity::PastedTwice)
    }

    /// What is odd about its form alone, which spoils a setting, too.
    pub fn form(&self) -> Option<Oddity> {
        match Secret::from_bytes(self.0.to_vec()) {
            Ok(_) => self.0.ends_with(b"\n").then_some(Oddity::TrailingNewline),
            Err(Malformed::Empty) => Some(Oddity::Empty),
            Err(Malformed::NotUtf8) => Some(Oddity::NotText),
            Err(Malformed::Quoted | Malformed::InnerQuote) => Some(Oddity::Quoted),
            Err(Malformed::OuterSpace) => Some(Oddity::SurroundingSpace),
            Err(Malformed::InnerSpace) => Some(Oddity::InnerSpace),
            Err(Malformed::Control) => Some(Oddity::Control),
            Err(Malformed::MultiLine) => Some(self.lines()),
        }
    }

    /// Line ends after the value are one oddity, lines within it another.
    fn lines(&self) -> Oddity {
        let end = self.0.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
        let has_lines = self.0[..end].iter().any(|byte| matches!(byte, b'\r' | b'\n'));
        if has_lines { Oddity::SeveralLines } else { Oddity::TrailingNewline }
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Value({})", self.shown())
    }
}

/// What is odd about a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    Empty,
    Quoted,
    TrailingNewline,
    SurroundingSpace,
    InnerSpace,
    SeveralLines,
    Control,
    NotText,
    Placeholder,
    Unexpanded,
    PastedTwice,
}

impl Oddity {
    pub fn id(self) -> Id {
        match self {
            Oddity::Empty => Id::EmptyValue,
            Oddity::Quoted => Id::QuotedValue,
            Oddity::TrailingNewline => Id::TrailingNewline,
            Oddity::SurroundingSpace => Id::SurroundingSpace,
            Oddity::InnerSpace => Id::InnerSpace,
            Oddity::SeveralLines => Id::SeveralLines,
            Oddity::Control => Id::ControlCharacter,
            Oddity::NotText => Id::NotText,
            Oddity::Placeholder => Id::PlaceholderValue,
            Oddity::Unexpanded => Id::UnexpandedValue,
            Oddity::PastedTwice => Id::PastedTwice,
        }
    }
}

/// Without white space and quotes around it, in whatever order they were put there.
fn bare(text: &str) -> &str {
    let is_wrapping = |c: char| {
        c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}')
    };
    text.trim_matches(is_wrapping)
}

/// A shell's or a template's reference that stands where its value should.
fn is_unexpanded(text: &str) -> bool {
    let wrapped = [("${", "}"), ("$(", ")"), ("{{", "}}"), ("op://", ""), ("%(", ")s"), ("@@", "@@")];
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    wrapped.iter().any(|(start, end)| text.starts_with(start) && text.ends_with(end))
        || text.strip_prefix('$').is_some_and(is_name)
}

fn is_placeholder(text: &str) -> bool {
    let lower = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let run = longest_run(text.as_bytes());
    has(TEMPLATE_WORDS)
        // AWS's session tokens have long runs of slashes in them.
        || run >= RUN_CHARACTERS && (run * 2 >= text.len() || !is_random(text))
        || text.starts_with('<') && text.ends_with('>')
        || NOTHINGS.contains(&lower.as_str())
        || !is_random(text) && has(SHORT_TEMPLATE_WORDS)
}

fn longest_run(bytes: &[u8]) -> usize {
    bytes.chunk_by(|one, next| one == next).map(<[u8]>::len).max().unwrap_or(0)
}

/// Whether it is as long and as mixed as a real key, in which a short word may stand by chance.
fn is_random(text: &str) -> bool {
    let any = |is: fn(&u8) -> bool| text.bytes().any(|byte| is(&byte));
    // Access key ids have no lower case.
    let is_id =
        text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    is_id
        || text.len() >= 32
            && any(u8::is_ascii_digit)
            && any(u8::is_ascii_lowercase)
            && any(u8::is_ascii_uppercase)
}

/// The same text twice, with or without something short between.
fn is_twice(text: &str) -> bool {
    let Some(start) = text.get(..8) else { return false };
    let Some(again) = text[8..].find(start) else { return false };
    // A key's prefix says what it is; nothing random repeats it.
    again > 0
        && text[8 + again..].len() >= 8
        && (text.starts_with("sk-") || text[8 + again..] == text[..8 + again])
}
