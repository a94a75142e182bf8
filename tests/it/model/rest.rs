//! From wherever a history is cut off, one operator who runs what the messages name comes to rest.

use rotate::rotation::effect::Effect;
use rotate::rotation::phase::{Direction, KeyState, Phase};
use rotate::rotation::plan::{Refusal, Step, Suspect, Wanted};

use super::explorer::Explorer;
use super::names::{CREDENTIALS, FOREIGN, NONE, key_id, number};
use super::setting::{Command, UNIT_SECONDS};
use super::situation::{Luck, Situation};
use super::world::{Consumer, KeyIs, World};

/// So many commands are typed at most; a clock that was set back makes some of them wait.
const COMMANDS_LIMIT: usize = 24;
const STEPS_LIMIT: usize = 200;

/// What became of a command that ran alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Done,
    Wait {
        units: u8,
    },
    Refused(Refusal),
    /// A value was not at hand, or it went in circles.
    Failed,
}

/// Whether it came to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    AtRest,
    Never,
}

impl Explorer {
    /// One command from its start to its end, and all is well.
    pub fn alone(&self, situation: Situation, command: Command) -> (Situation, End) {
        let Some((begun, first)) = self.typed(&situation, 0, command) else {
            return (situation, End::Done);
        };
        if let Some(end) = end_of(&self.steps.get(first)) {
            return (situation, end);
        }
        let mut now = begun;
        for _ in 0..STEPS_LIMIT {
            let last = self.step(&mut now, 0, Luck::Good);
            if now.broken.is_some() {
                return (now, End::Failed);
            }
            if now.operators[0].run.is_none() {
                now.operators[0].runs_left = 1;
                let end = last.and_then(|last| end_of(&self.steps.get(last))).unwrap_or(End::Failed);
                return (now, end);
            }
        }
        (now, End::Failed)
    }

    /// Whether one who reruns commands comes to rest, if everybody else leaves now what they are at.
    pub fn comes_to_rest(&self, situation: &Situation) -> bool {
        let nobody = Consumer { holds: NONE, stale_since: 0, used_until: [0; CREDENTIALS] };
        let world = World { reader: nobody, asker: nobody, leased: NONE, ..situation.world };
        let file = situation.file;
        self.rested.of((file, world), || self.rerun(self.left_alone(file, world), &mut |_, _| {}))
            == Ended::AtRest
    }

    /// Types one command after the other; `told` hears of each.
    pub fn rerun(&self, mut situation: Situation, told: &mut dyn FnMut(Command, &End)) -> Ended {
        let mut hint = None;
        for _ in 0..COMMANDS_LIMIT {
            let state = self.states.get(situation.file);
            let brief = self.brief(situation.file);
            if brief.is_at_rest {
                // What the provider lags with shows by now.
                situation.world.truth += 1;
                return if self.is_well(&situation, &state) { Ended::AtRest } else { Ended::Never };
            }
            let command = hint.take().unwrap_or_else(|| self.resume(&state, &situation.world));
            let (after, end) = self.alone(situation, command);
            told(command, &end);
            situation = after;
            if situation.broken.is_some() {
                return Ended::Never;
            }
            match end {
                End::Done => {}
                End::Wait { units } => situation.world.truth += units,
                End::Failed => return Ended::Never,
                End::Refused(refusal) => {
                    situation.world.truth += 1;
                    hint = self.follow(&refusal, command, &state, &situation.world);
                }
            }
        }
        Ended::Never
    }

    /// Whether the world at rest is as it should be.
    fn is_well(&self, situation: &Situation, state: &KeyState) -> bool {
        let brief = self.brief(situation.file);
        let world = &situation.world;
        let serves = world.accepts(brief.active)
            && world.target.holds() == brief.active
            && world.slots[brief.active_slot] == brief.active;
        let is_orphan = |key: u8| {
            let made = &world.keys[usize::from(key)];
            made.is == KeyIs::Active && made.made_at > 0 && !made.is_strange && !state.knows(&key_id(key))
        };
        let has_wronged = self.setting.lies && world.keys[usize::from(FOREIGN)].is != KeyIs::Active;
        (brief.is_outage || serves) && !has_wronged && !(0..=FOREIGN).any(is_orphan)
    }

    /// What `status` names as the next command.
    fn resume(&self, state: &KeyState, world: &World) -> Command {
        if state.emergency.is_some() {
            return self.emergency(state, world);
        }
        if let Some(intent) = &state.intent
            && let Some(command) = self.named(&intent.command, state, world)
        {
            return command;
        }
        match &state.phase {
            Phase::Idle { .. } | Phase::Revoked { .. } if state.left_over.is_some() => Command::Abort,
            Phase::Idle { .. } | Phase::Revoked { .. } | Phase::SecondaryStaged { .. } => Command::Promote,
            Phase::Promoted { direction: Direction::Forward, .. } => Command::Promote,
            Phase::Promoted { direction: Direction::Back, .. } => Command::Abort,
            Phase::GraceWindow { .. } => Command::Finish,
        }
    }

    fn emergency(&self, state: &KeyState, world: &World) -> Command {
        let is_fit = |credential: &u8| {
            let known = super::names::fingerprint(*credential);
            world.keys[usize::from(*credential)].is == KeyIs::Active
                && world.accepts(*credential)
                && !state.dead.contains(&known)
                && !state.is_suspect(known)
                && state.active().fingerprint != known
        };
        // With a provider that makes them, nobody brings one.
        let replacement = (0..FOREIGN).rev().find(is_fit).filter(|_| !self.setting.mints);
        Command::RevokeNow { suspect: Suspect::All, replacement, accept_outage: replacement.is_none() }
    }

    fn named(&self, command: &str, state: &KeyState, world: &World) -> Option<Command> {
        Some(match command {
            "stage" if self.setting.mints => Command::Mint,
            "stage" => {
                let begun = match state.intent.as_ref().map(|intent| &intent.effect) {
                    Some(Effect::StoreStaged { credential, .. }) => number(credential.fingerprint),
                    _ => 1,
                };
                Command::Stage { credential: begun, replace: true }
            }
            "promote" => Command::Promote,
            "finish" => Command::Finish,
            "abort" => Command::Abort,
            "undo" => Command::Undo,
            "purge" => Command::Purge,
            "revoke-now" => self.emergency(state, world),
            _ => return None,
        })
    }

    /// What the message of a refusal tells the operator to run; `None`: the same again, as the state has it.
    fn follow(&self, refusal: &Refusal, typed: Command, state: &KeyState, world: &World) -> Option<Command> {
        match refusal {
            Refusal::Busy { resume, .. } => self.named(resume, state, world),
            Refusal::WrongPhase { next } => next.last().and_then(|next| self.named(next, state, world)),
            Refusal::StrangeKey { .. } | Refusal::NoRoom { .. } | Refusal::ActiveRejected { .. } => {
                Some(Command::Abort)
            }
            Refusal::Rejected { wanted: Wanted::Retiring, .. } if typed == Command::Abort => {
                Some(match state.phase {
                    Phase::GraceWindow { .. } => Command::Finish,
                    _ => Command::Promote,
                })
            }
            Refusal::EvidenceMissing { .. } => Some(Command::Promote),
            // Which key it is will not be told better; the way back is open.
            Refusal::TakenBack { .. } if self.setting.lies => Some(Command::Abort),
            _ => None,
        }
    }
}

fn end_of(step: &Step) -> Option<End> {
    match step {
        Step::Done => Some(End::Done),
        Step::Wait(wait) => {
            let units = wait.remaining_seconds.div_ceil(UNIT_SECONDS);
            Some(End::Wait { units: u8::try_from(units).unwrap() })
        }
        Step::Refused(refusal) => Some(End::Refused(refusal.clone())),
        _ => None,
    }
}
