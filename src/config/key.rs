//! `[keys.NAME]` over `[defaults]` over the program's own defaults.

use std::time::Duration;

use super::aws_secret;
use super::document::Section;
use super::field::Field;
use super::known;
use super::provider::Providers;
use super::secret_ref::looks_like_a_secret;
use super::settings::{KeySettings, ProbeKind, ProviderSettings, SlotsSettings, TargetSettings};
use super::target;
use crate::error::Failure;
use crate::rotation::evidence::Item;
use crate::rotation::grace::GraceFrom;

const LONGEST_NAME_CHARACTERS: usize = 64;
const SHORTEST_PATTERN_CHARACTERS: usize = 4;
const PROBE_ATTEMPTS: u32 = 3;
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_JOB: Duration = minutes(45);
const GRACE: Duration = minutes(60);
const USAGE_QUIET: Duration = minutes(5);
const USAGE_LAG: Duration = minutes(15);
const ROTATE_EVERY: Duration = days(90);
const REMIND: [Duration; 2] = [days(14), days(3)];
const UNDO_WINDOW: Duration = days(7);
const REVOKE_TIMEOUT: Duration = minutes(2);
const MANUAL_REVOKE_WAIT: Duration = Duration::from_secs(30);
const LOCK_WAIT: Duration = Duration::from_secs(10);

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 60 * 60)
}

/// A key with the places in the file that later checks point at, in bytes.
pub(super) struct ReadKey {
    pub settings: KeySettings,
    /// Where the key's table begins.
    pub at: usize,
    /// Where the grace that counts is set; where none is, the beginning of the table.
    pub grace_at: usize,
    /// Where each target begins, in the order of the settings.
    pub targets_at: Vec<usize>,
}

/// Reads one key.
///
/// # Errors
/// The first thing wrong with the key, with the defaults it takes, or with its provider.
pub(super) fn read(
    own: &Section<'_>,
    name: &str,
    defaults: Option<&Section<'_>>,
    providers: &Providers<'_>,
) -> Result<ReadKey, Failure> {
    check_name(own, name)?;
    own.deny_unknown(known::KEY)?;
    let layers = Layers { own, defaults };
    let provider = layers.field("provider").ok_or_else(|| {
        own.failure(
            format!("the key `{name}` has no provider"),
            format!("add provider = \"anthropic\" to [keys.{name}]"),
        )
    })?;
    let (primary_env, secondary_env) = slot_variables(&layers, name)?;
    let targets = own.field("targets").map_or(Ok(Vec::new()), |field| field.sections())?;
    let slots_field = layers.field("slots");
    let (slots, of_slots) = slots_field.as_ref().map_or(Ok((SlotsSettings::File, None)), slots)?;
    let targets_at: Vec<_> =
        of_slots.iter().map(|_| own.at).chain(targets.iter().map(|target| target.at)).collect();
    let provider = providers.of_key(&provider)?;
    let settings = KeySettings {
        name: name.to_owned(),
        iam_user: iam_user(&layers, name, &provider)?,
        provider,
        workspace: layers.prose("workspace")?,
        environment: layers.prose("environment")?,
        purpose: layers.prose("purpose")?,
        owner: layers.prose("owner")?,
        monthly_limit: layers.prose("monthly_limit")?,
        revoke_scope: layers.prose("revoke_scope")?,
        primary_env,
        secondary_env,
        slots,
        probe: layers.field("probe").map_or(Ok(ProbeKind::Models), |field| probe(&field))?,
        probe_model: layers.prose("probe_model")?,
        probe_attempts: layers.field("probe_attempts").map_or(Ok(PROBE_ATTEMPTS), |field| field.count())?,
        probe_interval: layers.duration("probe_interval", PROBE_INTERVAL)?,
        longest_job: layers.duration("longest_job", LONGEST_JOB)?,
        grace: layers.duration("grace", GRACE)?,
        grace_from: layers
            .field("grace_from")
            .map_or(Ok(GraceFrom::default()), |field| grace_from(&field))?,
        require: layers
            .field("require")
            .map_or(Ok(Vec::new()), |field| evidence(&field))?
            .into_iter()
            .collect(),
        usage_quiet: layers.duration("usage_quiet", USAGE_QUIET)?,
        usage_lag: layers.duration("usage_lag", USAGE_LAG)?,
        rotate_every: layers.positive_duration("rotate_every", ROTATE_EVERY)?,
        remind: layers.field("remind").map_or_else(|| Ok(REMIND.into()), |field| reminders(&field))?,
        undo_window: layers.duration("undo_window", UNDO_WINDOW)?,
        revoke_timeout: layers.positive_duration("revoke_timeout", REVOKE_TIMEOUT)?,
        manual_revoke_wait: layers.duration("manual_revoke_wait", MANUAL_REVOKE_WAIT)?,
        lock_wait: layers.duration("lock_wait", LOCK_WAIT)?,
        auth_failure_patterns: layers
            .field("auth_failure_patterns")
            .map(|field| patterns(&field))
            .transpose()?,
        targets: of_slots
            .map(Ok)
            .into_iter()
            .chain(targets.iter().map(target::read))
            .collect::<Result<_, _>>()?,
    };
    Ok(ReadKey {
        settings,
        at: own.at,
        grace_at: layers.field("grace").map_or(own.at, |field| field.at),
        targets_at,
    })
}

/// Refuses settings of `[defaults]` that no key has.
pub(super) fn check_defaults(defaults: &Section<'_>) -> Result<(), Failure> {
    let known: Vec<&str> = known::KEY.iter().copied().filter(|name| *name != "targets").collect();
    defaults.deny_unknown(&known)
}

struct Layers<'s, 'd> {
    own: &'s Section<'d>,
    defaults: Option<&'s Section<'d>>,
}

impl<'d> Layers<'_, 'd> {
    fn field(&self, name: &str) -> Option<Field<'d>> {
        self.own.field(name).or_else(|| self.defaults.and_then(|defaults| defaults.field(name)))
    }

    fn prose(&self, name: &str) -> Result<Option<String>, Failure> {
        Ok(self.field(name).map(|field| field.prose()).transpose()?.map(str::to_owned))
    }

    fn duration(&self, name: &str, default: Duration) -> Result<Duration, Failure> {
        self.field(name).map_or(Ok(default), |field| field.duration())
    }

    fn positive_duration(&self, name: &str, default: Duration) -> Result<Duration, Failure> {
        self.field(name).map_or(Ok(default), |field| field.positive_duration())
    }
}

/// The user is what tells whose keys `aws-iam` makes, lists and disables.
fn iam_user(
    layers: &Layers<'_, '_>,
    name: &str,
    provider: &ProviderSettings,
) -> Result<Option<String>, Failure> {
    let is_iam = matches!(provider, ProviderSettings::AwsIam(_));
    match layers.field("iam_user") {
        Some(field) if is_iam => {
            if let Some(workspace) = layers.field("workspace") {
                return Err(
                    workspace.failure("is none of aws-iam", "remove it: iam_user says whose keys they are")
                );
            }
            let user = field.text()?;
            let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
            if user.is_empty() || !user.chars().all(allowed) {
                return Err(field.failure(
                    "is no name of an IAM user",
                    "write iam_user = \"publisher\", without its path",
                ));
            }
            Ok(Some(user.to_owned()))
        }
        Some(field) => Err(field
            .failure("is for keys of the provider aws-iam", "remove it, or write provider = \"aws-iam\"")),
        None if is_iam => Err(layers.own.failure(
            format!("the key `{name}` has no iam_user"),
            format!("add iam_user = \"publisher\" to [keys.{name}]: the user whose access keys are rotated"),
        )),
        None => Ok(None),
    }
}

/// The name becomes file names, so it has to be one on every file system.
fn check_name(own: &Section<'_>, name: &str) -> Result<(), Failure> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let complaint = if name.is_empty() {
        "a key's name is empty"
    } else if name.len() > LONGEST_NAME_CHARACTERS {
        "a key's name is longer than 64 characters"
    } else if name.starts_with(['.', '-']) {
        "a key's name begins with `.` or `-`"
    } else if !name.chars().all(allowed) {
        "a key's name has a character that cannot stand in a file name everywhere"
    } else if looks_like_a_secret(name) {
        "a key's name looks like a secret value (not repeated here)"
    } else {
        return Ok(());
    };
    Err(own.failure(
        complaint,
        "rename it: letters, digits, `.`, `_` and `-`, at most 64, such as [keys.prod-publish]",
    ))
}

fn slot_variables(layers: &Layers<'_, '_>, name: &str) -> Result<(String, String), Failure> {
    let variable = |field: &str, suffix: &str| match layers.field(field) {
        Some(field) => field.variable(),
        None => Ok(default_variable(name, suffix)),
    };
    let primary = variable("primary_env", "PRIMARY")?;
    let secondary = variable("secondary_env", "SECONDARY")?;
    if primary == secondary {
        let message = format!("the key `{name}` has the variable {primary} for both of its slots");
        return Err(layers.own.failure(message, "give primary_env and secondary_env different names"));
    }
    Ok((primary, secondary))
}

/// `prod-publish` → `PROD_PUBLISH_PRIMARY`.
fn default_variable(name: &str, suffix: &str) -> String {
    let stem: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    // No variable begins with a digit.
    let prefix = if stem.starts_with(|c: char| c.is_ascii_digit()) { "KEY_" } else { "" };
    format!("{prefix}{stem}_{suffix}")
}

/// The slots, and the target that they bring with them.
fn slots(field: &Field<'_>) -> Result<(SlotsSettings, Option<TargetSettings>), Failure> {
    let section = field.section()?;
    let kind = section
        .field("type")
        .ok_or_else(|| section.failure("`slots` has no `type`", "write slots = { type = \"file\" }"))?
        .choice(known::SLOTS_TYPES)?;
    section.deny_unknown(if kind == "aws-secrets-manager" { known::AWS_SLOTS } else { known::SLOTS })?;
    Ok(match kind {
        "env" => (SlotsSettings::Env, None),
        "aws-secrets-manager" => {
            let secret = aws_secret::read(&section)?;
            let refresh = section.field("refresh").map_or(Ok(Duration::ZERO), |field| field.duration())?;
            let target = target::of_slots(&secret, refresh);
            (SlotsSettings::AwsSecretsManager(secret), Some(target))
        }
        _ => (SlotsSettings::File, None),
    })
}

fn probe(field: &Field<'_>) -> Result<ProbeKind, Failure> {
    Ok(if field.choice(&["models", "inference"])? == "inference" {
        ProbeKind::Inference
    } else {
        ProbeKind::Models
    })
}

fn grace_from(field: &Field<'_>) -> Result<GraceFrom, Failure> {
    Ok(if field.choice(&["promotion", "first-use"])? == "first-use" {
        GraceFrom::FirstUse
    } else {
        GraceFrom::Promotion
    })
}

/// A short text would be found in what every job prints.
fn patterns(field: &Field<'_>) -> Result<Vec<String>, Failure> {
    let patterns = field.words()?;
    if patterns.iter().any(|pattern| pattern.trim().chars().count() < SHORTEST_PATTERN_CHARACTERS) {
        return Err(field.failure(
            "has a text of fewer than four characters",
            format!("write what a refused key looks like: {} = [\"invalid x-api-key\"]", field.name),
        ));
    }
    Ok(patterns)
}

/// Longest first.
fn reminders(field: &Field<'_>) -> Result<Vec<Duration>, Failure> {
    let mut reminders = field.durations()?;
    reminders.sort_unstable_by(|one, other| other.cmp(one));
    reminders.dedup();
    Ok(reminders)
}

fn evidence(field: &Field<'_>) -> Result<Vec<Item>, Failure> {
    let names = field.choices(&Item::ALL.map(Item::name))?;
    Ok(Item::ALL.into_iter().filter(|item| names.contains(&item.name())).collect())
}
