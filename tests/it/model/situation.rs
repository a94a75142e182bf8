//! One situation: the world, the state file, two operators, and what may still go wrong.

use super::names::NONE;
use super::world::World;

/// What was seen to break, at the moment in which it broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Broken {
    /// `apply` refuses what `plan` asks.
    Refused,
    /// The active credential is revoked.
    ActiveRevoked,
    /// A credential is revoked before its time, by the true time.
    TooEarly,
    /// An emergency revokes what is no suspect.
    NoSuspect,
    /// A second rotation begins inside another one.
    SecondRotation,
    /// The window is shorter than it must be.
    ShortWindow,
    /// A credential is called revoked, and is accepted.
    CalledDead,
    /// A credential is called accepted, and is not.
    CalledAlive,
    /// A credential that was revoked is staged.
    DeadStaged,
    /// A key is deleted that somebody uses.
    DeletedInUse,
    /// A revocation is repeated though it had happened.
    RevokedTwice,
    /// A second key is made while there is one that nobody knows of.
    MintedTwice,
    /// Consumers are given a credential that is dead, or none.
    DeadGiven,
}

/// What comes of something that leaves this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Luck {
    Good,
    /// Done, but it takes a while until that shows.
    Late,
    UnknownDone,
    UnknownNotDone,
    Refused,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    Tick,
    ClockSet(i8),
    Reboot,
    /// The consumer of the target reads it again.
    Refresh,
    /// A job asks `rotate key`.
    Ask,
    LeaseTaken,
    LeaseDropped,
    /// An operator types one of the commands that are theirs.
    Typed {
        operator: usize,
        command: usize,
    },
    /// A run takes its next step.
    Step {
        operator: usize,
        luck: Luck,
    },
    Crash {
        operator: usize,
    },
}

/// Where a run stands between two of its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum At {
    Planning,
    /// The intent is durable; the effect comes next.
    Begun {
        is_resumed: bool,
        has_looked: bool,
    },
    /// The target is being written.
    Writing(Writing),
    /// The effect is done; its outcome is to be committed.
    Outcome {
        is_well: bool,
    },
}

/// A write of the target: read the label, look at the state, move the label, look once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Writing {
    pub value: u8,
    pub fence: u8,
    /// The version that bore the label.
    pub version: u8,
    pub has_looked: bool,
    /// The run was overtaken after it had written, and puts the active value over its own.
    pub is_mending: bool,
}

/// A run of a command. Large things are numbers on a shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    pub goal: u32,
    pub is_emergency: bool,
    /// The state as this run knows it.
    pub snapshot: u32,
    /// Somebody else has committed since.
    pub is_overtaken: bool,
    pub facts: u32,
    /// The effect that is under way.
    pub effect: u32,
    pub at: At,
    /// Which values are in memory, one bit a credential.
    pub values: u8,
    /// When the provider's date was seen, and how the wall clock was off then.
    pub date: Option<(u8, i8)>,
    pub has_committed: bool,
}

impl Run {
    pub fn has_value(&self, credential: u8) -> bool {
        self.values & bit(credential) != 0
    }
}

pub fn bit(credential: u8) -> u8 {
    if credential == NONE { 0 } else { 1 << credential }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operator {
    pub runs_left: u8,
    pub run: Option<Run>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Situation {
    pub world: World,
    /// The state file.
    pub file: u32,
    pub operators: [Operator; 2],
    pub crashes: u8,
    pub faults: u8,
    pub jumps: u8,
    pub reboots: u8,
    pub broken: Option<Broken>,
}

impl Situation {
    pub fn run(&mut self, operator: usize) -> &mut Run {
        self.operators[operator].run.as_mut().unwrap()
    }

    /// The run is over. One that changed nothing was for free.
    pub fn end(&mut self, operator: usize) {
        let operator = &mut self.operators[operator];
        if operator.run.is_some_and(|run| !run.has_committed) {
            operator.runs_left += 1;
        }
        operator.run = None;
    }

    pub fn breaks(&mut self, broken: Broken) {
        self.broken.get_or_insert(broken);
    }
}
