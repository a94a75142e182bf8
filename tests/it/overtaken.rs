//! A command that is stopped anywhere, overtaken by an emergency, and then continued.
//!
//! The one promise must hold after it woke up: what consumers read is accepted by the provider.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::lab::Lab;

/// More points than any command passes.
const POINTS_LIMIT: u32 = 60;

/// Starts a command that stops itself at a point; `None` when it ended before.
pub fn stopped(lab: &Lab, arguments: &[&str], point: u32) -> Option<Child> {
    let mut command = lab.command(arguments);
    command.env("ROTATE_TEST_STOP_AT", point.to_string());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
        if stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')) {
            return Some(child);
        }
        assert!(Instant::now() < deadline, "neither stopped nor ended");
        std::thread::yield_now();
    }
}

pub fn continued(mut child: Child) {
    kill_process(Pid::from_child(&child), Signal::CONT).unwrap();
    child.wait().unwrap();
}

#[track_caller]
fn consumers_are_served(lab: &Lab, point: u32) {
    let key = lab.run("key prod").expect(0);
    assert!(lab.accepts(key.stdout.trim()), "`rotate key` gives a dead value after point {point}");
    assert!(lab.accepts(&lab.env_value()), "app.env holds a dead value after point {point}");
    lab.run("history --verify").expect(0);
}

#[test]
fn a_promotion_that_is_overtaken_never_publishes_a_dead_key() {
    for point in 1..POINTS_LIMIT {
        let lab = Lab::new();
        let (old, _) = lab.staged();
        lab.write("app.env", &format!("ANTHROPIC_API_KEY={}\n", old.value));
        let Some(child) = stopped(&lab, &["promote", "prod"], point) else {
            assert!(point > 5, "the points were not reached");
            return;
        };
        lab.run("revoke-now prod --suspect new --reason leak --yes").expect(0);
        continued(child);
        consumers_are_served(&lab, point);
        assert_eq!(lab.env_value(), old.value);
    }
    panic!("the command never ended by itself");
}

#[test]
fn a_stage_that_is_overtaken_never_hides_the_active_value() {
    for point in 1..POINTS_LIMIT {
        let lab = Lab::new();
        lab.adopted();
        lab.console_key("new");
        let replacement = lab.console_key("replacement");
        let Some(child) = stopped(&lab, &["stage", "prod", "--from", "file:new.key"], point) else {
            assert!(point > 3, "the points were not reached");
            return;
        };
        lab.run("revoke-now prod --replace-from file:replacement.key --reason leak --yes").expect(0);
        continued(child);
        consumers_are_served(&lab, point);
        assert_eq!(lab.run("key prod").expect(0).stdout.trim(), replacement.value);
    }
    panic!("the command never ended by itself");
}

#[test]
fn a_slow_target_program_that_is_overtaken_does_not_leave_a_dead_key_behind() {
    let lab = Lab::new();
    let (old, _) = lab.staged();
    // The program waits until the emergency is over, as one that pushes to a fleet may.
    let body = "value=$(cat); if ! [ -e fast ]; then : > begun; while ! [ -e go ]; do sleep 0.01; done; fi; \
                printf %s \"$value\" > pushed";
    let script = lab.script("push", body);
    let command = format!("type = \"command\"\nname = \"fleet\"\ncommand = [\"{script}\"]");
    lab.configure(&lab.key_with("prod", "", &[&command]));
    let mut promote = lab.command(&["promote", "prod"]);
    let mut promote =
        promote.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !lab.path("begun").exists() {
        assert!(Instant::now() < deadline, "the program was not started");
        std::thread::yield_now();
    }
    lab.write("fast", "");
    lab.run("revoke-now prod --suspect new --reason leak --yes").expect(0);
    lab.write("go", "");
    assert_eq!(promote.wait().unwrap().code(), Some(4));
    assert_eq!(lab.read("pushed"), old.value, "the value that is active by now is written over the dead one");
}
