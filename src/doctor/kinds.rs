//! Whether a value is of the kind that belongs where it stands.

use super::finding::{Finding, Id, Severity};
use super::mend::{remove, replace};
use super::seen::{Assignment, Seen};
use super::watched::Holds;
use crate::provider::WrongKind;
use crate::provider::anthropic::shape::{self, Kind};
use crate::provider::aws_iam::shape::{IdKind, id_kind};
use crate::secret::Secret;

/// How long a secret access key is (what AWS has always made).
const AWS_SECRET_CHARACTERS: usize = 40;

/// How GitHub's tokens begin (GitHub: "GitHub's token formats").
const GITHUB_STARTS: &[&str] = &["ghp_", "github_pat_", "gho_", "ghu_", "ghs_", "ghr_"];

/// What is to be said of a value that is whole, by what belongs there.
pub(super) fn finding(seen: &Seen, assignment: &Assignment, holds: Holds) -> Option<Finding> {
    let value = assignment.value.core()?;
    let kind = shape::kind(value.expose());
    let told = Told { seen, assignment, has_gateway: seen.set("ANTHROPIC_BASE_URL").is_some() };
    match holds {
        Holds::AnthropicApiKey => told.api_key(&value, kind),
        Holds::AnthropicBearer => told.bearer(kind),
        Holds::ClaudeOauthToken => told.oauth_token(kind),
        Holds::AnthropicAdminKey => told.admin_key(kind),
        Holds::AwsKeyId => told.aws_key_id(&value),
        Holds::AwsSecret => told.aws_secret(&value),
        Holds::GithubToken => told.github_token(&value, kind),
        Holds::AnySecret | Holds::Setting => None,
    }
}

struct Told<'a> {
    seen: &'a Seen,
    assignment: &'a Assignment,
    /// A gateway has keys of its own, of whatever shape.
    has_gateway: bool,
}

impl Told<'_> {
    fn api_key(&self, value: &Secret, kind: Kind) -> Option<Finding> {
        let WrongKind { what, .. } = shape::check(value).err()?;
        let name = &self.assignment.variable;
        Some(match kind {
            Kind::OauthToken => self.critical(
                Id::OauthTokenAsApiKey,
                format!("{what}; as an API key it is refused with 401"),
                self.moved(
                    &format!("run `claude` with it, not the API: `export CLAUDE_CODE_OAUTH_TOKEN=\"${name}\"; unset {name}`"),
                ),
            ),
            Kind::RefreshToken => self.critical(Id::RefreshTokenAsApiKey, what, remove(self.assignment)),
            Kind::AdminKey => self.critical(
                Id::AdminKeyAsApiKey,
                what,
                self.moved(&format!("`export ANTHROPIC_ADMIN_KEY=\"${name}\"; unset {name}`")),
            ),
            Kind::Other { .. } if self.has_gateway => return None,
            Kind::Other { .. } => self.critical(Id::OtherProviderKey, what, self.replaced()),
            _ if shape::is_cut(value.expose()) => self.critical(Id::TruncatedValue, what, self.replaced()),
            Kind::Unrecognised if self.has_gateway => return None,
            Kind::ApiKey | Kind::Unrecognised => self.critical(Id::UnrecognisedValue, what, self.replaced()),
        })
    }

    /// API keys go as bearers, too (Anthropic: "API overview", authentication), and so do access tokens.
    fn bearer(&self, kind: Kind) -> Option<Finding> {
        match kind {
            Kind::AdminKey => Some(self.critical(
                Id::AdminKeyAsApiKey,
                "this is an Anthropic admin key (sk-ant-admin…), which manages keys and cannot run jobs",
                remove(self.assignment),
            )),
            Kind::RefreshToken => Some(self.critical(
                Id::RefreshTokenAsApiKey,
                "this is an OAuth refresh token (sk-ant-ort…), which no request takes",
                remove(self.assignment),
            )),
            Kind::Other { name, .. } if !self.has_gateway => Some(self.critical(
                Id::OtherProviderKey,
                format!("this is {name}, and no ANTHROPIC_BASE_URL names a gateway that takes it"),
                remove(self.assignment),
            )),
            Kind::Unrecognised if !self.has_gateway => Some(self.warning(
                Id::UnrecognisedValue,
                "the variable is for gateways and tokens of Anthropic's, and this is neither: no ANTHROPIC_BASE_URL \
                 names a gateway",
                remove(self.assignment),
            )),
            _ => None,
        }
    }

    fn oauth_token(&self, kind: Kind) -> Option<Finding> {
        match kind {
            Kind::OauthToken => None,
            Kind::ApiKey => Some(self.critical(
                Id::ApiKeyAsOauthToken,
                "this is an API key, and the variable is for the token that `claude setup-token` prints",
                self.moved(
                    "`export ANTHROPIC_API_KEY=\"$CLAUDE_CODE_OAUTH_TOKEN\"; unset CLAUDE_CODE_OAUTH_TOKEN`",
                ),
            )),
            _ => Some(self.critical(
                Id::UnrecognisedValue,
                "this is no token of `claude setup-token`, which begins with sk-ant-oat",
                format!("{}; make a token: `claude setup-token`", remove(self.assignment)),
            )),
        }
    }

    fn admin_key(&self, kind: Kind) -> Option<Finding> {
        match kind {
            Kind::AdminKey => None,
            Kind::ApiKey => Some(self.critical(
                Id::ApiKeyAsAdminKey,
                "this is an API key, which cannot list or disable keys: admin keys begin with sk-ant-admin",
                self.replaced(),
            )),
            _ => Some(self.critical(
                Id::UnrecognisedValue,
                "this is no admin key of Anthropic's, which begins with sk-ant-admin",
                self.replaced(),
            )),
        }
    }

    fn aws_key_id(&self, value: &Secret) -> Option<Finding> {
        (id_kind(value.expose()) == IdKind::Unrecognised).then(|| {
            self.critical(
                Id::UnrecognisedValue,
                "this is no access key id: those begin with AKIA, or ASIA where they are temporary",
                self.replaced(),
            )
        })
    }

    fn aws_secret(&self, value: &Secret) -> Option<Finding> {
        let text = value.expose();
        let why = if id_kind(text) != IdKind::Unrecognised {
            "this is an access key id, and its secret belongs here"
        } else if text.chars().count() != AWS_SECRET_CHARACTERS {
            "secret access keys have 40 characters: it may have been cut or extended while copying"
        } else {
            return None;
        };
        Some(self.critical(Id::UnrecognisedValue, why, self.replaced()))
    }

    fn github_token(&self, value: &Secret, kind: Kind) -> Option<Finding> {
        let text = value.expose();
        // Tokens of before 2021 have no prefix.
        let is_old = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_old || GITHUB_STARTS.iter().any(|start| text.starts_with(start)) {
            return None;
        }
        Some(match kind {
            Kind::Unrecognised => self.warning(
                Id::UnrecognisedValue,
                "this does not look like a token of GitHub's, which begin with ghp_, github_pat_, gho_, ghu_ or ghs_",
                self.replaced(),
            ),
            Kind::Other { name, .. } => {
                self.critical(Id::OtherProviderKey, format!("this is {name}, not a token of GitHub's"), self.replaced())
            }
            _ => self.critical(Id::OtherProviderKey, "this is a credential of Anthropic's", self.replaced()),
        })
    }

    fn replaced(&self) -> String {
        replace(self.seen, self.assignment)
    }

    /// The command for a shell's own variable; for a file, that it has to be edited.
    fn moved(&self, command: &str) -> String {
        match self.assignment.place.path() {
            None => command.to_owned(),
            Some(_) => self.replaced(),
        }
    }

    fn critical(&self, id: Id, why: impl Into<String>, hint: impl Into<String>) -> Finding {
        self.told(id, Severity::Critical, why, hint)
    }

    fn warning(&self, id: Id, why: impl Into<String>, hint: impl Into<String>) -> Finding {
        self.told(id, Severity::Warning, why, hint)
    }

    fn told(&self, id: Id, severity: Severity, why: impl Into<String>, hint: impl Into<String>) -> Finding {
        let seen = format!("{}: {}", self.assignment.title(), self.assignment.value.shown());
        Finding::new(id, severity, seen, why, hint)
    }
}
