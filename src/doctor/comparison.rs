//! What places hold against what the key's state expects of them.

use super::finding::{Finding, Id, Severity};
use super::mend;
use super::seen::{Assignment, KeySeen, Place, Record, Seen, SlotSeen, TargetSeen};
use crate::rotation::credential::ReadBack;
use crate::rotation::phase::{Direction, KeyState, Phase};
use crate::secret::Fingerprint;

pub(super) fn findings(seen: &Seen, key: &KeySeen) -> Vec<Finding> {
    let name = &key.name;
    let state = match &key.record {
        Record::Known(state) => state,
        Record::NeverAdopted => {
            return vec![Finding::new(
                Id::NeverAdopted,
                Severity::Ok,
                format!("`{name}` was never adopted"),
                "there is no state that values could be compared with",
                format!("record today's live credential: `rotate adopt {name}`"),
            )];
        }
        Record::Unreadable { message, hint } => {
            return vec![Finding::new(
                Id::StateUnreadable,
                Severity::Critical,
                message.clone(),
                "values cannot be compared with it, and no rotation can go on",
                format!("{hint}; then: `rotate status {name}`"),
            )];
        }
    };
    let compared = Compared { seen, key, state };
    let mut findings = compared.values();
    findings.extend(key.slots.iter().filter_map(|slot| compared.slot(slot)));
    findings.extend(key.targets.iter().filter_map(|target| compared.target(target)));
    findings
}

/// What a credential is to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Active,
    /// Active by name, and revoked by order: nothing serves.
    Outage,
    Staged,
    Retiring,
    Revoked,
    SetAside,
    Unknown,
}

fn role(state: &KeyState, fingerprint: Fingerprint) -> Role {
    let is = |credential: Option<&crate::rotation::credential::Credential>| {
        credential.is_some_and(|credential| credential.fingerprint == fingerprint)
    };
    if is(Some(state.active())) {
        if state.outage { Role::Outage } else { Role::Active }
    } else if state.dead.contains(&fingerprint) || state.ended_with(fingerprint) {
        Role::Revoked
    } else if is(state.phase.staged()) {
        Role::Staged
    } else if is(state.phase.retiring()) {
        Role::Retiring
    } else if state.set_aside.iter().any(|aside| aside.fingerprint == fingerprint) {
        Role::SetAside
    } else {
        Role::Unknown
    }
}

struct Compared<'a> {
    seen: &'a Seen,
    key: &'a KeySeen,
    state: &'a KeyState,
}

impl Compared<'_> {
    /// What programs get that are started here, or by Claude Code's settings, or with a file that was named.
    fn values(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for names in &self.key.carriers {
            let Some(name) = names.first() else { continue };
            for place in self.places(name) {
                let is_there = |other: &Place| is_same_spot(place, other);
                let Some(value) = self.seen.credential(names, is_there) else { continue };
                let last =
                    self.seen.assignments.iter().rfind(|one| one.variable == *name && is_there(&one.place));
                findings.extend(last.and_then(|last| self.value(last, value.fingerprint())));
            }
        }
        findings
    }

    /// Each place but the targets, which are read back as a whole; each file once.
    fn places(&self, name: &str) -> Vec<&Place> {
        let mut places: Vec<&Place> = Vec::new();
        for one in self.seen.assignments.iter().filter(|one| one.variable == name) {
            let is_target = matches!(one.place, Place::TargetFile { .. });
            // What is no key is told of already.
            let is_odd = one.value.oddity().is_some_and(|oddity| {
                use super::value::Oddity::{Empty, Placeholder, Unexpanded};
                matches!(oddity, Empty | Placeholder | Unexpanded)
            });
            if !is_target && !is_odd && !places.iter().any(|place| is_same_spot(place, &one.place)) {
                places.push(&one.place);
            }
        }
        places
    }

    fn value(&self, assignment: &Assignment, fingerprint: Fingerprint) -> Option<Finding> {
        let active = self.state.active().fingerprint;
        let name = &self.key.name;
        let replaced = mend::replace(self.seen, assignment);
        let (id, severity, why, hint) = match role(self.state, fingerprint) {
            Role::Active => return None,
            Role::Retiring => (
                Id::StaleValue,
                Severity::Warning,
                format!(
                    "it was replaced by {active}, and is accepted until `rotate finish {name}` revokes it"
                ),
                replaced,
            ),
            Role::Revoked => (
                Id::StaleValue,
                Severity::Critical,
                format!("it was revoked, and is refused with 401; the active credential is {active}"),
                replaced,
            ),
            Role::Outage => (
                Id::StaleValue,
                Severity::Critical,
                "the active credential itself was revoked by order: nothing serves".to_owned(),
                format!("stage and promote a new one: `rotate stage {name}`"),
            ),
            Role::SetAside => (
                Id::StaleValue,
                Severity::Warning,
                format!(
                    "an abort put it aside, and nobody watches it any more; the active credential is {active}"
                ),
                replaced,
            ),
            Role::Staged => (
                Id::UnpromotedValue,
                Severity::Warning,
                format!(
                    "it is staged, and `rotate abort {name}` may still drop it; the active credential is {active}"
                ),
                format!("move every consumer to it: `rotate promote {name}`"),
            ),
            Role::Unknown => (
                Id::UnknownValue,
                Severity::Warning,
                format!(
                    "the state of `{name}` does not know it: it is another key's, or was replaced by hand; the active \
                     credential is {active}"
                ),
                replaced,
            ),
        };
        let seen = format!("{}: {fingerprint}", assignment.title());
        Some(Finding::new(id, severity, seen, why, hint))
    }

    fn slot(&self, slot: &SlotSeen) -> Option<Finding> {
        let state = self.state;
        let is_active = slot.slot == state.active_slot;
        if !is_active && state.other_slot_is_in_doubt() {
            return None;
        }
        let credential = match is_active {
            true => Some(state.active()),
            false => state.phase.staged().or(state.phase.retiring()),
        };
        let expected = credential?.fingerprint;
        let location = &slot.location;
        let held = match &slot.held {
            Ok(Some(held)) if *held == expected => return None,
            Ok(Some(held)) => format!("{location} holds {held}"),
            Ok(None) => format!("{location} holds no value"),
            Err((message, _)) => message.clone(),
        };
        let what = if is_active {
            "`rotate key` and jobs cannot be given the active value"
        } else {
            "no rotation can go on with it"
        };
        let remedy = match &slot.held {
            Err((_, remedy)) => format!("{remedy}; "),
            Ok(_) => String::new(),
        };
        Some(Finding::new(
            Id::SlotDrift,
            Severity::Critical,
            format!("{held}; the state expects {expected} in the {} slot", slot.slot),
            what,
            format!(
                "{remedy}put the value of {expected} back there, then look: `rotate status {}`",
                self.key.name
            ),
        ))
    }

    fn target(&self, target: &TargetSeen) -> Option<Finding> {
        let active = self.state.active().fingerprint;
        let (severity, held) = match &target.held {
            ReadBack::NotReadable => return None,
            ReadBack::Unknown(reason) => return self.unreadable(target, reason),
            ReadBack::Absent => (Severity::Critical, "holds no value".to_owned()),
            ReadBack::Holds(held) => match role(self.state, *held) {
                Role::Active => return None,
                Role::Retiring => (Severity::Warning, format!("holds {held}, the one before")),
                Role::Revoked | Role::Outage => {
                    (Severity::Critical, format!("holds {held}, which was revoked"))
                }
                Role::Staged => (Severity::Warning, format!("holds {held}, which is staged only")),
                Role::SetAside => (Severity::Warning, format!("holds {held}, which an abort put aside")),
                Role::Unknown => (Severity::Critical, format!("holds {held}, which the state does not know")),
            },
        };
        Some(Finding::new(
            Id::TargetDrift,
            severity,
            format!("{} {held}", target.id),
            format!("its consumers should read {active}"),
            self.moving(target),
        ))
    }

    /// Not where the file's own text was told of already.
    fn unreadable(&self, target: &TargetSeen, reason: &str) -> Option<Finding> {
        let is_told = target.file.as_ref().is_some_and(|file| {
            let in_file = |one: &&Assignment| one.place.path() == Some(file);
            let odd = |one: &Assignment| one.value.oddity().is_some();
            let lines = self.seen.assignments.iter().filter(in_file);
            let is_unclear =
                self.seen.troubles.iter().any(
                    |trouble| matches!(trouble, super::seen::Trouble::Unclear { path, .. } if path == file),
                );
            is_unclear || lines.clone().any(odd) || lines.count() > self.carriers_in_one_file()
        });
        (!is_told).then(|| {
            Finding::new(
                Id::TargetUnreadable,
                Severity::Warning,
                format!("{}: {reason}", target.id),
                "whether its consumers read the active value cannot be told",
                format!("mend that, then look again: `rotate doctor {}`", self.key.name),
            )
        })
    }

    fn carriers_in_one_file(&self) -> usize {
        self.key.carriers.iter().map(Vec::len).max().unwrap_or(1)
    }

    /// What writes the active value to a target.
    fn moving(&self, target: &TargetSeen) -> String {
        let name = &self.key.name;
        let is_left_behind = self.state.stale_targets.contains_key(&target.id);
        match &self.state.phase {
            _ if self.state.intent.is_some() || self.state.emergency.is_some() => {
                format!(
                    "something was begun there; see which command brings it to its end: `rotate status {name}`"
                )
            }
            _ if self.state.outage => format!("stage and promote a new one: `rotate stage {name}`"),
            Phase::Promoted { direction: Direction::Back, .. } => format!("`rotate abort {name}`"),
            Phase::Promoted { .. } | Phase::GraceWindow { .. } => {
                format!("write it anew: `rotate promote {name}`")
            }
            Phase::SecondaryStaged { .. } => {
                format!("the promotion writes the staged credential there: `rotate promote {name}`")
            }
            Phase::Idle { .. } | Phase::Revoked { .. } if is_left_behind => {
                format!("write it: `rotate promote {name}`")
            }
            Phase::Idle { .. } | Phase::Revoked { .. } => match &target.file {
                Some(file) => format!(
                    "put there what `rotate key {name} --format dotenv` prints: {}",
                    mend::edit(file, None)
                ),
                None => format!("put there what this prints: `rotate key {name}`"),
            },
        }
    }
}

/// The environment, or the same file.
fn is_same_spot(one: &Place, other: &Place) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other) && one.path() == other.path()
}
