//! Committing events: compare-and-swap on the state file, and the judgement on what is written there.

use std::collections::BTreeMap;

use rotate::rotation::effect::{Effect, Intent};
use rotate::rotation::event::Event;
use rotate::rotation::phase::{KeyState, Phase, Propagation};
use rotate::rotation::plan::{Goal, Step};
use rotate::rotation::stamp::Stamp;
use rotate::rotation::transition::{Illegal, apply};

use super::explorer::{Explorer, now};
use super::names::{NONE, number, slot_index, target_id};
use super::observe::Answer;
use super::setting::{FLOOR, Guard, UNIT_SECONDS};
use super::situation::{At, Broken, Situation};
use super::world::{KeyIs, Now};

/// Which of a step's events is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Said {
    /// That the effect is about to be tried.
    Intended,
    /// The event that the plan asks for.
    Recorded,
    Outcome {
        is_well: bool,
    },
    /// Not revoked after all: somebody took a lease meanwhile.
    Leased,
}

/// Everything from which the next state follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommitKey {
    snapshot: u32,
    goal: u32,
    step: u32,
    said: Said,
    now: Now,
    moves: u8,
}

/// The next state, and what was said with it.
#[derive(Clone, Copy, Debug)]
pub struct Commit {
    /// `None`: `apply` refused it.
    next: Option<u32>,
    mark: Mark,
}

/// What an event claims of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Nothing,
    Switched,
    Staged { credential: u8, is_inside_another: bool },
    Opened { is_long_enough: bool },
    Undone { credential: u8 },
    Revoked { credential: u8, slot: u8, is_suspect: bool, active: u8, active_accepted: bool },
    EmergencyEnded,
    Dropped,
}

impl Explorer {
    /// Announces an effect, unless it stands there already; the effect is the next step.
    pub fn intend(&self, situation: &mut Situation, operator: usize, step: u32, effect: &Effect) {
        let intent = self.states.get(situation.run(operator).snapshot).intent.clone();
        let is_announced = intent.as_ref().is_some_and(|intent| intent.effect == *effect);
        if !is_announced
            && self.setting.has(Guard::IntentBeforeEffect)
            && !self.commit(situation, operator, step, Said::Intended)
        {
            return;
        }
        let run = situation.run(operator);
        run.effect = step;
        run.at = At::Begun { is_resumed: intent.is_some(), has_looked: false };
    }

    pub fn record(&self, situation: &mut Situation, operator: usize, step: u32) {
        self.commit(situation, operator, step, Said::Recorded);
    }

    /// Commits the outcome of the effect that is under way.
    pub fn close(&self, situation: &mut Situation, operator: usize, is_well: bool) {
        let run = situation.run(operator);
        run.at = At::Planning;
        let step = run.effect;
        if self.commit(situation, operator, step, Said::Outcome { is_well }) {
            situation.run(operator).effect = 0;
        }
    }

    /// Whether nobody was overtaken; otherwise the run ends.
    pub fn look(&self, situation: &mut Situation, operator: usize) -> bool {
        let is_first = !situation.run(operator).is_overtaken || !self.setting.has(Guard::CompareAndSwap);
        if !is_first {
            situation.end(operator);
        }
        is_first
    }

    /// Whether it was committed; otherwise the run is over.
    pub fn commit(&self, situation: &mut Situation, operator: usize, step: u32, said: Said) -> bool {
        if !self.look(situation, operator) {
            return false;
        }
        let run = *situation.run(operator);
        let now = now(&situation.world, &run);
        let key = CommitKey {
            snapshot: run.snapshot,
            goal: run.goal,
            step,
            said,
            now,
            moves: situation.world.moves,
        };
        let commit = self.commits.of(key, || self.work_out(key));
        let Some(next) = commit.next else {
            situation.breaks(Broken::Refused);
            return false;
        };
        let run = situation.run(operator);
        run.snapshot = next;
        run.has_committed = true;
        let (emergency_ended, has_dropped) =
            (commit.mark == Mark::EmergencyEnded, commit.mark == Mark::Dropped);
        if emergency_ended || has_dropped {
            self.learn(run, step, Answer::Recorded { emergency_ended, has_dropped });
        }
        situation.file = next;
        if let Some(other) = &mut situation.operators[1 - operator].run {
            other.is_overtaken = true;
        }
        self.judge(situation, operator, commit.mark);
        true
    }

    fn work_out(&self, key: CommitKey) -> Commit {
        let state = self.states.get(key.snapshot);
        let stamp = key.now.stamp(!self.setting.has(Guard::TrustedClock));
        let goal = self.goals.get(key.goal);
        let event = event(&state, &self.steps.get(key.step), &goal, key.said, &stamp, key.moves);
        let next = match apply(Some(&state), &event) {
            Ok(next) => Some(self.states.put(next)),
            Err(illegal) => {
                self.note_refusal(&illegal, &event, &state);
                None
            }
        };
        Commit { next, mark: mark(&state, &event) }
    }

    /// For whoever looks at a counterexample; a mutant is refused often, and says nothing.
    fn note_refusal(&self, illegal: &Illegal, event: &Event, state: &KeyState) {
        if self.setting.without.is_empty() {
            println!("apply refuses what plan asks ({illegal}): {event:?} of {state:#?}");
        }
    }

    /// Judges what was written by how the world really is.
    fn judge(&self, situation: &mut Situation, operator: usize, mark: Mark) {
        let run = *situation.run(operator);
        let has_value = |credential| run.has_value(credential);
        let world = &mut situation.world;
        match mark {
            Mark::Nothing | Mark::Dropped | Mark::EmergencyEnded => {}
            Mark::Switched => world.moves += 1,
            Mark::Staged { credential, is_inside_another } => {
                if is_inside_another {
                    situation.breaks(Broken::SecondRotation);
                } else if self.brief(situation.file).is_dead(credential) {
                    situation.breaks(Broken::DeadStaged);
                }
            }
            Mark::Opened { is_long_enough } => {
                world.opened = world.truth;
                // Where the floor is taken away, it is what comes of it that must be noticed.
                if !is_long_enough && self.setting.has(Guard::GraceFloor) {
                    situation.breaks(Broken::ShortWindow);
                }
            }
            Mark::Undone { credential } => {
                world.opened = world.truth;
                if !world.accepts(credential) {
                    situation.breaks(Broken::CalledAlive);
                }
            }
            Mark::Revoked { credential, slot, is_suspect, active, active_accepted } => {
                // A suspect whose value is lost cannot be looked at but in the provider's record.
                let is_lost = slot == NONE || world.slots[usize::from(slot)] != credential;
                let by_record = is_suspect && is_lost && !has_value(credential);
                let is_ended = world.keys[usize::from(credential)].is != KeyIs::Active;
                if world.accepts(credential) && !(by_record && is_ended) {
                    situation.breaks(Broken::CalledDead);
                } else if active_accepted && !world.accepts(active) {
                    situation.breaks(Broken::CalledAlive);
                }
            }
        }
    }
}

/// What a step writes down.
fn event(state: &KeyState, step: &Step, goal: &Goal, said: Said, stamp: &Stamp, moves: u8) -> Event {
    let effect = match step {
        Step::Record(Event::Switched { direction, targets, at }) => {
            // Each move of consumers happens at a moment of its own, however coarse the time is here.
            let at = *at + jiff::SignedDuration::from_nanos(i64::from(moves) + 1);
            return Event::Switched { direction: *direction, targets: targets.clone(), at };
        }
        Step::Record(event) => return event.clone(),
        Step::Act(effect) => effect,
        _ => unreachable!("{step:?} writes nothing down"),
    };
    match said {
        Said::Intended => Event::Intended {
            intent: Intent {
                effect: effect.clone(),
                command: goal.command().to_owned(),
                begun_at: stamp.clone(),
            },
        },
        Said::Leased => Event::IntentDropped { reason: "a lease was taken meanwhile".to_owned() },
        Said::Recorded | Said::Outcome { .. } => outcome(state, effect, said),
    }
}

fn outcome(state: &KeyState, effect: &Effect, said: Said) -> Event {
    match effect {
        Effect::StoreStaged { slot, credential, rotation } => Event::Staged {
            slot: *slot,
            credential: credential.clone(),
            rotation: rotation.clone(),
            placement: None,
        },
        Effect::Sweep { ids } => Event::Swept { ids: ids.clone() },
        Effect::WriteTargets { .. } => {
            let outcome = if said == (Said::Outcome { is_well: true }) {
                Propagation::Confirmed
            } else {
                Propagation::Failed { reason: "it failed".to_owned() }
            };
            let outcomes = [(target_id(), outcome)].into();
            Event::TargetsWritten { outcomes, versions: BTreeMap::new(), places: BTreeMap::new() }
        }
        Effect::Erase { .. } if matches!(state.phase, Phase::Promoted { .. }) => {
            Event::RolledBack { targets: [target_id()].into() }
        }
        Effect::Erase { .. } => Event::StagedDropped { reason: "aborted".to_owned() },
        _ => unreachable!("{effect:?} has no outcome of its own"),
    }
}

fn mark(state: &KeyState, event: &Event) -> Mark {
    match event {
        Event::Switched { .. } => Mark::Switched,
        Event::IntentDropped { .. } | Event::StagedDropped { .. } => Mark::Dropped,
        Event::EmergencyEnded => Mark::EmergencyEnded,
        Event::Staged { credential, .. } => Mark::Staged {
            credential: number(credential.fingerprint),
            is_inside_another: state.emergency.is_none()
                && matches!(state.phase, Phase::Promoted { .. } | Phase::GraceWindow { .. }),
        },
        Event::GraceOpened { window, .. } => {
            let floor = i64::try_from(u64::from(FLOOR) * UNIT_SECONDS).unwrap();
            let length = window.not_before.as_second() - window.opened_at.wall.as_second();
            Mark::Opened { is_long_enough: length >= floor }
        }
        Event::Undone { .. } => {
            let other = state.phase.other().map(|other| number(other.fingerprint));
            Mark::Undone { credential: other.unwrap() }
        }
        Event::Revoked { fingerprint: victim, proof } => Mark::Revoked {
            credential: number(*victim),
            slot: state.slot_of(*victim).map_or(NONE, |slot| u8::try_from(slot_index(slot)).unwrap()),
            is_suspect: state.is_suspect(*victim),
            active: number(state.active().fingerprint),
            active_accepted: proof.active_accepted,
        },
        _ => Mark::Nothing,
    }
}
