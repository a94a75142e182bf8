//! `[alerts.NAME]`: who is told, of what, and how.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use lettre::message::Mailbox;

use super::document::{Section, shown};
use super::field::Field;
use super::known;
use super::nearest::suggestion;
use super::secret_ref::{SecretReference, looks_like_a_secret};
use crate::alert::kind::{Kind, Severity};
use crate::alert::route::Route;
use crate::error::Failure;
use crate::readable::is_readable;

const LONGEST_NAME_CHARACTERS: usize = 64;
const TIMEOUT: Duration = Duration::from_secs(10);
/// A program may have to ask somebody else.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
const REPEAT: Duration = Duration::from_secs(24 * 60 * 60);

/// One receiver of alerts.
#[derive(Clone, Debug)]
pub struct AlertSettings {
    /// `[A-Za-z0-9._-]`, at most 64 characters, fit for a file name.
    pub name: String,
    pub kind: ReceiverSettings,
    pub route: Route,
    /// How long after it was last told of something that still stands it is told again; more than zero.
    pub repeat: Duration,
    /// Of one delivery, from connecting to the last byte; more than zero.
    pub timeout: Duration,
    /// Whether it may be on this machine.
    pub allow_loopback: bool,
    /// Whether it may have a link-local address, as clouds' metadata services do.
    pub allow_link_local: bool,
}

/// What kind of receiver it is. References are not resolved yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiverSettings {
    Slack {
        url: SecretReference,
    },
    Discord {
        url: SecretReference,
    },
    PagerDuty {
        /// The integration key.
        secret: SecretReference,
        /// Where events go, if not to the usual place.
        url: Option<SecretReference>,
    },
    Email {
        /// `smtps://USER@HOST` or `smtp://USER@HOST`.
        url: SecretReference,
        /// The user's password.
        secret: Option<SecretReference>,
        /// A mailbox such as `rotate <rotate@example.com>`.
        from: String,
        /// Mailboxes, at least one.
        to: Vec<String>,
        /// Certificates that are trusted beside the system's, in PEM.
        ca_file: Option<PathBuf>,
        /// Whether a server that offers no TLS is spoken to without it.
        allow_plain: bool,
    },
    Webhook {
        url: SecretReference,
        /// Signs each delivery.
        secret: Option<SecretReference>,
    },
    Command {
        /// The program and its arguments; not empty.
        command: Vec<String>,
    },
    Healthchecks {
        url: SecretReference,
    },
}

impl ReceiverSettings {
    /// Where its secrets come from.
    pub fn references(&self) -> Vec<&SecretReference> {
        match self {
            Self::Slack { url } | Self::Discord { url } | Self::Healthchecks { url } => vec![url],
            Self::PagerDuty { secret, url } => [Some(secret), url.as_ref()].into_iter().flatten().collect(),
            Self::Email { url, secret, .. } | Self::Webhook { url, secret } => {
                [Some(url), secret.as_ref()].into_iter().flatten().collect()
            }
            Self::Command { .. } => Vec::new(),
        }
    }
}

/// What a route may name.
pub(super) struct Named<'k> {
    pub keys: Vec<&'k str>,
    /// Those that some key has.
    pub environments: Vec<&'k str>,
}

/// Reads every receiver, in the order of their names. A route that names a key or an environment that is not there is
/// refused: its receiver would wait for it in vain.
pub(super) fn read(alerts: &Section<'_>, named: &Named<'_>) -> Result<Vec<AlertSettings>, Failure> {
    alerts.fields().map(|field| receiver(&field, Some(named))).collect()
}

/// Reads what can be read, for an emergency: a receiver that is set up wrongly stops nothing.
pub(super) fn read_usable(alerts: &Section<'_>) -> Vec<AlertSettings> {
    alerts.fields().filter_map(|field| receiver(&field, None).ok()).collect()
}

fn receiver(field: &Field<'_>, named: Option<&Named<'_>>) -> Result<AlertSettings, Failure> {
    check_name(field)?;
    let section = &field.section()?;
    let kind_name = wanted(section, "type", "type = \"webhook\"")?.choice(known::ALERT_TYPES)?;
    deny_unknown(section, kind_name)?;
    let timeout = if kind_name == "command" { COMMAND_TIMEOUT } else { TIMEOUT };
    let flag = |name| section.field(name).map_or(Ok(false), |field| field.flag());
    Ok(AlertSettings {
        name: field.name.to_owned(),
        kind: kind(section, kind_name)?,
        route: route(section, named)?,
        repeat: section.field("repeat").map_or(Ok(REPEAT), |field| field.positive_duration())?,
        timeout: section.field("timeout").map_or(Ok(timeout), |field| field.positive_duration())?,
        allow_loopback: flag("allow_loopback")?,
        allow_link_local: flag("allow_link_local")?,
    })
}

fn kind(section: &Section<'_>, name: &str) -> Result<ReceiverSettings, Failure> {
    let url = || wanted(section, "url", "url = \"file:NAME.url\"").and_then(|field| reference(&field));
    let secret = || section.field("secret").map(|field| reference(&field)).transpose();
    Ok(match name {
        "slack" => ReceiverSettings::Slack { url: url()? },
        "discord" => ReceiverSettings::Discord { url: url()? },
        "healthchecks" => ReceiverSettings::Healthchecks { url: url()? },
        "pagerduty" => ReceiverSettings::PagerDuty {
            secret: reference(&wanted(section, "secret", "secret = \"env:PAGERDUTY_INTEGRATION_KEY\"")?)?,
            url: section.field("url").map(|field| reference(&field)).transpose()?,
        },
        "email" => ReceiverSettings::Email {
            url: url()?,
            secret: secret()?,
            from: mailbox(&wanted(section, "from", "from = \"rotate <rotate@example.com>\"")?)?,
            to: mailboxes(&wanted(section, "to", "to = [\"oncall@example.com\"]")?)?,
            ca_file: section.field("ca_file").map(|field| field.path()).transpose()?,
            allow_plain: section.field("allow_plain").map_or(Ok(false), |field| field.flag())?,
        },
        "webhook" => ReceiverSettings::Webhook { url: url()?, secret: secret()? },
        _ => ReceiverSettings::Command {
            command: wanted(section, "command", "command = [\"/usr/local/bin/tell\"]")?.command()?,
        },
    })
}

fn route(section: &Section<'_>, named: Option<&Named<'_>>) -> Result<Route, Failure> {
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    let severities = Severity::ALL.map(Severity::name);
    let severity_of = |name: &str| Severity::ALL.into_iter().find(|severity| severity.name() == name);
    let any = |name: &str| Some(name.to_owned());
    Ok(Route {
        events: choice(section, "events", Some(&kinds), |name| Kind::from_str(name).ok())?,
        severities: choice(section, "severities", Some(&severities), severity_of)?,
        keys: choice(section, "keys", named.map(|named| named.keys.as_slice()), any)?,
        environments: choice(section, "environments", named.map(|named| named.environments.as_slice()), any)?,
    })
}

/// A list of names as a set; where `known` is given, each of them must be in it.
fn choice<T: Ord>(
    section: &Section<'_>,
    name: &str,
    known: Option<&[&str]>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<BTreeSet<T>>, Failure> {
    let Some(field) = section.field(name) else { return Ok(None) };
    let words = field.words()?;
    if words.is_empty() {
        let hint = format!("name some, or remove {name}: without it the receiver hears of all");
        return Err(field.failure("is empty: the receiver would never hear of anything", hint));
    }
    let read = |word: &String| {
        let is_known = known.is_none_or(|known| known.contains(&word.as_str()));
        let value = if is_known && !word.is_empty() { read(word) } else { None };
        value.ok_or_else(|| {
            let complaint = format!("has the unknown value {}", shown(word));
            let hint = match known {
                Some(known) if !known.is_empty() => suggestion(word, known),
                _ => format!("remove {name}; there is nothing that it could name"),
            };
            field.failure(complaint, hint)
        })
    };
    words.iter().map(read).collect::<Result<_, _>>().map(Some)
}

/// A secret reference. An address itself is refused with the reason: it looks harmless, and is a password.
fn reference(field: &Field<'_>) -> Result<SecretReference, Failure> {
    let inline = field.value.get_ref().as_str().is_some_and(|text| {
        text.parse::<SecretReference>().is_err() && (text.contains("://") || text.contains("/services/"))
    });
    if inline {
        return Err(field.failure(
            "is an address itself (not repeated here), where a reference to one is wanted: whoever knows the address \
             can write to the receiver",
            format!(
                "put the address into a file of mode 0600 and write {} = \"file:PATH\", or into a variable and write {} = \
                 \"env:NAME\"; it stood in a file in clear text: consider making a new one",
                field.name, field.name
            ),
        ));
    }
    field.reference()
}

fn mailbox(field: &Field<'_>) -> Result<String, Failure> {
    checked_mailbox(field, field.prose()?)
}

fn mailboxes(field: &Field<'_>) -> Result<Vec<String>, Failure> {
    let words = field.words()?;
    if words.is_empty() {
        return Err(field.failure(
            "is empty: the mail would go to nobody",
            "name somebody: to = [\"oncall@example.com\"]",
        ));
    }
    words.iter().map(|word| checked_mailbox(field, word)).collect()
}

fn checked_mailbox(field: &Field<'_>, text: &str) -> Result<String, Failure> {
    match text.parse::<Mailbox>() {
        Ok(_) if text.chars().all(is_readable) => Ok(text.to_owned()),
        _ => Err(field.failure(
            format!("has no mail address in {}", shown(text)),
            "write an address such as oncall@example.com, or one with a name: On call <oncall@example.com>",
        )),
    }
}

/// Names appear in files, in documents and on the command line.
fn check_name(field: &Field<'_>) -> Result<(), Failure> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let begins_well = field.name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let is_short = field.name.len() <= LONGEST_NAME_CHARACTERS;
    if begins_well && is_short && field.name.chars().all(is_plain) && !looks_like_a_secret(field.name) {
        return Ok(());
    }
    Err(field.failure(
        "is not a name for a receiver",
        "use at most 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit, such as [alerts.on-call]",
    ))
}

/// A field of another type is told as such.
fn deny_unknown(section: &Section<'_>, kind: &str) -> Result<(), Failure> {
    let fields = known::alert_fields(kind);
    let Some(unknown) = section.fields().find(|field| !fields.contains(&field.name)) else { return Ok(()) };
    let others: Vec<&str> = known::ALERT_TYPES
        .iter()
        .copied()
        .filter(|other| known::alert_fields(other).contains(&unknown.name))
        .collect();
    if others.is_empty() {
        return Err(section.unknown(&unknown, &fields));
    }
    Err(unknown.failure(
        format!("is no field of a receiver of type {kind}"),
        format!("remove it; it is one of type {}", others.join(", ")),
    ))
}

fn wanted<'d>(section: &Section<'d>, name: &str, example: &str) -> Result<Field<'d>, Failure> {
    section.field(name).ok_or_else(|| {
        section.failure(format!("{} has no `{name}`", section.title()), format!("add {example}"))
    })
}
