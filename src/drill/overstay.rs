//! A job that takes longer than any was to take. It began with the old key, under a lease, and works on with it
//! when the window is over: `finish` must wait for it.

use std::time::{Duration, Instant};

use super::agents::question;
use super::habit::{Habit, read_dotenv};
use super::scene::{KEY, Scene};
use super::tally::{Outcome, Tally};
use crate::clock::{Clock, SystemClock};
use crate::error::Failure;
use crate::http::Client;
use crate::lease::directory::LeaseDirectory;
use crate::secret::Secret;

const PAUSE: Duration = Duration::from_millis(200);
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
const HOLDER: &str = "a job that overstays";
/// Longer than any drill.
const TTL_SECONDS: u64 = 30 * 24 * 3600;

/// The job, at work from its lease on.
pub(super) struct Overstayer {
    leases: LeaseDirectory,
    lease: String,
    value: Secret,
}

impl Overstayer {
    /// Takes a lease on the key that the agents' file holds now, as `rotate lease acquire` does.
    ///
    /// # Errors
    /// The file or the lease cannot be had.
    pub(super) fn begin(scene: &Scene) -> Result<Self, Failure> {
        let leases = scene.leases(KEY);
        let value = read_dotenv(&scene.dotenv())?;
        let lease = leases.acquire(value.fingerprint(), HOLDER, TTL_SECONDS)?.id;
        Ok(Self { leases, lease, value })
    }

    /// Works for so long, ends, and releases the lease.
    ///
    /// # Errors
    /// There is no client, or the lease cannot be released. Refusals are counted.
    pub(super) async fn work(self, length: Duration, base_url: &str, tally: &Tally) -> Result<(), Failure> {
        let client = Client::new(ANSWER_LIMIT)?;
        let began = Instant::now();
        let mut number = 0;
        while began.elapsed() < length {
            match client.send(question(base_url, &self.value, number)).await {
                Ok(answer) if answer.status == 200 => tally.count(Habit::Cached, Outcome::Old),
                Ok(answer) if answer.status == 401 => tally.count(Habit::Cached, Outcome::Refused),
                Ok(answer) => tally.fail(Habit::Cached, format!("the sandbox answered {}", answer.status)),
                Err(error) => tally.fail(Habit::Cached, error.to_string()),
            }
            number += 1;
            SystemClock.sleep(PAUSE).await;
        }
        Ok(self.leases.release(&self.lease, true)?)
    }
}
