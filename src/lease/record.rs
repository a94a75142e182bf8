//! What is written down of one lease. Never a value, never a command's arguments.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::place::Place;
use super::process::Member;
use crate::rotation::stamp::{Stamp, plus_seconds};
use crate::secret::Fingerprint;

/// The schema that this version writes, and the only one it reads.
pub const SCHEMA: u64 = 1;

/// One lease as its file holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub schema: u64,
    /// 16 hex digits; the file's name.
    pub id: String,
    pub key: String,
    pub fingerprint: Fingerprint,
    #[serde(flatten)]
    pub holder: Holder,
    /// Where it was taken.
    #[serde(flatten)]
    pub place: Place,
    pub started_at: Stamp,
}

/// Who holds a lease, and so what ends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Holder {
    /// Processes: it lasts as long as one of them lives.
    Process {
        /// The file name of the program, without its arguments.
        command: String,
        /// First the wrapper that keeps the lease, then the job; after the job left descendants, those.
        members: Vec<Member>,
        /// The job is about to be started, and its process is not recorded yet.
        is_starting: bool,
        expected_end: Option<Timestamp>,
    },
    /// Whoever knows the id: it lasts for a time, and can be renewed.
    Bearer {
        /// Who that is, in their own words.
        holder: String,
        ttl_seconds: u64,
        renewed_at: Stamp,
        /// The credential that a renewal named as the active one in place of the lease's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        told: Option<Fingerprint>,
    },
}

impl Record {
    /// When the lease of a bearer ends by the wall clock, unless it is renewed; `None` for a process.
    pub fn expires_at(&self) -> Option<Timestamp> {
        match &self.holder {
            Holder::Bearer { ttl_seconds, renewed_at, .. } => {
                Some(plus_seconds(renewed_at.wall, *ttl_seconds))
            }
            Holder::Process { .. } => None,
        }
    }

    /// The process that a person would look for: the job, or its wrapper while it is being started.
    pub fn pid(&self) -> Option<u32> {
        match &self.holder {
            Holder::Process { members, .. } => members.get(1).or(members.first()).map(|member| member.pid),
            Holder::Bearer { .. } => None,
        }
    }

    /// The holder in a few words.
    pub fn who(&self) -> String {
        let host = &self.place.host;
        match &self.holder {
            Holder::Process { command, .. } => match self.pid() {
                Some(pid) => format!("`{command}` (pid {pid} on {host})"),
                None => format!("`{command}` (on {host})"),
            },
            Holder::Bearer { holder, .. } => format!("{holder} (on {host})"),
        }
    }

    /// The holder, since when and until when, in one line.
    pub fn in_words(&self) -> String {
        let since = self.started_at.wall;
        let until = match &self.holder {
            Holder::Process { expected_end: Some(end), .. } => format!(", expected to end {end:.0}"),
            Holder::Process { expected_end: None, .. } => String::new(),
            Holder::Bearer { .. } => {
                self.expires_at().map(|end| format!(", until {end:.0}")).unwrap_or_default()
            }
        };
        format!("{}, since {since:.0}{until}", self.who())
    }
}
