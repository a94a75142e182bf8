//! The names `rotate.toml` may use. docs/reference/configuration.md lists every one; a test compares.

/// Fields outside every table, and the tables themselves.
pub const TOP_LEVEL: &[&str] = &["state", "allow_network_state", "defaults", "providers", "keys", "alerts"];

/// Fields of `[keys.NAME]`, in the order of the reference.
pub const KEY: &[&str] = &[
    "provider",
    "workspace",
    "iam_user",
    "environment",
    "purpose",
    "owner",
    "monthly_limit",
    "revoke_scope",
    "primary_env",
    "secondary_env",
    "slots",
    "probe",
    "probe_model",
    "probe_attempts",
    "probe_interval",
    "longest_job",
    "grace",
    "grace_from",
    "require",
    "usage_quiet",
    "usage_lag",
    "rotate_every",
    "remind",
    "undo_window",
    "revoke_timeout",
    "manual_revoke_wait",
    "lock_wait",
    "auth_failure_patterns",
    "targets",
];

/// Known providers.
pub const PROVIDERS: &[&str] = &["anthropic", "aws-iam"];

/// Fields of `[providers.anthropic]`.
pub const ANTHROPIC: &[&str] = &["base_url", "admin_key", "timeout", "propagation"];

/// Fields of `[providers.aws-iam]`.
pub const AWS_IAM: &[&str] = &["region", "profile", "endpoint_url", "propagation"];

/// Types of `slots`.
pub const SLOTS_TYPES: &[&str] = &["file", "env", "aws-secrets-manager"];

/// Fields of `slots` of the types `file` and `env`.
pub const SLOTS: &[&str] = &["type"];

/// Fields of `slots` of the type `aws-secrets-manager`.
pub const AWS_SLOTS: &[&str] =
    &["type", "refresh", "secret_id", "json_key", "json_keys", "region", "profile", "endpoint_url"];

/// Fields of `json_keys` and `variables`.
pub const PAIR: &[&str] = &["access_key_id", "secret_access_key"];

/// Types of a target.
pub const TARGET_TYPES: &[&str] = &["dotenv", "file", "command", "aws-secrets-manager"];

/// Fields of a target of type `dotenv`.
pub const DOTENV: &[&str] = &["type", "name", "refresh", "path", "variable", "variables"];

/// Fields of a target of type `file`.
pub const FILE: &[&str] = &["type", "name", "refresh", "path"];

/// Fields of a target of type `command`.
pub const COMMAND: &[&str] = &["type", "name", "refresh", "command", "read_back", "timeout", "stdin_newline"];

/// Fields of a target of type `aws-secrets-manager`.
pub const AWS_SECRETS_MANAGER: &[&str] =
    &["type", "name", "refresh", "secret_id", "json_key", "json_keys", "region", "profile", "endpoint_url"];

/// Types of a receiver of alerts.
pub const ALERT_TYPES: &[&str] =
    &["slack", "discord", "pagerduty", "email", "webhook", "command", "healthchecks"];

/// Fields of every `[alerts.NAME]`.
pub const ALERT: &[&str] = &["type", "events", "severities", "keys", "environments", "repeat", "timeout"];

/// Fields of every receiver that is reached over a network.
pub const ALERT_ON_NETWORK: &[&str] = &["url", "allow_loopback", "allow_link_local"];

/// Fields of a receiver of type `email`.
pub const ALERT_EMAIL: &[&str] = &["secret", "from", "to", "ca_file", "allow_plain"];

/// Fields of receivers of the types `webhook` and `pagerduty`.
pub const ALERT_WITH_SECRET: &[&str] = &["secret"];

/// Fields of a receiver of type `command`.
pub const ALERT_COMMAND: &[&str] = &["command"];

/// Every field of a receiver of a type in [`ALERT_TYPES`].
pub fn alert_fields(kind: &str) -> Vec<&'static str> {
    let own: [&[&str]; 2] = match kind {
        "command" => [ALERT_COMMAND, &[]],
        "email" => [ALERT_ON_NETWORK, ALERT_EMAIL],
        "webhook" | "pagerduty" => [ALERT_ON_NETWORK, ALERT_WITH_SECRET],
        _ => [ALERT_ON_NETWORK, &[]],
    };
    [ALERT, own[0], own[1]].concat()
}

/// Where a field that stands in the wrong place belongs.
pub(super) fn home_of(field: &str) -> Option<&'static str> {
    if field == "targets" {
        Some("[keys.NAME], as [[keys.NAME.targets]]")
    } else if KEY.contains(&field) {
        Some("[keys.NAME] or [defaults]")
    } else if ANTHROPIC.contains(&field) || field == "propagation" {
        Some("[providers.NAME]")
    } else if [DOTENV, COMMAND, AWS_SECRETS_MANAGER].iter().any(|fields| fields.contains(&field)) {
        Some("[[keys.NAME.targets]]")
    } else if TOP_LEVEL.contains(&field) {
        Some("the top of the file, before the first table")
    } else if [ALERT, ALERT_ON_NETWORK].iter().any(|fields| fields.contains(&field)) {
        Some("[alerts.NAME]")
    } else {
        None
    }
}
