//! What a key's journal has to tell: from its entries to alerts. Pure.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::desk::About;
use super::{Alert, Kind, Status};
use crate::rotation::event::{Event, RevokedBy};
use crate::rotation::phase::Propagation;
use crate::store::journal::Entry;

/// What is to be done about an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Telling {
    /// Something happened.
    Notice(Alert),
    /// Something is wrong, until it is settled.
    Raise(Alert),
    /// What has this deduplication key is over.
    Settle(String),
}

/// What these entries, in their order, tell. An entry that a later one calls not committed tells nothing, and neither does
/// one that this version does not know.
pub fn told_by(entries: &[&Entry], about: About<'_>) -> Vec<Telling> {
    let never_happened: BTreeSet<u64> = entries
        .iter()
        .filter(|entry| entry.event == "not_committed")
        .filter_map(|entry| entry.data.get("sequence")?.as_u64())
        .collect();
    entries
        .iter()
        .filter(|entry| !never_happened.contains(&entry.sequence))
        .flat_map(|entry| {
            let event = serde_json::from_value::<Event>(entry.data.clone()).ok();
            event.map(|event| Speaker { entry, about }.tell(&event)).unwrap_or_default()
        })
        .collect()
}

/// That the journal of a key does not hold together. A check finds the same, and finds out when it is over.
pub fn tampered(about: About<'_>, problem: &str, now: Timestamp) -> Alert {
    let kind = Kind::JournalTampered;
    Alert {
        event: kind,
        severity: kind.severity(),
        keys: vec![about.key.to_owned()],
        environment: about.environment.map(str::to_owned),
        summary: format!("the journal was damaged or changed: {problem}"),
        hint: format!(
            "look at it: rotate history {} --verify; then runbook.md, section \"Exit 5\"",
            about.key
        ),
        rotation_id: None,
        dedup_key: format!("check/{}/{}", about.key, kind.name()),
        occurred_at: now,
        status: Status::Firing,
        step: 0,
    }
}

/// The deduplication key of what happens in a rotation.
pub fn dedup_key(rotation: Option<&str>, key: &str, kind: Kind) -> String {
    format!("{}/{}", rotation.unwrap_or(key), kind.name())
}

struct Speaker<'a> {
    entry: &'a Entry,
    about: About<'a>,
}

impl Speaker<'_> {
    fn tell(&self, event: &Event) -> Vec<Telling> {
        let key = self.about.key;
        match event {
            Event::Adopted { credential, .. } => {
                vec![self.notice(
                    Kind::Adopted,
                    format!("{} is on record as the live credential", credential.name()),
                )]
            }
            Event::Staged { credential, rotation, .. } => {
                let why = rotation.reason.as_ref().or(rotation.ticket.as_ref());
                let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
                let summary = format!("a new credential, {}, is staged{why}", credential.name());
                vec![self.notice(Kind::Staged, summary).with_hint(format!("rotate promote {key}"))]
            }
            Event::StagedDropped { reason } => {
                vec![self.notice(Kind::Aborted, format!("the staged credential was dropped: {reason}"))]
            }
            Event::TargetsWritten { outcomes, .. } => {
                let failed: Vec<&str> = outcomes
                    .iter()
                    .filter(|(_, outcome)| matches!(outcome, Propagation::Failed { .. }))
                    .map(|(target, _)| target.0.as_str())
                    .collect();
                if failed.is_empty() {
                    return vec![self.settle(Kind::PartlyPropagated)];
                }
                let summary =
                    format!("{} could not be written; both credentials stay valid", failed.join(", "));
                vec![self.raise(
                    Kind::PartlyPropagated,
                    summary,
                    format!("mend it, then rotate promote {key}"),
                )]
            }
            Event::GraceOpened { window, .. } => {
                let summary = format!(
                    "every target holds the new credential; the old one stays valid until {:.0} at least",
                    window.not_before
                );
                vec![
                    self.settle(Kind::PartlyPropagated),
                    self.settle(Kind::Drifted),
                    self.notice(Kind::Promoted, summary).with_hint(format!("rotate finish {key}")),
                ]
            }
            Event::Drifted { targets } => {
                let names: Vec<&str> = targets.iter().map(|target| target.0.as_str()).collect();
                let summary = format!("inside the grace window {} lost the new credential", names.join(", "));
                vec![self.raise(Kind::Drifted, summary, format!("rotate promote {key}"))]
            }
            Event::RolledBack { .. } => {
                let summary = "the rotation was aborted: every target holds the old credential again";
                let mut tellings = self.over();
                tellings.push(self.notice(Kind::Aborted, summary.to_owned()));
                tellings
            }
            Event::Revoked { fingerprint, proof } => {
                let by = match proof.by {
                    RevokedBy::Api => "was revoked, and the provider refuses it",
                    RevokedBy::Elsewhere => "is refused by the provider: it was ended elsewhere",
                };
                let mut tellings = self.over();
                tellings.push(self.notice(Kind::Revoked, format!("{fingerprint} {by}")));
                tellings
            }
            Event::RevocationUndone { fingerprint, reason } => {
                let summary = format!("the revocation of {fingerprint} was taken back: {reason}");
                vec![self.notice(Kind::RevocationUndone, summary).with_hint(format!("rotate status {key}"))]
            }
            Event::Undone { window, .. } => {
                let summary = format!(
                    "the revoked credential is accepted again, until {:.0} at least",
                    window.not_before
                );
                vec![self.notice(Kind::Undone, summary).with_hint(format!("rotate status {key}"))]
            }
            Event::Purged => {
                vec![self.notice(Kind::Purged, "the revoked credential was deleted for good".to_owned())]
            }
            Event::EmergencyDeclared { emergency } => {
                let summary = format!("an emergency revocation was begun: {}", emergency.reason);
                vec![self.raise(Kind::Emergency, summary, format!("rotate status {key}"))]
            }
            Event::EmergencyEnded => vec![self.settle(Kind::Emergency)],
            Event::Intended { .. }
            | Event::IntentDropped { .. }
            | Event::Swept { .. }
            | Event::Switched { .. }
            | Event::ProbeAnnounced { .. }
            | Event::FirstUseSeen { .. }
            | Event::LongerJobSeen { .. } => Vec::new(),
        }
    }

    /// What stands as long as a rotation is under way.
    fn over(&self) -> Vec<Telling> {
        [Kind::PartlyPropagated, Kind::Drifted, Kind::EvidenceMissing].map(|kind| self.settle(kind)).into()
    }

    fn dedup_key(&self, kind: Kind) -> String {
        // It begins under a name of its own, and ends in the rotation that it found.
        let rotation = self.entry.rotation.as_deref().filter(|_| kind != Kind::Emergency);
        dedup_key(rotation, self.about.key, kind)
    }

    fn alert(&self, kind: Kind, summary: String) -> Alert {
        Alert {
            event: kind,
            severity: kind.severity(),
            keys: vec![self.about.key.to_owned()],
            environment: self.about.environment.map(str::to_owned),
            summary,
            hint: String::new(),
            rotation_id: self.entry.rotation.clone(),
            dedup_key: self.dedup_key(kind),
            occurred_at: self.entry.at.wall,
            status: Status::Firing,
            step: 0,
        }
    }

    fn notice(&self, kind: Kind, summary: String) -> Telling {
        Telling::Notice(self.alert(kind, summary))
    }

    fn raise(&self, kind: Kind, summary: String, hint: String) -> Telling {
        Telling::Raise(Alert { hint, ..self.alert(kind, summary) })
    }

    fn settle(&self, kind: Kind) -> Telling {
        Telling::Settle(self.dedup_key(kind))
    }
}

impl Telling {
    fn with_hint(self, hint: String) -> Self {
        match self {
            Telling::Notice(alert) => Telling::Notice(Alert { hint, ..alert }),
            other => other,
        }
    }
}
