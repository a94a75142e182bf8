//! Which of its mechanisms the chain of AWS's SDKs picks, and what stands in its way.

use super::finding::{self, Finding, Id, Severity};
use super::mechanism::{Basis, Candidate, Consumer, Mechanism};
use super::mend;
use super::printable;
use super::seen::{Assignment, AwsProfile, ProfileKind, Seen};
use crate::provider::aws_iam::shape::{IdKind, id_kind};

/// AWS: "SDKs and Tools reference guide", credential provider chain; Boto3's and the Java SDK's chains agree on this
/// order, while the Rust SDK looks at the profile before web identity.
const CHAIN: Consumer = Consumer {
    provider: "aws",
    name: "sdk",
    shown: "AWS's SDKs",
    order: "variables, web identity, profile, container, instance metadata",
    basis: Basis::Documented,
};

const CONTAINER: [&str; 2] = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];

pub(super) fn mechanism(seen: &Seen) -> Mechanism {
    let mut mechanism = CHAIN.choose(candidates(seen));
    if mechanism.winner.is_none() && !metadata_is_off(seen) {
        mechanism
            .why
            .push_str("; on a machine of AWS's the instance metadata is left, which is not asked here");
    }
    mechanism
}

pub(super) fn findings(seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(half(seen));
    findings.extend(session(seen));
    findings.extend(shadow(seen));
    findings.extend(missing_profile(seen));
    findings.extend(web_identity_in_part(seen));
    findings.extend(token_file(seen));
    findings.extend(endpoint(seen));
    findings.extend(nothing(seen));
    findings
}

fn candidates(seen: &Seen) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    candidates.extend(keys(seen).map(|keys| keys.candidate(seen)));
    candidates.extend(web_identity(seen).map(|assignment| {
        Candidate::new("web_identity", format!("a role by web identity, by {}", assignment.title()))
    }));
    candidates.extend(profile(seen).map(profile_candidate));
    let container = CONTAINER.iter().find_map(|name| seen.set(name));
    candidates.extend(container.map(|assignment| {
        Candidate::new("container", format!("the container's role, by {}", assignment.title()))
    }));
    candidates
}

/// The pair in variables, where it is one.
struct Keys<'s> {
    id: &'s Assignment,
    kind: IdKind,
}

impl Keys<'_> {
    fn candidate(&self, seen: &Seen) -> Candidate {
        let (mechanism, what) = match self.kind {
            IdKind::Temporary => ("environment_session", "temporary keys"),
            IdKind::LongTerm | IdKind::Unrecognised => ("environment_keys", "static keys"),
        };
        let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(str::to_owned);
        let pair = seen.credential(&names, |place| place.path() == self.id.place.path());
        let fingerprint = pair.map(|pair| pair.fingerprint());
        Candidate { fingerprint, ..Candidate::new(mechanism, format!("{what} in {}", self.id.title())) }
    }
}

fn keys(seen: &Seen) -> Option<Keys<'_>> {
    let (id, _) = (seen.set("AWS_ACCESS_KEY_ID")?, seen.set("AWS_SECRET_ACCESS_KEY")?);
    let kind = id.value.core().map_or(IdKind::Unrecognised, |core| id_kind(core.expose()));
    Some(Keys { id, kind })
}

fn web_identity(seen: &Seen) -> Option<&Assignment> {
    seen.set("AWS_WEB_IDENTITY_TOKEN_FILE").filter(|_| seen.set("AWS_ROLE_ARN").is_some())
}

/// The profile that counts, where it has credentials.
fn profile(seen: &Seen) -> Option<&AwsProfile> {
    let name = seen.setting("AWS_PROFILE").unwrap_or("default");
    seen.aws_profiles.iter().find(|profile| profile.name == name && profile.kind != ProfileKind::Nothing)
}

fn profile_candidate(profile: &AwsProfile) -> Candidate {
    let AwsProfile { name, kind, path } = profile;
    Candidate::new(
        kind.mechanism(),
        format!("{} in the profile {} of {path}", kind.shown(), printable::name(name)),
    )
}

fn metadata_is_off(seen: &Seen) -> bool {
    seen.setting("AWS_EC2_METADATA_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

fn half(seen: &Seen) -> Option<Finding> {
    let (there, missing) = match (seen.set("AWS_ACCESS_KEY_ID"), seen.set("AWS_SECRET_ACCESS_KEY")) {
        (Some(id), None) => (id, "AWS_SECRET_ACCESS_KEY"),
        (None, Some(secret)) => (secret, "AWS_ACCESS_KEY_ID"),
        _ => return None,
    };
    Some(Finding::new(
        Id::IncompleteSettings,
        Severity::Critical,
        format!("{}, without {missing}", there.title()),
        "half a pair: some SDKs stop with an error, others go on down the chain without a word",
        format!("set both: {}; or {}", mend::replace(seen, there), mend::remove(there)),
    ))
}

/// Session tokens belong to the keys that they were issued with, and are sent with whatever keys are found.
fn session(seen: &Seen) -> Option<Finding> {
    let keys = keys(seen)?;
    match (keys.kind, seen.set("AWS_SESSION_TOKEN")) {
        (IdKind::Temporary, None) => Some(Finding::new(
            Id::SessionTokenMissing,
            Severity::Critical,
            format!("{} is a temporary id (ASIA…), without AWS_SESSION_TOKEN", keys.id.title()),
            "temporary keys are refused without the token that was issued with them",
            "get all three anew: `eval \"$(aws configure export-credentials --format env)\"`",
        )),
        (IdKind::LongTerm, Some(token)) => Some(Finding::new(
            Id::StaleSessionToken,
            Severity::Critical,
            format!("{} is a user's own (AKIA…), beside {}", keys.id.title(), token.title()),
            "the token is of other keys, is sent with these, and the request is refused",
            mend::remove(token),
        )),
        _ => None,
    }
}

fn shadow(seen: &Seen) -> Option<Finding> {
    let keys = keys(seen);
    let profile = profile(seen);
    let is_named = seen.set("AWS_PROFILE").is_some();
    let short_lived = profile.filter(|profile| profile.kind.is_short_lived()).map(profile_candidate);
    let role = candidates(seen).into_iter().find(|one| matches!(one.mechanism, "web_identity" | "container"));
    match (keys, role.or(short_lived), profile) {
        (Some(keys), Some(other), _) if keys.kind != IdKind::Temporary => Some(Finding::new(
            Id::StaticKeysShadowRole,
            Severity::Warning,
            format!("static keys in {}; and {}", keys.id.title(), other.shown),
            "the chain takes the variables first: the role or session is never used, and the keys last until somebody \
             ends them; where AWS_PROFILE is set, the SDK for JavaScript takes the profile all the same",
            remove_keys(&keys),
        )),
        (Some(keys), _, Some(profile)) if is_named => Some(Finding::new(
            Id::ConflictingVariables,
            Severity::Warning,
            format!("{}; and {}", keys.id.title(), profile_candidate(profile).shown),
            "most SDKs and the CLI take the keys; the SDK for JavaScript takes the profile that AWS_PROFILE names",
            format!("keep the one that is meant; for the profile, {}", remove_keys(&keys)),
        )),
        (None, _, Some(profile)) if is_named && web_identity(seen).is_some() => Some(Finding::new(
            Id::ConflictingVariables,
            Severity::Warning,
            format!("web identity by AWS_WEB_IDENTITY_TOKEN_FILE; and {}", profile_candidate(profile).shown),
            "SDKs disagree on which of the two comes first",
            "keep the one that is meant; for the role: `unset AWS_PROFILE`",
        )),
        _ => None,
    }
}

/// All three at once: half a pair would be worse than the whole.
fn remove_keys(keys: &Keys<'_>) -> String {
    mend::remove_named("AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN", &keys.id.place)
}

fn missing_profile(seen: &Seen) -> Option<Finding> {
    let assignment = seen.set("AWS_PROFILE")?;
    let name = assignment.value.setting()?;
    if seen.aws_profiles.iter().any(|profile| profile.name == name) {
        return None;
    }
    Some(Finding::new(
        Id::ProfileMissing,
        Severity::Critical,
        format!("{} names the profile {}, which no file has", assignment.title(), printable::name(name)),
        "SDKs stop with an error, some of them even where other credentials are set",
        format!("see which there are: `aws configure list-profiles`; or {}", mend::remove(assignment)),
    ))
}

fn web_identity_in_part(seen: &Seen) -> Option<Finding> {
    let file = seen.set("AWS_WEB_IDENTITY_TOKEN_FILE").filter(|_| seen.set("AWS_ROLE_ARN").is_none())?;
    Some(Finding::new(
        Id::IncompleteSettings,
        Severity::Warning,
        format!("{}, without AWS_ROLE_ARN", file.title()),
        "web identity is used only where both are set",
        format!("`export AWS_ROLE_ARN=…`, or {}", mend::remove(file)),
    ))
}

fn token_file(seen: &Seen) -> Option<Finding> {
    let why = "the role is chosen by the variable, and fails when the file is read";
    finding::of_missing_file(seen, "AWS_WEB_IDENTITY_TOKEN_FILE", why)
}

fn endpoint(seen: &Seen) -> Option<Finding> {
    let assignment = seen.set("AWS_ENDPOINT_URL")?;
    let address = assignment.value.setting().and_then(printable::address);
    let (severity, shown) = match &address {
        Some(address) if !address.is_clear_text => (Severity::Warning, address.shown.as_str()),
        Some(address) => (Severity::Critical, address.shown.as_str()),
        None => (Severity::Critical, "not shown, for it is no http address"),
    };
    Some(Finding::new(
        Id::BaseUrlOverride,
        severity,
        format!("{}: {shown}", assignment.title()),
        "calls to every service of AWS's go to that server instead",
        mend::remove(assignment),
    ))
}

fn nothing(seen: &Seen) -> Option<Finding> {
    let key = seen.key.as_ref().filter(|_| candidates(seen).is_empty())?;
    let severity = if metadata_is_off(seen) { Severity::Warning } else { Severity::Ok };
    Some(Finding::new(
        Id::NoCredential,
        severity,
        "no keys, no role and no profile for AWS",
        "rotate itself needs credentials of AWS for this key; on a machine of AWS's they come from the instance metadata, \
         which is not asked here",
        format!("name a profile: `AWS_PROFILE=… rotate doctor {}`", key.name),
    ))
}
