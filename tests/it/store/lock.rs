//! The operation lock: a bounded wait that names the holder; freed by the kernel, however its holder ends.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rotate::clock::Clock;
use rotate::clock::simulated::SimulatedClock;
use rotate::rotation::stamp::Stamp;
use rotate::store::lock::OperationLockFiles;
use rotate::store::{OperationLock, OperationLocks as _, StoreError};
use tempfile::TempDir;

const HOLD: &str = "ROTATE_TEST_HOLD_LOCK_IN";

fn place() -> (TempDir, SimulatedClock) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("clock");
    std::fs::write(&path, "1772366400000 boot-one 1000000").unwrap();
    (directory, SimulatedClock::new(path))
}

/// Runs a future that sleeps by the simulated clock.
fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn acquire(
    directory: &Path,
    command: &str,
    clock: &dyn Clock,
    wait: u64,
) -> Result<OperationLock, StoreError> {
    run(OperationLockFiles::new(directory).acquire("prod", command, clock, Duration::from_secs(wait)))
}

#[test]
fn one_holds_it_and_the_next_gets_it_when_it_is_dropped() {
    let (directory, clock) = place();
    let held = acquire(directory.path(), "promote", &clock, 0).unwrap();
    assert!(matches!(acquire(directory.path(), "finish", &clock, 0), Err(StoreError::Locked { .. })));
    drop(held);
    acquire(directory.path(), "finish", &clock, 0).unwrap();
}

#[test]
fn keys_are_locked_one_by_one() {
    let (directory, clock) = place();
    let _held = acquire(directory.path(), "promote", &clock, 0).unwrap();
    run(OperationLockFiles::new(directory.path()).acquire("other", "promote", &clock, Duration::ZERO))
        .unwrap();
}

#[test]
fn waiting_is_bounded_and_says_who_holds_it() {
    let (directory, clock) = place();
    let _held = acquire(directory.path(), "promote", &clock, 0).unwrap();
    let began = clock.now().wall;
    let error = acquire(directory.path(), "finish", &clock, 30).unwrap_err();
    let waited = clock.now().wall.as_second() - began.as_second();
    assert!((30..=31).contains(&waited), "{waited} s");
    let StoreError::Locked { key, holder } = &error else { panic!("{error:?}") };
    assert_eq!((key.as_str(), holder.actor.command.as_str()), ("prod", "promote"));
    assert_eq!(holder.actor.pid, std::process::id());
    assert_eq!(holder.since, began);
    let text = error.to_string();
    assert!(
        text.contains("`rotate promote`") && text.contains(&format!("pid {}", std::process::id())),
        "{text}"
    );
    let failure = error.into_failure();
    assert_eq!(failure.exit.number(), 4);
}

/// A clock that is set back by an hour whenever someone sleeps.
struct Unsteady(SimulatedClock);

#[async_trait::async_trait(?Send)]
impl Clock for Unsteady {
    fn now(&self) -> Stamp {
        let mut now = self.0.now();
        now.boot = None;
        let since_start = now.wall.as_second() - 1_772_366_400;
        now.wall = now.wall.checked_sub(jiff::SignedDuration::from_hours(since_start)).unwrap();
        now
    }

    async fn sleep(&self, duration: Duration) {
        self.0.sleep(duration).await;
    }
}

#[test]
fn a_clock_that_is_set_back_does_not_make_the_wait_longer() {
    let (directory, clock) = place();
    let _held = acquire(directory.path(), "promote", &clock, 0).unwrap();
    let began = clock.now().wall;
    let error = acquire(directory.path(), "finish", &Unsteady(clock.clone()), 30).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }));
    assert!(clock.now().wall.as_second() - began.as_second() <= 31);
}

#[test]
fn a_holder_that_cannot_be_read_is_unknown_but_still_holds() {
    let (directory, clock) = place();
    let _held = acquire(directory.path(), "promote", &clock, 0).unwrap();
    for text in ["", "{", "\0\0\0"] {
        std::fs::write(directory.path().join("prod.lock"), text).unwrap();
        let error = acquire(directory.path(), "finish", &clock, 0).unwrap_err();
        assert!(error.to_string().contains("unknown"), "{error}");
    }
}

#[test]
fn the_sentinel_stays_and_a_dead_holders_name_keeps_nobody_out() {
    let (directory, clock) = place();
    drop(acquire(directory.path(), "promote", &clock, 0).unwrap());
    let sentinel = directory.path().join("prod.lock");
    assert!(std::fs::read_to_string(&sentinel).unwrap().contains("promote"));
    drop(acquire(directory.path(), "finish", &clock, 0).unwrap());
    assert!(std::fs::read_to_string(&sentinel).unwrap().contains("finish"));
}

/// Not a test of its own: the process that the next one starts, and kills.
#[test]
fn holds_the_lock_until_it_is_killed_when_started_for_that() {
    let Some(directory) = std::env::var_os(HOLD) else { return };
    let directory = std::path::PathBuf::from(directory);
    let clock = SimulatedClock::new(directory.join("clock"));
    let _held = acquire(&directory, "stage", &clock, 0).unwrap();
    eprintln!("held");
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn the_lock_of_a_process_that_is_killed_is_free_at_once() {
    let (directory, clock) = place();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["holds_the_lock_until_it_is_killed_when_started_for_that", "--nocapture"])
        .env(HOLD, directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("held")));
    let error = acquire(directory.path(), "finish", &clock, 1).unwrap_err();
    assert!(error.to_string().contains(&format!("pid {}", child.id())), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    acquire(directory.path(), "finish", &clock, 0).unwrap();
}
