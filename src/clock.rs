//! Time, injected. Nothing else in the program asks the system what time it is or sleeps.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::rotation::stamp::{BootTime, Stamp};

/// A source of time.
///
/// # Guarantees
/// `sleep` returns no earlier than `duration` after the call, by the clock's own reckoning.
///
/// # Caveats
/// Wall time may step in either direction between two calls; use [`crate::rotation::stamp::elapsed`].
#[async_trait(?Send)]
pub trait Clock {
    /// This moment, by every measure at hand but the provider's.
    fn now(&self) -> Stamp;

    /// Waits. Cancelled by dropping the future.
    async fn sleep(&self, duration: Duration);
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait(?Send)]
impl Clock for SystemClock {
    fn now(&self) -> Stamp {
        Stamp { wall: Timestamp::now(), boot: boot_time(), provider: None }
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The kernel's boot id and the time since boot, sleep included; `None` off Linux.
#[cfg(target_os = "linux")]
fn boot_time() -> Option<BootTime> {
    let id = boot_id()?;
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let milliseconds = seconds * 1000 + u64::try_from(time.tv_nsec).ok()? / 1_000_000;
    Some(BootTime { id, milliseconds })
}

#[cfg(not(target_os = "linux"))]
fn boot_time() -> Option<BootTime> {
    None
}

/// The random id of this boot (proc(5), `/proc/sys/kernel/random/boot_id`); `None` off Linux.
pub fn boot_id() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}

/// The clock this process runs by: the machine's, or in builds with debug assertions the simulated
/// one that `ROTATE_TEST_CLOCK` names.
pub fn from_environment() -> Box<dyn Clock> {
    #[cfg(debug_assertions)]
    if let Some(path) = std::env::var_os("ROTATE_TEST_CLOCK") {
        return Box::new(simulated::SimulatedClock::new(path.into()));
    }
    Box::new(SystemClock)
}

/// Simulated time for tests of the real executable; not in release builds.
#[cfg(debug_assertions)]
pub mod simulated {
    use std::path::PathBuf;

    use super::*;

    /// A clock whose time stands in a file: `WALL_MILLISECONDS BOOT_ID BOOT_MILLISECONDS`.
    ///
    /// Sleeping advances the file and returns after one turn of the runtime, so that several
    /// processes and a sandbox can share one simulated time and no test waits.
    #[derive(Clone, Debug)]
    pub struct SimulatedClock {
        path: PathBuf,
    }

    struct Reading {
        wall_milliseconds: i64,
        boot_id: String,
        boot_milliseconds: u64,
    }

    impl SimulatedClock {
        pub fn new(path: PathBuf) -> Self {
            Self { path }
        }

        /// Moves both clocks forward.
        pub fn advance(&self, duration: Duration) {
            let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            let mut reading = self.read();
            reading.wall_milliseconds = reading.wall_milliseconds.saturating_add_unsigned(milliseconds);
            reading.boot_milliseconds = reading.boot_milliseconds.saturating_add(milliseconds);
            self.write(&reading);
        }

        fn read(&self) -> Reading {
            let text = std::fs::read_to_string(&self.path).unwrap_or_default();
            let mut words = text.split_whitespace();
            Reading {
                wall_milliseconds: words.next().and_then(|word| word.parse().ok()).unwrap_or(0),
                boot_id: words.next().unwrap_or("simulated-boot").to_owned(),
                boot_milliseconds: words.next().and_then(|word| word.parse().ok()).unwrap_or(0),
            }
        }

        fn write(&self, reading: &Reading) {
            let text =
                format!("{} {} {}", reading.wall_milliseconds, reading.boot_id, reading.boot_milliseconds);
            let temporary = self.path.with_extension(format!("tmp{}", std::process::id()));
            let written =
                std::fs::write(&temporary, text).and_then(|()| std::fs::rename(&temporary, &self.path));
            if let Err(error) = written {
                tracing::error!("the simulated clock does not advance: {error}");
            }
        }
    }

    #[async_trait(?Send)]
    impl Clock for SimulatedClock {
        fn now(&self) -> Stamp {
            let reading = self.read();
            Stamp {
                wall: Timestamp::from_millisecond(reading.wall_milliseconds).unwrap_or(Timestamp::UNIX_EPOCH),
                boot: Some(BootTime { id: reading.boot_id, milliseconds: reading.boot_milliseconds }),
                provider: None,
            }
        }

        async fn sleep(&self, duration: Duration) {
            self.advance(duration);
            tokio::task::yield_now().await;
        }
    }
}
