//! The answers to what a plan asks, and what a run learns from them.

use rotate::rotation::credential::{
    Credential, Identity, KeyStatus, LastUseSeen, ListedKey, ProviderKey, ReadBack, Verdict,
};
use rotate::rotation::effect::Effect;
use rotate::rotation::lease::{LeaseSeen, LeaseStanding};
use rotate::rotation::phase::KeyState;
use rotate::rotation::plan::{Attempts, Facts, Question, Step, TakenBack};
use rotate::secret::Fingerprint;

use super::explorer::Explorer;
use super::names::{
    CREDENTIALS, NONE, candidate, fingerprint, key_id, key_number, moment, number, slot_index, target_id,
};
use super::setting::{Guard, UNIT_SECONDS};
use super::situation::{Luck, Situation, bit};
use super::world::{KeyIs, World};

/// What a run is told, in a few bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    Accepted,
    Rejected,
    Silence,
    /// The value is not at hand.
    Missing,
    Key(u8),
    Status(KeyIs),
    /// What the target holds.
    Holds(u8),
    Ready,
    Listed([(KeyIs, u8); CREDENTIALS]),
    Leased(u8),
    /// What came of a call about a credential; and which one is active.
    Called {
        luck: Luck,
        active: u8,
        takes_back: bool,
    },
    Minted {
        luck: Luck,
        key: u8,
        is_resumed: bool,
    },
    Swept(Luck),
    Written {
        is_well: bool,
        was_at_rest: bool,
    },
    Recorded {
        emergency_ended: bool,
        has_dropped: bool,
    },
}

impl Explorer {
    /// Whether the answer is the same at any time, so that nothing is gained by waiting with the question.
    pub fn is_steady(&self, question: &Question) -> bool {
        match question {
            Question::CheckTargets | Question::Identify(_) => true,
            Question::Leases => !self.setting.leases,
            _ => false,
        }
    }

    /// Asks the world.
    pub fn ask(&self, situation: &mut Situation, operator: usize, question: &Question, luck: Luck) -> Answer {
        let is_well = luck == Luck::Good;
        match question {
            Question::Probe(wanted)
            | Question::AwaitRejection(wanted)
            | Question::AwaitAcceptance(wanted)
            | Question::AwaitPerson(wanted) => {
                let wanted = number(*wanted);
                if !self.at_hand(situation, operator, wanted) {
                    return Answer::Missing;
                }
                if !is_well {
                    return Answer::Silence;
                }
                let world = situation.world;
                situation.run(operator).date = Some((world.truth, world.wall_offset));
                let is_accepted = if self.setting.has(Guard::SettledProbe) {
                    world.accepts(wanted)
                } else {
                    world.may_answer_accepted(wanted)
                };
                if is_accepted { Answer::Accepted } else { Answer::Rejected }
            }
            Question::Identify(wanted) => {
                let wanted = number(*wanted);
                let key = World::taken_for(wanted, self.setting.lies);
                let is_there = situation.world.exists(key);
                match self.at_hand(situation, operator, wanted) {
                    false => Answer::Silence,
                    true if is_there => Answer::Key(key),
                    true => Answer::Missing,
                }
            }
            Question::KeyStatus(wanted) => {
                let state = self.states.get(situation.run(operator).snapshot);
                match id_on_record(&state, *wanted) {
                    Some(key) if is_well => Answer::Status(situation.world.keys[usize::from(key)].is),
                    _ => Answer::Silence,
                }
            }
            Question::CheckTargets => Answer::Ready,
            Question::ReadTargets if is_well => Answer::Holds(situation.world.target.holds()),
            Question::ListKeys if is_well => {
                Answer::Listed(situation.world.keys.map(|key| (key.is, key.made_at)))
            }
            Question::ReadTargets | Question::ListKeys => Answer::Silence,
            Question::Leases => Answer::Leased(situation.world.leased),
            Question::LastUse(_) | Question::Usage => Answer::Silence,
        }
    }

    /// Whether a run has a value in memory, or finds it in the slot where it should lie; then it keeps it.
    pub fn at_hand(&self, situation: &mut Situation, operator: usize, wanted: u8) -> bool {
        let slots = situation.world.slots;
        let run = situation.run(operator);
        if run.has_value(wanted) {
            return true;
        }
        let state = self.states.get(run.snapshot);
        let begun = match state.intent.as_ref().map(|intent| &intent.effect) {
            Some(Effect::StoreStaged { slot, credential, .. })
                if credential.fingerprint == fingerprint(wanted) =>
            {
                Some(*slot)
            }
            _ => None,
        };
        let slot = state.slot_of(fingerprint(wanted)).or(begun);
        let is_there = slot.is_some_and(|slot| slots[slot_index(slot)] == wanted);
        if is_there {
            run.values |= bit(wanted);
        }
        is_there
    }
}

/// The provider's id that the state knows for a credential.
fn id_on_record(state: &KeyState, wanted: Fingerprint) -> Option<u8> {
    let intended = match state.intent.as_ref().map(|intent| &intent.effect) {
        Some(Effect::Revoke { id, .. } | Effect::Reactivate { id, .. } | Effect::Delete { id, .. }) => {
            Some(id.clone())
        }
        _ => None,
    };
    let id = intended.or_else(|| state.credential(wanted)?.provider_key_id.clone());
    id.as_ref().map(key_number)
}

/// Adds to the facts of a run what an answer tells, as the driver does.
pub fn learn(facts: &mut Facts, step: &Step, answer: Answer) {
    match step {
        Step::Observe(question) => hear(facts, question, answer),
        Step::Act(effect) => feel(facts, effect, answer),
        _ => {}
    }
    if let Answer::Recorded { emergency_ended, has_dropped } = answer {
        facts.emergency_ended |= emergency_ended;
        facts.has_dropped |= has_dropped;
    }
}

fn hear(facts: &mut Facts, question: &Question, answer: Answer) {
    match question {
        Question::Probe(wanted)
        | Question::AwaitRejection(wanted)
        | Question::AwaitAcceptance(wanted)
        | Question::AwaitPerson(wanted) => {
            let verdict = match answer {
                Answer::Accepted => Verdict::Accepted,
                Answer::Rejected => Verdict::Rejected,
                _ => Verdict::Unknown,
            };
            if answer == Answer::Missing {
                facts.missing_values.insert(*wanted, "its slot is empty".to_owned());
            }
            facts.probes.insert(*wanted, verdict);
        }
        Question::Identify(wanted) => {
            let identity = match answer {
                Answer::Key(key) => Identity::Proven(listed_as(key)),
                Answer::Missing => Identity::NotFound,
                _ => Identity::Unknown("no answer".to_owned()),
            };
            facts.identities.insert(*wanted, identity);
        }
        Question::KeyStatus(wanted) => match answer {
            Answer::Status(is) => {
                facts.key_statuses.insert(*wanted, status(is));
            }
            _ => facts.unknown_calls.entry(*wanted).or_default().add("no answer".to_owned()),
        },
        Question::CheckTargets => facts.broken_targets = Some(Default::default()),
        Question::ReadTargets => {
            let read = match answer {
                Answer::Holds(NONE) => ReadBack::Absent,
                Answer::Holds(value) => ReadBack::Holds(fingerprint(value)),
                _ => ReadBack::Unknown("no answer".to_owned()),
            };
            facts.target_reads = Some([(target_id(), read)].into());
        }
        Question::ListKeys => {
            facts.listed = Some(match answer {
                Answer::Listed(keys) => {
                    Ok(listed(&keys).filter(|key| !facts.swept.contains(&key.id)).collect())
                }
                _ => Err("no answer".to_owned()),
            });
        }
        Question::Leases => {
            let leased = match answer {
                Answer::Leased(credential) if credential != NONE => vec![LeaseSeen {
                    id: "lease".to_owned(),
                    fingerprint: Some(fingerprint(credential)),
                    holder: "a job".to_owned(),
                    standing: LeaseStanding::Held,
                }],
                _ => Vec::new(),
            };
            facts.leases = Some(Ok(leased));
        }
        Question::LastUse(wanted) => {
            facts.last_uses.insert(*wanted, LastUseSeen::Never);
        }
        Question::Usage => facts.usage = Some(Err("no answer".to_owned())),
    }
}

fn feel(facts: &mut Facts, effect: &Effect, answer: Answer) {
    match (effect, answer) {
        (_, Answer::Leased(_)) => hear(facts, &Question::Leases, answer),
        (
            Effect::Revoke { fingerprint: wanted, .. }
            | Effect::Reactivate { fingerprint: wanted, .. }
            | Effect::Delete { fingerprint: wanted, .. },
            Answer::Called { luck, active, takes_back },
        ) => {
            facts.probes.remove(wanted);
            facts.probes.remove(&fingerprint(active));
            facts.key_statuses.remove(wanted);
            facts.listed = None;
            if takes_back {
                let reason = "taken back".to_owned();
                facts.taken_back = Some(TakenBack { fingerprint: *wanted, reason });
            }
            match luck {
                Luck::Good | Luck::Late => {
                    facts.confirmed_calls.insert(*wanted);
                }
                Luck::Refused => {
                    facts.refused.insert(*wanted, "not allowed".to_owned());
                }
                Luck::UnknownDone | Luck::UnknownNotDone => {
                    facts.unknown_calls.entry(*wanted).or_default().add("no answer".to_owned());
                }
            }
        }
        (Effect::Mint { .. }, Answer::Minted { luck, key, is_resumed }) => {
            facts.listed = None;
            let minting = &mut facts.minting;
            minting.is_resumed |= is_resumed && minting.unknown.count == 0;
            match luck {
                Luck::Good | Luck::Late if key != NONE => {
                    let provider_key_id = Some(key_id(key));
                    facts.minted = Some(Credential { provider_key_id, never_served: true, ..candidate(key) });
                }
                Luck::Good | Luck::Late | Luck::Refused => minting.refused = Some("no".to_owned()),
                Luck::UnknownDone | Luck::UnknownNotDone => minting.unknown.add("no answer".to_owned()),
            }
        }
        (Effect::Sweep { ids }, Answer::Swept(luck)) => {
            facts.listed = None;
            match luck {
                Luck::Good | Luck::Late => {
                    facts.minting = Attempts::default();
                    facts.swept.extend(ids.iter().cloned());
                }
                Luck::Refused => facts.sweeping.refused = Some("no".to_owned()),
                _ => facts.sweeping.unknown.add("no answer".to_owned()),
            }
        }
        (Effect::WriteTargets { .. }, Answer::Written { is_well, was_at_rest }) => {
            if !is_well {
                facts.failed_targets.insert(target_id(), "it failed".to_owned());
            }
            facts.target_reads = None;
            facts.reached_stale = was_at_rest;
        }
        _ => {}
    }
}

fn listed_as(key: u8) -> ProviderKey {
    ProviderKey {
        id: key_id(key),
        name: format!("key {key}"),
        status: KeyStatus::Active,
        workspace: None,
        expires_at: None,
        hint: String::new(),
    }
}

fn status(is: KeyIs) -> Option<KeyStatus> {
    match is {
        KeyIs::NotMade => None,
        KeyIs::Active => Some(KeyStatus::Active),
        KeyIs::Inactive => Some(KeyStatus::Inactive),
        KeyIs::Archived => Some(KeyStatus::Archived),
    }
}

fn listed(keys: &[(KeyIs, u8); CREDENTIALS]) -> impl Iterator<Item = ListedKey> {
    let units = i64::try_from(UNIT_SECONDS).unwrap();
    let all = (0_u8..).zip(keys).filter(|(_, (is, _))| matches!(is, KeyIs::Active | KeyIs::Inactive));
    all.map(move |(key, (is, made_at))| ListedKey {
        id: key_id(key),
        status: status(*is).unwrap(),
        created_at: Some(moment(units * i64::from(*made_at))),
        last_use: LastUseSeen::Never,
    })
}
