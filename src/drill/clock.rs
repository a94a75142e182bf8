//! The drill's time: a minute of it is a second of the machine's.
//!
//! A provider's usage report has a bucket a minute, and a window is as long as a job. In the machine's time nobody
//! would wait for that.

use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::clock::{Clock, SystemClock};
use crate::rotation::stamp::{Stamp, later};

/// How much faster it runs.
pub(super) const SPEED: u32 = 60;

/// A clock that began with the machine's and has run faster since. Copies show the same time.
#[derive(Clone, Debug)]
pub(super) struct FastClock {
    began: Stamp,
    at: Instant,
}

impl FastClock {
    /// Begins now.
    pub(super) fn new() -> Self {
        Self { began: SystemClock.now(), at: Instant::now() }
    }
}

#[async_trait(?Send)]
impl Clock for FastClock {
    fn now(&self) -> Stamp {
        let passed = self.at.elapsed() * SPEED;
        later(&self.began, u64::try_from(passed.as_millis()).unwrap_or(u64::MAX))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration / SPEED).await;
    }
}
