//! Where a job's credential comes from: the active value, held by a lease before it is read.

use std::future::Future;
use std::path::PathBuf;

use tokio::runtime::Runtime;

use super::note::{LastGood, Notes};
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::lease::directory::LeaseDirectory;
use crate::lease::error::LeaseError;
use crate::lease::held::HeldLease;
use crate::rotation::credential::SlotName;
use crate::secret::{Fingerprint, Secret};
use crate::slots::Slots;
use crate::store::format::Record;
use crate::store::{StateStore, safety};
use crate::workflow::ports::Narrator;
use crate::workflow::serve;

/// Everything that tells the active credential of one key.
pub struct Source {
    pub key: String,
    pub state_directory: PathBuf,
    /// Or why it cannot be used: then only the last good value is left.
    pub store: Result<Box<dyn StateStore>, Failure>,
    pub slots: Box<dyn Slots>,
    pub leases: LeaseDirectory,
    pub notes: Notes,
    /// Where the state cannot be read, or no lease be written: go on all the same, and say so.
    pub fail_open: bool,
    /// How long the job is expected to run, for people who look at its lease.
    pub expected_seconds: u64,
    /// What is told of the job.
    pub program: String,
}

/// A credential that a job may use until this is released.
pub struct Held {
    /// `None` only under `--fail-open`.
    pub lease: Option<HeldLease>,
    pub fingerprint: Fingerprint,
    /// Where the value was, if the state says so.
    pub slot: Option<SlotName>,
}

/// When a job is started, as seen from the taking of its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At once: a wrapper that dies leaves a lease that nobody can judge, and that is worth one write less.
    AtOnce,
    /// After something that takes its time: until it is over the lease ends with the wrapper.
    Later,
}

impl Source {
    /// The value that a job should use, with a lease on it.
    ///
    /// The lease was written before the value was read, and the state was read once more after it: whoever retires
    /// the credential later finds the lease.
    ///
    /// # Errors
    /// As `rotate key`; and exit 5 where the lease cannot be written.
    pub fn take(&self, start: Start, people: &dyn Narrator) -> Result<(Held, Secret), Failure> {
        let first = match self.record() {
            Err(failure) if self.fail_open && failure.exit == ExitCode::State => {
                return self.take_last_good(&failure, start, people);
            }
            record => record?,
        };
        let leased = first.state.active().fingerprint;
        let lease = self.lease(leased, start, people)?;
        let mut held = Held { lease, fingerprint: leased, slot: None };
        match self.settle(&mut held) {
            Ok(value) => Ok((held, value)),
            Err(failure) => {
                held.release(&[], people);
                if failure.exit == ExitCode::Rejected {
                    self.notes.forget_last_good();
                }
                Err(failure)
            }
        }
    }

    /// Notes the value for `--fail-open`. When the job runs already, which need not wait for it.
    pub(super) fn remember(&self, held: &Held, people: &dyn Narrator) {
        let Some(slot) = held.slot else { return };
        let last_good = LastGood { slot, fingerprint: held.fingerprint };
        if let Err(error) = self.notes.keep_last_good(last_good) {
            people.warn(&format!("--fail-open will not know of this value: {error}"));
        }
    }

    /// Moves the lease until it is on the very value that the state, read after it was written, says to use.
    fn settle(&self, held: &mut Held) -> Result<Secret, Failure> {
        loop {
            let (record, value) = serve::settled(self.store()?, &self.key, |record| self.served(record))?;
            let value = value?;
            let fingerprint = value.fingerprint();
            if fingerprint == held.fingerprint {
                held.slot = record.state.slot_of(fingerprint);
                return Ok(value);
            }
            if let Some(lease) = &mut held.lease {
                lease.move_to(fingerprint)?;
            }
            held.fingerprint = fingerprint;
        }
    }

    /// The value that a job got last, where it is still the one in its slot.
    fn take_last_good(
        &self,
        why: &Failure,
        start: Start,
        people: &dyn Narrator,
    ) -> Result<(Held, Secret), Failure> {
        let refuse =
            |reason: String| why.clone().because(format!("and there is no last good value: {reason}"));
        let LastGood { slot, fingerprint } = self
            .notes
            .last_good()
            .ok_or_else(|| refuse("no job of this key has run here before".to_owned()))?;
        if self.journal_tells_of_a_revocation(fingerprint) {
            return Err(refuse(format!("{fingerprint} was revoked, or is about to be")));
        }
        let held = Held { lease: self.lease(fingerprint, start, people)?, fingerprint, slot: None };
        let read = self.wait_for(self.slots.read(slot));
        let value = match read {
            Ok(Ok(Some(value))) if value.fingerprint() == fingerprint => value,
            other => {
                held.release(&[], people);
                let place = self.slots.location(slot);
                return Err(match other {
                    Err(failure) => failure,
                    Ok(Err(error)) => refuse(format!("{error}; {}", error.remedy)),
                    Ok(Ok(_)) => refuse(format!("{place} does not hold {fingerprint} any more")),
                });
            }
        };
        people.warn(&format!(
            "FAIL-OPEN: the state of `{}` cannot be read ({why}); the job gets the last good value, {fingerprint}, \
             which may be out of date or revoked. {}",
            self.key, why.hint
        ));
        Ok((held, value))
    }

    /// By its text: where the state is damaged, whatever else can be read is taken at its worst.
    fn journal_tells_of_a_revocation(&self, fingerprint: Fingerprint) -> bool {
        let path = self.state_directory.join("journal").join(format!("{}.jsonl", self.key));
        let Ok(Some(bytes)) = safety::read_file(&path) else { return false };
        let text = String::from_utf8_lossy(&bytes);
        let fingerprint = fingerprint.to_string();
        let tells = ["\"revoke\"", "\"revoked\"", "\"emergency_declared\""];
        text.lines().any(|line| line.contains(&fingerprint) && tells.iter().any(|word| line.contains(word)))
    }

    fn lease(
        &self,
        fingerprint: Fingerprint,
        start: Start,
        people: &dyn Narrator,
    ) -> Result<Option<HeldLease>, Failure> {
        let expected = Some(self.expected_seconds);
        // A question to a network takes its time as well.
        let opened = match start == Start::AtOnce && !self.slots.needs_runtime() {
            true => self.leases.open(fingerprint, &self.program, expected),
            false => self.leases.open_early(fingerprint, &self.program, expected),
        };
        match opened {
            Ok(lease) => Ok(Some(lease)),
            Err(error) if self.fail_open => {
                people.warn(&format!(
                    "FAIL-OPEN: the job runs without a lease ({error}); `rotate finish` does not know of it"
                ));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The state as it is now.
    ///
    /// # Errors
    /// Exit 5 where it cannot be read, 6 where the key was never adopted.
    pub(super) fn record(&self) -> Result<Record, Failure> {
        serve::record(self.store()?, &self.key)
    }

    fn store(&self) -> Result<&dyn StateStore, Failure> {
        match &self.store {
            Ok(store) => Ok(&**store),
            Err(failure) => Err(failure.clone()),
        }
    }

    /// What a reader of the key gets by this state.
    ///
    /// # Errors
    /// As `rotate key`.
    pub(super) fn served(&self, record: &Record) -> Result<Secret, Failure> {
        self.wait_for(serve::active(record, &*self.slots))?
    }

    /// Slots that are files or variables answer at once; a runtime would cost more than the read.
    fn wait_for<T>(&self, read: impl Future<Output = T>) -> Result<T, Failure> {
        if self.slots.needs_runtime() { on_runtime(read) } else { Ok(pollster::block_on(read)) }
    }
}

impl Held {
    /// The next thing is the job's start.
    ///
    /// # Errors
    /// The lease cannot be written: nothing is to be started, but under `--fail-open`.
    pub(super) fn about_to_start(&mut self, source: &Source, people: &dyn Narrator) -> Result<(), Failure> {
        match self.lease.as_mut().map_or(Ok(()), HeldLease::about_to_start) {
            Err(error) if source.fail_open => {
                people.warn(&format!(
                    "FAIL-OPEN: the lease does not say that the job starts ({error}); if this process dies now, \
                     `rotate finish` does not know of the job"
                ));
                Ok(())
            }
            written => Ok(written?),
        }
    }

    /// Ends the lease; where the job left processes behind, it is theirs.
    pub(super) fn release(self, left_behind: &[u32], people: &dyn Narrator) {
        let Some(lease) = self.lease else { return };
        let released = if left_behind.is_empty() { lease.end() } else { lease.leave_to(left_behind) };
        said(released, people);
    }
}

/// A lease that cannot be written does not end the job.
pub(super) fn said(written: Result<(), LeaseError>, people: &dyn Narrator) {
    if let Err(error) = written {
        people.warn(&format!("the lease is not as it should be: {error}; see `rotate lease list`"));
    }
}

fn on_runtime<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    Ok(runtime()?.block_on(future))
}

/// A runtime for one question to a network.
///
/// # Errors
/// The system gives no room for it.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::unexpected("the runtime does not start").caused_by(&error))
}
