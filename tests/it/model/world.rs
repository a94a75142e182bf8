//! The world outside, as it really is, in a few bytes.

use rotate::rotation::stamp::{BootTime, Stamp};

use super::names::{CREDENTIALS, FOREIGN, NONE, moment};
use super::setting::{LONGEST_JOB, REFRESH, UNIT_SECONDS};

/// How many versions of the target are told apart.
const VERSIONS: usize = 14;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyIs {
    /// The provider may make it yet.
    NotMade,
    Active,
    Inactive,
    Archived,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub is: KeyIs,
    /// Until when the provider goes on accepting what it was told to refuse.
    pub accepted_until: u8,
    /// From when on every server of the provider accepts it.
    pub settled_from: u8,
    pub made_at: u8,
    /// It was made so long after its intent that it may be anybody's: it is left to a person.
    pub is_strange: bool,
    /// It was revoked because an operator had said that it leaked.
    pub was_ordered: bool,
}

/// A secret with versions, of which one bears the label that consumers read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    pub labelled: u8,
    count: u8,
    values: [u8; VERSIONS],
    /// For which move of consumers the labelled version was made on top of another, as a fence.
    pub fence: u8,
}

impl Target {
    pub fn holds(&self) -> u8 {
        self.values[usize::from(self.labelled)]
    }

    pub fn publish(&mut self, value: u8, fence: u8) {
        self.labelled = self.count;
        self.values[usize::from(self.count)] = value;
        self.count += 1;
        self.fence = fence;
    }

    /// The newest version with this value.
    pub fn version_with(&self, value: u8) -> Option<u8> {
        (0..self.count).rev().find(|version| self.values[usize::from(*version)] == value)
    }
}

/// A program that uses the key, and jobs that it has started.
///
/// The first reads the target: as long as nothing new is there it has just read it; then it goes on with what it read for
/// as long as the refresh allows. The second asks `rotate key` when it starts a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Consumer {
    /// What the next job gets.
    pub holds: u8,
    /// Since when the target holds something else; 0 where it does not.
    pub stale_since: u8,
    /// Until when a job may use a credential.
    pub used_until: [u8; CREDENTIALS],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct World {
    /// The true time in units; no clock of the program is it.
    pub truth: u8,
    pub wall_offset: i8,
    pub boot: u8,
    pub booted: u8,
    pub keys: [Key; CREDENTIALS],
    pub slots: [u8; 2],
    pub target: Target,
    pub reader: Consumer,
    pub asker: Consumer,
    /// The credential that a job under a lease holds.
    pub leased: u8,
    /// When the window was opened.
    pub opened: u8,
    /// How often the active credential changed: each move has its own name.
    pub moves: u8,
}

/// A moment by the program's clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Now {
    pub wall: i16,
    pub boot: u8,
    pub since_boot: u8,
    /// The provider's date; 0 where none is known.
    pub provider: u8,
}

impl Now {
    pub fn stamp(self, wall_alone: bool) -> Stamp {
        let seconds = |units: i64| units * i64::try_from(UNIT_SECONDS).unwrap();
        let boot = BootTime {
            id: format!("boot-{}", self.boot),
            milliseconds: u64::from(self.since_boot) * UNIT_SECONDS * 1000,
        };
        let provider = (self.provider > 0).then(|| moment(seconds(i64::from(self.provider))));
        Stamp {
            wall: moment(seconds(i64::from(self.wall))),
            boot: (!wall_alone).then_some(boot),
            provider: provider.filter(|_| !wall_alone),
        }
    }
}

impl World {
    /// The credential 0 is everywhere.
    pub fn new(settles_at: u8, mints: bool) -> Self {
        let key = |number: usize| Key {
            is: if mints && number > 0 { KeyIs::NotMade } else { KeyIs::Active },
            accepted_until: 0,
            settled_from: if number == 1 { settles_at } else { 0 },
            made_at: 0,
            is_strange: false,
            was_ordered: false,
        };
        let mut values = [NONE; VERSIONS];
        values[0] = 0;
        let nobody = Consumer { holds: NONE, stale_since: 0, used_until: [0; CREDENTIALS] };
        Self {
            truth: 1,
            wall_offset: 0,
            boot: 1,
            booted: 0,
            keys: std::array::from_fn(key),
            slots: [0, NONE],
            target: Target { labelled: 0, count: 1, values, fence: 0 },
            reader: Consumer { holds: 0, ..nobody },
            asker: nobody,
            leased: NONE,
            opened: 0,
            moves: 0,
        }
    }

    pub fn now(&self, provider: u8) -> Now {
        Now {
            wall: i16::from(self.truth) + i16::from(self.wall_offset),
            boot: self.boot,
            since_boot: self.truth - self.booted,
            provider,
        }
    }

    /// Whether every server of the provider accepts it.
    pub fn accepts(&self, credential: u8) -> bool {
        let key = &self.keys[usize::from(credential)];
        match key.is {
            KeyIs::Active => self.truth >= key.settled_from,
            _ => self.truth < key.accepted_until,
        }
    }

    /// Whether one server of the provider accepts it.
    pub fn may_answer_accepted(&self, credential: u8) -> bool {
        self.accepts(credential) || self.keys[usize::from(credential)].is == KeyIs::Active
    }

    pub fn exists(&self, credential: u8) -> bool {
        matches!(self.keys[usize::from(credential)].is, KeyIs::Active | KeyIs::Inactive)
    }

    /// Which key the provider takes a credential for.
    pub fn taken_for(credential: u8, lies: bool) -> u8 {
        if lies && credential == 0 { FOREIGN } else { credential }
    }

    /// Whether time can go on: nobody is later than is configured.
    pub fn may_go_on(&self) -> bool {
        self.reader.stale_since == 0 || self.truth < self.reader.stale_since + REFRESH
    }

    pub fn go_on(&mut self) {
        self.truth += 1;
        let now = self.truth;
        for consumer in [&mut self.reader, &mut self.asker] {
            for until in &mut consumer.used_until {
                if *until < now {
                    *until = 0;
                }
            }
        }
    }

    /// The consumer of the target reads it again; a job that it has just started goes on with what it had.
    pub fn refresh(&mut self) {
        let now = self.truth;
        self.reader.used_until[usize::from(self.reader.holds)] = now + LONGEST_JOB - 1;
        self.reader.holds = self.target.holds();
        self.reader.stale_since = 0;
    }

    /// A job gets this credential from `rotate key`.
    pub fn give(&mut self, credential: u8) {
        self.asker.used_until[usize::from(credential)] = self.truth + LONGEST_JOB - 1;
    }

    /// To be called after the target was written.
    pub fn notice_target(&mut self) {
        if self.target.holds() == self.reader.holds {
            self.reader.stale_since = 0;
        } else if self.reader.stale_since == 0 {
            self.reader.stale_since = self.truth;
        }
    }

    /// Whether a consumer that behaves as configured may use it at this moment.
    pub fn is_in_use(&self, credential: u8) -> bool {
        let index = usize::from(credential);
        self.reader.holds == credential
            || self.leased == credential
            || [self.reader, self.asker].iter().any(|consumer| consumer.used_until[index] >= self.truth)
    }

    pub fn key(&mut self, number: u8) -> &mut Key {
        &mut self.keys[usize::from(number)]
    }
}
