//! What an access key looks like, and what is often given instead.

use crate::provider::WrongKind;
use crate::secret::Secret;

/// How ids of a user's own access keys begin (AWS: "IAM identifiers", unique id prefixes).
const ID_START: &str = "AKIA";
/// How ids of temporary credentials begin (the same page).
const TEMPORARY_START: &str = "ASIA";
/// The API's limits of an access key id ("AccessKey", IAM API reference).
const ID_LENGTHS: std::ops::RangeInclusive<usize> = 16..=128;
const FORM: &str = "give the pair as one value: ACCESS_KEY_ID:SECRET_ACCESS_KEY";

/// What an access key id says of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdKind {
    /// A user's own key, which lasts until somebody ends it.
    LongTerm,
    /// Of temporary credentials: worth nothing without their session token.
    Temporary,
    Unrecognised,
}

/// What an access key id says of its key.
pub fn id_kind(id: &str) -> IdKind {
    let is_id =
        ID_LENGTHS.contains(&id.len()) && id.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    match is_id {
        true if id.starts_with(ID_START) => IdKind::LongTerm,
        true if id.starts_with(TEMPORARY_START) => IdKind::Temporary,
        _ => IdKind::Unrecognised,
    }
}

/// The two halves of a pair.
#[derive(Clone, Copy)]
pub(super) struct Pair<'s> {
    pub id: &'s str,
    pub secret: &'s str,
}

/// The pair that a value is.
///
/// # Errors
/// What it is instead, and what to do. Never repeats the secret half.
pub(super) fn pair(value: &Secret) -> Result<Pair<'_>, WrongKind> {
    let text = value.expose();
    if text.starts_with("sk-") {
        return Err(wrong("this is a key of another provider, not an access key of AWS", FORM));
    }
    let Some((id, secret)) = text.split_once(':') else {
        let what = if text.starts_with(ID_START) || text.starts_with(TEMPORARY_START) {
            "this is an access key id without its secret"
        } else {
            "this is no access key: it has no id before a colon"
        };
        return Err(wrong(what, FORM));
    };
    if id.starts_with(TEMPORARY_START) {
        return Err(wrong(
            "these are temporary credentials, which end by themselves",
            "give the access key of a user, whose id begins with AKIA",
        ));
    }
    if id_kind(id) != IdKind::LongTerm {
        return Err(wrong("what stands before the colon is no access key id: those begin with AKIA", FORM));
    }
    let is_secret =
        !secret.is_empty() && secret.chars().all(|c| c.is_ascii_alphanumeric() || "/+=".contains(c));
    if !is_secret {
        return Err(wrong("what stands after the colon is no secret access key", FORM));
    }
    Ok(Pair { id, secret })
}

/// A remark about a secret of a length that AWS has never made.
pub(super) fn remark(value: &Secret) -> Option<String> {
    let length = pair(value).ok()?.secret.len();
    (length != 40).then(|| format!("its secret has {length} characters, and AWS makes them of 40"))
}

fn wrong(what: &str, remedy: &str) -> WrongKind {
    WrongKind { what: what.to_owned(), remedy: remedy.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(text: &str) -> String {
        match pair(&Secret::from_text(text.to_owned()).unwrap()) {
            Ok(_) => "a pair".to_owned(),
            Err(wrong) => wrong.what,
        }
    }

    #[test]
    fn what_is_given_instead_is_named() {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        assert_eq!(what(&format!("AKIAIOSFODNN7EXAMPLE:{secret}")), "a pair");
        for (text, word) in [
            ("AKIAIOSFODNN7EXAMPLE", "without its secret"),
            (secret, "no id before a colon"),
            ("AKIAIOSFODNN7EXAMPLE:", "no secret access key"),
            ("AKIAshort:x", "no access key id"),
            ("sk-ant-api03-x", "another provider"),
        ] {
            assert!(what(text).contains(word), "{text}: {}", what(text));
        }
        assert!(what(&format!("ASIAIOSFODNN7EXAMPLE:{secret}")).contains("temporary"));
        assert!(what(&format!("akiaiosfodnn7example:{secret}")).contains("no access key id"));
        let long = Secret::from_text(format!("AKIAIOSFODNN7EXAMPLE:{secret}x")).unwrap();
        assert!(remark(&long).unwrap().contains("41 characters"));
        assert!(!what("AKIAIOSFODNN7EXAMPLE:CANARY-!").contains("CANARY"));
    }
}
