//! The lease of this very process and of the job that it runs.

use super::directory::LeaseDirectory;
use super::error::LeaseError;
use super::process::{Member, Sighting};
use super::record::{Holder, Record};
use crate::secret::Fingerprint;

/// A lease that this process holds.
///
/// Its record lasts as long as the process lives; after a crash the next one that looks drops it. Dropping the
/// value leaves the record there: end it with [`HeldLease::end`] or [`HeldLease::leave_to`].
#[derive(Debug)]
#[must_use = "the record stays until the lease is ended"]
pub struct HeldLease {
    directory: LeaseDirectory,
    record: Record,
}

impl HeldLease {
    pub(super) fn new(directory: LeaseDirectory, record: Record) -> Self {
        Self { directory, record }
    }

    /// 16 hex digits.
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// The credential that the lease is on.
    pub fn fingerprint(&self) -> Fingerprint {
        self.record.fingerprint
    }

    /// Records that the job is about to be started, where the record does not say so yet.
    ///
    /// # Errors
    /// The record could not be written: start nothing, for it would not outlive this process.
    pub fn about_to_start(&mut self) -> Result<(), LeaseError> {
        if matches!(self.record.holder, Holder::Process { is_starting: true, .. }) {
            return Ok(());
        }
        self.change(|_, is_starting| *is_starting = true)
    }

    /// Records the job's process. After this the lease lasts as long as this process or the job lives.
    ///
    /// Call it as soon as the job was started, while it cannot have been waited for: then its id is its own.
    ///
    /// # Errors
    /// The record could not be written: it still says that the job is being started.
    pub fn job_started(&mut self, pid: u32) -> Result<(), LeaseError> {
        let job = Member::of(pid);
        self.change(|members, is_starting| {
            members.truncate(1);
            members.push(job);
            *is_starting = false;
        })
    }

    /// Puts the lease on another credential, for a job that is started anew with it. Only for a time when nothing
    /// uses the one before.
    ///
    /// # Errors
    /// The record could not be written: the lease is still on the credential before.
    pub fn move_to(&mut self, fingerprint: Fingerprint) -> Result<(), LeaseError> {
        let mut record = self.record.clone();
        record.fingerprint = fingerprint;
        self.write(record)
    }

    /// The job ended, but these processes that it started live on: the lease is theirs until the last of them is
    /// gone. Where none of them lives any more, the lease ends.
    ///
    /// # Errors
    /// The record could not be written; then it ends with this process.
    pub fn leave_to(mut self, descendants: &[u32]) -> Result<(), LeaseError> {
        let there = |member: &Member| member.sighting() != Sighting::Gone;
        let left: Vec<Member> = descendants.iter().copied().map(Member::of).filter(there).collect();
        if left.is_empty() {
            return self.end();
        }
        self.change(|members, is_starting| {
            *members = left;
            *is_starting = false;
        })
    }

    /// Ends the lease: its record is removed.
    ///
    /// # Errors
    /// The record could not be removed; the next one that looks after this process has ended drops it.
    pub fn end(self) -> Result<(), LeaseError> {
        Ok(self.directory.files.remove(&self.record.id)?)
    }

    fn change(&mut self, change: impl FnOnce(&mut Vec<Member>, &mut bool)) -> Result<(), LeaseError> {
        let mut record = self.record.clone();
        if let Holder::Process { members, is_starting, .. } = &mut record.holder {
            change(members, is_starting);
        }
        self.write(record)
    }

    /// Without the lock: as long as this process lives, nobody drops its record.
    fn write(&mut self, record: Record) -> Result<(), LeaseError> {
        self.directory.files.replace(&record)?;
        self.record = record;
        Ok(())
    }
}
