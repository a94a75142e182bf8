//! From a state, a goal and what was observed, to one step. Pure and total.
//!
//! The driver calls [`plan`], takes the step, and calls again, until the step is `Wait`, `Done` or
//! `Refused`. A fact that is missing is asked for with `Observe`; the plan never assumes one.

mod abort;
mod adopt;
mod attempts;
mod finish;
mod mint;
mod promote;
mod purge;
mod refusal;
mod revocation;
mod revoke_now;
mod stage;
mod undo;

use std::collections::{BTreeMap, BTreeSet};

pub use attempts::{Attempts, TakenBack, UnknownCalls};
pub use refusal::{Refusal, Wanted};
pub use revoke_now::{Suspect, suspects};

use super::credential::{
    Capabilities, Credential, Identity, KeyStatus, LastUseSeen, ListedKey, ProviderKeyId, ReadBack, SlotName,
    TargetId, TargetSet, UsageBucket, Verdict,
};
use super::effect::Effect;
use super::event::Event;
use super::evidence::{Evidence, Item};
use super::grace::GracePolicy;
use super::lease::LeaseSeen;
use super::phase::{Direction, KeyState, Rotation, Window};
use super::stamp::Stamp;
use crate::secret::Fingerprint;

/// What a command wants to be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Today's live credential is recorded and stored.
    Adopt { candidate: Credential, slot: SlotName },
    /// The candidate is probed and stored beside the active credential.
    Stage { candidate: Credential, rotation: Rotation, replace: bool },
    /// The provider makes a new credential, which is probed and stored beside the active one.
    Mint { rotation: Rotation, replace: bool },
    /// The staged credential is active and every target holds it.
    Promote,
    /// The retiring credential is revoked.
    Finish {
        accept_unknown: BTreeSet<Item>,
        /// Why, for the journal.
        reason: Option<String>,
    },
    /// The old credential is active and the new one out of use.
    Abort,
    /// The revoked credential is accepted again.
    Undo,
    /// The revoked credential is gone for good.
    Purge,
    /// The suspects are revoked, now.
    RevokeNow(RevokeNow),
}

/// The emergency's goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokeNow {
    pub suspects: BTreeSet<Fingerprint>,
    pub reason: String,
    /// What takes the place of a suspect that serves traffic, where nothing staged can.
    pub replacement: Option<Credential>,
    pub accept_outage: bool,
    /// The name under which the journal keeps this emergency.
    pub rotation: Rotation,
}

impl Goal {
    /// The command that has this goal.
    pub fn command(&self) -> &'static str {
        match self {
            Goal::Adopt { .. } => "adopt",
            Goal::Stage { .. } | Goal::Mint { .. } => "stage",
            Goal::Promote => "promote",
            Goal::Finish { .. } => "finish",
            Goal::Abort => "abort",
            Goal::Undo => "undo",
            Goal::Purge => "purge",
            Goal::RevokeNow(_) => "revoke-now",
        }
    }
}

/// One step towards a goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A fact is missing: find out, and plan again.
    Observe(Question),
    /// Do this to the world: intent first, outcome after.
    Act(Effect),
    /// Write this down.
    Record(Event),
    /// Nothing to do before some time has passed.
    Wait(Wait),
    /// The goal is reached.
    Done,
    /// The goal cannot be reached from here.
    Refused(Refusal),
}

/// Why and how long to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    pub remaining_seconds: u64,
    pub clock_went_backwards: bool,
    /// The window's clock starts with the first use of the new credential, and none was told of yet.
    pub awaits_first_use: bool,
    pub evidence: Vec<Evidence>,
}

/// Something to find out about the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Does the provider accept this credential? A settled verdict.
    Probe(Fingerprint),
    /// The same, until the provider refuses it or the limit for its lag has passed.
    AwaitRejection(Fingerprint),
    /// The same, until the provider accepts it again or the limit for its lag has passed.
    AwaitAcceptance(Fingerprint),
    /// The same as `AwaitRejection`, for as long as one waits for a person at a console.
    AwaitPerson(Fingerprint),
    /// Which provider key is this credential?
    Identify(Fingerprint),
    /// What does the provider's record say of this credential's key?
    KeyStatus(Fingerprint),
    /// Could every target be written?
    CheckTargets,
    /// What does every target hold?
    ReadTargets,
    /// Which keys does the owner have, at a provider that mints?
    ListKeys,
    /// When was this credential used last, by the provider's record?
    LastUse(Fingerprint),
    /// How much were the active and the retiring credential used, by the provider's report?
    Usage,
    /// Which running jobs hold which credential?
    Leases,
}

/// What was observed in this run. A fact that an effect may have changed is forgotten with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub probes: BTreeMap<Fingerprint, Verdict>,
    /// For people: what was said when a probe was not accepted.
    pub probe_details: BTreeMap<Fingerprint, String>,
    /// Credentials whose value is not at hand, with the reason: they cannot be probed at all.
    pub missing_values: BTreeMap<Fingerprint, String>,
    /// The workspace that the provider named in an answer to this credential.
    pub workspaces: BTreeMap<Fingerprint, String>,
    pub identities: BTreeMap<Fingerprint, Identity>,
    /// `None` inside: the provider has no such key any more.
    pub key_statuses: BTreeMap<Fingerprint, Option<KeyStatus>>,
    /// Calls about a credential whose outcome stayed unknown in this run.
    pub unknown_calls: BTreeMap<Fingerprint, UnknownCalls>,
    /// Targets that cannot be written, with the reason.
    pub broken_targets: Option<BTreeMap<TargetId, String>>,
    pub target_reads: Option<BTreeMap<TargetId, ReadBack>>,
    /// Targets whose write failed in this run: reported, not tried again and again.
    pub failed_targets: BTreeMap<TargetId, String>,
    /// An emergency ended in this run.
    pub emergency_ended: bool,
    /// Targets that an emergency had left behind were written in this run.
    pub reached_stale: bool,
    /// Effects that the provider definitely refused in this run, with what it said.
    pub refused: BTreeMap<Fingerprint, String>,
    /// Revocations and reactivations that the provider confirmed in this run.
    pub confirmed_calls: BTreeSet<Fingerprint>,
    /// Credentials for whose refusal was waited in this run, as long as one waits for the provider or for a person.
    pub waited_for: BTreeSet<Fingerprint>,
    /// From the provider's confirmation to the refusal, where it was measured.
    pub lag_seconds: BTreeMap<Fingerprint, u64>,
    /// A revocation that was taken back in this run.
    pub taken_back: Option<TakenBack>,
    /// The credential that the provider made in this run; its value is at hand.
    pub minted: Option<Credential>,
    /// The owner's keys, or why they could not be listed.
    pub listed: Option<Result<Vec<ListedKey>, String>>,
    pub minting: Attempts,
    pub sweeping: Attempts,
    /// Keys that were left over and are gone since this run. A list may lag, and show them for a while yet.
    pub swept: BTreeSet<ProviderKeyId>,
    pub last_uses: BTreeMap<Fingerprint, LastUseSeen>,
    /// What [`usage::wanted`](super::evidence::usage::wanted) asks for, or why it could not be told.
    pub usage: Option<Result<Vec<UsageBucket>, String>>,
    /// Running jobs, or why they are not known.
    pub leases: Option<Result<Vec<LeaseSeen>, String>>,
    /// The longest that a job was seen to run, in seconds, as leases tell.
    pub longest_run_seconds: u64,
    /// What an interrupted `stage` had begun was called off in this run.
    pub has_dropped: bool,
    /// The probe of the retiring credential was announced in this run.
    pub has_announced: bool,
}

impl Facts {
    /// The provider's id of a credential, recorded or proven in this run.
    pub fn id_of(&self, credential: &Credential) -> Option<ProviderKeyId> {
        credential.provider_key_id.clone().or_else(|| match self.identities.get(&credential.fingerprint) {
            Some(Identity::Proven(key)) => Some(key.id.clone()),
            _ => None,
        })
    }

    /// What is known of the last probe, in words.
    pub fn probe_detail(&self, fingerprint: Fingerprint) -> String {
        self.probe_details.get(&fingerprint).cloned().unwrap_or_else(|| "not probed yet".to_owned())
    }
}

/// What the configuration and the adapters say of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub grace: GracePolicy,
    pub targets: TargetSet,
    pub capabilities: Capabilities,
    /// The workspace that a staged credential must belong to.
    pub workspace: Option<String>,
    pub required_evidence: BTreeSet<Item>,
    /// For how long the provider's report must show no use of the old credential …
    pub usage_quiet_seconds: u64,
    /// … in a span that ended at least this long ago.
    pub usage_lag_seconds: u64,
    pub undo_seconds: u64,
    /// Credentials that other keys of this configuration hold.
    pub held_elsewhere: Vec<HeldElsewhere>,
}

/// A credential that another key holds, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldElsewhere {
    pub fingerprint: Fingerprint,
    pub key: String,
    /// The other key's window, where its consumers are leaving the credential; `None` while they use it.
    pub leaving: Option<Window>,
}

impl Policy {
    /// The other key whose consumers still use this credential.
    pub fn holder(&self, fingerprint: Fingerprint, now: &Stamp) -> Option<&str> {
        self.held_elsewhere
            .iter()
            .filter(|held| held.fingerprint == fingerprint)
            .find(|held| held.leaving.as_ref().is_none_or(|window| window.remaining(now).seconds > 0))
            .map(|held| held.key.as_str())
    }
}

/// How often an effect with an unknown outcome is looked at and tried again within one run.
const ATTEMPTS_LIMIT: usize = 3;

/// The next step towards `goal`.
pub fn plan(state: Option<&KeyState>, goal: &Goal, facts: &Facts, policy: &Policy, now: &Stamp) -> Step {
    let view = View { facts, policy, now };
    match (state, goal) {
        (None, Goal::Adopt { candidate, slot }) => adopt::plan(candidate, *slot, view),
        (None, _) => Step::Refused(Refusal::NotAdopted),
        (Some(state), goal) => {
            if let Some(refusal) = busy_elsewhere(state, goal) {
                return Step::Refused(refusal);
            }
            if let Some(step) = longer_job(state, goal, facts) {
                return step;
            }
            match goal {
                Goal::Adopt { candidate, .. } => adopt::again(state, candidate),
                Goal::Stage { candidate, rotation, replace } => {
                    stage::plan(state, candidate, rotation, *replace, view)
                }
                Goal::Mint { rotation, replace } => mint::plan(state, rotation, *replace, view),
                Goal::Promote => promote::plan(state, view),
                Goal::Finish { accept_unknown, .. } => finish::plan(state, accept_unknown, view),
                Goal::Abort => abort::plan(state, view),
                Goal::Undo => undo::plan(state, view),
                Goal::Purge => purge::plan(state, view),
                Goal::RevokeNow(wanted) => revoke_now::plan(state, wanted, view),
            }
        }
    }
}

/// The grace floor is about the longest job: where leases have seen a longer one, that comes first.
fn longer_job(state: &KeyState, goal: &Goal, facts: &Facts) -> Option<Step> {
    let seconds = facts.longest_run_seconds;
    let is_wanted = matches!(goal, Goal::Promote | Goal::Finish { .. }) && state.intent.is_none();
    let matters = is_wanted && (state.phase.staged().is_some() || state.phase.retiring().is_some());
    (matters && seconds > state.longest_job_seen_seconds)
        .then_some(Step::Record(Event::LongerJobSeen { seconds }))
}

/// What the goals' plans look at.
#[derive(Clone, Copy)]
struct View<'a> {
    facts: &'a Facts,
    policy: &'a Policy,
    now: &'a Stamp,
}

impl View<'_> {
    /// The settled verdict on a credential, or the question that gets it.
    fn probe(&self, fingerprint: Fingerprint) -> Result<Verdict, Step> {
        self.facts.probes.get(&fingerprint).copied().ok_or(Step::Observe(Question::Probe(fingerprint)))
    }

    /// Whether a credential was revoked by order before and still is: then nobody can be using it. Where it is still
    /// accepted, or its value was erased since, the provider's record tells a late server from one that brought it back.
    fn dead_by_order(&self, state: &KeyState, fingerprint: Fingerprint) -> Result<bool, Step> {
        if !state.dead.contains(&fingerprint) {
            return Ok(false);
        }
        let (verdict, has_record) = (self.probe(fingerprint)?, self.policy.capabilities.revoke);
        match verdict {
            Verdict::Rejected => Ok(true),
            Verdict::Unknown if !self.facts.missing_values.contains_key(&fingerprint) => Ok(false),
            _ if !has_record => Ok(verdict == Verdict::Unknown),
            _ => Ok(self.status(fingerprint)? != Some(KeyStatus::Active)),
        }
    }

    /// What the provider's record says of a credential (`None`: it has no such key any more); otherwise the step that
    /// asks, or that gives up asking.
    fn status(&self, fingerprint: Fingerprint) -> Result<Option<KeyStatus>, Step> {
        match self.facts.key_statuses.get(&fingerprint) {
            Some(status) => Ok(*status),
            None => {
                self.tried_enough(fingerprint)?;
                Err(Step::Observe(Question::KeyStatus(fingerprint)))
            }
        }
    }

    /// That not too many calls about a credential stayed without an outcome in this run; otherwise the refusal to go
    /// on. What was begun stays begun.
    fn tried_enough(&self, fingerprint: Fingerprint) -> Result<(), Step> {
        match self.facts.unknown_calls.get(&fingerprint).filter(|unknown| unknown.count >= ATTEMPTS_LIMIT) {
            Some(unknown) => Err(Step::Refused(Refusal::AdminUnreachable { detail: unknown.detail.clone() })),
            None => Ok(()),
        }
    }

    /// What the provider said when it definitely refused a call about a credential; the refusal to go on where an
    /// earlier call may still land: nothing is called off in the same breath.
    fn definite_refusal(&self, fingerprint: Fingerprint) -> Result<Option<&String>, Step> {
        let refused = self.facts.refused.get(&fingerprint);
        match (refused, self.facts.unknown_calls.get(&fingerprint)) {
            (Some(detail), Some(unknown)) => Err(Step::Refused(Refusal::AdminUnreachable {
                detail: format!("{}; asked again, it refused: {detail}", unknown.detail),
            })),
            _ => Ok(refused),
        }
    }

    /// That a credential is accepted; otherwise the step that asks or refuses.
    fn accepted(&self, fingerprint: Fingerprint, wanted: Wanted) -> Result<(), Step> {
        match self.probe(fingerprint)? {
            Verdict::Accepted => Ok(()),
            Verdict::Rejected => Err(Step::Refused(Refusal::Rejected {
                wanted,
                fingerprint,
                detail: self.facts.probe_detail(fingerprint),
            })),
            Verdict::Unknown => Err(self.no_verdict(fingerprint, wanted)),
        }
    }

    /// That a credential may be given to consumers again: it is accepted, and the provider's record does
    /// not say otherwise. A revocation lags, so one that was just disabled is still accepted for a while.
    fn may_serve_again(&self, fingerprint: Fingerprint, wanted: Wanted) -> Result<(), Step> {
        self.accepted(fingerprint, wanted)?;
        match self.record_says(fingerprint)? {
            None | Some(KeyStatus::Active) => Ok(()),
            Some(status) => Err(Step::Refused(Refusal::Rejected {
                wanted,
                fingerprint,
                detail: format!("accepted for a while yet, but the provider's record says {status}"),
            })),
        }
    }

    /// The status of a credential by the provider's record; `None` where it cannot be told.
    fn record_says(&self, fingerprint: Fingerprint) -> Result<Option<KeyStatus>, Step> {
        match self.facts.key_statuses.get(&fingerprint) {
            Some(status) => Ok(Some(status.unwrap_or(KeyStatus::Archived))),
            None if !self.policy.capabilities.revoke => Ok(None),
            None if self.facts.unknown_calls.contains_key(&fingerprint) => Ok(None),
            None => Err(Step::Observe(Question::KeyStatus(fingerprint))),
        }
    }

    /// The refusal to go on without a verdict: nobody answers, or there is no value to ask with.
    fn no_verdict(&self, fingerprint: Fingerprint, wanted: Wanted) -> Step {
        Step::Refused(match self.facts.missing_values.get(&fingerprint) {
            Some(reason) => Refusal::ValueMissing { wanted, reason: reason.clone() },
            None => Refusal::Unreachable { wanted, detail: self.facts.probe_detail(fingerprint) },
        })
    }

    /// The identity of a credential, or the question that gets it.
    fn identity(&self, fingerprint: Fingerprint) -> Result<&Identity, Step> {
        self.facts.identities.get(&fingerprint).ok_or(Step::Observe(Question::Identify(fingerprint)))
    }

    /// The other credential becomes the active one, and every target is to be written.
    fn switch(&self, direction: Direction) -> Step {
        Step::Record(Event::Switched { direction, targets: self.policy.targets.clone(), at: self.now.wall })
    }

    /// Targets that do not hold the active value yet, and were not tried in vain in this run.
    fn targets_to_write(&self, state: &KeyState) -> TargetSet {
        let propagation = state.phase.propagation();
        self.policy
            .targets
            .iter()
            .filter(|target| {
                !propagation.is_some_and(|map| map.get(*target).is_some_and(|at| at.is_settled()))
                    && !self.facts.failed_targets.contains_key(*target)
            })
            .cloned()
            .collect()
    }
}

/// The refusal that names the commands which do fit the phase.
fn wrong_phase(next: &'static [&'static str]) -> Step {
    Step::Refused(Refusal::WrongPhase { next })
}

/// An operation that must be brought to its end by its own command first.
fn busy_elsewhere(state: &KeyState, goal: &Goal) -> Option<Refusal> {
    let refuse = |resume: &'static str, what: &'static str| Some(Refusal::Busy { resume, what });
    if state.emergency.is_some() && !matches!(goal, Goal::RevokeNow(_)) {
        // Before anything was sent to the provider an emergency can still be called off.
        let effect = state.intent.as_ref().map(|intent| &intent.effect);
        let was_sent = matches!(effect, Some(Effect::Revoke { .. } | Effect::Reactivate { .. }));
        // A replacement goes over the value of the retiring one, and then there is nothing to go back to.
        let has_overwritten =
            matches!(effect, Some(Effect::StoreStaged { .. })) && state.phase.retiring().is_some();
        if matches!(goal, Goal::Abort) && !was_sent && !has_overwritten {
            return None;
        }
        return refuse("revoke-now", "an emergency revocation is under way");
    }
    let intent = state.intent.as_ref()?;
    match (&intent.effect, goal) {
        (_, Goal::RevokeNow(_)) => None,
        (Effect::Revoke { .. }, Goal::Finish { .. }) => None,
        (Effect::Revoke { .. }, _) => refuse("finish", "a revocation was begun, and that is a one-way door"),
        (Effect::Reactivate { .. }, Goal::Undo) if state.is_undoing() => None,
        (Effect::Reactivate { .. }, Goal::Finish { .. }) if !state.is_undoing() => None,
        (Effect::Reactivate { .. }, _) if state.is_undoing() => {
            refuse("undo", "bringing the revoked credential back was begun")
        }
        (Effect::Reactivate { .. }, _) => refuse("finish", "taking back a revocation was begun"),
        (Effect::Delete { .. }, Goal::Purge | Goal::Mint { .. }) => None,
        (Effect::Delete { .. }, _) => refuse("purge", "deleting the revoked credential was begun"),
        (Effect::Sweep { .. }, Goal::Stage { .. }) => {
            refuse("abort", "deleting a key that nobody has was begun")
        }
        (
            Effect::Mint { .. } | Effect::Sweep { .. },
            Goal::Promote | Goal::Finish { .. } | Goal::Undo | Goal::Purge,
        ) => refuse("stage", "having the provider make a new key was begun"),
        (Effect::StoreStaged { credential, .. }, Goal::Stage { candidate, .. })
            if credential.never_served && credential.fingerprint != candidate.fingerprint =>
        {
            refuse("abort", "storing a key that the provider made was begun")
        }
        (Effect::StoreStaged { .. }, Goal::Undo) => refuse("stage", "storing a new candidate was begun"),
        (Effect::StoreStaged { .. }, Goal::Promote | Goal::Finish { .. } | Goal::Purge)
            if state.phase.staged().is_some() =>
        {
            refuse("stage", "storing another candidate was begun")
        }
        (Effect::Erase { .. }, Goal::Promote | Goal::Finish { .. } | Goal::Undo | Goal::Purge)
            if state.phase.staged().is_some() =>
        {
            // Its value may be gone already.
            refuse("abort", "dropping the staged credential was begun")
        }
        _ => None,
    }
}
