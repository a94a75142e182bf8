//! The world outside, as it really is: a provider, two slots, targets, clocks. It knows nothing of
//! phases; what is asserted of a run is asserted against this.

use jiff::Timestamp;
use rotate::rotation::credential::{Credential, ProviderKeyId, SlotName, TargetId};
use rotate::rotation::stamp::{BootTime, Stamp};
use rotate::secret::Fingerprint;

/// How many credentials there can be, where the provider makes them; a person has the first eight.
pub const CREDENTIALS: usize = 60;
/// Kept for the tests' own use.
pub const FRESH: [usize; 2] = [6, 7];

/// How many keys the provider allows at a time, where it makes them.
pub const KEYS_LIMIT: usize = 2;

pub const LONGEST_JOB: i64 = 45 * 60;
pub const REFRESH: i64 = 10 * 60;
pub const PROPAGATION: i64 = 60;
pub const GRACE: i64 = 60 * 60;
const START: i64 = 1_772_366_400;

/// One credential by its number: its fingerprint, its provider id, the whole.
pub fn fingerprint(credential: usize) -> Fingerprint {
    Fingerprint::of(format!("value-{credential}").as_bytes())
}

pub fn number(fingerprint_wanted: Fingerprint) -> usize {
    (0..CREDENTIALS).find(|credential| fingerprint(*credential) == fingerprint_wanted).unwrap()
}

pub fn id(credential: usize) -> ProviderKeyId {
    ProviderKeyId(format!("apikey_{credential}"))
}

pub fn candidate(credential: usize) -> Credential {
    Credential {
        fingerprint: fingerprint(credential),
        last4: format!("{credential:04}"),
        provider_key_id: None,
        expires_at: None,
        never_served: false,
    }
}

pub fn target_id(target: usize) -> TargetId {
    TargetId(format!("target-{target}"))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyIs {
    Active,
    Inactive,
    Archived,
    /// The provider may make it yet.
    NotMade,
}

#[derive(Clone, Debug)]
pub struct ProviderKey {
    pub is: KeyIs,
    /// Until when the provider goes on accepting a key that it was told to refuse.
    pub accepted_until: i64,
    /// Until when the provider goes on refusing a key that it was told to accept.
    pub late_until: i64,
    /// Someone other than `rotate` disabled it at the console.
    pub disabled_by_person: bool,
    pub made_at: i64,
}

/// One value that consumers of one place could read, and from when, by the world's own time.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub since: i64,
    pub credential: Option<usize>,
    /// Written by someone other than `rotate`.
    pub foreign: bool,
}

#[derive(Clone, Debug)]
pub struct Target {
    pub readable: bool,
    /// Newest last; never empty.
    pub history: Vec<Held>,
}

impl Target {
    pub fn holds(&self) -> Option<usize> {
        self.history.last().and_then(|held| held.credential)
    }
}

#[derive(Clone, Debug)]
pub struct World {
    /// The true time in seconds; no clock of the program is it.
    pub truth: i64,
    wall_offset: i64,
    boot: u32,
    booted: i64,
    pub keys: Vec<ProviderKey>,
    pub slots: [Option<usize>; 2],
    pub targets: Vec<Target>,
    /// What `rotate key` gave, from when.
    pub given: Vec<Held>,
}

impl World {
    pub fn new(readable_targets: &[bool]) -> Self {
        let key = ProviderKey {
            is: KeyIs::Active,
            accepted_until: 0,
            late_until: 0,
            disabled_by_person: false,
            made_at: 0,
        };
        // What is adopted first is what consumers use today.
        let todays = Held { since: 0, credential: Some(0), foreign: false };
        let nothing = Held { since: 0, credential: None, foreign: false };
        Self {
            truth: START,
            wall_offset: 0,
            boot: 1,
            booted: START - 1000,
            keys: vec![key; CREDENTIALS],
            slots: [None, None],
            targets: readable_targets
                .iter()
                .map(|readable| Target { readable: *readable, history: vec![todays] })
                .collect(),
            given: vec![nothing],
        }
    }

    /// What the program's clocks say; `dated` adds the provider's `Date`.
    pub fn stamp(&self, dated: bool) -> Stamp {
        let second = |at: i64| Timestamp::from_second(at).unwrap();
        Stamp {
            wall: second(self.truth + self.wall_offset),
            boot: Some(BootTime {
                id: format!("boot-{}", self.boot),
                milliseconds: u64::try_from(self.truth - self.booted).unwrap() * 1000,
            }),
            provider: dated.then(|| second(self.truth)),
        }
    }

    pub fn pass(&mut self, seconds: i64) {
        self.truth += seconds;
    }

    pub fn set_wall_clock(&mut self, by_seconds: i64) {
        self.wall_offset += by_seconds;
    }

    pub fn reboot(&mut self) {
        self.boot += 1;
        self.booted = self.truth;
    }

    /// From here on the provider makes the credentials; only the first exists.
    pub fn make_keys_to_order(&mut self) {
        for key in self.keys.iter_mut().skip(1) {
            key.is = KeyIs::NotMade;
        }
    }

    /// Keys that the provider has, whatever their status.
    pub fn existing(&self) -> Vec<usize> {
        let exists = |key: &ProviderKey| matches!(key.is, KeyIs::Active | KeyIs::Inactive);
        (0..self.keys.len()).filter(|number| exists(&self.keys[*number])).collect()
    }

    /// Makes one more; `None` where the owner has as many as there may be.
    pub fn make(&mut self) -> Option<usize> {
        if self.existing().len() >= KEYS_LIMIT {
            return None;
        }
        let next = self.keys.iter().position(|key| key.is == KeyIs::NotMade)?;
        self.keys[next].is = KeyIs::Active;
        self.keys[next].made_at = self.truth;
        Some(next)
    }

    pub fn accepts(&self, credential: usize) -> bool {
        let key = &self.keys[credential];
        if key.is == KeyIs::Active { self.truth >= key.late_until } else { self.truth < key.accepted_until }
    }

    pub fn slot(&mut self, slot: SlotName) -> &mut Option<usize> {
        &mut self.slots[usize::from(slot == SlotName::Secondary)]
    }

    pub fn write_target(&mut self, target: usize, credential: Option<usize>, foreign: bool) {
        let since = self.truth;
        self.targets[target].history.push(Held { since, credential, foreign });
    }

    pub fn give(&mut self, credential: usize) {
        if self.given.last().is_some_and(|held| held.credential != Some(credential)) {
            self.given.push(Held { since: self.truth, credential: Some(credential), foreign: false });
        }
    }

    /// Whether a job that behaves as configured may be using this credential now: it started within
    /// the longest job's length with what the place gave, or what its consumer had read from it before.
    pub fn may_be_in_use(&self, credential: usize, look_at_targets: bool) -> Option<String> {
        let since = self.truth - LONGEST_JOB - PROPAGATION;
        if held_within(&self.given, credential, since, self.truth) {
            return Some("a job that asked `rotate key`".to_owned());
        }
        if !look_at_targets {
            return None;
        }
        self.targets
            .iter()
            .position(|target| held_within(&target.history, credential, since - REFRESH, self.truth))
            .map(|target| format!("a job that read target {target}"))
    }
}

fn held_within(history: &[Held], credential: usize, since: i64, now: i64) -> bool {
    history.iter().enumerate().any(|(at, held)| {
        let until = history.get(at + 1).map_or(now + 1, |next| next.since);
        held.credential == Some(credential) && !held.foreign && until > since
    })
}
