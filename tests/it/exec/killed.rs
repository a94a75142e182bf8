//! A wrapper that is killed before its job runs: its lease is in doubt only where the job may run.

use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use super::running::{Running, leases, run, until, with_slots_in};
use crate::lab::Lab;

/// Kills `rotate exec` as it starts a process.
fn kill_at_the_start(lab: &Lab, options: &str) {
    let mut words = vec!["exec", "prod"];
    words.extend(options.split_whitespace());
    words.extend(["--", "touch", "started"]);
    let rotate = lab.command(&words);
    let mut strace = Command::new("strace");
    let starts = "clone,clone3,fork,vfork";
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={starts}")]);
    strace.args(["-e", &format!("inject={starts}:signal=SIGKILL:when=1")]);
    strace.arg(rotate.get_program()).args(rotate.get_args());
    strace.current_dir(lab.path(".")).env_clear().stdin(Stdio::null());
    strace.envs(rotate.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ran = strace.output().expect("strace runs (./scripts/test installs it)");
    assert!(!ran.status.success() && !lab.path("started").exists(), "{ran:?}");
}

fn listed(lab: &Lab) -> Vec<Value> {
    lab.run("lease list prod --json").expect(0).json()["leases"].as_array().unwrap().clone()
}

/// The wrapper is killed while it waits, before it starts the job: its record stays, and no lease.
#[track_caller]
fn leaves_nothing_when_killed(lab: &Lab, options: &str) {
    let running = Running::start(lab, options, "touch started");
    until("the lease", || !leases(lab).is_empty());
    running.send(Signal::KILL);
    running.ends().expect(-1);
    assert_eq!(leases(lab).len(), 1);
    assert_eq!(listed(lab), Vec::<Value>::new());
}

#[test]
fn during_the_question_to_the_provider_it_leaves_nothing() {
    let lab = Lab::new();
    lab.adopted();
    // Takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    lab.configure_at(&format!("http://{}", silent.local_addr().unwrap()), "", &lab.key("prod"));
    leaves_nothing_when_killed(&lab, "--preflight");
}

#[test]
fn during_a_slow_read_of_the_slots_it_leaves_nothing() {
    let (mut lab, _) = with_slots_in("job-killed-early");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    lab.use_aws(&format!("http://{}", silent.local_addr().unwrap()));
    leaves_nothing_when_killed(&lab, "");
}

#[test]
fn as_it_starts_the_job_it_leaves_the_lease_in_doubt() {
    for options in ["", "--preflight"] {
        let lab = Lab::new();
        lab.adopted();
        // Then the question is answered from memory, and the first process that is started is the job.
        run(&lab, "--preflight", "true").expect(0);
        kill_at_the_start(&lab, options);
        let [lease] = &listed(&lab)[..] else { panic!("{options}: {:?}", listed(&lab)) };
        assert_eq!(lease["standing"], "unknown", "{options}");
        assert!(lease["detail"].as_str().unwrap().contains("died just as it started the job"), "{lease}");
    }
}

#[test]
fn while_the_job_before_it_ends_the_lease_of_a_restart_is_not_in_doubt() {
    let lab = Lab::new();
    let (old, new) = lab.staged();
    let deaf = "trap '' TERM; echo $$ > job.pid; until test -s end; do sleep 0.02; done";
    let running = Running::start(&lab, "--on-promote restart", deaf);
    running.until_file("job.pid", "\n");
    lab.run("promote prod").expect(0);
    running.until_file("exec.err", "restarted");
    running.send(Signal::KILL);
    running.ends().expect(-1);
    let held: Vec<Value> = listed(&lab).iter().map(|lease| lease["fingerprint"].clone()).collect();
    lab.write("end", "now");
    assert_eq!(held, [old.fingerprint()], "the job lives on; nothing has {}", new.fingerprint());
    super::running::until_no_lease(&lab);
}
