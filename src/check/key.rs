//! One key: its credentials, its targets, and what is forgotten.

use jiff::{SignedDuration, Timestamp};

use super::{Finding, Item, Settings, Severity, Standing, Subject, Verdict, due};
use crate::clock::Clock;
use crate::duration::friendly;
use crate::provider::Provider;
use crate::provider::probe::{self, ProbeSettings};
use crate::rotation::credential::{self, Credential, ReadBack, SlotName};
use crate::rotation::phase::{KeyState, Phase};
use crate::rotation::stamp::Stamp;
use crate::store::format::Record;
use crate::store::journal::Verification;

/// A command that takes longer than this for one effect is taken for one that was killed.
const INTERRUPTED_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// Looks at a key. Every part of it is looked at, whatever the others came to.
pub async fn look(subject: &Subject, clock: &dyn Clock) -> Vec<Finding> {
    let settings = &subject.settings;
    let key = &settings.key;
    let (record, journal) = match &subject.standing {
        Standing::NeverAdopted => {
            let hint = format!("record today's live credential: rotate adopt {key}");
            let detail = "nothing is recorded of this key yet";
            return vec![Finding::wrong(
                key,
                Item::State,
                Severity::Warning,
                Verdict::NeverAdopted,
                detail,
                hint,
            )];
        }
        Standing::Unusable(problem) => {
            let hint = "follow runbook.md, section \"Exit 5\"";
            return vec![Finding::wrong(
                key,
                Item::State,
                Severity::Critical,
                Verdict::Broken,
                problem,
                hint,
            )];
        }
        Standing::Known { record, journal } => (record, journal),
    };
    let now = clock.now();
    let state = &record.state;
    let mut findings =
        vec![Finding::fine(key, Item::State, Verdict::Fine, format!("phase {}", state.phase.name()))];
    findings.push(of_journal(key, journal));
    for (item, credential, slot) in in_use(state) {
        findings.push(probed(subject, clock, item, credential, slot).await);
    }
    findings.extend(read_back(subject, state).await);
    findings.extend(of_grace(record, settings, &now));
    findings.extend(of_operation(record, &now));
    findings.extend(due::findings(state, settings, now.wall));
    findings
}

fn of_journal(key: &str, journal: &Result<Verification, String>) -> Finding {
    let hint = format!("look at it: rotate history {key} --verify; then runbook.md, section \"Exit 5\"");
    match journal {
        Ok(verification) => match verification.problems.first() {
            None => {
                let detail = format!("{} entries, chain intact", verification.entries);
                Finding::fine(key, Item::Journal, Verdict::Fine, detail)
            }
            Some((line, problem)) => {
                let detail = format!("the journal was damaged or changed: line {line} {problem}");
                Finding::wrong(key, Item::Journal, Severity::Critical, Verdict::Tampered, detail, hint)
            }
        },
        Err(problem) => {
            Finding::wrong(key, Item::Journal, Severity::Critical, Verdict::Broken, problem, hint)
        }
    }
}

/// Every credential that somebody uses or is about to use, and the slot it lies in.
fn in_use(state: &KeyState) -> Vec<(Item, &Credential, SlotName)> {
    let other = state.active_slot.other();
    let mut credentials = Vec::new();
    // Where all was revoked by order, nothing serves, and `Operation` says so.
    if !state.outage {
        credentials.push((Item::Active, state.active(), state.active_slot));
    }
    credentials.extend(state.phase.staged().map(|staged| (Item::Staged, staged, other)));
    let alive = state.phase.retiring().filter(|retiring| !state.dead.contains(&retiring.fingerprint));
    credentials.extend(alive.map(|retiring| (Item::Retiring, retiring, other)));
    credentials
}

/// One acceptance will do; a rejection has to settle before anybody is woken.
async fn probed(
    subject: &Subject,
    clock: &dyn Clock,
    item: Item,
    credential: &Credential,
    slot: SlotName,
) -> Finding {
    let Settings { key, probe_attempts, probe_interval, .. } = &subject.settings;
    let name = credential.name();
    let place = subject.slots.location(slot);
    let value = match subject.slots.read(slot).await {
        Ok(Some(value)) if value.fingerprint() == credential.fingerprint => value,
        Ok(Some(other)) => {
            let detail = format!("{place} holds {}, and {name} is on record", other.fingerprint());
            let hint = format!("put the value on record back, or rotate: rotate stage {key}");
            return Finding::wrong(key, item, Severity::Critical, Verdict::Drifted, detail, hint);
        }
        Ok(None) => {
            let detail = format!("{place} is empty, and {name} is on record");
            let hint = format!("put the value back there, or rotate: rotate stage {key}");
            return Finding::wrong(key, item, Severity::Critical, Verdict::Missing, detail, hint);
        }
        Err(error) => {
            let detail = format!("{name} could not be read: {error}");
            return Finding::wrong(key, item, Severity::Warning, Verdict::Unknown, detail, error.remedy);
        }
    };
    let first = subject.provider.probe_once(&value).await;
    let (verdict, detail) = match first.verdict {
        credential::Verdict::Rejected => {
            let settings = ProbeSettings::new(*probe_attempts, *probe_interval);
            let settled = probe::settle(&*subject.provider, clock, &value, &settings).await;
            (settled.verdict, settled.detail)
        }
        verdict => (verdict, first.detail),
    };
    match verdict {
        credential::Verdict::Accepted => {
            Finding::fine(key, item, Verdict::Accepted, format!("{name} is accepted"))
        }
        credential::Verdict::Rejected => {
            let detail = format!("the provider rejects {name}: {detail}");
            let hint = rejected_hint(item, key, &*subject.provider);
            let severity = if item == Item::Staged { Severity::Warning } else { Severity::Critical };
            Finding::wrong(key, item, severity, Verdict::Rejected, detail, hint)
        }
        credential::Verdict::Unknown => {
            let detail = format!("whether {name} is accepted cannot be told: {detail}");
            let hint = format!("look at the provider's status and the network; again: rotate check {key}");
            Finding::wrong(key, item, Severity::Warning, Verdict::Unknown, detail, hint)
        }
    }
}

fn rejected_hint(item: Item, key: &str, provider: &dyn Provider) -> String {
    let console = provider.console_page();
    match item {
        Item::Staged => format!("create another key at {console}, then: rotate stage {key} --replace"),
        Item::Retiring => format!("whoever still holds it fails now; move them, then: rotate finish {key}"),
        _ => format!("create a key at {console}, then: rotate stage {key}, rotate promote {key}"),
    }
}

/// What each target holds, by what it should hold in this phase.
async fn read_back(subject: &Subject, state: &KeyState) -> Vec<Finding> {
    let key = &subject.settings.key;
    let active = state.active();
    // Consumers are being moved: `promote` says of each target where it stands.
    let is_moving = matches!(state.phase, Phase::Promoted { .. });
    let drifted = |detail: String| {
        Finding::wrong(key, Item::Target, Severity::Critical, Verdict::Drifted, detail, mend(state, key))
    };
    let mut findings = Vec::new();
    if state.outage {
        return findings;
    }
    for target in &subject.targets {
        let id = target.id();
        if let Some(place) = state.target_places.get(id) {
            target.pin(place);
        }
        let finding = match target.read_back().await {
            ReadBack::Holds(found) if found == active.fingerprint => {
                Finding::fine(key, Item::Target, Verdict::Fine, "holds the active value")
            }
            ReadBack::Holds(_) | ReadBack::Absent if is_moving => {
                let detail = "does not hold the active value yet; a promotion is under way";
                let hint = format!("rotate promote {key}");
                Finding::wrong(key, Item::Target, Severity::Warning, Verdict::Drifted, detail, hint)
            }
            ReadBack::Holds(found) => {
                let what = foreign(state, &found.to_string());
                drifted(format!("holds {what}, and the active value is {}", active.name()))
            }
            ReadBack::Absent => drifted(format!("holds no value, and the active one is {}", active.name())),
            ReadBack::NotReadable => {
                Finding::fine(key, Item::Target, Verdict::NotReadable, "takes values and gives none back")
            }
            ReadBack::Unknown(reason) => {
                let detail = format!("cannot be read back: {reason}");
                let hint = format!("mend what is named there, then: rotate check {key}");
                Finding::wrong(key, Item::Target, Severity::Warning, Verdict::Unknown, detail, hint)
            }
        };
        findings.push(finding.about(&id.0));
    }
    findings
}

/// What a value that should not be there is, as far as the state knows it.
fn foreign(state: &KeyState, found: &str) -> String {
    let is = |credential: &Credential| credential.fingerprint.to_string() == found;
    if state.dead.iter().any(|dead| dead.to_string() == found) {
        format!("{found}, which is revoked")
    } else if state.phase.retiring().is_some_and(is) {
        format!("the old value, {found}")
    } else if state.phase.staged().is_some_and(is) {
        format!("the staged value, {found}")
    } else {
        format!("a value that is not on record, {found}")
    }
}

/// What puts the active value back, phase by phase.
fn mend(state: &KeyState, key: &str) -> String {
    match state.phase {
        Phase::GraceWindow { .. } => format!("move its consumers again: rotate promote {key}"),
        _ => format!("write the active value there by hand: rotate key {key}; or rotate: rotate stage {key}"),
    }
}

fn of_grace(record: &Record, settings: &Settings, now: &Stamp) -> Option<Finding> {
    let Phase::GraceWindow { window, .. } = &record.state.phase else {
        return None;
    };
    let key = &settings.key;
    let remaining = settings.grace.remaining(&record.state, window, now);
    Some(if remaining.seconds == 0 {
        let detail = "the grace window is over, and the old credential is still accepted";
        let hint = format!("rotate finish {key}");
        Finding::wrong(key, Item::Grace, Severity::Warning, Verdict::Overdue, detail, hint)
    } else {
        let detail = format!("the grace window is open for another {}", friendly(remaining.seconds));
        Finding::fine(key, Item::Grace, Verdict::Waiting, detail)
    })
}

/// What was begun and nobody brings to its end.
fn of_operation(record: &Record, now: &Stamp) -> Option<Finding> {
    let (state, key) = (&record.state, &record.key);
    let hint = || format!("rotate status {key} names the command that goes on");
    let old = |since: Timestamp| now.wall.duration_since(since) >= INTERRUPTED_AFTER;
    let wrong = |severity, detail: String, hint: String| {
        Some(Finding::wrong(key, Item::Operation, severity, Verdict::Interrupted, detail, hint))
    };
    if state.outage {
        let detail = "the active credential was revoked by order: nothing serves".to_owned();
        return wrong(Severity::Critical, detail, format!("rotate stage {key}"));
    }
    if state.emergency.is_some() && old(record.written_at) {
        return wrong(Severity::Critical, "an emergency revocation is not over".to_owned(), hint());
    }
    if let Some(intent) = state.intent.as_ref().filter(|intent| old(intent.begun_at.wall)) {
        let detail = format!(
            "{} was begun {:.0} by `rotate {}` and its outcome is not recorded",
            intent.effect.name(),
            intent.begun_at.wall,
            intent.command
        );
        return wrong(Severity::Warning, detail, hint());
    }
    if matches!(state.phase, Phase::Promoted { .. }) && old(record.written_at) {
        let detail =
            "consumers are half moved since then: some targets hold the new value, some the old".to_owned();
        return wrong(Severity::Warning, detail, hint());
    }
    if !state.stale_targets.is_empty() {
        let names: Vec<&str> = state.stale_targets.keys().map(|target| target.0.as_str()).collect();
        let detail = format!("an emergency left a dead value at {}", names.join(", "));
        return wrong(Severity::Critical, detail, format!("rotate promote {key}"));
    }
    Some(Finding::fine(key, Item::Operation, Verdict::Fine, "nothing is left half done"))
}
