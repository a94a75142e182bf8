//! `--preflight`: the provider is asked before the job starts.

use rustix::process::Signal;

use super::running::{Running, leases, run, until};
use crate::lab::Lab;

#[test]
fn an_accepted_value_starts_the_job() {
    let lab = Lab::new();
    lab.adopted();
    run(&lab, "--preflight", "exit 4").expect(4);
}

#[test]
fn a_rejected_value_starts_nothing() {
    let lab = Lab::new();
    let old = lab.adopted();
    lab.console_set(&old.id, "inactive");
    for options in ["--preflight", "--preflight --fail-open"] {
        let ran = run(&lab, options, "touch started").expect(20).without_secrets();
        assert!(
            ran.stderr.contains(&old.fingerprint()) && ran.stderr.contains("`rotate stage prod`"),
            "{ran:?}"
        );
        assert!(!lab.path("started").exists() && leases(&lab).is_empty());
    }
    // Without it the job finds out by itself.
    run(&lab, "", "touch started").expect(0);
}

#[test]
fn a_provider_that_cannot_be_reached_starts_nothing_unless_told_to() {
    let lab = Lab::new();
    lab.adopted();
    lab.configure_at("http://127.0.0.1:9", "", &lab.key_with("prod", "probe_interval = \"0s\"", &[]));
    run(&lab, "--preflight", "touch started").expect(21).says(&["cannot be told", "--fail-open"]);
    assert!(!lab.path("started").exists() && leases(&lab).is_empty());
    run(&lab, "--preflight --fail-open", "touch started").expect(0).says(&["FAIL-OPEN"]);
    assert!(lab.path("started").exists());
}

#[test]
fn an_acceptance_is_believed_for_its_time_and_for_its_credential() {
    let lab = Lab::new();
    let (old, new) = lab.staged();
    run(&lab, "--preflight", "true").expect(0);
    lab.console_set(&old.id, "inactive");
    run(&lab, "--preflight", "true").expect(0);
    lab.advance_minutes(4);
    run(&lab, "--preflight", "true").expect(0);
    run(&lab, "--preflight --preflight-ttl 4m", "true").expect(20);
    lab.advance_minutes(1);
    run(&lab, "--preflight", "true").expect(20);
    lab.console_set(&old.id, "active");
    run(&lab, "--preflight", "true").expect(0);
    lab.run("promote prod").expect(0);
    lab.console_set(&new.id, "inactive");
    run(&lab, "--preflight", "true").expect(20);
}

#[test]
fn who_interrupts_the_question_leaves_no_lease() {
    let lab = Lab::new();
    lab.adopted();
    // Takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    lab.configure_at(&format!("http://{}", silent.local_addr().unwrap()), "", &lab.key("prod"));
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let running = Running::start(&lab, "--preflight", "touch started");
        until("the lease", || !leases(&lab).is_empty());
        running.send(signal);
        running.ends().expect(code).says(&["interrupted"]);
        assert!(leases(&lab).is_empty() && !lab.path("started").exists());
    }
}
