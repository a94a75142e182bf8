//! Leases as files under the state directory: one record each.

use std::fmt;
use std::path::Path;
use std::rc::Rc;

use super::Leases;
use super::error::LeaseError;
use super::files::{Files, Found};
use super::held::HeldLease;
use super::liveness::{Liveness, judge};
use super::place::Place;
use super::process::Member;
use super::record::{Holder, Record, SCHEMA};
use crate::clock::Clock;
use crate::error::Failure;
use crate::random;
use crate::readable;
use crate::rotation::lease::{LeaseSeen, LeaseStanding};
use crate::rotation::stamp::{Stamp, plus_seconds};
use crate::secret::Fingerprint;
use crate::store::hex;
use crate::store::lock::ShortLock;

/// Ids are drawn at random; that so many in a row are taken happens only where randomness is injected.
const DRAWS_LIMIT: u32 = 10_000;
const TEXT_LIMIT: usize = 128;

/// The leases of one key, in `<state>/leases/<KEY>/<ID>.json`.
///
/// Records have mode 0600, in directories of mode 0700 that the first lease makes. A lease is dropped and a bearer's
/// is renewed under a lock, each after a second look: a renewal is never lost to somebody who saw the record
/// before it. Whoever only looks waits for nobody, unless there is something to drop.
#[derive(Clone)]
pub struct LeaseDirectory {
    pub(super) files: Files,
    key: String,
    clock: Rc<dyn Clock>,
}

/// One lease that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub id: String,
    /// `None` where it cannot be read.
    pub record: Option<Box<Record>>,
    pub standing: LeaseStanding,
}

/// What a renewal says of the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reread {
    /// Nothing: the bearer goes on with what it has.
    No,
    /// The bearer read the active value again after its last renewal.
    Yes,
}

impl LeaseDirectory {
    /// The leases of `key` under this state directory; touches nothing.
    pub fn new(state_directory: &Path, key: &str, clock: Rc<dyn Clock>) -> Self {
        Self { files: Files::new(state_directory, key), key: key.to_owned(), clock }
    }

    /// Every lease that is not over, the oldest first; drops those that are. No directory, no leases.
    ///
    /// # Errors
    /// The directory is not safe or cannot be read, or a lease that is over cannot be dropped for another
    /// process that holds the lock.
    pub fn list(&self, now: &Stamp) -> Result<Vec<Lease>, LeaseError> {
        if !self.files.exist()? {
            return Ok(Vec::new());
        }
        let here = Place::here();
        let mut leases = Vec::new();
        let mut over = Vec::new();
        for id in self.files.ids()? {
            match self.look(&id, &here, now) {
                Look::There(lease) => leases.push(lease),
                Look::Over => over.push(id),
                Look::Nothing => {}
            }
        }
        if !over.is_empty() {
            leases.extend(self.drop_all(&over, &here, now)?);
        }
        leases.sort_by_cached_key(|lease| {
            let since = lease.record.as_ref().map(|record| record.started_at.wall);
            (since, lease.id.clone())
        });
        Ok(leases)
    }

    /// Takes a lease for this process, which is about to start a job: if it dies now, nobody can tell whether it did.
    /// `command` is the program; only its file name is kept.
    ///
    /// Write it before the credential's value is read, and look at the state once more after it.
    ///
    /// # Errors
    /// The directory is not safe, or the record cannot be written.
    pub fn open(
        &self,
        fingerprint: Fingerprint,
        command: &str,
        expected_seconds: Option<u64>,
    ) -> Result<HeldLease, LeaseError> {
        self.take(fingerprint, command, expected_seconds, true)
    }

    /// The same where something that takes its time comes before the job: until [`HeldLease::about_to_start`] the
    /// lease ends with this process.
    ///
    /// # Errors
    /// As [`LeaseDirectory::open`].
    pub fn open_early(
        &self,
        fingerprint: Fingerprint,
        command: &str,
        expected_seconds: Option<u64>,
    ) -> Result<HeldLease, LeaseError> {
        self.take(fingerprint, command, expected_seconds, false)
    }

    fn take(
        &self,
        fingerprint: Fingerprint,
        command: &str,
        expected_seconds: Option<u64>,
        is_starting: bool,
    ) -> Result<HeldLease, LeaseError> {
        let now = self.clock.now();
        let program = Path::new(command).file_name().map(|name| name.to_string_lossy().into_owned());
        let holder = Holder::Process {
            command: readable::line(&program.unwrap_or_default(), TEXT_LIMIT),
            members: vec![Member::of(std::process::id())],
            is_starting,
            expected_end: expected_seconds.map(|seconds| plus_seconds(now.wall, seconds)),
        };
        Ok(HeldLease::new(self.clone(), self.add(fingerprint, holder, now)?))
    }

    /// Takes a lease for whoever will know its id, for so many seconds from now.
    ///
    /// The same order holds as for [`LeaseDirectory::open`].
    ///
    /// # Errors
    /// As [`LeaseDirectory::open`].
    pub fn acquire(
        &self,
        fingerprint: Fingerprint,
        holder: &str,
        ttl_seconds: u64,
    ) -> Result<Record, LeaseError> {
        let now = self.clock.now();
        let holder = Holder::Bearer {
            holder: readable::line(holder, TEXT_LIMIT),
            ttl_seconds,
            renewed_at: now.clone(),
            told: None,
        };
        self.add(fingerprint, holder, now)
    }

    /// Puts a lease whose bearer does not know of it yet on another credential.
    ///
    /// # Errors
    /// As [`LeaseDirectory::renew`].
    pub fn move_to(&self, id: &str, fingerprint: Fingerprint) -> Result<Record, LeaseError> {
        let _lock = self.files.lock()?;
        let mut record = self.of_a_bearer(id)?;
        record.fingerprint = fingerprint;
        self.files.replace(&record)?;
        Ok(record)
    }

    /// Gives a bearer its time anew, from now on; another time where one is given.
    ///
    /// `served` is what a reader of the key gets now; `None` where it gets nothing. Where it is not the lease's own
    /// credential, the record remembers that this renewal named it to the bearer. Only a later renewal with
    /// [`Reread::Yes`] moves the lease, and only to what was named: a bearer that read the key before it was told may
    /// have read the old value.
    ///
    /// # Errors
    /// The lease is over, was never there, or belongs to a process.
    pub fn renew(
        &self,
        id: &str,
        ttl_seconds: Option<u64>,
        served: Option<Fingerprint>,
        reread: Reread,
    ) -> Result<Record, LeaseError> {
        let _lock = self.lock_for(id)?;
        let mut record = self.of_a_bearer(id)?;
        let now = self.clock.now();
        let Holder::Bearer { ttl_seconds: ttl, renewed_at, told, .. } = &mut record.holder else {
            return Err(LeaseError::OfAProcess { id: id.to_owned() });
        };
        *renewed_at = now;
        *ttl = ttl_seconds.unwrap_or(*ttl);
        if let Some(served) = served.filter(|_| reread == Reread::Yes && *told == served) {
            record.fingerprint = served;
        }
        *told = served.filter(|served| *served != record.fingerprint);
        self.files.replace(&record)?;
        Ok(record)
    }

    /// Ends a lease by its id, whatever is known of it. A process that is seen to live keeps its lease unless
    /// `even_if_held`.
    ///
    /// # Errors
    /// There is no such lease, or its process lives.
    pub fn release(&self, id: &str, even_if_held: bool) -> Result<(), LeaseError> {
        let _lock = self.lock_for(id)?;
        match self.look(id, &Place::here(), &self.clock.now()) {
            Look::Nothing => return Err(LeaseError::no_such_lease(id)),
            Look::There(Lease { record: Some(record), standing: LeaseStanding::Held, .. })
                if record.pid().is_some() && !even_if_held =>
            {
                return Err(LeaseError::Held { id: id.to_owned(), holder: record.who() });
            }
            Look::There(_) | Look::Over => {}
        }
        Ok(self.files.remove(id)?)
    }

    /// Whether a file of this id is there, whatever it holds.
    ///
    /// # Errors
    /// The directory is not safe or cannot be read.
    pub fn has(&self, id: &str) -> Result<bool, LeaseError> {
        Ok(self.files.exist()? && self.files.ids()?.iter().any(|there| there == id))
    }

    /// Remembers how long a run took, where none took longer.
    ///
    /// # Errors
    /// The directory is not safe, or cannot be written.
    pub fn note_run(&self, seconds: u64) -> Result<(), LeaseError> {
        self.files.prepare()?;
        let is_longer = || self.files.longest_run().map_or(true, |longest| seconds > longest);
        if seconds == 0 || !is_longer() {
            return Ok(());
        }
        let _lock = self.files.lock()?;
        if is_longer() {
            self.files.write_longest_run(seconds)?;
        }
        Ok(())
    }

    fn add(&self, fingerprint: Fingerprint, holder: Holder, now: Stamp) -> Result<Record, LeaseError> {
        self.files.prepare()?;
        let mut record = Record {
            schema: SCHEMA,
            id: String::new(),
            key: self.key.clone(),
            fingerprint,
            holder,
            place: Place::here(),
            started_at: now,
        };
        for draw in 0..DRAWS_LIMIT {
            let occasion = format!("lease {} {} {draw}", self.key, record.started_at.wall);
            record.id = hex(&random::eight_bytes(&occasion).map_err(LeaseError::NoRandomness)?);
            if self.files.add(&record)? {
                return Ok(record);
            }
        }
        Err(LeaseError::NoId)
    }

    /// The record of a bearer whose time is not over. Under the lock.
    fn of_a_bearer(&self, id: &str) -> Result<Record, LeaseError> {
        match self.look(id, &Place::here(), &self.clock.now()) {
            Look::Nothing => Err(LeaseError::no_such_lease(id)),
            Look::Over => Err(LeaseError::Over { id: id.to_owned() }),
            Look::There(Lease { record: Some(record), .. }) if record.expires_at().is_none() => {
                Err(LeaseError::OfAProcess { id: record.id })
            }
            Look::There(Lease { record: Some(record), .. }) => Ok(*record),
            Look::There(Lease { record: None, standing, .. }) => Err(LeaseError::Damaged {
                id: id.to_owned(),
                reason: match standing {
                    LeaseStanding::Unknown(reason) => reason,
                    LeaseStanding::Held => "it cannot be read".to_owned(),
                },
            }),
        }
    }

    /// Nothing is locked where there is nothing: no directory is made for an id that somebody mistyped.
    fn lock_for(&self, id: &str) -> Result<ShortLock, LeaseError> {
        if !self.has(id)? {
            return Err(LeaseError::no_such_lease(id));
        }
        Ok(self.files.lock()?)
    }

    fn look(&self, id: &str, here: &Place, now: &Stamp) -> Look {
        let lease = |record, standing| Look::There(Lease { id: id.to_owned(), record, standing });
        match self.files.read(id) {
            None => Look::Nothing,
            Some(Found::Damaged(reason)) => {
                let reason = format!("{reason}; if its job has ended, `rotate lease release {id}`");
                lease(None, LeaseStanding::Unknown(reason))
            }
            Some(Found::Record(record)) => match judge(&record, here, &Member::sighting, now) {
                Liveness::Alive => lease(Some(record), LeaseStanding::Held),
                Liveness::Unknown(reason) => lease(Some(record), LeaseStanding::Unknown(reason)),
                Liveness::Gone => Look::Over,
            },
        }
    }

    /// Removes what is over; gives back what is not over after all, and what cannot be removed.
    fn drop_all(&self, over: &[String], here: &Place, now: &Stamp) -> Result<Vec<Lease>, LeaseError> {
        let _lock = self.files.lock()?;
        let mut left = Vec::new();
        for id in over {
            match self.look(id, here, now) {
                Look::There(lease) => left.push(lease),
                Look::Nothing => {}
                // What stays there could still be renewed by somebody who may write.
                Look::Over => self.files.remove(id)?,
            }
        }
        Ok(left)
    }
}

/// What stands under an id.
enum Look {
    There(Lease),
    Over,
    Nothing,
}

impl Leases for LeaseDirectory {
    fn seen(&self, now: &Stamp) -> Result<Vec<LeaseSeen>, String> {
        let leases = self.list(now).map_err(in_words)?;
        Ok(leases.into_iter().map(Lease::seen).collect())
    }

    fn longest_run_seconds(&self) -> Result<u64, String> {
        let kept = || -> Result<u64, LeaseError> {
            if self.files.exist()? { Ok(self.files.longest_run()?) } else { Ok(0) }
        };
        kept().map_err(in_words)
    }
}

impl Lease {
    /// The same as the evidence sees it.
    pub fn seen(self) -> LeaseSeen {
        LeaseSeen {
            fingerprint: self.record.as_ref().map(|record| record.fingerprint),
            holder: self.record.as_deref().map_or_else(|| "unknown".to_owned(), Record::in_words),
            id: self.id,
            standing: self.standing,
        }
    }
}

impl fmt::Debug for LeaseDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaseDirectory").field("files", &self.files).finish_non_exhaustive()
    }
}

fn in_words(error: LeaseError) -> String {
    let failure = Failure::from(error);
    format!("{failure}; {}", failure.hint)
}
