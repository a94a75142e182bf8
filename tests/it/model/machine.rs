//! The explorer as a machine that stateright walks through: what may happen, and what must always hold.

use rotate::rotation::effect::Effect;
use rotate::rotation::plan::{Question, Step};
use stateright::{Model, Property};

use super::act::is_call;
use super::explorer::Explorer;
use super::names::{CREDENTIALS, NONE};
use super::situation::{At, Broken, Happening, Luck, Situation};
use super::world::World;

const GOOD: &[Luck] = &[Luck::Good];
const UNHEARD: &[Luck] = &[Luck::Good, Luck::UnknownNotDone];
const PROMPT: &[Luck] = &[Luck::Good, Luck::UnknownDone, Luck::UnknownNotDone, Luck::Refused];
const LAGGING: &[Luck] = &[Luck::Good, Luck::Late];
const ALL: &[Luck] = &[Luck::Good, Luck::Late, Luck::UnknownDone, Luck::UnknownNotDone, Luck::Refused];
const WRITE: &[Luck] = &[Luck::Good, Luck::UnknownDone, Luck::UnknownNotDone];

impl Model for Explorer {
    type State = Situation;
    type Action = Happening;

    fn init_states(&self) -> Vec<Situation> {
        vec![self.beginning()]
    }

    fn actions(&self, situation: &Situation, happenings: &mut Vec<Happening>) {
        if situation.broken.is_some() {
            return;
        }
        let world = &situation.world;
        if world.truth < self.setting.horizon && world.may_go_on() {
            happenings.push(Happening::Tick);
        }
        if world.reader.stale_since > 0 {
            happenings.push(Happening::Refresh);
        }
        happenings.push(Happening::Ask);
        if situation.jumps > 0 {
            happenings.extend(self.setting.jumps_by.iter().map(|by| Happening::ClockSet(*by)));
        }
        if situation.reboots > 0 {
            happenings.push(Happening::Reboot);
        }
        if self.setting.leases {
            happenings.push(if world.leased == NONE {
                Happening::LeaseTaken
            } else {
                Happening::LeaseDropped
            });
        }
        for operator in 0..2 {
            self.offer(situation, operator, happenings);
        }
    }

    fn next_state(&self, before: &Situation, happening: Happening) -> Option<Situation> {
        let mut next = *before;
        match happening {
            Happening::Tick => self.tick(&mut next),
            Happening::ClockSet(by) => {
                next.world.wall_offset += by;
                next.jumps -= 1;
            }
            Happening::Reboot => {
                next.reboots -= 1;
                next.world.boot += 1;
                next.world.booted = next.world.truth;
                for operator in &mut next.operators {
                    operator.run = None;
                }
            }
            Happening::Refresh => {
                let value = next.world.target.holds();
                self.gives(&mut next, value);
                if next.broken.is_none() {
                    next.world.refresh();
                }
            }
            Happening::Ask => self.rotate_key(&mut next)?,
            Happening::LeaseTaken => {
                let brief = self.brief(next.file);
                let is_there = next.world.slots[brief.active_slot] == brief.active;
                next.world.leased = Some(brief.active).filter(|_| is_there && !brief.is_outage)?;
            }
            Happening::LeaseDropped => next.world.leased = NONE,
            Happening::Typed { operator, command } => {
                next = self.begin(before, operator, self.setting.commands[operator][command])?;
            }
            Happening::Step { operator, luck } => {
                if !matches!(luck, Luck::Good | Luck::Late) {
                    next.faults -= 1;
                }
                self.step(&mut next, operator, luck);
            }
            Happening::Crash { operator } => {
                next.crashes -= 1;
                next.operators[operator].run = None;
            }
        }
        Some(next).filter(|next| next != before)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        type Now = Situation;
        vec![
            Property::always(SERVED, |explorer: &Explorer, now: &Now| {
                now.broken != Some(Broken::DeadGiven) && explorer.all_are_served(now)
            }),
            Property::always(ACTIVE, |explorer: &Explorer, now: &Now| explorer.active_is_accepted(now)),
            Property::always(NOT_THE_ACTIVE, |_, now: &Now| now.broken != Some(Broken::ActiveRevoked)),
            Property::always(IN_TIME, |_, now: &Now| {
                !matches!(now.broken, Some(Broken::TooEarly | Broken::NoSuspect))
            }),
            Property::always(ONE_AT_A_TIME, |_, now: &Now| {
                !matches!(now.broken, Some(Broken::SecondRotation | Broken::DeadStaged))
            }),
            Property::always(NOT_TWICE, |_, now: &Now| {
                !matches!(now.broken, Some(Broken::RevokedTwice | Broken::MintedTwice))
            }),
            Property::always(RESTS, |explorer: &Explorer, now: &Now| {
                now.broken.is_some() || explorer.comes_to_rest(now)
            }),
            Property::always(LONG_ENOUGH, |_, now: &Now| now.broken != Some(Broken::ShortWindow)),
            Property::always(PROVEN, |_, now: &Now| {
                !matches!(now.broken, Some(Broken::CalledDead | Broken::CalledAlive | Broken::DeletedInUse))
            }),
            Property::always(ALLOWED, |_, now: &Now| now.broken != Some(Broken::Refused)),
        ]
    }
}

/// The promise itself.
pub const SERVED: &str =
    "every consumer that behaves as configured holds a credential that the provider accepts";
pub const ACTIVE: &str = "1: the active credential is accepted";
pub const NOT_THE_ACTIVE: &str = "2: the active credential is not the one revoked";
pub const IN_TIME: &str = "3: nothing is revoked before its time by the true clock, but suspects";
pub const ONE_AT_A_TIME: &str = "4: no rotation begins inside another one, and none with a dead credential";
pub const NOT_TWICE: &str = "5: nothing is made or revoked twice";
/// The other half of 5, and of 7: a wrong revocation is taken back.
pub const RESTS: &str = "5, 7: whoever reruns commands comes to rest, and nobody else's key stays revoked";
pub const LONG_ENOUGH: &str = "6: the window is as long as its floor";
pub const PROVEN: &str = "7: what is called dead is dead, and what is called accepted is accepted";
pub const ALLOWED: &str = "apply allows what plan asks";

impl Explorer {
    fn offer(&self, situation: &Situation, operator: usize, happenings: &mut Vec<Happening>) {
        let Some(run) = &situation.operators[operator].run else {
            let is_free = |command: usize| {
                let other = &situation.operators[1 - operator].run;
                !self.setting.is_locked
                    || self.setting.commands[operator][command].is_emergency()
                    || other.as_ref().is_none_or(|other| other.is_emergency)
            };
            if situation.operators[operator].runs_left > 0 {
                let all = 0..self.setting.commands[operator].len();
                happenings.extend(
                    all.filter(|command| is_free(*command))
                        .map(|command| Happening::Typed { operator, command }),
                );
            }
            return;
        };
        let lucks = self.lucks(situation, operator).iter();
        happenings.extend(lucks.map(|luck| Happening::Step { operator, luck: *luck }));
        // Without a trace in the world, a crash is as if nothing had been typed.
        if situation.crashes > 0 && (run.has_committed || run.at != At::Planning) {
            happenings.push(Happening::Crash { operator });
        }
    }

    /// What may come of the next step of a run.
    fn lucks(&self, situation: &Situation, operator: usize) -> &'static [Luck] {
        let run = situation.operators[operator].run.unwrap();
        let may_fail = situation.faults > 0;
        match run.at {
            At::Planning if may_fail => match &*self.steps.get(self.plan(situation, operator)) {
                Step::Observe(Question::Leases | Question::CheckTargets | Question::Identify(_)) => GOOD,
                Step::Observe(_) => UNHEARD,
                _ => GOOD,
            },
            At::Begun { has_looked, .. } => {
                let step = self.steps.get(run.effect);
                let Step::Act(effect) = &*step else { unreachable!() };
                if !is_call(effect) || (self.setting.late_calls && !has_looked) {
                    return GOOD;
                }
                let may_lag =
                    self.setting.lags && !matches!(effect, Effect::Delete { .. } | Effect::Sweep { .. });
                match (may_lag, may_fail) {
                    (true, true) => ALL,
                    (true, false) => LAGGING,
                    (false, true) => PROMPT,
                    (false, false) => GOOD,
                }
            }
            At::Writing(writing) if may_fail && writing.version != NONE && writing.has_looked => WRITE,
            _ => GOOD,
        }
    }

    fn tick(&self, next: &mut Situation) {
        next.world.go_on();
        let World { truth, wall_offset, .. } = next.world;
        for run in next.operators.iter_mut().filter_map(|operator| operator.run.as_mut()) {
            // The provider's clock goes on as long as nobody sets the wall clock.
            if let Some((at, offset)) = &mut run.date
                && *offset == wall_offset
            {
                *at = truth;
            }
        }
    }

    /// A job asks `rotate key`; `None` where there is nothing to give, by order.
    fn rotate_key(&self, next: &mut Situation) -> Option<()> {
        let brief = self.brief(next.file);
        if brief.is_outage {
            return None;
        }
        let slots = next.world.slots;
        let given = if slots[brief.active_slot] == brief.active {
            brief.active
        } else if brief.fallback != NONE && slots[1 - brief.active_slot] == brief.fallback {
            brief.fallback
        } else {
            NONE
        };
        self.gives(next, given);
        if next.broken.is_none() {
            next.world.give(given);
        }
        Some(())
    }

    /// Judges a credential at the moment in which consumers get it. In an emergency, dead ones may be left where they
    /// were for a while.
    fn gives(&self, situation: &mut Situation, given: u8) {
        let brief = self.brief(situation.file);
        let is_alive = given != NONE && situation.world.accepts(given);
        let was_ordered = given != NONE && situation.world.keys[usize::from(given)].was_ordered;
        let is_excused = brief.is_outage || brief.is_emergency || (brief.is_moving && was_ordered);
        if !is_alive && !is_excused {
            situation.breaks(Broken::DeadGiven);
        }
    }

    /// A suspect whose revocation was ordered is nobody's any more.
    fn all_are_served(&self, now: &Situation) -> bool {
        let brief = self.brief(now.file);
        (0..u8::try_from(CREDENTIALS).unwrap()).all(|credential| {
            let was_ordered = now.world.keys[usize::from(credential)].was_ordered;
            now.world.accepts(credential)
                || !now.world.is_in_use(credential)
                || was_ordered
                || brief.is_suspect(credential)
        })
    }

    fn active_is_accepted(&self, now: &Situation) -> bool {
        let brief = self.brief(now.file);
        brief.is_outage || brief.is_suspect(brief.active) || now.world.accepts(brief.active)
    }
}
