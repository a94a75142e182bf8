//! The driver in small steps over the shipped `plan` and `apply`. Between any two of them the other operator, a crash or
//! time may come in.

use rotate::rotation::credential::SlotName;
use rotate::rotation::event::Event;
use rotate::rotation::phase::{Ending, KeyState, Phase, Rotation};
use rotate::rotation::plan::{Facts, Goal, Policy, RevokeNow, Step, plan, suspects};
use rotate::rotation::transition::apply;

use super::brief::Brief;
use super::commit::{Commit, CommitKey};
use super::names::{candidate, fingerprint, key_id, moment, rotation};
use super::observe::{Answer, learn};
use super::rest::Ended;
use super::setting::{Command, Guard, Setting};
use super::shelf::{Memory, Shelf};
use super::situation::{At, Luck, Operator, Run, Situation, bit};
use super::world::{Now, World};

/// No run takes more steps between two looks at the world.
const STEPS_LIMIT: usize = 30;

pub struct Explorer {
    pub setting: Setting,
    pub policy: Policy,
    pub states: Shelf<KeyState>,
    pub steps: Shelf<Step>,
    pub goals: Shelf<Goal>,
    pub facts: Shelf<Facts>,
    no_facts: u32,
    briefs: Memory<u32, Brief>,
    wanted: Memory<(u32, u32), Option<u32>>,
    plans: Memory<(u32, u32, u32, Now), u32>,
    learnt: Memory<(u32, u32, Answer), u32>,
    pub commits: Memory<CommitKey, Commit>,
    pub rested: Memory<(u32, World), Ended>,
}

impl Explorer {
    pub fn new(setting: Setting) -> Self {
        let facts = Shelf::default();
        let no_facts = facts.put(Facts::default());
        Self {
            policy: setting.policy(),
            setting,
            states: Shelf::default(),
            steps: Shelf::default(),
            goals: Shelf::default(),
            facts,
            no_facts,
            briefs: Memory::default(),
            wanted: Memory::default(),
            plans: Memory::default(),
            learnt: Memory::default(),
            commits: Memory::default(),
            rested: Memory::default(),
        }
    }

    /// The situation from which everything is explored.
    pub fn beginning(&self) -> Situation {
        let mut today = candidate(0);
        today.provider_key_id = Some(key_id(World::taken_for(0, self.setting.lies)));
        let adopted =
            Event::Adopted { credential: today, slot: SlotName::Primary, at: moment(0), placement: None };
        let file = self.states.put(apply(None, &adopted).unwrap());
        let world = World::new(self.setting.settles_at, self.setting.mints);
        let mut situation = self.left_alone(file, world);
        for command in self.setting.given {
            situation = self.alone(situation, *command).0;
            assert_eq!(situation.broken, None, "{command:?}");
        }
        let operator = |index: usize| Operator { runs_left: self.setting.runs[index], run: None };
        Situation {
            operators: [operator(0), operator(1)],
            crashes: self.setting.crashes,
            faults: self.setting.faults,
            jumps: self.setting.jumps,
            reboots: self.setting.reboots,
            ..situation
        }
    }

    /// Nobody is at work, and nothing goes wrong.
    pub fn left_alone(&self, file: u32, world: World) -> Situation {
        let operator = Operator { runs_left: 1, run: None };
        Situation {
            world,
            file,
            operators: [operator; 2],
            crashes: 0,
            faults: 0,
            jumps: 0,
            reboots: 0,
            broken: None,
        }
    }

    pub fn brief(&self, state: u32) -> Brief {
        self.briefs.of(state, || Brief::of(&self.states.get(state)))
    }

    /// What a run would do next.
    pub fn plan(&self, situation: &Situation, operator: usize) -> u32 {
        let run = situation.operators[operator].run.unwrap();
        let now = now(&situation.world, &run);
        self.plans.of((run.goal, run.snapshot, run.facts, now), || {
            let (state, goal, facts) =
                (self.states.get(run.snapshot), self.goals.get(run.goal), self.facts.get(run.facts));
            let stamp = now.stamp(!self.setting.has(Guard::TrustedClock));
            self.steps.put(plan(Some(&state), &goal, &facts, &self.policy, &stamp))
        })
    }

    pub fn learn(&self, run: &mut Run, step: u32, answer: Answer) {
        run.facts = self.learnt.of((run.facts, step, answer), || {
            let mut facts = (*self.facts.get(run.facts)).clone();
            learn(&mut facts, &self.steps.get(step), answer);
            self.facts.put(facts)
        });
    }

    /// An operator types a command; `None` where it ends before it has asked or changed anything.
    pub fn begin(&self, situation: &Situation, operator: usize, command: Command) -> Option<Situation> {
        let (begun, first) = self.typed(situation, operator, command)?;
        let is_over = matches!(*self.steps.get(first), Step::Done | Step::Refused(_) | Step::Wait(_));
        (!is_over).then_some(begun)
    }

    /// The same with its first step; `None` where the workflow knows that nothing is left to do.
    pub fn typed(
        &self,
        situation: &Situation,
        operator: usize,
        command: Command,
    ) -> Option<(Situation, u32)> {
        let file = self.loaded(situation.file, command);
        let goal = self.wanted.of((command.code(), file), || {
            self.goal(&self.states.get(file), command).map(|goal| self.goals.put(goal))
        })?;
        let brought = match command {
            Command::Stage { credential, .. } => bit(credential),
            Command::RevokeNow { replacement: Some(replacement), .. } => bit(replacement),
            _ => 0,
        };
        let mut next = *situation;
        next.operators[operator].runs_left -= 1;
        next.operators[operator].run = Some(Run {
            goal,
            is_emergency: command.is_emergency(),
            snapshot: file,
            is_overtaken: false,
            facts: self.no_facts,
            effect: 0,
            at: At::Planning,
            values: brought,
            date: None,
            has_committed: false,
        });
        let first = self.plan(&next, operator);
        Some((next, first))
    }

    /// The state as a command reads it; without the one-way door, `abort` does not see that a revocation was begun.
    fn loaded(&self, file: u32, command: Command) -> u32 {
        if self.setting.has(Guard::OneWayRevoke) || command != Command::Abort || !self.brief(file).is_revoking
        {
            return file;
        }
        self.states.put(KeyState { intent: None, ..(*self.states.get(file)).clone() })
    }

    /// What a command wants, as the workflow makes it; `None` where there is nothing left to do.
    fn goal(&self, state: &KeyState, command: Command) -> Option<Goal> {
        Some(match command {
            Command::Stage { credential, replace } => Goal::Stage {
                candidate: candidate(credential),
                rotation: rotation(&format!("stage-{credential}")),
                replace,
            },
            Command::Mint => Goal::Mint { rotation: rotation("mint"), replace: false },
            Command::Promote => Goal::Promote,
            Command::Finish => Goal::Finish { accept_unknown: Default::default(), reason: None },
            Command::Abort => Goal::Abort,
            Command::Undo => Goal::Undo,
            Command::Purge => Goal::Purge,
            Command::RevokeNow { suspect, replacement, accept_outage } => {
                let reason = format!("{command:?}");
                let last = state.last_rotation.as_ref().filter(|last| last.ended == Ending::Emergency);
                let is_repeated =
                    last.is_some_and(|last| last.rotation.reason.as_deref() == Some(reason.as_str()));
                let serves =
                    replacement.is_some_and(|given| state.active().fingerprint == fingerprint(given));
                let is_still = matches!(state.phase, Phase::Idle { .. } | Phase::Revoked { .. });
                let is_over = is_still && last.is_some() && (serves || is_repeated && !state.outage);
                if state.emergency.is_none() && (is_over || accept_outage && state.outage) {
                    return None;
                }
                let suspects = match &state.emergency {
                    Some(emergency) => emergency.suspects.clone(),
                    None => suspects(state, suspect),
                };
                let rotation = Rotation { reason: Some(reason.clone()), ..rotation("emergency") };
                let replacement = replacement.map(candidate);
                Goal::RevokeNow(RevokeNow { suspects, reason, replacement, accept_outage, rotation })
            }
        })
    }

    /// A run takes one step. What it says at its end, where it ends.
    pub fn step(&self, situation: &mut Situation, operator: usize, luck: Luck) -> Option<u32> {
        match situation.run(operator).at {
            At::Planning => self.next(situation, operator, luck),
            At::Begun { .. } => self.affect(situation, operator, luck),
            At::Writing(writing) => self.write_on(situation, operator, writing, luck),
            At::Outcome { is_well } => self.close(situation, operator, is_well),
        }
        self.hurry(situation, operator)
    }

    fn next(&self, situation: &mut Situation, operator: usize, luck: Luck) {
        let number = self.plan(situation, operator);
        match &*self.steps.get(number) {
            Step::Observe(question) => {
                let answer = self.ask(situation, operator, question, luck);
                self.learn(situation.run(operator), number, answer);
            }
            Step::Act(effect) => self.intend(situation, operator, number, effect),
            Step::Record(_) => self.record(situation, operator, number),
            Step::Wait(_) | Step::Done | Step::Refused(_) => situation.end(operator),
        }
    }

    /// Whatever cannot come out in another way later is done at once.
    fn hurry(&self, situation: &mut Situation, operator: usize) -> Option<u32> {
        for _ in 0..STEPS_LIMIT {
            let run = situation.operators[operator].run?;
            if run.at != At::Planning {
                return None;
            }
            let number = self.plan(situation, operator);
            match &*self.steps.get(number) {
                Step::Observe(question) if self.is_steady(question) => {
                    let answer = self.ask(situation, operator, question, Luck::Good);
                    self.learn(situation.run(operator), number, answer);
                }
                Step::Wait(_) | Step::Done | Step::Refused(_) => {
                    situation.end(operator);
                    return Some(number);
                }
                _ => return None,
            }
        }
        panic!("the plan goes in circles");
    }
}

/// This moment by the clocks of a run, with the provider's carried on from when it was seen.
pub fn now(world: &World, run: &Run) -> Now {
    let provider = run.date.map_or(0, |(at, offset)| {
        let passed = i16::from(world.truth) - i16::from(at);
        let by_wall = passed + i16::from(world.wall_offset) - i16::from(offset);
        at + u8::try_from(passed.min(by_wall).max(0)).unwrap()
    });
    world.now(provider)
}
