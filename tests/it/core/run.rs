//! One run of a command over the shipped `plan` and `apply`. It does what the driver does, in memory;
//! dice decide what goes wrong, and a run can die between any two steps.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rotate::rotation::credential::{
    Credential, Identity, KeyStatus, LastUseSeen, ListedKey, ProviderKey, ReadBack, SlotName, Verdict,
};
use rotate::rotation::effect::{Effect, Intent};
use rotate::rotation::event::Event;
use rotate::rotation::phase::{KeyState, Phase, Propagation};
use rotate::rotation::plan::{Attempts, Facts, Goal, Question, Step, TakenBack, plan};
use rotate::rotation::stamp::Stamp;
use rotate::rotation::transition::apply;
use rotate::secret::Fingerprint;

use super::story::{Dice, End, Luck, Story};
use super::world::{self, KeyIs, fingerprint, id, number, target_id};

const STEPS_LIMIT: usize = 120;
const REVOKE_TIMEOUT: i64 = 120;

pub(super) struct Run<'s> {
    story: &'s mut Story,
    goal: Goal,
    facts: Facts,
    dated: bool,
    /// The value that came with the command.
    brought: Option<usize>,
}

impl<'s> Run<'s> {
    pub(super) fn new(story: &'s mut Story, goal: Goal, brought: Option<usize>) -> Self {
        Self { story, goal, facts: Facts::default(), dated: false, brought }
    }

    pub(super) fn drive(&mut self, dice: &mut Dice) -> End {
        for _ in 0..STEPS_LIMIT {
            let now = self.now();
            let step = plan(self.story.state.as_ref(), &self.goal, &self.facts, &self.story.policy, &now);
            let done = match step {
                Step::Observe(question) => {
                    self.observe(&question, dice);
                    Ok(())
                }
                Step::Act(effect) => self.act(&effect, dice),
                Step::Record(event) => self.record(&event, dice),
                Step::Wait(wait) => return End::Wait(wait.remaining_seconds),
                Step::Done => return End::Done,
                Step::Refused(refusal) => return End::Refused(refusal),
            };
            if let Err(end) = done {
                return end;
            }
        }
        panic!("the plan goes in circles: {:?} from {:#?}", self.goal, self.story.state);
    }

    fn now(&self) -> Stamp {
        self.story.world.stamp(self.dated && self.story.dated)
    }

    fn record(&mut self, event: &Event, dice: &mut Dice) -> Result<(), End> {
        dice.crash_point()?;
        let before = self.story.state.clone();
        let next = apply(before.as_ref(), event).unwrap_or_else(|illegal| {
            panic!("the plan asks for what `apply` refuses ({illegal}): {event:?} of {before:#?}")
        });
        self.story.judge_event(before.as_ref(), event);
        self.facts.emergency_ended |= matches!(event, Event::EmergencyEnded);
        self.facts.has_announced |= matches!(event, Event::ProbeAnnounced { .. });
        self.facts.has_dropped |= matches!(event, Event::IntentDropped { .. } | Event::StagedDropped { .. });
        self.story.world.give(number(next.active().fingerprint));
        self.story.state = Some(next);
        dice.crash_point()
    }

    fn at_hand(&self, wanted: Fingerprint) -> bool {
        if self.brought.map(fingerprint) == Some(wanted) {
            return true;
        }
        let Some(state) = &self.story.state else { return false };
        let begun = match state.intent.as_ref().map(|intent| &intent.effect) {
            Some(Effect::StoreStaged { slot, credential, .. }) if credential.fingerprint == wanted => {
                Some(*slot)
            }
            _ => None,
        };
        state.slot_of(wanted).or(begun).is_some_and(|slot| {
            let holds = self.story.world.slots[usize::from(slot == SlotName::Secondary)];
            holds.map(fingerprint) == Some(wanted)
        })
    }

    fn see(&mut self, wanted: Fingerprint, luck: Luck) {
        let verdict = if !self.at_hand(wanted) || luck != Luck::Good {
            Verdict::Unknown
        } else if self.story.world.accepts(number(wanted)) {
            Verdict::Accepted
        } else {
            Verdict::Rejected
        };
        if !self.at_hand(wanted) {
            self.facts.missing_values.insert(wanted, "its slot is empty".to_owned());
        }
        self.dated |= verdict != Verdict::Unknown;
        self.facts.probes.insert(wanted, verdict);
    }
}

impl Run<'_> {
    fn observe(&mut self, question: &Question, dice: &mut Dice) {
        let luck = dice.luck();
        let active = self.story.state.as_ref().map(|state| state.active().fingerprint);
        match question {
            Question::Probe(wanted) => self.see(*wanted, luck),
            Question::AwaitRejection(wanted) => {
                let end = self.story.world.truth + REVOKE_TIMEOUT;
                while self.story.world.accepts(number(*wanted)) && self.story.world.truth < end {
                    self.story.world.pass(1);
                }
                self.see(*wanted, luck);
                self.facts.waited_for.insert(*wanted);
            }
            Question::AwaitAcceptance(wanted) => self.see(*wanted, luck),
            Question::AwaitPerson(wanted) => {
                self.story.world.pass(900);
                if luck == Luck::Good {
                    let key = &mut self.story.world.keys[number(*wanted)];
                    key.is = KeyIs::Inactive;
                    key.disabled_by_person = true;
                }
                self.see(*wanted, Luck::Good);
                self.facts.waited_for.insert(*wanted);
                // A person may take days: what was seen of the active one before is no news any more.
                if let Some(active) = active {
                    self.facts.probes.remove(&active);
                }
            }
            Question::Identify(wanted) => {
                let identity = self.identity(*wanted, luck);
                self.facts.identities.insert(*wanted, identity);
            }
            Question::KeyStatus(wanted) => {
                let status = match self.story.world.keys[number(*wanted)].is {
                    KeyIs::Active => Some(KeyStatus::Active),
                    KeyIs::Inactive => Some(KeyStatus::Inactive),
                    KeyIs::Archived => Some(KeyStatus::Archived),
                    KeyIs::NotMade => None,
                };
                if luck == Luck::Good {
                    self.facts.key_statuses.insert(*wanted, status);
                } else {
                    self.not_told(*wanted);
                }
            }
            Question::ListKeys => {
                let world = &self.story.world;
                let listed = world.existing().into_iter().map(|number| ListedKey {
                    id: id(number),
                    status: match world.keys[number].is {
                        KeyIs::Active => KeyStatus::Active,
                        _ => KeyStatus::Inactive,
                    },
                    created_at: Some(Timestamp::from_second(world.keys[number].made_at).unwrap()),
                    last_use: LastUseSeen::Never,
                });
                let listed =
                    if luck == Luck::Good { Ok(listed.collect()) } else { Err("no answer".to_owned()) };
                self.facts.listed = Some(listed);
            }
            Question::LastUse(wanted) => {
                self.facts.last_uses.insert(*wanted, LastUseSeen::Never);
            }
            Question::Usage => self.facts.usage = Some(Ok(Vec::new())),
            Question::Leases => {
                let told = if luck == Luck::Good { Ok(Vec::new()) } else { Err("not readable".to_owned()) };
                self.facts.leases = Some(told);
            }
            Question::CheckTargets => {
                let broken = (0..self.story.world.targets.len())
                    .filter(|_| dice.luck() == Luck::Refused)
                    .map(|target| (target_id(target), "read-only".to_owned()));
                self.facts.broken_targets = Some(broken.collect());
            }
            Question::ReadTargets => {
                let reads = self.story.world.targets.iter().enumerate().map(|(at, target)| {
                    let read = match (target.readable, dice.luck()) {
                        (false, _) => ReadBack::NotReadable,
                        (true, Luck::Good) => target
                            .holds()
                            .map_or(ReadBack::Absent, |credential| ReadBack::Holds(fingerprint(credential))),
                        (true, _) => ReadBack::Unknown("no answer".to_owned()),
                    };
                    (target_id(at), read)
                });
                self.facts.target_reads = Some(reads.collect());
            }
        }
    }

    fn identity(&self, wanted: Fingerprint, luck: Luck) -> Identity {
        let key = number(wanted);
        let listed = ProviderKey {
            id: id(key),
            name: format!("key {key}"),
            status: match self.story.world.keys[key].is {
                KeyIs::Active => KeyStatus::Active,
                _ => KeyStatus::Inactive,
            },
            workspace: None,
            expires_at: None,
            hint: String::new(),
        };
        match luck {
            _ if !self.story.policy.capabilities.revoke => Identity::Unavailable,
            _ if !self.at_hand(wanted) => Identity::Unknown("the value is not at hand".to_owned()),
            Luck::Good if self.story.world.keys[key].is == KeyIs::Archived => Identity::NotFound,
            Luck::Good => Identity::Proven(listed),
            Luck::Refused => Identity::NotFound,
            Luck::UnknownDone => Identity::Ambiguous(vec![listed.clone(), listed]),
            Luck::UnknownNotDone => Identity::Unknown("no answer".to_owned()),
        }
    }

    fn not_told(&mut self, wanted: Fingerprint) {
        self.facts.unknown_calls.entry(wanted).or_default().add("no answer".to_owned());
    }

    fn mint(&mut self, is_resumed: bool, dice: &mut Dice) -> Result<(), End> {
        let luck = dice.luck();
        let made = match luck {
            Luck::Good | Luck::UnknownDone => self.story.world.make(),
            Luck::UnknownNotDone | Luck::Refused => None,
        };
        dice.crash_point()?;
        self.facts.listed = None;
        let minting = &mut self.facts.minting;
        minting.is_resumed |= is_resumed && minting.unknown.count == 0;
        match (luck, made) {
            (Luck::Good, Some(made)) => {
                self.brought = Some(made);
                let provider_key_id = Some(id(made));
                self.facts.minted =
                    Some(Credential { provider_key_id, never_served: true, ..world::candidate(made) });
            }
            (Luck::Good | Luck::Refused, _) => minting.refused = Some("no".to_owned()),
            (Luck::UnknownDone | Luck::UnknownNotDone, _) => minting.unknown.add("no answer".to_owned()),
        }
        Ok(())
    }

    fn act(&mut self, effect: &Effect, dice: &mut Dice) -> Result<(), End> {
        let is_resumed = self.story.state.as_ref().is_some_and(|state| state.intent.is_some());
        if let Some(state) = &self.story.state
            && state.intent.as_ref().is_none_or(|intent| intent.effect != *effect)
        {
            let command = self.goal.command().to_owned();
            let intent = Intent { effect: effect.clone(), command, begun_at: self.now() };
            self.record(&Event::Intended { intent }, dice)?;
        }
        dice.crash_point()?;
        match effect {
            Effect::StoreAdopted { slot, credential } => {
                self.store(*slot, credential, dice)?;
                let at = self.now().wall;
                self.record(
                    &Event::Adopted { credential: credential.clone(), slot: *slot, at, placement: None },
                    dice,
                )
            }
            Effect::StoreStaged { slot, credential, rotation } => {
                self.store(*slot, credential, dice)?;
                let (credential, rotation) = (credential.clone(), rotation.clone());
                self.record(&Event::Staged { slot: *slot, credential, rotation, placement: None }, dice)
            }
            Effect::Mint { .. } => self.mint(is_resumed, dice),
            Effect::Sweep { ids } => {
                for id in ids {
                    let luck = dice.luck();
                    if matches!(luck, Luck::Good | Luck::UnknownDone) {
                        self.story.delete_unused(id);
                    }
                    dice.crash_point()?;
                    self.facts.listed = None;
                    match luck {
                        Luck::Good => {}
                        Luck::Refused => {
                            self.facts.sweeping.refused = Some("no".to_owned());
                            return Ok(());
                        }
                        Luck::UnknownDone | Luck::UnknownNotDone => {
                            self.facts.sweeping.unknown.add("no answer".to_owned());
                            return Ok(());
                        }
                    }
                }
                self.facts.minting = Attempts::default();
                self.facts.swept.extend(ids.iter().cloned());
                self.record(&Event::Swept { ids: ids.clone() }, dice)
            }
            Effect::WriteTargets { targets, fingerprint } => {
                if !self.at_hand(*fingerprint) {
                    return Err(End::Failed("the active value is not at hand"));
                }
                let mut outcomes = BTreeMap::new();
                for at in (0..self.story.world.targets.len()).filter(|at| targets.contains(&target_id(*at))) {
                    let luck = dice.luck();
                    if matches!(luck, Luck::Good | Luck::UnknownDone) {
                        self.story.world.write_target(at, Some(number(*fingerprint)), false);
                    }
                    let outcome = match (luck, self.story.world.targets[at].readable) {
                        (Luck::Good, true) => Propagation::Confirmed,
                        (Luck::Good, false) => Propagation::Written,
                        _ => {
                            self.facts.failed_targets.insert(target_id(at), "it failed".to_owned());
                            Propagation::Failed { reason: "it failed".to_owned() }
                        }
                    };
                    outcomes.insert(target_id(at), outcome);
                }
                dice.crash_point()?;
                self.facts.target_reads = None;
                self.facts.reached_stale = matches!(
                    self.story.state.as_ref().map(|state| &state.phase),
                    Some(Phase::Revoked { .. })
                );
                self.record(
                    &Event::TargetsWritten { outcomes, versions: BTreeMap::new(), places: BTreeMap::new() },
                    dice,
                )
            }
            Effect::Erase { slot, fingerprints } => {
                if dice.luck() == Luck::Refused {
                    return Err(End::Failed("the slot could not be erased"));
                }
                let held = self.story.world.slot(*slot);
                if held.is_some_and(|held| fingerprints.contains(&fingerprint(held))) {
                    *held = None;
                }
                dice.crash_point()?;
                let event = match self.story.state.as_ref().map(|state| &state.phase) {
                    Some(Phase::Promoted { .. }) => {
                        Event::RolledBack { targets: self.story.policy.targets.clone() }
                    }
                    _ => Event::StagedDropped { reason: "aborted".to_owned() },
                };
                self.record(&event, dice)
            }
            Effect::Revoke { id, fingerprint } => {
                let luck = dice.luck();
                if matches!(luck, Luck::Good | Luck::UnknownDone) {
                    self.revoke(&id.0, number(*fingerprint), dice);
                }
                dice.crash_point()?;
                self.called(*fingerprint, luck);
                Ok(())
            }
            Effect::Reactivate { id, fingerprint } => {
                let key = &mut self.story.world.keys[number(*fingerprint)];
                let luck = if key.is == KeyIs::Archived { Luck::Refused } else { dice.luck() };
                if matches!(luck, Luck::Good | Luck::UnknownDone) {
                    assert_eq!(*id, world::id(number(*fingerprint)), "reactivated by another key's id");
                    key.is = KeyIs::Active;
                    key.disabled_by_person = false;
                }
                dice.crash_point()?;
                let takes_back = !self.story.state.as_ref().is_some_and(KeyState::is_undoing);
                if takes_back && luck == Luck::Good {
                    let reason = "taken back".to_owned();
                    self.facts.taken_back = Some(TakenBack { fingerprint: *fingerprint, reason });
                }
                self.called(*fingerprint, luck);
                Ok(())
            }
            Effect::Delete { id, fingerprint } => {
                let luck = dice.luck();
                let victim = number(*fingerprint);
                assert_eq!(*id, world::id(victim), "deleted by another key's id");
                let is_active = self.story.world.keys[victim].is == KeyIs::Active;
                assert!(!is_active, "{victim} is deleted while its key is active");
                if matches!(luck, Luck::Good | Luck::UnknownDone) {
                    self.story.world.keys[victim].is = KeyIs::Archived;
                }
                dice.crash_point()?;
                self.called(*fingerprint, luck);
                Ok(())
            }
        }
    }

    fn store(&mut self, slot: SlotName, credential: &Credential, dice: &mut Dice) -> Result<(), End> {
        assert!(self.at_hand(credential.fingerprint), "stored without the value");
        assert_eq!(
            self.facts.probes.get(&credential.fingerprint),
            Some(&Verdict::Accepted),
            "stored unproved"
        );
        let luck = dice.luck();
        if matches!(luck, Luck::Good | Luck::UnknownDone) {
            *self.story.world.slot(slot) = Some(number(credential.fingerprint));
        }
        if luck != Luck::Good {
            if self.story.state.is_some() && luck != Luck::UnknownDone && !credential.never_served {
                self.record(&Event::IntentDropped { reason: "the slot failed".to_owned() }, dice)?;
            }
            return Err(End::Failed("the slot could not be written"));
        }
        dice.crash_point()
    }

    fn revoke(&mut self, named: &str, victim: usize, dice: &mut Dice) {
        if self.story.world.keys[victim].is != KeyIs::Active {
            return;
        }
        self.story.judge_revocation(named, victim, &self.goal, &self.facts);
        let lag = if dice.luck() == Luck::Good { 20 } else { 10 * REVOKE_TIMEOUT };
        let key = &mut self.story.world.keys[victim];
        key.is = KeyIs::Inactive;
        key.accepted_until = self.story.world.truth + lag;
    }

    fn called(&mut self, fingerprint: Fingerprint, luck: Luck) {
        self.facts.probes.remove(&fingerprint);
        if let Some(state) = &self.story.state {
            self.facts.probes.remove(&state.active().fingerprint);
        }
        self.facts.key_statuses.remove(&fingerprint);
        self.facts.listed = None;
        match luck {
            Luck::Good => {
                self.facts.confirmed_calls.insert(fingerprint);
            }
            Luck::Refused => {
                self.facts.refused.insert(fingerprint, "not allowed".to_owned());
            }
            _ => self.not_told(fingerprint),
        }
    }
}
