//! The agents: consumers that work at a steady pace, on a thread of their own.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::json;
use tokio::sync::watch;

use super::habit::{Habit, Keep, Reader, Source};
use super::tally::{Outcome, Tally};
use crate::clock::{Clock, SystemClock};
use crate::error::Failure;
use crate::http::{Client, Request};
use crate::secret::{Fingerprint, Secret};

/// The pace of one agent.
const REQUESTS_PER_SECOND: u32 = 25;
/// The pace of all agents together, where there are many: each request takes a port of the loopback for
/// a minute, and the sandbox is not to be the bottleneck.
const ALL_REQUESTS_PER_SECOND: u32 = 300;
/// Far more than an answer on the loopback takes.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
const API_VERSION: &str = "2023-06-01";
const MODEL: &str = "claude-haiku-4-5";

/// Who is to work, and how.
pub(super) struct Employment {
    /// Shared out over the habits as evenly as can be.
    pub(super) agents: u32,
    /// Where the provider is.
    pub(super) base_url: String,
    /// Tells the old key from the new one.
    pub(super) old: Fingerprint,
    /// Where agents read that cache or reread.
    pub(super) dotenv: Source,
    /// Where agents read that ask every time.
    pub(super) asking: Source,
    pub(super) keep: Keep,
    pub(super) tally: Tally,
}

/// Agents at work. They end their requests and stop when this is dropped.
pub(super) struct Crew {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<Result<(), Failure>>>,
}

impl Crew {
    /// Starts the agents' thread.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(super) fn start(employment: Employment) -> Result<Self, Failure> {
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("agents".to_owned())
            .spawn(move || work(&employment, &stopped))
            .map_err(|error| Failure::unexpected("the agents' thread does not start").caused_by(&error))?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Lets every agent end its request, and waits for that.
    ///
    /// # Errors
    /// The agents could not work at all, or their thread panicked.
    pub(super) fn stop(mut self) -> Result<(), Failure> {
        self.join()
    }

    fn join(&mut self) -> Result<(), Failure> {
        self.stop.send_replace(true);
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        thread.join().unwrap_or_else(|_| Err(Failure::unexpected("the agents' thread panicked")))
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        if let Err(failure) = self.join() {
            tracing::error!("{failure}");
        }
    }
}

fn work(employment: &Employment, stopped: &watch::Receiver<bool>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::unexpected("the agents' runtime does not start").caused_by(&error))?;
    let client = Client::new(ANSWER_LIMIT)?;
    let pause = pace(employment.agents);
    let mut agents = Vec::new();
    for habit in Habit::ALL {
        let count = habit.share(employment.agents);
        for number in 1..=count {
            let keep = employment.keep.by(habit);
            let source = if habit == Habit::EveryTime { &employment.asking } else { &employment.dotenv };
            let reader = Reader::new(source, keep, keep * number / count)?;
            // one after another, so that their requests do not come in bursts
            let ahead = u32::try_from(agents.len()).unwrap_or(0);
            let first = Instant::now() + pause * ahead / employment.agents.max(1);
            let agent = Agent { habit, reader, client: client.clone(), employment };
            agents.push(agent.work(first, pause, stopped.clone()));
        }
    }
    runtime.block_on(try_join_all(agents)).map(|_| ())
}

/// The time from one request of an agent to its next.
fn pace(agents: u32) -> Duration {
    let alone = Duration::from_secs(1) / REQUESTS_PER_SECOND;
    let among_many = Duration::from_secs(1) * agents / ALL_REQUESTS_PER_SECOND;
    alone.max(among_many)
}

struct Agent<'e> {
    habit: Habit,
    reader: Reader,
    client: Client,
    employment: &'e Employment,
}

impl Agent<'_> {
    /// Never fails by itself: what goes wrong is counted.
    async fn work(
        mut self,
        first: Instant,
        pause: Duration,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<(), Failure> {
        let mut next = first;
        let mut number: u64 = 0;
        loop {
            let wait = next.saturating_duration_since(Instant::now());
            tokio::select! {
                biased;
                // an error says that the crew is gone, which ends the work too
                _ = stopped.wait_for(|stop| *stop) => return Ok(()),
                () = SystemClock.sleep(wait) => {}
            }
            self.request(number).await;
            number += 1;
            // after a slow answer the pace goes on from there, without catching up
            next = (next + pause).max(Instant::now());
        }
    }

    async fn request(&mut self, number: u64) {
        let Employment { base_url, old, tally, .. } = self.employment;
        let habit = self.habit;
        let value = match self.reader.value().await {
            Ok(value) => value,
            Err(failure) => return tally.fail(habit, failure.to_string()),
        };
        let served = if value.fingerprint() == *old { Outcome::Old } else { Outcome::New };
        match self.client.send(question(base_url, value, number)).await {
            Ok(answer) if answer.status == 200 => tally.count(habit, served),
            Ok(answer) if answer.status == 401 => tally.count(habit, Outcome::Refused),
            Ok(answer) => tally.fail(habit, format!("the sandbox answered {}", answer.status)),
            Err(error) => tally.fail(habit, error.to_string()),
        }
    }
}

/// Asks for the models and for a message, in turn.
pub(super) fn question(base_url: &str, value: &Secret, number: u64) -> Request {
    let request = if number.is_multiple_of(2) {
        Request::get(format!("{base_url}/v1/models"))
    } else {
        Request::post(format!("{base_url}/v1/messages")).json(&json!({
            "model": MODEL,
            "max_tokens": 16,
            "messages": [{ "role": "user", "content": "what was my key again?" }],
        }))
    };
    request.header("anthropic-version", API_VERSION).secret_header("x-api-key", value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_agents_slow_down() {
        assert_eq!(pace(1), Duration::from_millis(40));
        assert_eq!(pace(6), Duration::from_millis(40));
        assert_eq!(pace(30), Duration::from_millis(100));
        assert_eq!(pace(150), Duration::from_millis(500));
    }
}
