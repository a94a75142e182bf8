//! Which token programs of GitHub's use, and whether one is there that need not be.

use super::finding::{Finding, Id, Severity};
use super::mechanism::{Basis, Candidate, Consumer, Mechanism, variable};
use super::mend;
use super::seen::{Assignment, Seen};

/// GitHub: `gh help environment`.
const GH: Consumer = Consumer {
    provider: "github",
    name: "gh",
    shown: "GitHub's `gh`",
    order: "GH_TOKEN, GITHUB_TOKEN, login",
    basis: Basis::Documented,
};

/// How tokens begin that last until a person ends them (GitHub: "GitHub's token formats").
const LONG_LIVED: &[&str] = &["ghp_", "github_pat_", "gho_"];

pub(super) fn mechanism(seen: &Seen) -> Mechanism {
    let mut candidates = Vec::new();
    candidates.extend(variable(seen, "gh_token", "the token", "GH_TOKEN"));
    candidates.extend(variable(seen, "github_token", "the token", "GITHUB_TOKEN"));
    candidates.extend(
        seen.gh_login.as_ref().map(|path| Candidate::new("gh_login", format!("the login in {path}"))),
    );
    GH.choose(candidates)
}

pub(super) fn findings(seen: &Seen) -> Vec<Finding> {
    two_tokens(seen).into_iter().chain(beside_oidc(seen)).collect()
}

fn two_tokens(seen: &Seen) -> Option<Finding> {
    let (first, second) = (seen.set("GH_TOKEN")?, seen.set("GITHUB_TOKEN")?);
    if first.value.same_as(&second.value) {
        return None;
    }
    let told = |one: &Assignment| format!("{} ({})", one.title(), one.value.shown());
    Some(Finding::new(
        Id::ConflictingVariables,
        Severity::Warning,
        format!("{} and {}", told(first), told(second)),
        "`gh` takes GH_TOKEN; most actions and libraries take GITHUB_TOKEN: they act as different users",
        format!("keep the one that is meant; for GITHUB_TOKEN: {}", mend::remove(first)),
    ))
}

/// A job that may ask for an identity of its own can get short-lived credentials of clouds and of Anthropic's for it.
fn beside_oidc(seen: &Seen) -> Option<Finding> {
    seen.set("ACTIONS_ID_TOKEN_REQUEST_URL")?;
    seen.set("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?;
    let is_long_lived = |one: &&Assignment| {
        let core = one.value.core();
        core.is_some_and(|core| LONG_LIVED.iter().any(|start| core.expose().starts_with(start)))
    };
    let token = ["GH_TOKEN", "GITHUB_TOKEN"].iter().filter_map(|name| seen.set(name)).find(is_long_lived)?;
    Some(Finding::new(
        Id::LongLivedTokenBesideOidc,
        Severity::Warning,
        format!("{} is a person's own token, in a job that may ask for an OIDC identity", token.title()),
        "the job's own token (ghs_…) and its identity end with the job; this one lasts until a person ends it, and acts \
         as that person",
        format!(
            "give the job `permissions:` and ${{{{ github.token }}}} instead, then: `gh secret delete {}`",
            token.variable
        ),
    ))
}
