//! Which of Anthropic's mechanisms Claude Code and the SDKs use, and what contradicts itself.

use super::finding::{self, Finding, Id, Severity};
use super::mechanism::{Basis, Candidate, Consumer, Mechanism, variable};
use super::mend;
use super::printable;
use super::seen::{Assignment, Seen};
use crate::provider::anthropic::CONSOLE_PAGE;

/// Claude Code: "Authentication", authentication precedence, as several third parties tell it.
const CLAUDE_CODE: Consumer = Consumer {
    provider: "anthropic",
    name: "claude_code",
    shown: "Claude Code",
    order: "cloud provider, ANTHROPIC_AUTH_TOKEN, ANTHROPIC_API_KEY, apiKeyHelper, CLAUDE_CODE_OAUTH_TOKEN, login",
    basis: Basis::ThirdParty,
};

/// Anthropic's SDK for Python, `lib/credentials/_chain.py`: "first match wins".
const SDKS: Consumer = Consumer {
    provider: "anthropic",
    name: "sdk",
    shown: "Anthropic's SDKs",
    order: "ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN, selected profile, workload identity, default profile",
    basis: Basis::Documented,
};

/// Switches of Claude Code, with the mechanism and who that is.
const CLOUDS: &[(&str, &str, &str)] = &[
    ("CLAUDE_CODE_USE_BEDROCK", "bedrock", "Amazon Bedrock"),
    ("CLAUDE_CODE_USE_VERTEX", "vertex", "Google Vertex AI"),
    ("CLAUDE_CODE_USE_FOUNDRY", "foundry", "Microsoft Foundry"),
];

/// What switches say that are off (believed).
const OFF: &[&str] = &["0", "false", "no", "off"];

/// Where requests go unless somebody says otherwise.
const OWN_ADDRESS: &str = "https://api.anthropic.com";

pub(super) fn mechanisms(seen: &Seen) -> Vec<Mechanism> {
    vec![CLAUDE_CODE.choose(for_claude_code(seen)), SDKS.choose(for_sdks(seen))]
}

pub(super) fn findings(seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(two_static(seen));
    findings.extend(beside_cloud(seen));
    findings.extend(over_token_or_helper(seen));
    findings.extend(over_identity(seen));
    findings.extend(headers(seen));
    findings.extend(base_url(seen));
    findings.extend(identity_in_part(seen));
    findings.extend(token_file(seen));
    findings.extend(login(seen));
    findings.extend(nothing(seen));
    findings
}

/// Cloud providers that Claude Code is told to use.
pub(super) fn cloud(seen: &Seen) -> impl Iterator<Item = Candidate> {
    let on = |name: &str| {
        let assignment = seen.set_for_claude_code(name)?;
        let text = assignment.value.setting()?.to_lowercase();
        (!OFF.contains(&text.as_str())).then_some(assignment)
    };
    CLOUDS.iter().filter_map(move |(name, mechanism, who)| {
        let assignment = on(name)?;
        Some(Candidate::new(mechanism, format!("{who}, by {}", assignment.title())))
    })
}

fn for_claude_code(seen: &Seen) -> Vec<Candidate> {
    let of = |mechanism, what: &str, name: &str| {
        seen.set_for_claude_code(name).map(|assignment| Candidate::of(mechanism, what, assignment))
    };
    let mut candidates: Vec<_> = cloud(seen).collect();
    candidates.extend(of("auth_token", "the bearer token", "ANTHROPIC_AUTH_TOKEN"));
    candidates.extend(of("api_key", "the API key", "ANTHROPIC_API_KEY"));
    candidates.extend(
        seen.helper
            .as_ref()
            .map(|helper| Candidate::new("api_key_helper", format!("apiKeyHelper of {}", helper.path))),
    );
    candidates.extend(of("oauth_token", "the OAuth token", "CLAUDE_CODE_OAUTH_TOKEN"));
    candidates.extend(
        seen.login.as_ref().map(|login| Candidate::new("login", format!("the login in {}", login.path))),
    );
    candidates
}

fn for_sdks(seen: &Seen) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    candidates.extend(variable(seen, "api_key", "the API key", "ANTHROPIC_API_KEY"));
    candidates.extend(variable(seen, "auth_token", "the bearer token", "ANTHROPIC_AUTH_TOKEN"));
    candidates.extend(selected_profile(seen).map(|shown| Candidate::new("profile", shown)));
    candidates.extend(identity(seen).map(|token| {
        Candidate::new("workload_identity", format!("workload identity, by {}", token.title()))
    }));
    let default = seen.default_profile.as_ref().filter(|_| selected_profile(seen).is_none());
    candidates
        .extend(default.map(|path| Candidate::new("default_profile", format!("the default profile {path}"))));
    candidates
}

fn selected_profile(seen: &Seen) -> Option<String> {
    let by_variable = ["ANTHROPIC_PROFILE", "ANTHROPIC_CONFIG_DIR"]
        .iter()
        .find_map(|name| seen.set(name))
        .map(|assignment| format!("the profile that {} selects", assignment.title()));
    by_variable
        .or_else(|| seen.selected_profile.as_ref().map(|path| format!("the profile that {path} selects")))
}

/// What the token is exchanged for, where workload identity is set as a whole.
fn identity(seen: &Seen) -> Option<&Assignment> {
    let token = seen.set("ANTHROPIC_IDENTITY_TOKEN_FILE").or_else(|| seen.set("ANTHROPIC_IDENTITY_TOKEN"))?;
    let others = ["ANTHROPIC_FEDERATION_RULE_ID", "ANTHROPIC_ORGANIZATION_ID"];
    others.iter().all(|name| seen.set(name).is_some()).then_some(token)
}

fn pair_told(one: &Assignment, other: &Assignment) -> String {
    format!("{} ({}) and {} ({})", one.title(), one.value.shown(), other.title(), other.value.shown())
}

fn conflict(seen: impl Into<String>, why: impl Into<String>, hint: impl Into<String>) -> Finding {
    Finding::new(Id::ConflictingVariables, Severity::Warning, seen, why, hint)
}

fn two_static(seen: &Seen) -> Option<Finding> {
    let (token, key) = (seen.set("ANTHROPIC_AUTH_TOKEN")?, seen.set("ANTHROPIC_API_KEY")?);
    if token.value.same_as(&key.value) {
        return None;
    }
    Some(conflict(
        pair_told(token, key),
        "Claude Code takes ANTHROPIC_AUTH_TOKEN (as third parties tell), Anthropic's SDKs take ANTHROPIC_API_KEY, and \
         older ones send both: two programs started here use different credentials",
        format!("keep the one that is meant; for the API key: {}", mend::remove(token)),
    ))
}

fn beside_cloud(seen: &Seen) -> Option<Finding> {
    let clouds: Vec<_> = cloud(seen).collect();
    let first = clouds.first()?;
    if clouds.len() > 1 {
        let all: Vec<_> = clouds.iter().map(|cloud| cloud.shown.clone()).collect();
        return Some(conflict(
            all.join("; "),
            "only one cloud provider can serve, and which one is nowhere promised",
            "keep one of them: `unset CLAUDE_CODE_USE_VERTEX CLAUDE_CODE_USE_FOUNDRY`",
        ));
    }
    let names = ["ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY"];
    let passed_over = names.iter().find_map(|name| seen.set_for_claude_code(name))?;
    Some(conflict(
        format!("{}; and {}", first.shown, passed_over.title()),
        "Claude Code goes to the cloud provider with that one's credentials, and passes over the key; Anthropic's SDKs \
         use the key",
        format!(
            "if Claude Code should use the key, take the switch away; if not, {}",
            mend::remove(passed_over)
        ),
    ))
}

/// What Claude Code passes over though somebody set it up for just this.
fn over_token_or_helper(seen: &Seen) -> Option<Finding> {
    let names = ["ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY"];
    let winner = names.iter().find_map(|name| seen.set_for_claude_code(name))?;
    let passed_over = match (&seen.helper, seen.set_for_claude_code("CLAUDE_CODE_OAUTH_TOKEN")) {
        (Some(helper), _) => format!("apiKeyHelper of {}", helper.path),
        (None, Some(token)) => token.title(),
        (None, None) => return None,
    };
    Some(conflict(
        format!("{}; and {passed_over}", winner.title()),
        "Claude Code takes the variable, however old its value is, and never gets to the other one (as third parties tell)",
        mend::remove(winner),
    ))
}

fn over_identity(seen: &Seen) -> Option<Finding> {
    let winner = seen.set("ANTHROPIC_API_KEY").or_else(|| seen.set("ANTHROPIC_AUTH_TOKEN"))?;
    let passed_over = match (selected_profile(seen), identity(seen)) {
        (Some(profile), _) => profile,
        (None, Some(token)) => format!("workload identity, by {}", token.title()),
        (None, None) => return None,
    };
    Some(conflict(
        format!("{}; and {passed_over}", winner.title()),
        "a key in a variable comes first in Anthropic's SDKs: the short-lived credential is never asked for",
        mend::remove(winner),
    ))
}

fn headers(seen: &Seen) -> Option<Finding> {
    let headers = seen.set("ANTHROPIC_CUSTOM_HEADERS")?;
    let text = headers.value.setting()?.to_lowercase();
    let names = ["x-api-key", "authorization"];
    let name = names.iter().find(|name| text.lines().any(|line| line.trim_start().starts_with(**name)))?;
    Some(conflict(
        format!("{} sets the header {name}", headers.title()),
        "the header is sent with every request, beside or in place of the credential that was chosen",
        mend::remove(headers),
    ))
}

fn base_url(seen: &Seen) -> Option<Finding> {
    let assignment = seen.set_for_claude_code("ANTHROPIC_BASE_URL")?;
    let title = assignment.title();
    let finding = |severity, seen: String, why: String| {
        Some(Finding::new(Id::BaseUrlOverride, severity, seen, why, mend::remove(assignment)))
    };
    let Some(address) = assignment.value.setting().and_then(printable::address) else {
        let why = "it is no address of a server, and every request fails before it is sent";
        return finding(
            Severity::Critical,
            format!("{title}: not shown, for it is no http address"),
            why.to_owned(),
        );
    };
    if address.shown == OWN_ADDRESS && !address.ends_in_v1 {
        return None;
    }
    let configured = seen.key.as_ref().and_then(|key| key.base_url.as_deref()).and_then(printable::address);
    let told = format!("{title}: {}", address.shown);
    if address.is_clear_text {
        let why = "keys are sent to another machine in clear text, where everybody on the way can read them";
        return finding(Severity::Critical, told, why.to_owned());
    }
    if configured.is_some_and(|configured| configured.shown == address.shown) {
        return finding(Severity::Ok, told, "rotate.toml names the same server".to_owned());
    }
    let mut why =
        "every request and its key go to that server, whichever mechanism wins; a key of Anthropic's is none of its business"
            .to_owned();
    if address.ends_in_v1 {
        why.push_str("; it ends in /v1, which the SDKs add by themselves (believed)");
    }
    if address.has_password {
        why.push_str("; there is a user name or password in it");
    }
    finding(Severity::Warning, told, why)
}

fn identity_in_part(seen: &Seen) -> Option<Finding> {
    let is_set = |name: &&str| seen.set(name).is_some();
    let token = ["ANTHROPIC_IDENTITY_TOKEN_FILE", "ANTHROPIC_IDENTITY_TOKEN"];
    let settings = ["ANTHROPIC_FEDERATION_RULE_ID", "ANTHROPIC_ORGANIZATION_ID"];
    let begun =
        seen.set("ANTHROPIC_FEDERATION_RULE_ID").or_else(|| token.iter().find_map(|name| seen.set(name)))?;
    let mut missing: Vec<&str> = settings.iter().filter(|name| !is_set(name)).copied().collect();
    if !token.iter().any(is_set) {
        missing.push(token[0]);
    }
    let first = missing.first()?;
    Some(Finding::new(
        Id::IncompleteSettings,
        Severity::Warning,
        format!("{}, without {}", begun.title(), missing.join(" and ")),
        "workload identity is used only where all of it is set; in part it is passed over without a word",
        format!("set the rest, beginning with `export {first}=…`, or {}", mend::remove(begun)),
    ))
}

fn token_file(seen: &Seen) -> Option<Finding> {
    let why = "workload identity is chosen by the variable, and fails when the file is read";
    finding::of_missing_file(seen, "ANTHROPIC_IDENTITY_TOKEN_FILE", why)
}

fn login(seen: &Seen) -> Vec<Finding> {
    expired(seen).into_iter().chain(without_key(seen)).collect()
}

fn expired(seen: &Seen) -> Option<Finding> {
    let login = seen.login.as_ref().filter(|login| login.is_expired && !login.can_renew)?;
    Some(Finding::new(
        Id::LoginExpired,
        Severity::Warning,
        format!("the login in {} is over", login.path),
        "its access token has expired and there is no refresh token beside it",
        "log in again: `claude /login`",
    ))
}

/// The `claude` program works, and whoever calls the API by itself has nothing.
fn without_key(seen: &Seen) -> Option<Finding> {
    let winner = for_claude_code(seen).into_iter().next()?;
    if !for_sdks(seen).is_empty() || !matches!(winner.mechanism, "login" | "oauth_token") {
        return None;
    }
    let (severity, hint) = match &seen.key {
        // Its consumers have places of their own.
        Some(key) => {
            (Severity::Ok, format!("for the API: `eval \"$(rotate key {} --format env)\"`", key.name))
        }
        None => (
            Severity::Warning,
            format!(
                "make a key at {CONSOLE_PAGE}, or run the program instead of calling the API: `claude -p \"…\"`"
            ),
        ),
    };
    Some(Finding::new(
        Id::CliLoginWithoutKey,
        severity,
        format!("{}, and no key in any variable", winner.shown),
        "the `claude` program works here; a program that calls the API by itself has no credential and gets a 401",
        hint,
    ))
}

fn nothing(seen: &Seen) -> Option<Finding> {
    // A key that something keeps out is told of with what keeps it out.
    let is_kept_out =
        seen.assignments.iter().any(|one| one.variable == "ANTHROPIC_API_KEY" && !one.value.is_empty());
    if is_kept_out || seen.key.is_some() || !for_sdks(seen).is_empty() || !for_claude_code(seen).is_empty() {
        return None;
    }
    Some(Finding::new(
        Id::NoCredential,
        Severity::Warning,
        "no variable, no helper, no profile and no login for Anthropic",
        "every request fails before it is sent, or gets a 401",
        format!(
            "make a key at {CONSOLE_PAGE}, then: `read -rs ANTHROPIC_API_KEY && export ANTHROPIC_API_KEY`"
        ),
    ))
}
