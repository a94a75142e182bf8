//! Whole drills in real time: short jobs, the real workflow, the real sandbox.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rotate::drill::{self, Options, Report};
use rotate::exit::ExitCode;
use rotate::workflow::ports::Narrator;

struct Silent;

impl Narrator for Silent {
    fn say(&self, _text: &str) {}

    fn waiting(&self, _text: &str) {}

    fn warn(&self, text: &str) {
        panic!("nothing is to be warned of: {text}");
    }
}

fn short(naive: bool) -> Report {
    let options = Options { agents: 6, job_seconds: 1, naive };
    drill::run(&options, Rc::new(Silent)).unwrap()
}

fn phases(report: &Report) -> Vec<&str> {
    report.phases.iter().map(|phase| phase.phase).collect()
}

#[test]
fn no_agent_notices_a_rotation() {
    let report = short(false);
    assert_eq!((report.refused, report.failed), (0, 0), "{report:#?}");
    assert!(report.is_promise_kept());
    assert_eq!(phases(&report), ["Idle", "SecondaryStaged", "Promoted", "GraceWindow", "Revoked"]);
    assert!(report.phases.is_sorted_by(|one, next| one.at_seconds <= next.at_seconds), "{report:#?}");
    let window = report.phases[3].seconds;
    assert!(window > 2.0, "the window is shorter than a job and a refresh: {window}");
    assert_eq!(report.habits.len(), 3);
    for habit in &report.habits {
        assert_eq!(habit.agents, 2);
        assert!(habit.old > 0 && habit.new > 0, "{habit:?}");
        assert_eq!(habit.old + habit.new, habit.requests);
    }
    assert_eq!(report.habits.iter().map(|habit| habit.requests).sum::<u64>(), report.requests);
    assert!(report.text().contains("revoked"), "{}", report.text());
    let held_back = report.held_back.unwrap();
    assert!(held_back.job_ended_at_seconds > held_back.window_over_at_seconds, "{held_back:?}");
    assert!(held_back.revoked_at_seconds > held_back.job_ended_at_seconds, "{held_back:?}");
    assert!(report.text().contains("one job overstayed the window by"), "{}", report.text());
}

#[test]
fn swapping_in_place_is_noticed_by_every_habit() {
    let report = short(true);
    assert!(report.refused > 0 && report.failed == 0, "{report:#?}");
    assert!(!report.is_promise_kept());
    assert_eq!(phases(&report), ["old key serves", "old key disabled", "new key pasted"]);
    for habit in &report.habits {
        assert!(habit.old > 0 && habit.refused > 0 && habit.new > 0, "{habit:?}");
    }
}

#[test]
fn options_out_of_range_are_refused() {
    for options in [
        Options { agents: 0, ..Options::default() },
        Options { agents: 201, ..Options::default() },
        Options { job_seconds: 0, ..Options::default() },
        Options { job_seconds: 3601, ..Options::default() },
    ] {
        let failure = drill::run(&options, Rc::new(Silent)).unwrap_err();
        assert_eq!(failure.exit, ExitCode::Usage, "{options:?}");
    }
}

fn drill_in(temporary: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_rotate"))
        .args(["drill", "--job-seconds", "5"])
        .env_clear()
        .env("TMPDIR", temporary)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn entries(directory: &Path) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

fn wait(child: &mut Child, limit: Duration) -> ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(began.elapsed() < limit, "the drill goes on");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_signal_stops_it_at_once_and_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let mut child = drill_in(temporary.path());
    let began = Instant::now();
    let state = |directory: std::fs::DirEntry| directory.path().join("state/drill.json").exists();
    let is_adopted =
        || std::fs::read_dir(temporary.path()).unwrap().any(|directory| directory.is_ok_and(state));
    while !is_adopted() {
        assert!(began.elapsed() < Duration::from_secs(20), "the drill does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let status = wait(&mut child, Duration::from_secs(5));
    assert_eq!(status.code(), Some(130));
    assert_eq!(entries(temporary.path()), 0);
}

#[test]
fn without_a_temporary_directory_it_says_so() {
    let temporary = tempfile::tempdir().unwrap();
    let status = wait(&mut drill_in(&temporary.path().join("missing")), Duration::from_secs(20));
    assert_eq!(status.code(), Some(3));
}
