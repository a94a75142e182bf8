//! The variables that decide which credential is used.
//!
//! Sources: Anthropic's SDKs, their own code (`lib/credentials`, constants and chain) and the page "WIF reference"; Claude
//! Code, its pages "Authentication" and "Settings" as several third parties tell them; AWS, "SDKs and Tools reference
//! guide", settings reference; GitHub, `gh help environment` and the page "OpenID Connect reference".

/// Whose credential a variable carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Provider {
    /// Anthropic, by the name of what its credentials are for.
    Claude,
    Aws,
    Github,
}

/// What belongs into a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    AnthropicApiKey,
    /// Whatever a gateway takes, or a token of Anthropic's.
    AnthropicBearer,
    ClaudeOauthToken,
    AnthropicAdminKey,
    AwsKeyId,
    AwsSecret,
    GithubToken,
    /// A secret without a shape that is known.
    AnySecret,
    /// No secret: a name, a path, an address, a switch.
    Setting,
}

/// One variable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watched {
    pub name: &'static str,
    pub provider: Provider,
    pub holds: Holds,
}

const fn watched(name: &'static str, provider: Provider, holds: Holds) -> Watched {
    Watched { name, provider, holds }
}

/// Every variable that is looked at.
pub(super) const ALL: &[Watched] = &[
    watched("ANTHROPIC_API_KEY", Provider::Claude, Holds::AnthropicApiKey),
    watched("ANTHROPIC_AUTH_TOKEN", Provider::Claude, Holds::AnthropicBearer),
    watched("ANTHROPIC_ADMIN_KEY", Provider::Claude, Holds::AnthropicAdminKey),
    watched("CLAUDE_CODE_OAUTH_TOKEN", Provider::Claude, Holds::ClaudeOauthToken),
    watched("ANTHROPIC_IDENTITY_TOKEN", Provider::Claude, Holds::AnySecret),
    watched("ANTHROPIC_IDENTITY_TOKEN_FILE", Provider::Claude, Holds::Setting),
    watched("ANTHROPIC_FEDERATION_RULE_ID", Provider::Claude, Holds::Setting),
    watched("ANTHROPIC_ORGANIZATION_ID", Provider::Claude, Holds::Setting),
    watched("ANTHROPIC_PROFILE", Provider::Claude, Holds::Setting),
    watched("ANTHROPIC_CONFIG_DIR", Provider::Claude, Holds::Setting),
    watched("ANTHROPIC_BASE_URL", Provider::Claude, Holds::Setting),
    watched("ANTHROPIC_CUSTOM_HEADERS", Provider::Claude, Holds::Setting),
    watched("CLAUDE_CODE_USE_BEDROCK", Provider::Claude, Holds::Setting),
    watched("CLAUDE_CODE_USE_VERTEX", Provider::Claude, Holds::Setting),
    watched("CLAUDE_CODE_USE_FOUNDRY", Provider::Claude, Holds::Setting),
    watched("AWS_ACCESS_KEY_ID", Provider::Aws, Holds::AwsKeyId),
    watched("AWS_SECRET_ACCESS_KEY", Provider::Aws, Holds::AwsSecret),
    watched("AWS_SESSION_TOKEN", Provider::Aws, Holds::AnySecret),
    watched("AWS_PROFILE", Provider::Aws, Holds::Setting),
    watched("AWS_ROLE_ARN", Provider::Aws, Holds::Setting),
    watched("AWS_WEB_IDENTITY_TOKEN_FILE", Provider::Aws, Holds::Setting),
    watched("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", Provider::Aws, Holds::Setting),
    watched("AWS_CONTAINER_CREDENTIALS_FULL_URI", Provider::Aws, Holds::Setting),
    watched("AWS_EC2_METADATA_DISABLED", Provider::Aws, Holds::Setting),
    watched("AWS_ENDPOINT_URL", Provider::Aws, Holds::Setting),
    watched("GH_TOKEN", Provider::Github, Holds::GithubToken),
    watched("GITHUB_TOKEN", Provider::Github, Holds::GithubToken),
    watched("ACTIONS_ID_TOKEN_REQUEST_URL", Provider::Github, Holds::Setting),
    watched("ACTIONS_ID_TOKEN_REQUEST_TOKEN", Provider::Github, Holds::AnySecret),
];

/// What belongs into a variable; one that only the configuration names carries the key's own credential.
pub(super) fn holds(name: &str, of_key: Option<&str>) -> Holds {
    let known = ALL.iter().find(|watched| watched.name == name).map(|watched| watched.holds);
    known.unwrap_or(match of_key {
        Some("anthropic") => Holds::AnthropicApiKey,
        _ => Holds::AnySecret,
    })
}

/// Whose a variable is; one that only the configuration names is the key's.
pub(super) fn provider(name: &str) -> Option<Provider> {
    ALL.iter().find(|watched| watched.name == name).map(|watched| watched.provider)
}
