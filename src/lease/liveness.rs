//! Whether the holder of a lease is there. Pure: from the record, what this machine says, and now.

use super::place::Place;
use super::process::{Member, Sighting};
use super::record::{Holder, Record};
use crate::rotation::stamp::{Stamp, elapsed};

/// What is known of a lease's holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Liveness {
    Alive,
    /// Certainly gone, and not by guess: the lease is over.
    Gone,
    /// It cannot be told from here, with the reason. It counts as held.
    Unknown(String),
}

/// Judges one lease. `here` is where this process is; `sight` looks for a process of this machine, and is
/// asked only about those that belong to it.
pub fn judge(record: &Record, here: &Place, sight: &dyn Fn(&Member) -> Sighting, now: &Stamp) -> Liveness {
    match &record.holder {
        Holder::Bearer { ttl_seconds, renewed_at, .. } => {
            match elapsed(renewed_at, now).seconds < *ttl_seconds {
                true => Liveness::Alive,
                false => Liveness::Gone,
            }
        }
        Holder::Process { members, is_starting, .. } => match reach(&record.place, here) {
            Reach::Here => of_processes(record, members, *is_starting, sight),
            Reach::EarlierBoot => Liveness::Gone,
            Reach::Elsewhere(where_else) => unknown(record, &where_else),
        },
    }
}

/// Whether the ids of processes mean here what they meant there.
enum Reach {
    Here,
    /// This machine, before it was started anew: no process of that time lives.
    EarlierBoot,
    Elsewhere(String),
}

fn reach(there: &Place, here: &Place) -> Reach {
    if there.host != here.host || there.machine_id != here.machine_id {
        let host = &there.host;
        return Reach::Elsewhere(format!("it was taken on another machine ({host})"));
    }
    if there.boot_id != here.boot_id {
        // Without a machine id the same name may belong to two machines that share the directory.
        return match (&there.machine_id, &there.boot_id, &here.boot_id) {
            (Some(_), Some(_), Some(_)) => Reach::EarlierBoot,
            _ => Reach::Elsewhere("it was taken in another boot, perhaps of another machine".to_owned()),
        };
    }
    if there.namespaces != here.namespaces {
        return Reach::Elsewhere("it was taken in another container of this machine".to_owned());
    }
    Reach::Here
}

fn of_processes(
    record: &Record,
    members: &[Member],
    is_starting: bool,
    sight: &dyn Fn(&Member) -> Sighting,
) -> Liveness {
    let seen: Vec<Sighting> = members.iter().map(sight).collect();
    if seen.contains(&Sighting::Alive) {
        return Liveness::Alive;
    }
    if let Some(reason) = seen.iter().find_map(|sighting| match sighting {
        Sighting::Hidden(reason) => Some(*reason),
        Sighting::Alive | Sighting::Gone => None,
    }) {
        return unknown(record, reason);
    }
    if is_starting {
        return unknown(record, "its wrapper died just as it started the job, which may run on");
    }
    if members.is_empty() {
        return unknown(record, "its record names no process");
    }
    Liveness::Gone
}

fn unknown(record: &Record, reason: &str) -> Liveness {
    let id = &record.id;
    Liveness::Unknown(format!("{reason}; if its job has ended, `rotate lease release {id}`"))
}

#[cfg(test)]
mod tests;
