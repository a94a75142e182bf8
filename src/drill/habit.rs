//! How an agent comes by the key it uses, and how long it keeps it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use zeroize::Zeroizing;

use crate::config::KeySettings;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::secret::Secret;
use crate::slots::Slots;
use crate::store::StateStore;
use crate::wiring;
use crate::workflow::{decode_record, serve};

/// The variable of the dotenv file that agents read.
pub(super) const VARIABLE: &str = "ANTHROPIC_API_KEY";

/// The longest that agents with a time to live go on with what they read, in seconds.
const REFRESH_SECONDS: u64 = 2;

/// What kind of consumer an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Habit {
    /// Reads the key when a job starts and uses it until the job ends.
    Cached,
    /// Reads the key again when what it read is older than a time to live.
    Reread,
    /// Reads the key before every request.
    EveryTime,
}

impl Habit {
    /// In the order in which agents are hired and shown.
    pub(super) const ALL: [Habit; 3] = [Habit::Cached, Habit::Reread, Habit::EveryTime];

    /// How many of so many agents have it.
    pub(super) fn share(self, agents: u32) -> u32 {
        let place = self as u32;
        agents / 3 + u32::from(place < agents % 3)
    }
}

/// How long each habit keeps what it read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keep {
    pub(super) job: Duration,
    pub(super) refresh: Duration,
}

impl Keep {
    /// A drill of short jobs has a short time to live too, so that the job still dominates.
    pub(super) fn of(job_seconds: u64) -> Self {
        Self {
            job: Duration::from_secs(job_seconds),
            refresh: Duration::from_secs(REFRESH_SECONDS.min(job_seconds)),
        }
    }

    /// How long both keys are valid.
    pub(super) fn window(self) -> Duration {
        self.job + self.refresh + Duration::from_secs(1)
    }

    pub(super) fn by(self, habit: Habit) -> Duration {
        match habit {
            Habit::Cached => self.job,
            Habit::Reread => self.refresh,
            Habit::EveryTime => Duration::ZERO,
        }
    }
}

/// Where an agent reads the key.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// A file that is a target of the rotation.
    Dotenv(PathBuf),
    /// What `rotate key` does, by the same code.
    RotateKey { state_directory: PathBuf, key: Box<KeySettings> },
}

impl Source {
    fn open(&self) -> Result<Opened, Failure> {
        Ok(match self {
            Source::Dotenv(path) => Opened::Dotenv(path.clone()),
            Source::RotateKey { state_directory, key } => {
                let store = wiring::store(state_directory)?;
                let slots = wiring::slots(key, state_directory);
                Opened::RotateKey { store, slots, key: key.name.clone() }
            }
        })
    }
}

/// A source with its files' readers, which stay on one thread.
enum Opened {
    Dotenv(PathBuf),
    RotateKey { store: Box<dyn StateStore>, slots: Box<dyn Slots>, key: String },
}

impl Opened {
    async fn read(&self) -> Result<Secret, Failure> {
        match self {
            Opened::Dotenv(path) => read_dotenv(path),
            Opened::RotateKey { store, slots, key } => {
                let decoded = decode_record(&**store, key)?
                    .ok_or_else(|| Failure::unexpected(format!("`{key}` has no state to read")))?;
                serve::active(&decoded.record, &**slots).await
            }
        }
    }
}

/// One agent's hold on the key.
pub(super) struct Reader {
    source: Opened,
    keep: Duration,
    held: Option<Held>,
    /// The first job is shorter, so that the agents' jobs do not all start at once.
    first_keep: Duration,
}

struct Held {
    value: Secret,
    until: Instant,
}

impl Reader {
    /// A reader that keeps what it reads for `keep`, and for `first_keep`, no longer, the first time.
    ///
    /// # Errors
    /// The state directory cannot be opened.
    pub(super) fn new(source: &Source, keep: Duration, first_keep: Duration) -> Result<Self, Failure> {
        Ok(Self { source: source.open()?, keep, held: None, first_keep: first_keep.min(keep) })
    }

    /// The value for a request that starts now. The time to keep it runs from before it is read, so
    /// that it is never used for longer.
    ///
    /// # Errors
    /// It could not be read; the next call tries again.
    pub(super) async fn value(&mut self) -> Result<&Secret, Failure> {
        let now = Instant::now();
        let held = match self.held.take() {
            Some(held) if now < held.until => held,
            before => {
                let keep = if before.is_none() { self.first_keep } else { self.keep };
                Held { value: self.source.read().await?, until: now + keep }
            }
        };
        Ok(&self.held.insert(held).value)
    }
}

/// The value of [`VARIABLE`] in a dotenv file.
///
/// # Errors
/// The file cannot be read or has no such line.
pub(super) fn read_dotenv(path: &Path) -> Result<Secret, Failure> {
    let failure = |what: &str| {
        let hint = "do not touch the drill's temporary directory; run `rotate drill` again";
        Failure::new(ExitCode::Unexpected, format!("{} {what}", path.display()), hint)
    };
    let text = std::fs::read_to_string(path).map_err(|error| failure("cannot be read").caused_by(&error))?;
    let text = Zeroizing::new(text);
    let value = text.lines().find_map(|line| line.strip_prefix(VARIABLE)?.strip_prefix('='));
    let value = value.ok_or_else(|| failure(&format!("has no {VARIABLE}")))?;
    Secret::from_text(value.trim_matches('"').to_owned())
        .map_err(|malformed| failure("holds no key").caused_by(&malformed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn habits_are_shared_out_evenly() {
        let shares = |agents| Habit::ALL.map(|habit| habit.share(agents));
        assert_eq!(shares(6), [2, 2, 2]);
        assert_eq!(shares(1), [1, 0, 0]);
        assert_eq!(shares(5), [2, 2, 1]);
        assert_eq!(shares(200).iter().sum::<u32>(), 200);
    }

    #[tokio::test]
    async fn a_job_keeps_what_it_started_with() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agents.env");
        let write = |value: &str| std::fs::write(&path, format!("# jobs\n{VARIABLE}=\"{value}\"\n")).unwrap();
        let source = Source::Dotenv(path.clone());
        let keep = Duration::from_secs(3600);
        write("the-old-value");
        let mut cached = Reader::new(&source, keep, keep).unwrap();
        let mut asking = Reader::new(&source, Duration::ZERO, Duration::ZERO).unwrap();
        assert_eq!(cached.value().await.unwrap().expose(), "the-old-value");
        assert_eq!(asking.value().await.unwrap().expose(), "the-old-value");
        write("the-new-value");
        assert_eq!(cached.value().await.unwrap().expose(), "the-old-value");
        assert_eq!(asking.value().await.unwrap().expose(), "the-new-value");
    }
}
