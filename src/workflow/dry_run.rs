//! The very plan that the driver would run, without running it.

use std::collections::BTreeMap;

use crate::duration::friendly;
use crate::rotation::credential::{
    Credential, Identity, KeyStatus, LastUse, LastUseSeen, ProviderKey, ProviderKeyId, ReadBack, UsageBucket,
    Verdict,
};
use crate::rotation::effect::{Effect, Intent};
use crate::rotation::event::Event;
use crate::rotation::phase::{Direction, KeyState, Phase, Propagation};
use crate::rotation::plan::{Facts, Goal, Policy, Question, Refusal, Step, TakenBack, plan};
use crate::rotation::stamp::Stamp;
use crate::rotation::transition::apply;
use crate::secret::Fingerprint;

const STEPS_LIMIT: usize = 100;

/// The steps to `goal`, one line each, where every check passes and every act succeeds.
///
/// The last line says how it ends: reached, or waiting.
///
/// # Errors
/// The plan's refusal: the goal cannot be reached from here, whatever the checks say.
pub fn steps(
    state: Option<&KeyState>,
    goal: &Goal,
    policy: &Policy,
    now: &Stamp,
) -> Result<Vec<String>, Refusal> {
    let mut state = state.cloned();
    let mut facts = Facts::default();
    let mut lines = Vec::new();
    let now = &as_the_provider_may_tell(state.as_ref(), now);
    for _ in 0..STEPS_LIMIT {
        match plan(state.as_ref(), goal, &facts, policy, now) {
            Step::Observe(question) => {
                lines.push(asked(&question));
                suppose(&question, state.as_ref(), policy, &mut facts, now);
            }
            Step::Act(effect) => {
                lines.push(acted(&effect));
                let supposed = succeed(&effect, goal, state.take(), policy, &mut facts, now);
                match supposed {
                    Ok(next) => state = next,
                    Err(line) => {
                        lines.push(line);
                        return Ok(lines);
                    }
                }
            }
            Step::Record(event) => {
                lines.push(recorded(&event));
                facts.emergency_ended |= matches!(event, Event::EmergencyEnded);
                facts.has_announced |= matches!(event, Event::ProbeAnnounced { .. });
                facts.has_dropped |=
                    matches!(event, Event::IntentDropped { .. } | Event::StagedDropped { .. });
                match apply(state.as_ref(), &event) {
                    Ok(next) => state = Some(next),
                    Err(illegal) => {
                        lines.push(format!("stop: {illegal}"));
                        return Ok(lines);
                    }
                }
            }
            Step::Wait(wait) => {
                let left = friendly(wait.remaining_seconds);
                lines.push(format!("wait: the grace window is open for another {left}"));
                return Ok(lines);
            }
            Step::Done => {
                let phase = state.as_ref().map_or("never adopted", |state| state.phase.name());
                lines.push(format!("done: the phase is {phase}"));
                return Ok(lines);
            }
            Step::Refused(refusal) => return Err(refusal),
        }
    }
    Ok(lines)
}

/// This moment, with a provider whose clock runs as this machine's did since the window opened.
fn as_the_provider_may_tell(state: Option<&KeyState>, now: &Stamp) -> Stamp {
    let opened_at = match state.map(|state| &state.phase) {
        Some(Phase::GraceWindow { window, .. }) => Some(&window.opened_at),
        _ => None,
    };
    let told = opened_at
        .and_then(|opened_at| opened_at.provider?.checked_add(now.wall.duration_since(opened_at.wall)).ok());
    now.clone().with_provider(Some(told.unwrap_or(now.wall)))
}

fn asked(question: &Question) -> String {
    match question {
        Question::Probe(credential) => format!("probe {credential} until the verdict settles"),
        Question::AwaitRejection(credential) => format!("probe {credential} until the provider refuses it"),
        Question::AwaitAcceptance(credential) => format!("probe {credential} until the provider accepts it"),
        Question::AwaitPerson(credential) => {
            format!("wait for a person to disable {credential} at the console")
        }
        Question::Identify(credential) => format!("ask the provider which key {credential} is"),
        Question::KeyStatus(credential) => format!("ask the provider for the status of {credential}"),
        Question::CheckTargets => "check that every target can be written".to_owned(),
        Question::ReadTargets => "read every target back".to_owned(),
        Question::ListKeys => "ask the provider for the owner's keys".to_owned(),
        Question::LastUse(credential) => format!("ask the provider when {credential} was used last"),
        Question::Usage => "ask for the provider's usage report".to_owned(),
        Question::Leases => "look for running jobs that hold a credential".to_owned(),
    }
}

fn acted(effect: &Effect) -> String {
    match effect {
        Effect::StoreAdopted { slot, credential } | Effect::StoreStaged { slot, credential, .. } => {
            format!("store {} in the {slot} slot", credential.fingerprint)
        }
        Effect::Mint { .. } => "have the provider make a new key".to_owned(),
        Effect::Sweep { ids } => {
            let names: Vec<_> = ids.iter().map(|id| id.0.as_str()).collect();
            format!("delete {}, which nobody has", names.join(", "))
        }
        Effect::WriteTargets { targets, fingerprint } => {
            let names: Vec<_> = targets.iter().map(|target| target.0.as_str()).collect();
            format!("write {fingerprint} to {} and read it back", names.join(", "))
        }
        Effect::Erase { slot, .. } => format!("erase the value in the {slot} slot"),
        Effect::Revoke { fingerprint, .. } => format!("revoke {fingerprint}"),
        Effect::Reactivate { fingerprint, .. } => format!("reactivate {fingerprint}"),
        Effect::Delete { fingerprint, .. } => format!("delete {fingerprint} for good"),
    }
}

/// What an event means to those who run jobs.
fn recorded(event: &Event) -> String {
    let meaning = match event {
        Event::Switched { direction: Direction::Forward, .. } => "`rotate key` gives the new credential",
        Event::Switched { direction: Direction::Back, .. } => "`rotate key` gives the old credential again",
        Event::GraceOpened { window, .. } => {
            let seconds = window.not_before.duration_since(window.opened_at.wall).as_secs();
            let length = friendly(u64::try_from(seconds).unwrap_or_default());
            return format!("record: the grace window is open for {length}; both credentials stay valid");
        }
        Event::IntentDropped { .. } => "what was begun is called off",
        Event::ProbeAnnounced { .. } => "the old credential is about to be probed: that use is ours",
        Event::FirstUseSeen { .. } => "consumers use the new credential",
        Event::Drifted { .. } => "some target lost the active value; its consumers are moved again",
        Event::Revoked { .. } => "the provider refuses the credential",
        Event::Undone { .. } => "both credentials are valid again, and a new grace window is open",
        Event::Purged => "the credential is gone for good",
        Event::EmergencyDeclared { .. } => "an emergency, with its reason and its suspects",
        Event::EmergencyEnded => "the emergency is over",
        other => other.name(),
    };
    format!("record: {meaning}")
}

/// The answer that lets the plan go on.
fn suppose(question: &Question, state: Option<&KeyState>, policy: &Policy, facts: &mut Facts, now: &Stamp) {
    match question {
        Question::Probe(credential) => {
            let is_dead = state.is_some_and(|state| state.dead.contains(credential));
            let verdict = if is_dead { Verdict::Rejected } else { Verdict::Accepted };
            facts.probes.insert(*credential, verdict);
        }
        Question::AwaitAcceptance(credential) => {
            facts.probes.insert(*credential, Verdict::Accepted);
        }
        Question::AwaitRejection(credential) | Question::AwaitPerson(credential) => {
            facts.waited_for.insert(*credential);
            facts.probes.insert(*credential, Verdict::Rejected);
        }
        Question::Identify(credential) => {
            let recorded = state
                .and_then(|state| state.credential(*credential))
                .and_then(|credential| credential.provider_key_id.clone());
            let identity = if policy.capabilities.revoke {
                Identity::Proven(ProviderKey {
                    id: recorded.unwrap_or_else(|| ProviderKeyId(format!("(id of {credential})"))),
                    name: String::new(),
                    status: KeyStatus::Active,
                    workspace: policy.workspace.clone(),
                    expires_at: None,
                    hint: String::new(),
                })
            } else {
                Identity::Unavailable
            };
            if let Some(workspace) = &policy.workspace {
                facts.workspaces.insert(*credential, workspace.clone());
            }
            facts.identities.insert(*credential, identity);
        }
        Question::KeyStatus(credential) => {
            let is_dead = state.is_some_and(|state| state.dead.contains(credential));
            let status = if is_dead { KeyStatus::Inactive } else { KeyStatus::Active };
            facts.key_statuses.insert(*credential, Some(status));
        }
        Question::ListKeys => facts.listed = Some(Ok(Vec::new())),
        Question::LastUse(credential) => {
            let is_active = state.is_some_and(|state| state.active().fingerprint == *credential);
            let seen = if is_active {
                LastUseSeen::At(LastUse { at: now.wall, by: String::new(), may_be_a_probe: false })
            } else {
                LastUseSeen::Never
            };
            facts.last_uses.insert(*credential, seen);
        }
        Question::Usage => {
            let active = state.and_then(|state| facts.id_of(state.active()));
            let used = |id| UsageBucket { id, from: now.wall, until: now.wall, tokens: u64::MAX };
            facts.usage = Some(Ok(active.map(used).into_iter().collect()));
        }
        Question::Leases => facts.leases = Some(Ok(Vec::new())),
        Question::CheckTargets => facts.broken_targets = Some(BTreeMap::new()),
        Question::ReadTargets => {
            let active = state.map(|state| state.active().fingerprint);
            let holds = active.map_or(ReadBack::NotReadable, ReadBack::Holds);
            facts.target_reads =
                Some(policy.targets.iter().map(|target| (target.clone(), holds.clone())).collect());
        }
    }
}

/// The state after an effect that succeeded.
fn succeed(
    effect: &Effect,
    goal: &Goal,
    state: Option<KeyState>,
    policy: &Policy,
    facts: &mut Facts,
    now: &Stamp,
) -> Result<Option<KeyState>, String> {
    let mut events = Vec::new();
    if state.is_some() {
        let intent =
            Intent { effect: effect.clone(), command: goal.command().to_owned(), begun_at: now.clone() };
        events.push(Event::Intended { intent });
    }
    match effect {
        Effect::StoreAdopted { slot, credential } => {
            events.push(Event::Adopted {
                credential: credential.clone(),
                slot: *slot,
                at: now.wall,
                placement: None,
            });
        }
        Effect::StoreStaged { slot, credential, rotation } => events.push(Event::Staged {
            slot: *slot,
            credential: credential.clone(),
            rotation: rotation.clone(),
            placement: None,
        }),
        Effect::Mint { .. } => {
            facts.minted = Some(Credential {
                fingerprint: Fingerprint::of(b"a key that does not exist yet"),
                last4: "????".to_owned(),
                provider_key_id: None,
                expires_at: None,
                never_served: true,
            });
        }
        Effect::Sweep { ids } => {
            facts.swept.extend(ids.iter().cloned());
            facts.listed = None;
            events.push(Event::Swept { ids: ids.clone() });
        }
        Effect::WriteTargets { targets, .. } => {
            facts.reached_stale = true;
            events.push(Event::TargetsWritten {
                outcomes: targets.iter().map(|target| (target.clone(), Propagation::Confirmed)).collect(),
                versions: BTreeMap::new(),
                places: BTreeMap::new(),
            });
        }
        Effect::Erase { .. } => events.push(match state.as_ref().map(|state| &state.phase) {
            Some(Phase::Promoted { .. }) => Event::RolledBack { targets: policy.targets.clone() },
            _ => Event::StagedDropped { reason: "aborted".to_owned() },
        }),
        Effect::Revoke { fingerprint, .. }
        | Effect::Reactivate { fingerprint, .. }
        | Effect::Delete { fingerprint, .. } => {
            facts.confirmed_calls.insert(*fingerprint);
            facts.probes.remove(fingerprint);
            let takes_back = matches!(effect, Effect::Reactivate { .. })
                && !state.as_ref().is_some_and(|state| state.ended_with(*fingerprint));
            if takes_back {
                let reason = "a revocation that was begun is taken back".to_owned();
                facts.taken_back = Some(TakenBack { fingerprint: *fingerprint, reason });
            }
        }
    }
    events.iter().try_fold(state, |state, event| {
        apply(state.as_ref(), event).map(Some).map_err(|illegal| format!("stop: {illegal}"))
    })
}
