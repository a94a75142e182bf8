//! The world outside, as it really is. What is asserted of a schedule is asserted against this.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use jiff::Timestamp;
use rotate::rotation::credential::{ProviderKeyId, SlotName};
use rotate::rotation::phase::KeyState;
use rotate::rotation::stamp::{BootTime, Stamp};
use rotate::secret::{Fingerprint, Secret};
use rotate::store::format::Record;

use super::dice::Dice;
use super::fault::{Coverage, Fault};
use super::operator::Running;
use super::planted::Planted;
use super::setting::Setting;
pub use crate::core::world::{Held, KEYS_LIMIT, KeyIs, id, target_id};

/// More than any schedule gets through.
pub const CREDENTIALS: usize = 96;
pub const LONGEST_JOB: i64 = 45 * 60_000;
pub const REFRESH: i64 = 10 * 60_000;
pub const PROPAGATION: i64 = 60_000;
pub const GRACE: i64 = 60 * 60_000;
const START: i64 = 1_772_366_400_000;

/// One credential by its number: its value, its fingerprint, its provider id.
pub fn value(credential: usize) -> Secret {
    Secret::from_text(format!("sk-simulated-{credential:04}")).unwrap()
}

pub fn fingerprint(credential: usize) -> Fingerprint {
    known(|all| all[credential])
}

pub fn number(wanted: Fingerprint) -> Option<usize> {
    known(|all| all.iter().position(|fingerprint| *fingerprint == wanted))
}

fn known<T>(look: impl FnOnce(&[Fingerprint]) -> T) -> T {
    thread_local! {
        static ALL: OnceCell<Vec<Fingerprint>> = const { OnceCell::new() };
    }
    ALL.with(|all| {
        look(all.get_or_init(|| (0..CREDENTIALS).map(|credential| value(credential).fingerprint()).collect()))
    })
}

pub fn number_of_id(id: &ProviderKeyId) -> usize {
    id.0["apikey_".len()..].parse().unwrap()
}

#[derive(Clone, Debug)]
pub struct ProviderKey {
    pub is: KeyIs,
    /// From when the provider accepts a key that it made or brought back.
    pub accepted_from: i64,
    /// Until when it goes on accepting a key that it was told to refuse.
    pub accepted_until: i64,
    /// Someone other than `rotate` ended it at the console.
    pub disabled_by_person: bool,
    /// Someone other than `rotate` brought it back at the console.
    pub enabled_by_person: bool,
    pub minted: bool,
    pub made_at: i64,
    pub probed_at: Option<i64>,
    /// Each operator's last ping about it was answered wrongly.
    pub lied: [bool; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file of this machine.
    Local,
    /// A store with versions: a write is a compare-and-swap from the version that was read before it.
    Versioned,
    /// A store that gives nothing back.
    WriteOnly,
}

#[derive(Clone, Debug)]
pub struct Target {
    pub kind: Kind,
    pub version: u64,
    /// The move of consumers whose version is the current one.
    pub fence: Option<String>,
    /// Newest last; never empty.
    pub history: Vec<Held>,
}

impl Target {
    pub fn holds(&self) -> Held {
        *self.history.last().unwrap()
    }
}

/// What is on the disk of the state directory.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    pub state: Option<Vec<u8>>,
    /// Names the version; rises with every write.
    pub version: u64,
    /// What a power cut leaves where the newest write was not made durable.
    pub durable_state: Option<Option<Vec<u8>>>,
    pub journal: Vec<u8>,
    pub durable_journal: usize,
    pub reserved: bool,
    pub spool: Vec<u8>,
    /// Of a planted fault: lines that are written after the state.
    pub held_back: Vec<u8>,
}

/// A running job under a lease.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: usize,
    pub credential: usize,
    pub since: i64,
    pub until: i64,
}

/// What comes about by itself, later.
#[derive(Clone, Debug)]
pub enum Later {
    TargetWrite {
        target: usize,
        credential: usize,
        version: u64,
        fence: Option<String>,
    },
    Revoke {
        credential: usize,
    },
    Reactivate {
        credential: usize,
    },
    Delete {
        credential: usize,
    },
    PersonDisables {
        credential: usize,
    },
    JobStarts {
        credential: usize,
        minutes: i64,
    },
    /// Somebody else puts a value into the secondary slot.
    SlotWritten {
        credential: usize,
    },
}

pub struct World {
    /// The true time in milliseconds; no clock of the program is it.
    pub truth: i64,
    wall_offset: i64,
    boot: u32,
    booted: i64,
    pub setting: Setting,
    pub planted: Option<Planted>,
    pub dice: Dice,
    pub keys: Vec<ProviderKey>,
    pub slots: [Option<usize>; 2],
    /// Rises with every write of a slot, which is named by it.
    pub slots_version: u64,
    pub slot_versions: [u64; 2],
    pub targets: Vec<Target>,
    /// What `rotate key` gave, from when.
    pub given: Vec<Held>,
    pub disk: Disk,
    /// The state on the disk, as the shipped code reads it.
    pub record: Option<Record>,
    pub jobs: Vec<Job>,
    pub longest_run: i64,
    pub later: Vec<(i64, Later)>,
    pub running: [Option<Running>; 2],
    pub lock_held_by: Option<usize>,
    pub holds: usize,
    /// What the judge remembers.
    pub memory: super::judge::Memory,
    pub coverage: Coverage,
    pub reached: BTreeSet<&'static str>,
    pub names: usize,
    /// Faults that a story orders, each with how many chances to happen it lets pass.
    pub ordered: Vec<(usize, Fault)>,
    pub trace: Option<String>,
    /// Of each write of a slot, whether nobody else could commit meanwhile.
    pub written_alone: Vec<bool>,
}

impl World {
    pub fn new(seed: u64, planted: Option<Planted>, traced: bool) -> Self {
        let mut dice = Dice::new(seed);
        let mut setting = Setting::drawn(&mut dice);
        // Where nobody can be kept away, a slot is changed by others.
        setting.remote_slots |= planted == Some(Planted::SlotsIgnoreChange);
        let key = ProviderKey {
            is: KeyIs::NotMade,
            accepted_from: 0,
            accepted_until: 0,
            disabled_by_person: false,
            enabled_by_person: false,
            minted: false,
            made_at: START,
            probed_at: None,
            lied: [false; 2],
        };
        // What is adopted first is what consumers use today.
        let todays = Held { since: 0, credential: Some(0), foreign: false };
        let targets = setting.targets.iter().map(|kind| Target {
            kind: *kind,
            version: 1,
            fence: None,
            history: vec![todays],
        });
        let mut world = Self {
            truth: START,
            wall_offset: 0,
            boot: 1,
            booted: START - 1_000_000,
            keys: vec![key; CREDENTIALS],
            slots: [None, None],
            slots_version: 0,
            slot_versions: [0, 0],
            targets: targets.collect(),
            given: vec![Held { credential: None, ..todays }],
            disk: Disk::default(),
            record: None,
            jobs: Vec::new(),
            longest_run: 0,
            later: Vec::new(),
            running: [None, None],
            lock_held_by: None,
            holds: 0,
            memory: super::judge::Memory::default(),
            coverage: Coverage::default(),
            reached: BTreeSet::new(),
            names: 0,
            ordered: Vec::new(),
            trace: traced.then(String::new),
            written_alone: Vec::new(),
            setting,
            planted,
            dice,
        };
        world.keys[0].is = KeyIs::Active;
        world
    }

    /// A world in which nothing goes wrong by itself: an admin key, no targets.
    pub fn plain() -> Self {
        let mut world = Self::new(0, None, false);
        world.setting = Setting::plain();
        world.targets.clear();
        world
    }

    /// The fault that was ordered for just this chance.
    pub fn next_ordered(&mut self, faults: &[Fault]) -> Option<Fault> {
        let at = self.ordered.iter().position(|(_, fault)| faults.contains(fault))?;
        let (left, fault) = &mut self.ordered[at];
        if *left > 0 {
            *left -= 1;
            return None;
        }
        let fault = *fault;
        self.ordered.remove(at);
        Some(fault)
    }

    pub fn is_planted(&self, fault: Planted) -> bool {
        self.planted == Some(fault)
    }

    /// Writes a line into the trace, where there is one.
    pub fn tell(&mut self, line: impl FnOnce() -> String) {
        let at = self.truth - START;
        if let Some(trace) = &mut self.trace {
            trace.push_str(&format!("{:>9}.{:03} {}\n", at / 1000, at % 1000, line()));
        }
    }

    pub fn met(&mut self, fault: Fault) {
        self.coverage.met(fault);
        self.tell(|| format!("  fault: {fault:?}"));
    }

    pub fn state(&self) -> Option<&KeyState> {
        self.record.as_ref().map(|record| &record.state)
    }

    /// What the machine's clocks say.
    pub fn stamp(&self) -> Stamp {
        let hurry = if self.is_planted(Planted::ClockHurries) { self.truth - START } else { 0 };
        Stamp {
            wall: at(self.truth + self.wall_offset + hurry),
            boot: Some(BootTime {
                id: format!("boot-{}", self.boot),
                milliseconds: u64::try_from(self.truth + hurry - self.booted).unwrap(),
            }),
            provider: None,
        }
    }

    pub fn provider_time(&self) -> Timestamp {
        let hurry = if self.is_planted(Planted::ClockHurries) { self.truth - START } else { 0 };
        at(self.truth + hurry)
    }

    pub fn set_wall_clock(&mut self, by: i64) {
        self.wall_offset += by;
    }

    pub fn reboot(&mut self) {
        self.boot += 1;
        self.booted = self.truth;
    }

    /// Lets time pass, and what comes about in it come about.
    pub fn pass(&mut self, milliseconds: i64) {
        let end = self.truth + milliseconds;
        loop {
            let due = self.later.iter().enumerate().filter(|(_, (at, _))| *at <= end);
            let Some((next, at)) = due.map(|(next, (at, _))| (next, *at)).min_by_key(|(_, at)| *at) else {
                break;
            };
            let (_, event) = self.later.remove(next);
            self.truth = self.truth.max(at);
            self.comes_about(event);
        }
        self.truth = end;
        let ended = self.jobs.extract_if(.., |job| job.until <= end);
        let longest = ended.map(|job| job.until - job.since).max().unwrap_or(0);
        self.longest_run = self.longest_run.max(longest);
    }

    fn comes_about(&mut self, event: Later) {
        self.tell(|| format!("  later: {event:?}"));
        match event {
            Later::TargetWrite { target, credential, version, fence } => {
                let is_current = self.targets[target].version == version;
                if is_current || self.is_planted(Planted::FenceIgnored) {
                    self.write_target(target, credential, fence);
                }
            }
            Later::Revoke { credential } => self.revoke(credential, "late"),
            Later::Reactivate { credential } => self.reactivate(credential),
            Later::Delete { credential } => self.delete(credential),
            Later::JobStarts { credential, minutes } => {
                let (id, since) = (self.jobs.len(), self.truth);
                self.jobs.push(Job { id, credential, since, until: since + minutes * 60_000 });
            }
            Later::SlotWritten { credential } => self.put(SlotName::Secondary, Some(credential)),
            Later::PersonDisables { credential } => {
                let key = &mut self.keys[credential];
                if key.is == KeyIs::Active {
                    key.is = KeyIs::Inactive;
                    key.accepted_until = 0;
                    key.disabled_by_person = true;
                }
            }
        }
    }

    pub fn accepts(&self, credential: usize) -> bool {
        let key = &self.keys[credential];
        match key.is {
            KeyIs::Active => self.truth >= key.accepted_from,
            _ => self.truth < key.accepted_until,
        }
    }

    /// A person makes one more key at the console.
    pub fn fresh(&mut self) -> usize {
        let next = self.keys.iter().position(|key| key.is == KeyIs::NotMade).unwrap();
        self.keys[next].is = KeyIs::Active;
        self.keys[next].made_at = self.truth;
        next
    }

    /// Keys that the provider has, whatever their status.
    pub fn existing(&self) -> Vec<usize> {
        let exists = |key: &ProviderKey| matches!(key.is, KeyIs::Active | KeyIs::Inactive);
        (0..self.keys.len()).filter(|number| exists(&self.keys[*number])).collect()
    }

    pub fn mint(&mut self) -> usize {
        let made = self.fresh();
        self.keys[made].minted = true;
        made
    }

    pub fn revoke(&mut self, credential: usize, by: &'static str) {
        let is_active = self.keys[credential].is == KeyIs::Active;
        self.tell(|| format!("  revoked: {credential} ({by})"));
        // It was asked for after that.
        let is_overtaken =
            |later: &Later| matches!(later, Later::Reactivate { credential: back } if *back == credential);
        self.later.retain(|(_, later)| !is_overtaken(later));
        if !is_active {
            return;
        }
        self.judge_revocation(credential);
        let lags = self.setting.has_lag && self.dice.chance(100);
        if lags {
            self.met(Fault::RevocationLags);
        }
        let lag = if lags { 1_200_000 } else { i64::try_from(self.dice.below(20_000)).unwrap() };
        let key = &mut self.keys[credential];
        key.is = KeyIs::Inactive;
        key.accepted_until = self.truth + lag;
        key.disabled_by_person = false;
    }

    pub fn reactivate(&mut self, credential: usize) {
        self.reactivated(credential);
        let key = &mut self.keys[credential];
        if key.is == KeyIs::Inactive {
            key.is = KeyIs::Active;
            key.disabled_by_person = false;
            key.accepted_from = 0;
        }
    }

    /// A request to the contrary, asked for before that, is not carried out any more.
    pub fn reactivated(&mut self, credential: usize) {
        let is_overtaken =
            |later: &Later| matches!(later, Later::Revoke { credential: gone } if *gone == credential);
        self.later.retain(|(_, later)| !is_overtaken(later));
        self.memory.reactivated_at = Some(self.truth);
    }

    pub fn delete(&mut self, credential: usize) {
        self.judge_deletion(credential);
        self.keys[credential].is = KeyIs::Archived;
        self.keys[credential].accepted_until = 0;
    }

    pub fn slot(&mut self, slot: SlotName) -> &mut Option<usize> {
        &mut self.slots[usize::from(slot == SlotName::Secondary)]
    }

    pub fn write_target(&mut self, target: usize, credential: usize, fence: Option<String>) {
        self.judge_publication(credential, &format!("target {target}"));
        let held = Held { since: self.truth, credential: Some(credential), foreign: false };
        let target = &mut self.targets[target];
        target.version += 1;
        target.fence = fence;
        target.history.push(held);
    }

    pub fn overwrite_target(&mut self, target: usize, credential: Option<usize>) {
        let held = Held { since: self.truth, credential, foreign: true };
        let target = &mut self.targets[target];
        target.version += 1;
        target.fence = None;
        target.history.push(held);
    }

    /// Until when jobs that behave as configured may have used a credential, and from when: they started with what a place
    /// gave, or what their consumer had read from it before.
    pub fn in_use(&self, credential: usize, look_at_targets: bool) -> Option<(i64, i64)> {
        let given = spans(&self.given, credential, self.truth, 0);
        let targets = self.targets.iter().filter(|_| look_at_targets);
        let targets = targets.flat_map(|target| spans(&target.history, credential, self.truth, REFRESH));
        let all: Vec<_> = given.into_iter().chain(targets).collect();
        let from = all.iter().map(|(from, _)| *from).min()?;
        let until = all.iter().map(|(_, until)| *until).max()?;
        Some((from, until))
    }
}

/// When a place gave a credential, and for how long jobs that got it then may go on.
fn spans(history: &[Held], credential: usize, now: i64, refresh: i64) -> Vec<(i64, i64)> {
    let held =
        history.iter().enumerate().filter(|(_, held)| held.credential == Some(credential) && !held.foreign);
    held.map(|(at, held)| {
        let end = history.get(at + 1).map_or(now, |next| next.since);
        (held.since, end + refresh + LONGEST_JOB + PROPAGATION)
    })
    .collect()
}

pub fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap()
}
