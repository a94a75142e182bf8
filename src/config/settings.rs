//! The resolved settings: what the rest of the program sees of `rotate.toml`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::secret_ref::SecretReference;
use crate::rotation::credential::TargetId;
use crate::rotation::evidence::Item;
use crate::rotation::grace::GraceFrom;

/// One key, with [defaults] and the program's own defaults filled in.
#[derive(Clone, Debug)]
pub struct KeySettings {
    /// `[A-Za-z0-9._-]`, at most 64 characters, fit for a file name.
    pub name: String,
    pub provider: ProviderSettings,
    /// The provider's workspace that a staged credential must belong to.
    pub workspace: Option<String>,
    /// The user whose access keys are rotated; there for `aws-iam` and for no other provider.
    pub iam_user: Option<String>,
    pub environment: Option<String>,
    pub purpose: Option<String>,
    pub owner: Option<String>,
    pub monthly_limit: Option<String>,
    pub revoke_scope: Option<String>,
    /// The name the primary slot goes by; a valid variable name, never the same as the other.
    pub primary_env: String,
    pub secondary_env: String,
    pub slots: SlotsSettings,
    pub probe: ProbeKind,
    /// The model that an inference probe asks; `None` leaves it to the provider's adapter.
    pub probe_model: Option<String>,
    /// Acceptances in a row; at least 1.
    pub probe_attempts: u32,
    pub probe_interval: Duration,
    pub longest_job: Duration,
    /// Longer than [`KeySettings::grace_floor`], unless the configuration was read for an emergency.
    pub grace: Duration,
    /// What starts the clock of the grace window.
    pub grace_from: GraceFrom,
    /// Evidence that must be met even where it is not available.
    pub require: BTreeSet<Item>,
    pub usage_quiet: Duration,
    pub usage_lag: Duration,
    pub rotate_every: Duration,
    /// How long before a rotation is due somebody wants to know, longest first; none twice.
    pub remind: Vec<Duration>,
    /// How long a revoked credential is kept so that `undo` can bring it back.
    pub undo_window: Duration,
    /// How long `finish` waits for the provider to refuse the revoked value.
    pub revoke_timeout: Duration,
    /// How long `finish` waits for a person to revoke, where there is no admin key and no `--wait`.
    pub manual_revoke_wait: Duration,
    pub lock_wait: Duration,
    /// What a job prints when its key is refused; `None` leaves it to what is known of the provider.
    pub auth_failure_patterns: Option<Vec<String>>,
    pub targets: Vec<TargetSettings>,
}

impl KeySettings {
    /// The longest refresh of any target; zero without targets.
    pub fn slowest_refresh(&self) -> Duration {
        self.targets.iter().map(|target| target.refresh).max().unwrap_or_default()
    }

    /// The shortest safe overlap by the configuration alone (DESIGN, invariant 6).
    pub fn grace_floor(&self) -> Duration {
        self.longest_job + self.slowest_refresh() + self.provider.propagation()
    }
}

/// Who issues the key.
#[derive(Clone, Debug)]
pub enum ProviderSettings {
    Anthropic(AnthropicSettings),
    AwsIam(AwsIamSettings),
}

impl ProviderSettings {
    /// As `rotate.toml` spells it.
    pub fn name(&self) -> &'static str {
        match self {
            ProviderSettings::Anthropic(_) => "anthropic",
            ProviderSettings::AwsIam(_) => "aws-iam",
        }
    }

    /// Where its API is, where the configuration knows.
    pub fn base_url(&self) -> Option<&str> {
        match self {
            ProviderSettings::Anthropic(settings) => Some(&settings.base_url),
            ProviderSettings::AwsIam(settings) => settings.endpoint_url.as_deref(),
        }
    }

    /// How long the provider's own edges may take to learn of a change.
    pub fn propagation(&self) -> Duration {
        match self {
            ProviderSettings::Anthropic(settings) => settings.propagation,
            ProviderSettings::AwsIam(settings) => settings.propagation,
        }
    }
}

/// `[providers.anthropic]`.
#[derive(Clone, Debug)]
pub struct AnthropicSettings {
    /// https, or http to this machine; without a trailing slash, credentials or query.
    pub base_url: String,
    pub admin_key: Option<SecretReference>,
    /// Of one request, from connecting to the last byte.
    pub timeout: Duration,
    pub propagation: Duration,
}

/// `[providers.aws-iam]`: how AWS is reached; what is not set is found by the SDK's own chain.
#[derive(Clone, Debug)]
pub struct AwsIamSettings {
    pub region: Option<String>,
    pub profile: Option<String>,
    /// https, or http to this machine.
    pub endpoint_url: Option<String>,
    pub propagation: Duration,
}

/// Where a key's two values live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotsSettings {
    /// Files of mode 0600 under `<state>/slots`.
    File,
    /// The two variables, filled by a person.
    Env,
    /// Two versions of a secret, which is the key's first target as well.
    AwsSecretsManager(AwsSecretSettings),
}

/// What a live ping asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// The list of models: free.
    Models,
    /// One token: the only proof that the key can be used for inference.
    Inference,
}

/// One place where consumers read the active value.
#[derive(Clone, Debug)]
pub struct TargetSettings {
    /// Its type and what it points at; stable across runs, unique within the key.
    pub id: TargetId,
    /// What people call it.
    pub name: Option<String>,
    /// The longest a consumer goes on with what it read.
    pub refresh: Duration,
    pub kind: TargetKind,
}

/// What a target points at. Paths are absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// One variable of a dotenv file, or the two of a pair.
    Dotenv { path: PathBuf, variables: Vec<String> },
    /// A file that holds nothing but the value.
    File { path: PathBuf },
    /// A program that takes the value on stdin. Neither list is empty.
    Command {
        command: Vec<String>,
        /// A program whose stdout is the value the target holds.
        read_back: Option<Vec<String>>,
        /// Of each of the two programs; more than zero.
        timeout: Duration,
        /// Whether the value on stdin is followed by a newline.
        stdin_newline: bool,
    },
    /// A secret in AWS Secrets Manager; with `holds_slots` the one that holds the key's slots.
    AwsSecretsManager { secret: AwsSecretSettings, holds_slots: bool },
}

/// A secret in AWS Secrets Manager, and where in it the value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsSecretSettings {
    /// A name or an ARN.
    pub secret_id: String,
    pub value_at: ValueAt,
    pub region: Option<String>,
    pub profile: Option<String>,
    /// https, or http to this machine.
    pub endpoint_url: Option<String>,
}

/// Where in a secret the value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueAt {
    /// The text is the value.
    Whole,
    /// Under this key of a JSON document.
    JsonKey(String),
    /// A pair, under two keys of a JSON document.
    JsonKeys { access_key_id: String, secret_access_key: String },
}

impl ValueAt {
    /// The keys that hold it; two values that have one in common write over each other.
    pub fn keys(&self) -> Vec<&str> {
        match self {
            ValueAt::Whole => Vec::new(),
            ValueAt::JsonKey(key) => vec![key],
            ValueAt::JsonKeys { access_key_id, secret_access_key } => vec![access_key_id, secret_access_key],
        }
    }
}
