//! Findings as alerts: one incident, one alert, however many keys it hits.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Finding, Item, Settings, Severity, Verdict};
use crate::alert::incidents::Incident;
use crate::alert::{self, Alert, Kind, Status};

/// So many keys of one provider with the same trouble have one cause.
const ONE_CAUSE_KEYS: usize = 4;

/// The alerts of a check's findings. `settings` are those of the keys that were looked at.
pub fn alerts(findings: &[Finding], settings: &BTreeMap<String, Settings>, now: Timestamp) -> Vec<Alert> {
    let mut troubles: BTreeMap<(&'static str, Kind), Vec<Trouble<'_>>> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.severity != Severity::Ok) {
        let settings = finding.key.as_ref().and_then(|key| settings.get(key));
        if let (Some(kind), Some(settings)) = (kind(finding), settings) {
            troubles.entry((settings.provider, kind)).or_default().push(Trouble { finding, settings });
        }
    }
    let of_group = |((provider, kind), troubles): ((&'static str, Kind), Vec<Trouble<'_>>)| {
        let keys: BTreeSet<&str> = troubles.iter().map(|trouble| trouble.settings.key.as_str()).collect();
        let is_shared = matches!(kind, Kind::Unreachable | Kind::AdminKey);
        if is_shared || (can_be_shared(kind) && keys.len() >= ONE_CAUSE_KEYS) {
            vec![together(provider, kind, &troubles, now)]
        } else {
            troubles.iter().map(|trouble| alone(kind, trouble, now)).collect()
        }
    };
    troubles.into_iter().flat_map(of_group).collect()
}

/// Whether a check that looked at these keys would have found the incident again, if it still stood.
pub fn is_looked_at(incident: &Incident, settings: &BTreeMap<String, Settings>, rehearsed: bool) -> bool {
    let is_ours = incident.alert.dedup_key.starts_with(PREFIX)
        && (rehearsed || incident.alert.event != Kind::RehearsalFailed);
    is_ours && incident.alert.keys.iter().all(|key| settings.contains_key(key))
}

/// What tells an incident of a check from one that a journal tells of.
const PREFIX: &str = "check/";

struct Trouble<'a> {
    finding: &'a Finding,
    settings: &'a Settings,
}

/// What an alert about a finding is called; `None`: nobody is told of it.
fn kind(finding: &Finding) -> Option<Kind> {
    Some(match (finding.item, finding.verdict) {
        (Item::State, Verdict::NeverAdopted) | (Item::Alerts, _) => return None,
        (Item::State, _) => Kind::StateUnusable,
        (Item::Journal, _) => Kind::JournalTampered,
        (Item::Active | Item::Staged | Item::Retiring, Verdict::Unknown) => Kind::Unreachable,
        (Item::Active | Item::Staged | Item::Retiring, _) => Kind::Rejected,
        (Item::Target, Verdict::Drifted) => Kind::TargetDrift,
        (Item::Target, Verdict::Broken) | (Item::Slots, _) => Kind::RehearsalFailed,
        (Item::Target, _) => Kind::TargetUnreadable,
        (Item::Grace, _) => Kind::NotFinished,
        (Item::Operation, _) => Kind::Interrupted,
        (Item::Due, _) => Kind::RotationDue,
        (Item::Expiry, _) => Kind::ExpiresFirst,
        (Item::AdminKey, _) => Kind::AdminKey,
    })
}

/// Whether several keys may have it from one cause outside of them.
fn can_be_shared(kind: Kind) -> bool {
    matches!(kind, Kind::Rejected | Kind::TargetDrift | Kind::TargetUnreadable | Kind::StateUnusable)
}

fn severity(finding: &Finding) -> alert::Severity {
    match finding.severity {
        Severity::Critical => alert::Severity::Critical,
        Severity::Warning | Severity::Ok => alert::Severity::Warning,
    }
}

fn alone(kind: Kind, trouble: &Trouble<'_>, now: Timestamp) -> Alert {
    let Trouble { finding, settings } = trouble;
    let about = finding.target.as_ref().map(|target| format!("{target} ")).unwrap_or_default();
    // A reminder is one thing, its next stage another: each is told.
    let stage = match (finding.item, finding.at) {
        (Item::Due | Item::Expiry, Some(at)) => format!("/{}", at.strftime("%Y-%m-%d")),
        (Item::Target | Item::Active | Item::Staged | Item::Retiring, _) => {
            format!("/{}", finding.target.as_deref().unwrap_or(finding.item.name()))
        }
        _ => String::new(),
    };
    Alert {
        event: kind,
        severity: severity(finding),
        keys: vec![settings.key.clone()],
        environment: settings.environment.clone(),
        summary: format!("{about}{}", finding.detail),
        hint: finding.hint.clone(),
        rotation_id: None,
        dedup_key: format!("{PREFIX}{}/{}{stage}", settings.key, kind.name()),
        occurred_at: now,
        status: Status::Firing,
        step: finding.step,
    }
}

fn together(provider: &str, kind: Kind, troubles: &[Trouble<'_>], now: Timestamp) -> Alert {
    let keys: BTreeSet<&str> = troubles.iter().map(|trouble| trouble.settings.key.as_str()).collect();
    let environments: BTreeSet<&Option<String>> =
        troubles.iter().map(|trouble| &trouble.settings.environment).collect();
    let environment = match environments.into_iter().collect::<Vec<_>>().as_slice() {
        [only] => (*only).clone(),
        _ => None,
    };
    // The worst speaks for all.
    let worst = troubles.iter().max_by_key(|trouble| trouble.finding.severity);
    let detail = worst.map(|trouble| trouble.finding.detail.as_str()).unwrap_or_default();
    let hint = worst.map(|trouble| trouble.finding.hint.clone()).unwrap_or_default();
    let summary = match (kind, keys.len()) {
        (Kind::AdminKey, _) | (_, 1) => detail.to_owned(),
        (Kind::Unreachable, count) => {
            format!(
                "whether the credentials of {count} keys of {provider} are accepted cannot be told; one of them: {detail}"
            )
        }
        (_, count) => format!("{count} keys of {provider} have the same trouble; one of them: {detail}"),
    };
    Alert {
        event: kind,
        severity: worst.map_or(alert::Severity::Warning, |trouble| severity(trouble.finding)),
        keys: keys.into_iter().map(str::to_owned).collect(),
        environment,
        summary,
        hint,
        rotation_id: None,
        dedup_key: format!("{PREFIX}{provider}/{}", kind.name()),
        occurred_at: now,
        status: Status::Firing,
        step: 0,
    }
}
