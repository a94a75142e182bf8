//! What the plan refuses, in words, with the exit code and the next command.

mod minting;

use std::collections::BTreeMap;

use serde_json::json;

use super::overview;
use super::ports::Ports;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::rotation::credential::{ProviderKey, TargetId};
use crate::rotation::evidence::{self, Evidence, Finding, Item};
use crate::rotation::phase::Phase;
use crate::rotation::plan::{Goal, Refusal, Wait, Wanted};
use crate::store::format::Record;

/// The failure that tells the operator of a refusal.
pub(super) fn failure(refusal: &Refusal, goal: &Goal, ports: &Ports, record: Option<&Record>) -> Failure {
    let speaker = Speaker { goal, ports, key: &ports.settings.key, record };
    let failure = speaker.explain(refusal);
    match record {
        Some(record) => failure.with_status(overview::serving(record)),
        None => failure.with_status("nothing is recorded of this key yet"),
    }
}

/// The failure (exit 10) that tells the operator to come back later.
pub(super) fn waiting(wait: &Wait, ports: &Ports, record: Option<&Record>) -> Failure {
    let key = &ports.settings.key;
    let length = crate::duration::friendly(wait.remaining_seconds);
    let mut message = if wait.awaits_first_use {
        let blind = wait
            .evidence
            .iter()
            .find(|row| matches!(row.item, Item::Usage | Item::LastUsed) && row.verdict == Finding::Unknown);
        let why = blind.map(|row| format!(" ({})", row.detail)).unwrap_or_default();
        format!(
            "the grace window of `{key}` starts with the first use of the new credential, and none is reported \
             yet{why}; it is open for {length} from then on"
        )
    } else {
        format!("the grace window of `{key}` is open for another {length}")
    };
    if wait.clock_went_backwards {
        message
            .push_str("; a clock was set back since it opened, so the time that has passed is not believed");
    }
    let mut failure = Failure::new(
        ExitCode::Wait,
        message,
        if wait.awaits_first_use {
            format!(
                "let a job use it and run `rotate finish {key}` again; where the provider cannot tell of it, set \
                 grace_from = \"promotion\" in [keys.{key}]: the window then runs from the promotion"
            )
        } else {
            format!("run `rotate finish {key}` again after that, or `rotate finish {key} --wait` now")
        },
    )
    .with_detail("evidence", json!(wait.evidence))
    .with_detail("remaining_seconds", json!(wait.remaining_seconds));
    if let Some(record) = record {
        failure = failure.with_status(overview::serving(record));
    }
    failure
}

struct Speaker<'a> {
    goal: &'a Goal,
    ports: &'a Ports,
    key: &'a str,
    record: Option<&'a Record>,
}

impl Speaker<'_> {
    fn explain(&self, refusal: &Refusal) -> Failure {
        let Self { key, .. } = self;
        let command = self.goal.command();
        let again = self.again();
        match refusal {
            Refusal::NotAdopted => Failure::new(
                ExitCode::WrongPhase,
                format!("`{key}` was never adopted"),
                format!("record today's live credential first: `rotate adopt {key}`"),
            ),
            Refusal::AlreadyAdopted => Failure::new(
                ExitCode::WrongPhase,
                format!("`{key}` is adopted already, with another credential"),
                format!("to replace that one: `rotate stage {key}`"),
            ),
            Refusal::WrongPhase { next } => self.wrong_phase(next),
            Refusal::Busy { resume, what } => Failure::new(
                ExitCode::WrongPhase,
                format!("cannot {command} `{key}` now: {what}"),
                format!("bring that to its end first: `{}`", self.command_line(resume)),
            ),
            Refusal::AlreadyStaged { staged } => Failure::new(
                ExitCode::WrongPhase,
                format!("`{key}` has another credential staged already, {staged}"),
                if self.record.is_some_and(|record| record.state.intent.is_some()) {
                    format!("`rotate stage {key} --replace` drops it; `rotate abort {key}` drops both")
                } else {
                    format!("`rotate promote {key}` goes on with that one; `rotate stage {key} --replace` drops it")
                },
            ),
            Refusal::CandidateIsActive => Failure::new(
                ExitCode::Usage,
                format!("the given value is the active credential of `{key}`; it cannot replace itself"),
                format!("create a new key at {} and give that one", self.ports.provider.console_page()),
            ),
            Refusal::RevokedBefore { fingerprint } => Failure::new(
                ExitCode::Usage,
                format!("the given value, {fingerprint}, was revoked in an earlier rotation of `{key}`"),
                format!("create a new key at {} and give that one", self.ports.provider.console_page()),
            ),
            Refusal::BeingDeleted { fingerprint } => Failure::new(
                ExitCode::Usage,
                format!("deleting the key of the given value, {fingerprint}, was begun by an earlier command"),
                format!("create a new key at {} and give that one", self.ports.provider.console_page()),
            ),
            Refusal::WrongWorkspace { expected, found } => Failure::new(
                ExitCode::Usage,
                format!(
                    "the given value belongs to {}, and `{key}` is configured for {expected}",
                    workspace(found.as_deref())
                ),
                format!("create the new key in {expected}, at {}", self.ports.provider.console_page()),
            ),
            Refusal::WorkspaceUnknown { expected } => Failure::new(
                ExitCode::Person,
                format!("nobody says whether the given value belongs to {expected}"),
                format!(
                    "configure an admin key (providers.{}.admin_key), or look at the console and remove \
                     `workspace` from [keys.{key}]",
                    self.ports.provider.name()
                ),
            ),
            Refusal::Rejected { wanted, fingerprint, detail } => self.rejected(*wanted, fingerprint, detail),
            Refusal::Unreachable { wanted, detail } => Failure::new(
                ExitCode::Unreachable,
                format!("cannot tell whether the {wanted} is accepted"),
                match self.goal {
                    Goal::RevokeNow(_) => format!(
                        "disable the leaked key by hand at {}; when the provider answers again, {again} records it",
                        self.ports.provider.console_page()
                    ),
                    _ => format!("nothing was decided on a guess; when the provider answers again: {again}"),
                },
            )
            .because(detail.clone()),
            Refusal::ValueMissing { wanted, reason } => self.value_missing(*wanted, reason),
            Refusal::AdminUnreachable { detail } => Failure::new(
                ExitCode::Unreachable,
                "the provider's admin API gave no usable answer",
                format!("check {} and the provider's status, then {again} again", self.ports.provider.administrator()),
            )
            .because(detail.clone()),
            Refusal::IdNotFound { wanted, fingerprint } => Failure::new(
                ExitCode::Person,
                format!("the provider lists no key that fits the {wanted}, {fingerprint}"),
                "is it of another organization, or archived? compare with the console, and see runbook.md, \
                 section \"Exit 13\"",
            ),
            Refusal::IdAmbiguous { wanted, candidates } => self.ambiguous(*wanted, candidates),
            Refusal::IdChanged { wanted, recorded, found } => Failure::new(
                ExitCode::Person,
                format!("the {wanted} is on record as {recorded}, but its value now fits {found}"),
                "revoke nothing by guess; compare with the console, and see runbook.md, section \"Exit 13\"",
            ),
            Refusal::TargetsBroken { targets } => listed(
                Failure::new(
                    ExitCode::Unreachable,
                    format!("{} cannot be {}", targets_named(targets), self.instead_of_reaching_them()),
                    format!("mend what is named above, then {again} again"),
                ),
                targets,
            ),
            Refusal::TargetsFailed { targets } => listed(
                Failure::new(
                    ExitCode::Partial,
                    format!("{} could not be written; the others are done", targets_named(targets)),
                    format!("both credentials stay valid; mend it, then {again} again"),
                ),
                targets,
            ),
            Refusal::HeldElsewhere { key: other } => Failure::new(
                ExitCode::Usage,
                format!("the given value is in use by the key `{other}` already"),
                format!("create a key for `{key}` alone at {}", self.ports.provider.console_page()),
            ),
            Refusal::InUseElsewhere { key: other } => Failure::new(
                ExitCode::Evidence,
                format!("not revoked: the consumers of the key `{other}` use the same credential"),
                format!("move them off it first: `rotate stage {other}`, `rotate promote {other}`; then `rotate finish {key}`"),
            ),
            Refusal::EvidenceMissing { table } => self.evidence_missing(table),
            Refusal::ActiveRejected { table } => Failure::new(
                ExitCode::Rejected,
                format!("the provider rejects the active credential of `{key}`; the old one was not touched"),
                format!("consumers that moved are failing: `rotate abort {key}` goes back to the old one"),
            )
            .with_detail("evidence", json!(table)),
            Refusal::PersonMustRevoke { fingerprint } => self.person_must_revoke(&fingerprint.to_string()),
            Refusal::ProviderRefused { act, detail } => Failure::new(
                ExitCode::Person,
                format!("the provider refused to {act} the credential"),
                format!(
                    "check what {} may do, or {act} it by hand at {}; then {again} again",
                    self.ports.provider.administrator(),
                    self.ports.provider.console_page()
                ),
            )
            .because(detail.clone()),
            Refusal::StillAccepted { fingerprint } if matches!(self.goal, Goal::Purge) => Failure::new(
                ExitCode::Person,
                format!("{fingerprint} is enabled again at the provider, so somebody may use it: not deleted"),
                format!(
                    "disable it at {}, then {again} again; or take it back into the rotation with `rotate undo {key}`",
                    self.ports.provider.console_page()
                ),
            ),
            Refusal::StillAccepted { fingerprint } => Failure::new(
                ExitCode::Partial,
                format!(
                    "{fingerprint} is revoked at the provider, which went on accepting it for {}",
                    crate::duration::friendly(self.ports.settings.revoke_timeout.as_secs())
                ),
                format!("its own delay may be longer: {again} looks again"),
            ),
            Refusal::TakenBack { reason } => Failure::new(
                ExitCode::Person,
                "the revocation was taken back, and every credential is as it was",
                "compare the ids with the console before you try again; see runbook.md, section \"Exit 13\"",
            )
            .because(reason.clone()),
            Refusal::CannotReactivate => Failure::new(
                ExitCode::Person,
                format!("the revoked credential of `{key}` cannot be brought back from here"),
                format!("enable it by hand at {}, or stage a new one", self.ports.provider.console_page()),
            ),
            Refusal::CannotMint => Failure::new(
                ExitCode::Usage,
                format!("{} makes no keys by API", self.ports.provider.name()),
                format!("create one at {} and give it with --from", self.ports.provider.console_page()),
            ),
            Refusal::NoRoom { listed } => {
                let state = self.record.map(|record| &record.state);
                minting::no_room(key, listed, state, &*self.ports.provider)
            }
            Refusal::StrangeKey { key: strange } => {
                minting::strange_key(key, strange, &*self.ports.provider)
            }
            Refusal::CannotDelete => Failure::new(
                ExitCode::Person,
                format!("the revoked credential of `{key}` cannot be deleted from here"),
                format!("delete it by hand at {}", self.ports.provider.console_page()),
            ),
            Refusal::UndoExpired => Failure::new(
                ExitCode::WrongPhase,
                format!("the time in which the last revocation of `{key}` could be undone is over"),
                format!("stage a new credential: `rotate stage {key}`"),
            ),
            Refusal::Purged => Failure::new(
                ExitCode::WrongPhase,
                format!("the revoked credential of `{key}` was purged for good"),
                format!("stage a new credential: `rotate stage {key}`"),
            ),
            Refusal::NeedsReplacement { suspect } => Failure::new(
                ExitCode::Usage,
                format!("{suspect} is all that serves `{key}`: revoking it stops every consumer"),
                self.replacement(),
            ),
            Refusal::NoSuspect => Failure::new(
                ExitCode::WrongPhase,
                format!("no credential of `{key}` is the suspect"),
                format!("look at `rotate status {key}`"),
            ),
        }
    }

    /// The command that goes on from here. An emergency's options are not all known here, so it is only
    /// pointed at.
    fn again(&self) -> String {
        match self.goal {
            Goal::RevokeNow(_) => "the same command".to_owned(),
            goal => format!("`rotate {} {}`", goal.command(), self.key),
        }
    }

    /// Before consumers are moved a target is looked at whether it can be written; in the window, whether it still
    /// holds the active value, and by then all else is done.
    fn instead_of_reaching_them(&self) -> &'static str {
        match self.record.map(|record| &record.state.phase) {
            Some(Phase::GraceWindow { .. }) => "reached now; the grace window is open and stays as it is",
            _ => "written, so nothing was changed",
        }
    }

    /// A command on this key as it can be typed.
    fn command_line(&self, command: &str) -> String {
        match self.record {
            Some(record) => overview::command_line(command, &record.state, self.key),
            None => format!("rotate {command} {}", self.key),
        }
    }

    /// Where a replacement comes from.
    fn replacement(&self) -> String {
        let key = self.key;
        let outage = "or accept the outage with --accept-outage";
        let phase = self.record.map(|record| &record.state.phase);
        if !self.ports.settings.policy.capabilities.mint {
            return format!(
                "create a new key and give it with --replace-from, as in `rotate revoke-now {key} --reason … \
                 --replace-from -`; {outage}"
            );
        }
        match phase {
            Some(Phase::SecondaryStaged { .. }) => format!(
                "`rotate stage {key} --replace` has another key made; then `rotate revoke-now {key} --suspect old`; \
                 {outage}"
            ),
            Some(Phase::Promoted { .. } | Phase::GraceWindow { .. }) => format!(
                "there is room for two: `rotate revoke-now {key} --suspect old`, `rotate purge {key}`, `rotate stage \
                 {key}`, then `rotate revoke-now {key} --suspect old` again; {outage}"
            ),
            _ => {
                format!("`rotate stage {key}` has a new key made; then run the same command again; {outage}")
            }
        }
    }

    fn wrong_phase(&self, next: &[&str]) -> Failure {
        let phase = self.record.map_or("(never adopted)", |record| record.state.phase.name());
        let commands: Vec<_> =
            next.iter().map(|command| format!("`rotate {command} {}`", self.key)).collect();
        Failure::new(
            ExitCode::WrongPhase,
            format!("cannot {} `{}` in the phase {phase}", self.goal.command(), self.key),
            format!("from here: {}", commands.join(" or ")),
        )
    }

    fn rejected(&self, wanted: Wanted, fingerprint: &impl std::fmt::Display, detail: &str) -> Failure {
        let hint = match wanted {
            Wanted::Candidate | Wanted::Replacement => {
                "nothing was stored; copy the key again from the console, whole".to_owned()
            }
            Wanted::Minted => format!(
                "nothing was stored; `rotate stage {}` again deletes it and has another one made",
                self.key
            ),
            Wanted::Staged => format!(
                "it may have been disabled or have expired; stage another: `rotate stage {} --replace`",
                self.key
            ),
            Wanted::Active => format!(
                "consumers are failing now; see runbook.md, section \"Exit 20\", and `rotate status {}`",
                self.key
            ),
            Wanted::Retiring => {
                "there is no way back to a credential that the provider rejects; go forward with `rotate finish`, \
                                 or stage a new one"
                    .to_owned()
            }
            Wanted::Suspect => "it is dead already; look at the console and at `rotate status`".to_owned(),
            Wanted::Revoked => "the provider did not bring it back; look at the console".to_owned(),
        };
        Failure::new(ExitCode::Rejected, format!("the provider rejects the {wanted}, {fingerprint}"), hint)
            .because(detail.to_owned())
    }

    /// Where a person places values, a person must place this one; elsewhere something was lost.
    fn value_missing(&self, wanted: Wanted, reason: &str) -> Failure {
        let by_person = self.ports.slots.placed_by_person();
        let exit = if by_person { ExitCode::Person } else { ExitCode::State };
        Failure::new(
            exit,
            format!("the value of the {wanted} is not at hand"),
            format!("put it back where it belongs, then `rotate {} {}` again", self.goal.command(), self.key),
        )
        .because(reason.to_owned())
    }

    fn ambiguous(&self, wanted: Wanted, candidates: &[ProviderKey]) -> Failure {
        let mut failure = Failure::new(
            ExitCode::Person,
            format!("several of the provider's keys fit the {wanted}, and none is chosen by guess"),
            "archive the one that is not meant, or create a new key; see runbook.md, section \"Exit 13\"",
        );
        for key in candidates {
            failure = failure.because(format!(
                "{} \"{}\" {} in {}",
                key.id,
                key.name,
                key.hint,
                workspace(key.workspace.as_deref())
            ));
        }
        failure
    }

    fn evidence_missing(&self, table: &[Evidence]) -> Failure {
        let Goal::Finish { accept_unknown, .. } = self.goal else {
            return Failure::unexpected("evidence was weighed outside finish");
        };
        let blocking =
            evidence::blocking(table, &self.ports.settings.policy.required_evidence, accept_unknown);
        let names: Vec<_> = blocking.iter().map(|row| row.item.name()).collect();
        let may_be_accepted = blocking
            .iter()
            .find(|row| row.item.may_be_accepted() && row.verdict != Finding::Unmet)
            .map(|row| format!(", or accept it by name: `--accept-unknown {}`", row.item));
        let mut failure = Failure::new(
            ExitCode::Evidence,
            format!("not revoked: the evidence lacks {}", names.join(", ")),
            match blocking.iter().any(|row| row.item == Item::Targets && row.verdict == Finding::Unmet) {
                true => format!(
                    "find out what else writes the target; `rotate promote {}` writes it again and starts the \
                     window anew, because consumers may have read the other value",
                    self.key
                ),
                false => format!(
                    "mend what is missing and run `rotate finish {}` again{}",
                    self.key,
                    may_be_accepted.unwrap_or_default()
                ),
            },
        )
        .with_detail("evidence", json!(table));
        for row in blocking {
            failure = failure.because(format!("{} is {}: {}", row.item, row.verdict.name(), row.detail));
        }
        failure
    }

    fn person_must_revoke(&self, fingerprint: &str) -> Failure {
        let last4 = self
            .record
            .and_then(|record| record.state.phase.other().or(Some(record.state.active())))
            .filter(|credential| credential.fingerprint.to_string() == fingerprint)
            .map(|credential| format!(" (…{})", credential.last4))
            .unwrap_or_default();
        Failure::new(
            ExitCode::Person,
            format!("no admin key is configured, so a person must disable {fingerprint}{last4}"),
            format!(
                "disable it at {}, then run {} again{}",
                self.ports.provider.console_page(),
                self.again(),
                if matches!(self.goal, Goal::Finish { .. }) { "; --wait waits for you" } else { "" }
            ),
        )
    }
}

fn workspace(id: Option<&str>) -> String {
    match id {
        Some(id) => format!("the workspace {id}"),
        None => "the default workspace".to_owned(),
    }
}

fn targets_named(targets: &BTreeMap<TargetId, String>) -> String {
    match targets.len() {
        1 => "1 target".to_owned(),
        count => format!("{count} targets"),
    }
}

fn listed(failure: Failure, targets: &BTreeMap<TargetId, String>) -> Failure {
    targets.iter().fold(failure, |failure, (target, reason)| failure.because(format!("{target}: {reason}")))
}
