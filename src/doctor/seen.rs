//! What was found in an environment. Plain data: whoever has it can examine it without looking again.

use super::value::Value;
use crate::rotation::credential::{ReadBack, SlotName, TargetId};
use crate::rotation::phase::KeyState;
use crate::secret::{Fingerprint, Secret};
use crate::target::dotenv::document::Unclear;

/// Everything that was found.
#[derive(Debug, Default)]
pub struct Seen {
    /// Every watched variable in every place, in the order of the places.
    pub assignments: Vec<Assignment>,
    pub helper: Option<Helper>,
    pub login: Option<Login>,
    /// The profile of Anthropic's SDKs that their files select, by the file that does.
    pub selected_profile: Option<String>,
    /// The profile of Anthropic's SDKs that is there without being selected.
    pub default_profile: Option<String>,
    /// Files that variables name and that are not there, by variable.
    pub missing_files: Vec<&'static str>,
    /// Profiles in the shared files of AWS, by name.
    pub aws_profiles: Vec<AwsProfile>,
    /// Where `gh` remembers its logins, where it does.
    pub gh_login: Option<String>,
    pub troubles: Vec<Trouble>,
    /// What the key that was asked for should be, and is in its own places.
    pub key: Option<KeySeen>,
}

/// One variable in one place.
#[derive(Debug)]
pub struct Assignment {
    pub variable: String,
    pub place: Place,
    pub value: Value,
}

/// Where a variable is set. Paths are as they are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The environment of this process, and so of whatever the same shell starts.
    Environment,
    /// A line of a file that was named to be looked at as a part of the environment.
    EnvFile { path: String, line: usize },
    /// A line of a dotenv file that is a target of the key.
    TargetFile { path: String, line: usize },
    /// The `env` table of a settings file of Claude Code.
    ClaudeSettings { path: String },
}

impl Place {
    /// For people, after the name of a variable.
    pub fn shown(&self) -> String {
        match self {
            Place::Environment => "in the environment".to_owned(),
            Place::EnvFile { path, line } | Place::TargetFile { path, line } => {
                format!("on line {line} of {path}")
            }
            Place::ClaudeSettings { path } => format!("in `env` of {path}"),
        }
    }

    /// The file, where it is one.
    pub fn path(&self) -> Option<&str> {
        match self {
            Place::Environment => None,
            Place::EnvFile { path, .. } | Place::TargetFile { path, .. } | Place::ClaudeSettings { path } => {
                Some(path)
            }
        }
    }
}

impl Assignment {
    /// The variable and where it is set.
    pub fn title(&self) -> String {
        format!("{} {}", self.variable, self.place.shown())
    }
}

/// An `apiKeyHelper` of Claude Code, by the settings file that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helper {
    pub path: String,
}

/// A login of the `claude` program, by its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub path: String,
    /// Its access token's time is over; it is renewed where there is a refresh token.
    pub is_expired: bool,
    pub can_renew: bool,
}

/// One profile of AWS's shared files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsProfile {
    pub name: String,
    pub kind: ProfileKind,
    pub path: String,
}

/// What a profile gets its credentials by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileKind {
    Role,
    Sso,
    Process,
    ConsoleLogin,
    StaticKeys,
    /// It has settings only, such as a region.
    Nothing,
}

impl ProfileKind {
    /// Stable, as JSON carries it.
    pub fn mechanism(self) -> &'static str {
        match self {
            ProfileKind::Role => "profile_role",
            ProfileKind::Sso => "profile_sso",
            ProfileKind::Process => "profile_process",
            ProfileKind::ConsoleLogin => "profile_login",
            ProfileKind::StaticKeys => "profile_static_keys",
            ProfileKind::Nothing => "profile_without_credentials",
        }
    }

    /// For people.
    pub fn shown(self) -> &'static str {
        match self {
            ProfileKind::Role => "a role",
            ProfileKind::Sso => "an SSO session",
            ProfileKind::Process => "a credential process",
            ProfileKind::ConsoleLogin => "a console login",
            ProfileKind::StaticKeys => "static keys",
            ProfileKind::Nothing => "no credentials",
        }
    }

    /// Whether its credentials are short-lived, so that static keys before it are a step back.
    pub fn is_short_lived(self) -> bool {
        matches!(
            self,
            ProfileKind::Role | ProfileKind::Sso | ProfileKind::Process | ProfileKind::ConsoleLogin
        )
    }
}

/// What could not be looked at. Texts are safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    Unreadable { path: String, reason: String },
    Unclear { path: String, variable: String, unclear: Unclear },
    Configuration { message: String, hint: String },
}

/// A key of rotate.toml, as its own places have it.
#[derive(Debug)]
pub struct KeySeen {
    pub name: String,
    /// As rotate.toml spells it.
    pub provider: &'static str,
    /// The variables that carry a credential of it: one, or the two of a pair.
    pub carriers: Vec<Vec<String>>,
    /// Where its provider is, as rotate.toml says.
    pub base_url: Option<String>,
    /// Whether reading its places asks AWS.
    pub uses_aws: bool,
    pub record: Record,
    pub slots: Vec<SlotSeen>,
    pub targets: Vec<TargetSeen>,
}

/// What the state file says.
#[derive(Debug)]
pub enum Record {
    NeverAdopted,
    Unreadable { message: String, hint: String },
    Known(Box<KeyState>),
}

/// What a slot holds; `Err` says why that cannot be told, and what to do.
#[derive(Debug)]
pub struct SlotSeen {
    pub slot: SlotName,
    pub location: String,
    pub held: Result<Option<Fingerprint>, (String, String)>,
}

/// What a target holds.
#[derive(Debug)]
pub struct TargetSeen {
    pub id: TargetId,
    /// The dotenv file that it is, as it is shown.
    pub file: Option<String>,
    pub held: ReadBack,
}

impl Seen {
    /// What a program gets that is started here: the environment, and what the named files add to it. A dotenv file
    /// replaces nothing that is set, not even by nothing, and of two assignments in it the last counts (python-dotenv
    /// and motdotla/dotenv, documentation of both).
    pub fn effective(&self, variable: &str) -> Option<&Assignment> {
        let mut of = self.assignments.iter().filter(|one| one.variable == variable);
        of.clone()
            .find(|one| one.place == Place::Environment)
            .or_else(|| of.rfind(|one| matches!(one.place, Place::EnvFile { .. })))
    }

    /// The same, where it is not empty.
    pub fn set(&self, variable: &str) -> Option<&Assignment> {
        self.effective(variable).filter(|one| !one.value.is_empty())
    }

    /// What Claude Code gets: its settings' `env` before the environment (believed).
    pub fn set_for_claude_code(&self, variable: &str) -> Option<&Assignment> {
        let in_settings = |one: &&Assignment| {
            one.variable == variable
                && matches!(one.place, Place::ClaudeSettings { .. })
                && !one.value.is_empty()
        };
        self.assignments.iter().rfind(in_settings).or_else(|| self.set(variable))
    }

    /// A setting that is no secret.
    pub fn setting(&self, variable: &str) -> Option<&str> {
        self.set(variable)?.value.setting()
    }

    /// The credential that one place has under these names: a value, or a pair of them in one text.
    pub fn credential(&self, names: &[String], is_there: impl Fn(&Place) -> bool) -> Option<Secret> {
        let one = |name: &String| {
            let found = self.assignments.iter().rfind(|one| one.variable == *name && is_there(&one.place))?;
            found.value.core()
        };
        match names {
            [name] => one(name),
            [id, secret] => {
                let text = format!("{}:{}", one(id)?.expose(), one(secret)?.expose());
                Secret::from_text(text).ok()
            }
            _ => None,
        }
    }
}
