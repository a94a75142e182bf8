//! Whose mechanisms are worth a look in an environment.

use super::anthropic;
use super::seen::{ProfileKind, Seen};
use super::watched::{self, Provider};

/// With a key: its provider's, and AWS where its places or Claude Code need it. Without: everybody's of whom there is a
/// sign, and Anthropic's where there is none at all.
pub(super) fn providers(seen: &Seen) -> Vec<Provider> {
    let needs_aws = anthropic::cloud(seen).any(|candidate| candidate.mechanism == "bedrock");
    if let Some(key) = &seen.key {
        return match key.provider {
            "aws-iam" => vec![Provider::Aws],
            _ if key.uses_aws || needs_aws => vec![Provider::Claude, Provider::Aws],
            _ => vec![Provider::Claude],
        };
    }
    let all = [Provider::Claude, Provider::Aws, Provider::Github];
    let signs: Vec<_> = all
        .into_iter()
        .filter(|provider| has_sign(seen, *provider) || needs_aws && *provider == Provider::Aws)
        .collect();
    if signs.is_empty() { vec![Provider::Claude] } else { signs }
}

fn has_sign(seen: &Seen, provider: Provider) -> bool {
    // A switch that keeps a mechanism out is no sign of one.
    let is_sign =
        |name: &str| name != "AWS_EC2_METADATA_DISABLED" && watched::provider(name) == Some(provider);
    seen.assignments.iter().any(|one| is_sign(&one.variable))
        || match provider {
            Provider::Claude => {
                seen.helper.is_some()
                    || seen.login.is_some()
                    || seen.selected_profile.is_some()
                    || seen.default_profile.is_some()
            }
            Provider::Aws => seen.aws_profiles.iter().any(|profile| profile.kind != ProfileKind::Nothing),
            Provider::Github => seen.gh_login.is_some(),
        }
}
