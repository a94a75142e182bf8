//! The post: takes what is due out of the outbox to its receivers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;

use super::outbox::{Delivery, Outbox};
use super::{Receiver, Undelivered};
use crate::clock::Clock;
use crate::file_lock;
use crate::store::{StoreError, safety};

/// So many failures in a row, and a receiver is left alone until the next time.
const FAILURES_LIMIT: u32 = 3;

/// Finds a receiver by its name. `None`: the configuration has none of this name (any more).
pub type Find<'a> = &'a dyn Fn(&str) -> Option<Result<Box<dyn Receiver>, Undelivered>>;

/// What came of one round of the post.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    pub delivered: u32,
    /// Receiver and why, once for each receiver that did not take something.
    pub failed: BTreeMap<String, Undelivered>,
    /// Receivers that the configuration does not have any more, and how many alerts for them were given up.
    pub given_up: BTreeMap<String, u32>,
    /// Still in the outbox.
    pub left: u32,
    /// Files in the outbox that are no delivery, and why.
    pub unreadable: Vec<(String, String)>,
    /// Somebody else was delivering: nothing was done here.
    pub is_elsewhere: bool,
}

/// Which deliveries are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those whose pause is over.
    Due,
    /// All of them.
    All,
}

/// Delivers, receiver beside receiver, each one's alerts in their order, for at most `limit`.
///
/// What did not arrive stays in the outbox. What was being delivered when the time was up may have arrived, and is
/// delivered again.
///
/// # Errors
/// [`StoreError`] where the outbox cannot be read or written.
pub async fn deliver(
    outbox: &Outbox,
    find: Find<'_>,
    clock: &dyn Clock,
    which: Which,
    limit: Duration,
) -> Result<Round, StoreError> {
    let mut round = Round::default();
    if !outbox.directory().exists() {
        return Ok(round);
    }
    let Some(_lock) = lock(outbox.directory())? else {
        round.is_elsewhere = true;
        return Ok(round);
    };
    let pending = outbox.pending()?;
    round.unreadable =
        pending.unreadable.into_iter().map(|(path, reason)| (path.display().to_string(), reason)).collect();
    let total = pending.deliveries.len();
    let mut by_receiver: BTreeMap<String, Vec<Delivery>> = BTreeMap::new();
    for delivery in pending.deliveries {
        by_receiver.entry(delivery.receiver.clone()).or_default().push(delivery);
    }
    let until = tokio::time::Instant::now() + limit;
    let carriers = by_receiver.into_iter().map(async |(name, deliveries)| {
        let carried = carry(outbox, find(&name), &deliveries, clock, which, until).await;
        (name, carried)
    });
    let mut settled = 0;
    for (name, carried) in join_all(carriers).await {
        let carried = carried?;
        round.delivered += carried.delivered;
        settled += carried.delivered + carried.given_up;
        if let Some(failed) = carried.failed {
            round.failed.insert(name.clone(), failed);
        }
        if carried.given_up > 0 {
            round.given_up.insert(name, carried.given_up);
        }
    }
    round.left = u32::try_from(total).unwrap_or(u32::MAX).saturating_sub(settled);
    Ok(round)
}

/// One post at a time in a state directory; `None` where another is on its way.
fn lock(directory: &Path) -> Result<Option<std::fs::File>, StoreError> {
    let path = directory.with_file_name("post.lock");
    let failed = |source| StoreError::Io { what: "cannot lock the alerts' post", path: path.clone(), source };
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let Some(file) = safety::open(&path, &mut options)? else {
        return Err(failed(std::io::ErrorKind::NotFound.into()));
    };
    let is_ours = file_lock::try_lock(&file).map_err(failed)?;
    Ok(is_ours.then_some(file))
}

#[derive(Default)]
struct Carried {
    delivered: u32,
    given_up: u32,
    failed: Option<Undelivered>,
}

/// Takes one receiver's alerts to it.
async fn carry(
    outbox: &Outbox,
    receiver: Option<Result<Box<dyn Receiver>, Undelivered>>,
    deliveries: &[Delivery],
    clock: &dyn Clock,
    which: Which,
    until: tokio::time::Instant,
) -> Result<Carried, StoreError> {
    let mut carried = Carried::default();
    let now = clock.now().wall;
    let receiver = match receiver {
        Some(Ok(receiver)) => receiver,
        Some(Err(failed)) => {
            if let Some(first) = deliveries.iter().find(|delivery| is_due(delivery, which, now)) {
                outbox.postpone(first, &failed, now)?;
            }
            carried.failed = Some(failed);
            return Ok(carried);
        }
        None => {
            for delivery in deliveries {
                outbox.delivered(delivery)?;
                carried.given_up += 1;
            }
            return Ok(carried);
        }
    };
    if which == Which::Due && deliveries.iter().any(|delivery| is_pausing(delivery, now)) {
        return Ok(carried);
    }
    let mut failures = 0;
    // The end of an incident must not arrive before its beginning.
    let mut held_up: BTreeSet<&str> = BTreeSet::new();
    for delivery in deliveries {
        let thread = delivery.alert.dedup_key.as_str();
        if held_up.contains(thread) || !is_due(delivery, which, now) {
            held_up.insert(thread);
            continue;
        }
        let now = clock.now().wall;
        let tried = receiver.deliver(&delivery.alert, &delivery.id, now);
        match tokio::time::timeout_at(until, tried).await {
            Ok(Ok(())) => {
                outbox.delivered(delivery)?;
                carried.delivered += 1;
                failures = 0;
            }
            Ok(Err(failed)) => {
                outbox.postpone(delivery, &failed, now)?;
                held_up.insert(thread);
                failures += 1;
                let is_passing = !failed.is_lasting();
                carried.failed = Some(failed);
                // A receiver that is down would only be hammered; one that refuses may refuse just this alert. Whoever
                // asks for all of them wants more than one try.
                if (is_passing && which == Which::Due) || failures >= FAILURES_LIMIT {
                    break;
                }
            }
            Err(_) => {
                carried.failed = Some(Undelivered::passing("there was no time left to wait for its answer"));
                break;
            }
        }
    }
    Ok(carried)
}

/// Whether its receiver could not be had a moment ago.
fn is_pausing(delivery: &Delivery, now: Timestamp) -> bool {
    delivery.attempts > 0 && !delivery.is_refused && delivery.next_at > now
}

fn is_due(delivery: &Delivery, which: Which, now: Timestamp) -> bool {
    which == Which::All || delivery.next_at <= now
}
