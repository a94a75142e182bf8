//! `[[keys.NAME.targets]]`.

use std::time::Duration;

use super::aws_secret;
use super::document::Section;
use super::field::Field;
use super::known;
use super::pair;
use super::settings::{AwsSecretSettings, TargetKind, TargetSettings};
use crate::error::Failure;
use crate::rotation::credential::TargetId;
use crate::secret::Fingerprint;

const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
/// Longer command lines are named by their program and a fingerprint.
const LONGEST_ID_CHARACTERS: usize = 120;

/// One target.
pub(super) fn read(section: &Section<'_>) -> Result<TargetSettings, Failure> {
    let kind = match wanted(section, "type", "type = \"dotenv\"")?.choice(known::TARGET_TYPES)? {
        "dotenv" => {
            section.deny_unknown(known::DOTENV)?;
            TargetKind::Dotenv {
                path: wanted(section, "path", "path = \"/srv/app/.env\"")?.path()?,
                variables: variables(section)?,
            }
        }
        "file" => {
            section.deny_unknown(known::FILE)?;
            TargetKind::File { path: wanted(section, "path", "path = \"/run/secrets/anthropic\"")?.path()? }
        }
        "aws-secrets-manager" => {
            section.deny_unknown(known::AWS_SECRETS_MANAGER)?;
            TargetKind::AwsSecretsManager { secret: aws_secret::read(section)?, holds_slots: false }
        }
        _ => {
            section.deny_unknown(known::COMMAND)?;
            command(section)?
        }
    };
    let name = section.field("name").map(|field| field.prose()).transpose()?.map(str::to_owned);
    let refresh = section.field("refresh").map_or(Ok(Duration::ZERO), |field| field.duration())?;
    Ok(TargetSettings { id: id(&kind, name.as_deref()), name, refresh, kind })
}

/// One variable, or the two that hold the halves of a pair.
fn variables(section: &Section<'_>) -> Result<Vec<String>, Failure> {
    match (section.field("variable"), section.field("variables")) {
        (_, None) => Ok(vec![wanted(section, "variable", "variable = \"ANTHROPIC_API_KEY\"")?.variable()?]),
        (None, Some(field)) => Ok(pair::read(&field, |half| half.variable())?.into()),
        (Some(_), Some(field)) => {
            Err(field.failure("stands beside variable", "keep variable for one value, variables for a pair"))
        }
    }
}

/// The target that slots in a secret bring with them: consumers read that secret.
pub(super) fn of_slots(secret: &AwsSecretSettings, refresh: Duration) -> TargetSettings {
    let kind = TargetKind::AwsSecretsManager { secret: secret.clone(), holds_slots: true };
    TargetSettings { id: id(&kind, None), name: None, refresh, kind }
}

fn command(section: &Section<'_>) -> Result<TargetKind, Failure> {
    Ok(TargetKind::Command {
        command: wanted(section, "command", "command = [\"/usr/local/bin/push-key\"]")?.command()?,
        read_back: section.field("read_back").map(|field| field.command()).transpose()?,
        timeout: section.field("timeout").map_or(Ok(COMMAND_TIMEOUT), |field| field.positive_duration())?,
        stdin_newline: section.field("stdin_newline").map_or(Ok(false), |field| field.flag())?,
    })
}

fn wanted<'d>(section: &Section<'d>, name: &str, example: &str) -> Result<Field<'d>, Failure> {
    section.field(name).ok_or_else(|| {
        section.failure(format!("a target in [[{}]] has no `{name}`", section.name), format!("add {example}"))
    })
}

/// A command or a secret is known by its name where it has one: arguments may then change during a
/// rotation, and two regions may have secrets of one name.
fn id(kind: &TargetKind, name: Option<&str>) -> TargetId {
    TargetId(match kind {
        TargetKind::Dotenv { path, variables } => {
            format!("dotenv:{}#{}", path.display(), variables.join("+"))
        }
        TargetKind::File { path } => format!("file:{}", path.display()),
        TargetKind::Command { command, .. } => {
            format!("command:{}", name.map_or_else(|| command_line(command), str::to_owned))
        }
        TargetKind::AwsSecretsManager { secret, .. } => {
            let keys = secret.value_at.keys().join("+");
            let place = match keys.as_str() {
                "" => secret.secret_id.clone(),
                keys => format!("{}#{keys}", secret.secret_id),
            };
            format!("aws-secrets-manager:{}", name.unwrap_or(&place))
        }
    })
}

fn command_line(words: &[String]) -> String {
    let plain =
        |word: &String| !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || c.is_control());
    let line = words.join(" ");
    if words.iter().all(plain) && line.chars().count() <= LONGEST_ID_CHARACTERS {
        return line;
    }
    let program: String =
        words.iter().take(1).flat_map(|word| word.chars()).filter(|c| !c.is_control()).collect();
    format!("{program}#{}", Fingerprint::of(words.join("\0").as_bytes()))
}
