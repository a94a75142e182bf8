//! What an Anthropic API key looks like, and what other things in its place look like.
//!
//! Prefixes of Anthropic and OpenAI from documentation (facts page); those of others are widely known
//! and only make the message better. Nothing here is proof of anything: the probe is.

use crate::provider::WrongKind;
use crate::secret::Secret;

use super::CONSOLE_PAGE;

/// Shorter than any real key by far, longer than what a cut copy usually leaves.
const MINIMUM_CHARACTERS: usize = 32;

/// The length of real keys. Believed, not documented: reason for a remark, never for a refusal.
const USUAL_CHARACTERS: usize = 108;

/// What else Anthropic issues, by how it begins.
const OWN_OTHERS: &[(&str, Kind)] =
    &[("sk-ant-admin", Kind::AdminKey), ("sk-ant-oat", Kind::OauthToken), ("sk-ant-ort", Kind::RefreshToken)];

/// The kinds of credential that turn up in an API key's place: how they begin and what they are.
const OTHER_PROVIDERS: &[(&str, &str)] = &[
    ("sk-proj-", "an OpenAI project key"),
    ("sk-svcacct-", "an OpenAI service account key"),
    ("sk-admin-", "an OpenAI admin key"),
    ("sk-or-", "an OpenRouter key"),
    ("AKIA", "an AWS access key id"),
    ("ASIA", "a temporary AWS access key id"),
    ("ghp_", "a GitHub personal access token"),
    ("github_pat_", "a GitHub personal access token"),
    ("gho_", "a GitHub OAuth token"),
    ("ghs_", "a GitHub app token"),
    ("glpat-", "a GitLab access token"),
    ("xox", "a Slack token"),
    ("AIza", "a Google API key"),
    ("SG.", "a SendGrid key"),
    ("sk_live_", "a Stripe key"),
    ("sk_test_", "a Stripe test key"),
    ("rk_live_", "a restricted Stripe key"),
    ("pk_live_", "a publishable Stripe key"),
    ("-----BEGIN", "a PEM file"),
];

/// What a value in an API key's place begins like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    ApiKey,
    AdminKey,
    /// The access token of a login, of a subscription or of workload identity.
    OauthToken,
    /// What a login renews its access token with.
    RefreshToken,
    /// Of another issuer: how it begins, and what it is called.
    Other {
        prefix: &'static str,
        name: &'static str,
    },
    Unrecognised,
}

/// What a text begins like.
pub fn kind(text: &str) -> Kind {
    if begins_like_an_api_key(text) {
        return Kind::ApiKey;
    }
    if let Some((_, kind)) = OWN_OTHERS.iter().find(|(prefix, _)| text.starts_with(prefix)) {
        return *kind;
    }
    match OTHER_PROVIDERS.iter().find(|(prefix, _)| text.starts_with(prefix)) {
        Some((prefix, name)) => Kind::Other { prefix, name },
        None => Kind::Unrecognised,
    }
}

/// Whether the value may be an API key that jobs use.
///
/// # Errors
/// What it is instead, and what to do. Never repeats the value.
pub fn check(value: &Secret) -> Result<(), WrongKind> {
    let value = value.expose();
    let kind = kind(value);
    if let Some(wrong) = other_kind(kind) {
        return Err(wrong);
    }
    let count = value.chars().count();
    if kind != Kind::ApiKey {
        return Err(if is_cut(value) { truncated(count) } else { unrecognised(value) });
    }
    if !value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        return Err(wrong(
            "the value begins like an Anthropic API key but holds characters that no such key has",
            "copy the key again; it consists of letters, digits, `-` and `_`",
        ));
    }
    if is_cut(value) {
        return Err(truncated(count));
    }
    Ok(())
}

/// Whether a value is the beginning of an API key and no more.
pub fn is_cut(value: &str) -> bool {
    "sk-ant-api03-".starts_with(value)
        || begins_like_an_api_key(value) && value.chars().count() < MINIMUM_CHARACTERS
}

/// What a rejected value's length says.
pub(super) fn remark(value: &Secret) -> Option<String> {
    let count = value.expose().chars().count();
    (count != USUAL_CHARACTERS).then(|| {
        format!(
            "the value has {count} characters, and Anthropic API keys are believed to have \
             {USUAL_CHARACTERS}: it may have been cut or extended while copying"
        )
    })
}

fn other_kind(kind: Kind) -> Option<WrongKind> {
    match kind {
        Kind::AdminKey => Some(wrong(
            "this is an Anthropic admin key (sk-ant-admin…), which manages keys and cannot run jobs",
            format!(
                "create an API key (sk-ant-api03-…) at {CONSOLE_PAGE}; \
                 an admin key goes into `admin_key` of [providers.anthropic]"
            ),
        )),
        Kind::OauthToken => Some(wrong(
            "this is an OAuth access token (sk-ant-oat…) of a login or a subscription, not an API key",
            format!(
                "create an API key (sk-ant-api03-…) at {CONSOLE_PAGE}; \
                 the token belongs in CLAUDE_CODE_OAUTH_TOKEN and is renewed by logging in again"
            ),
        )),
        Kind::RefreshToken => Some(wrong(
            "this is an OAuth refresh token (sk-ant-ort…), which belongs to a login and is no API key",
            format!(
                "create an API key (sk-ant-api03-…) at {CONSOLE_PAGE}; \
                 leave the token where the login keeps it"
            ),
        )),
        Kind::Other { prefix, name } => Some(wrong(
            format!("this is {name} ({prefix}…), not an Anthropic API key"),
            format!(
                "check which key the value was copied for; Anthropic API keys (sk-ant-api03-…) are \
                 made at {CONSOLE_PAGE}"
            ),
        )),
        Kind::ApiKey | Kind::Unrecognised => None,
    }
}

/// `sk-ant-api` and a two-digit version: refusing a coming `api04` would stop rotations that work.
fn begins_like_an_api_key(value: &str) -> bool {
    value.strip_prefix("sk-ant-api").is_some_and(|rest| {
        let rest = rest.as_bytes();
        rest.len() > 2 && rest[0].is_ascii_digit() && rest[1].is_ascii_digit() && rest[2] == b'-'
    })
}

fn truncated(count: usize) -> WrongKind {
    wrong(
        format!("the value looks truncated: it has {count} characters"),
        format!(
            "copy the whole key; one that was not kept cannot be shown again, so create another \
             at {CONSOLE_PAGE}"
        ),
    )
}

fn unrecognised(value: &str) -> WrongKind {
    if value.contains("sk-ant-") {
        return wrong(
            "the value has something in front of the key, such as a variable's name or `Bearer`",
            "pass the bare key, which begins with sk-ant-api03-",
        );
    }
    wrong(
        "the value is not an Anthropic API key: it does not begin with sk-ant-api03-",
        format!("copy the key from where it was created, or create one at {CONSOLE_PAGE}"),
    )
}

fn wrong(what: impl Into<String>, remedy: impl Into<String>) -> WrongKind {
    WrongKind { what: what.into(), remedy: remedy.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::from_text(text.into()).unwrap()
    }

    #[test]
    fn api_keys_pass() {
        for value in [
            format!("sk-ant-api03-{}", "aB3_-".repeat(19)),
            format!("sk-ant-api03-{}", "x".repeat(19)),
            format!("sk-ant-api04-{}", "x".repeat(95)),
        ] {
            assert_eq!(check(&secret(&value)), Ok(()));
        }
    }

    #[test]
    fn everything_else_is_named_and_never_shown() {
        let tail = "Zq9".repeat(20);
        let cases = [
            (format!("sk-ant-admin01-{tail}"), "admin key"),
            (format!("sk-ant-oat01-{tail}"), "OAuth access token"),
            (format!("sk-ant-ort01-{tail}"), "OAuth refresh token"),
            (format!("sk-proj-{tail}"), "OpenAI project key"),
            (format!("sk-svcacct-{tail}"), "OpenAI service account"),
            (format!("sk-admin-{tail}"), "OpenAI admin key"),
            ("AKIAIOSFODNN7EXAMPLE".to_owned(), "AWS access key id"),
            (format!("ghp_{tail}"), "GitHub"),
            ("sk-ant-api03-Zq9Zq9Zq9".to_owned(), "truncated: it has 22 characters"),
            ("sk-ant-".to_owned(), "truncated: it has 7 characters"),
            (format!("ANTHROPIC_API_KEY=sk-ant-api03-{tail}"), "in front of the key"),
            (format!("sk-ant-api03-{tail}$HOME"), "characters that no such key has"),
            (tail.clone(), "does not begin with"),
        ];
        for (value, expected) in cases {
            let error = check(&secret(&value)).unwrap_err();
            assert!(error.what.contains(expected), "{value}: {error}");
            assert!(!error.remedy.is_empty());
            assert!(!format!("{error:?}").contains("Zq9Zq9"), "{error:?}");
        }
    }

    #[test]
    fn only_an_unusual_length_is_remarked_on() {
        assert_eq!(remark(&secret(&"x".repeat(108))), None);
        assert!(remark(&secret(&"x".repeat(107))).unwrap().contains("107 characters"));
    }
}
