//! One thing that a person should know, with the command that mends it.

use super::mend::{edit, remove};
use super::seen::{Seen, Trouble};
pub use crate::severity::Severity;

macro_rules! ids {
    ($($id:ident = $name:literal, $meaning:literal;)*) => {
        /// The kinds of findings. Their names are part of the interface: they are added to, not renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Id {
            $(#[doc = $meaning] $id,)*
        }

        impl Id {
            /// Every kind, in the order of the guide.
            pub const ALL: &[Id] = &[$(Id::$id,)*];

            /// As JSON carries it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Id::$id => $name,)*
                }
            }

            /// What it means, in a few words.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Id::$id => $meaning,)*
                }
            }
        }
    };
}

ids! {
    EmptyValue = "empty_value", "the variable is set and has nothing in it";
    QuotedValue = "quoted_value", "quotes are a part of the value";
    TrailingNewline = "trailing_newline", "a line end is a part of the value";
    SurroundingSpace = "surrounding_space", "the value begins or ends with white space";
    InnerSpace = "inner_space", "there is white space inside the value";
    SeveralLines = "several_lines", "the value has more than one line";
    ControlCharacter = "control_character", "there is a control character in the value";
    NotText = "not_text", "the value is not UTF-8 text";
    PlaceholderValue = "placeholder_value", "the value is what a template put there";
    UnexpandedValue = "unexpanded_value", "the value is a reference that nobody resolved";
    PastedTwice = "pasted_twice", "the value is a key twice in a row";
    TruncatedValue = "truncated_value", "the value is the beginning of a key";
    UnrecognisedValue = "unrecognised_value", "the value does not look like what belongs there";
    OauthTokenAsApiKey = "oauth_token_as_api_key", "a login's access token where an API key belongs";
    RefreshTokenAsApiKey = "refresh_token_as_api_key", "a login's refresh token where an API key belongs";
    AdminKeyAsApiKey = "admin_key_as_api_key", "an admin key where an API key belongs";
    ApiKeyAsOauthToken = "api_key_as_oauth_token", "an API key where a login's token belongs";
    ApiKeyAsAdminKey = "api_key_as_admin_key", "an API key where an admin key belongs";
    OtherProviderKey = "other_provider_key", "a key of another provider";
    ConflictingVariables = "conflicting_variables", "two mechanisms are set, and one is passed over";
    DifferingValues = "differing_values", "one variable has different values in different places";
    AssignedTwice = "assigned_twice", "one file assigns the variable more than once";
    BaseUrlOverride = "base_url_override", "requests go to another server";
    CliLoginWithoutKey = "cli_login_without_key", "there is a login of the `claude` program and no key";
    LoginExpired = "login_expired", "the login is over and cannot renew itself";
    NoCredential = "no_credential", "there is no credential at all";
    IncompleteSettings = "incomplete_settings", "a mechanism is set in part, and so is passed over";
    MissingFile = "missing_file", "a variable names a file that is not there";
    StaticKeysShadowRole = "static_keys_shadow_role", "static keys come before a role or a session";
    SessionTokenMissing = "session_token_missing", "temporary keys without their session token";
    StaleSessionToken = "stale_session_token", "a session token beside keys that it does not belong to";
    ProfileMissing = "profile_missing", "the profile that is named is in no file";
    LongLivedTokenBesideOidc = "long_lived_token_beside_oidc", "a personal token in a job that has an identity";
    StaleValue = "stale_value", "a credential of the key that is not the active one any more";
    UnpromotedValue = "unpromoted_value", "the staged credential, before its promotion";
    UnknownValue = "unknown_value", "a credential that the key's state does not know";
    TargetDrift = "target_drift", "a target does not hold the active value";
    TargetUnreadable = "target_unreadable", "what a target holds cannot be told";
    SlotDrift = "slot_drift", "a slot does not hold what the state expects";
    UnclearFile = "unclear_file", "programs disagree on what a dotenv file says";
    UnreadableFile = "unreadable_file", "a file cannot be read";
    ConfigurationUnusable = "configuration_unusable", "rotate.toml cannot be used";
    StateUnreadable = "state_unreadable", "the key's state cannot be read";
    NeverAdopted = "never_adopted", "the key has no state to compare with";
}

/// One thing that a person should know. No text in it contains a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub id: Id,
    pub severity: Severity,
    /// What was seen, and where.
    pub seen: String,
    /// Why that fails, or what it leads to.
    pub why: String,
    /// What mends it: ends in a command.
    pub hint: String,
}

impl Finding {
    pub fn new(
        id: Id,
        severity: Severity,
        seen: impl Into<String>,
        why: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { id, severity, seen: seen.into(), why: why.into(), hint: hint.into() }
    }
}

/// What is to be said of something that could not be looked at.
pub(super) fn of_trouble(trouble: &Trouble) -> Finding {
    match trouble {
        Trouble::Unreadable { path, reason } => Finding::new(
            Id::UnreadableFile,
            Severity::Critical,
            reason.clone(),
            "what cannot be read here may not be readable for the program that needs it either",
            format!("look at it: `ls -l {}`", super::mend::quoted(path)),
        ),
        Trouble::Unclear { path, variable, unclear } => Finding::new(
            Id::UnclearFile,
            Severity::Critical,
            format!("{path}: {unclear}"),
            "programs that read dotenv files disagree on such a file: some get another value, or none",
            format!("{}: {}", edited(&unclear.remedy(variable)), edit(path, unclear.line())),
        ),
        Trouble::Configuration { message, hint } => Finding::new(
            Id::ConfigurationUnusable,
            Severity::Critical,
            message.clone(),
            "without it nothing is compared with a key's state, and no other command works",
            format!("{hint}; then: `rotate status`"),
        ),
    }
}

/// That a variable names a file that is not there; `None` where it does not.
pub(super) fn of_missing_file(seen: &Seen, variable: &'static str, why: &str) -> Option<Finding> {
    let assignment = seen.set(variable).filter(|_| seen.missing_files.contains(&variable))?;
    Some(Finding::new(
        Id::MissingFile,
        Severity::Critical,
        format!("{} names a file that is not there", assignment.title()),
        why,
        format!("correct the path, or {}", remove(assignment)),
    ))
}

/// A remedy without the request to repeat some command: here the next words are the command that mends.
fn edited(remedy: &str) -> &str {
    remedy.split(", then run").next().unwrap_or(remedy)
}
