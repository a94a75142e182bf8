//! A job that runs while another credential becomes the active one; and one that runs too long.

use std::process::Stdio;

use rustix::process::Signal;

use super::running::{Running, leased, until, until_no_lease};
use crate::lab::Lab;

/// Says which value it has, and ends when told to.
const SERVICE: &str = "trap 'echo told >> told' HUP; trap 'echo ended >> ended; exit 8' TERM; \
                       echo $ANTHROPIC_API_KEY >> keys; until test -s end; do sleep 0.02; done; exit 5";

#[test]
fn by_default_it_goes_on_with_what_it_has() {
    let lab = Lab::new();
    let (old, _) = lab.staged();
    let mut running = Running::start(&lab, "", SERVICE);
    running.until_file("keys", "\n");
    lab.run("promote prod").expect(0);
    // As long as three looks at the state would take.
    std::thread::sleep(std::time::Duration::from_millis(800));
    assert!(!running.has_ended() && !lab.path("told").exists() && !lab.path("ended").exists());
    assert_eq!(leased(&lab), [old.fingerprint()]);
    lab.write("end", "now");
    running.ends().expect(5);
}

#[test]
fn a_signal_tells_it_and_the_lease_follows() {
    let lab = Lab::new();
    let (old, new) = lab.staged();
    let running = Running::start(&lab, "--on-promote signal:HUP", SERVICE);
    running.until_file("keys", "\n");
    assert_eq!(leased(&lab), [old.fingerprint()]);
    lab.run("promote prod").expect(0);
    running.until_file("told", "told");
    until("the lease is on the new one", || leased(&lab) == [new.fingerprint()]);
    // Back again is a change, too; told once for each.
    lab.run("abort prod").expect(0);
    running.until_file("told", "told\ntold\n");
    until("the lease is on the old one", || leased(&lab) == [old.fingerprint()]);
    lab.write("end", "now");
    running.ends().expect(5);
    assert_eq!(lab.read("told"), "told\ntold\n");
    assert_eq!(lab.read("keys").lines().count(), 1);
}

/// On the signal it reads its key from the file that the key's target writes.
const READER: &str = "trap 'cat pushed >> told' HUP; echo up > up; until test -s end; do sleep 0.02; done";

#[test]
fn it_is_told_only_when_its_target_has_the_value() {
    let lab = Lab::new();
    let (old, new) = lab.staged();
    let push =
        lab.script("push", "echo at it > pushing; until test -s go; do sleep 0.02; done; cat > pushed");
    let command = format!("type = \"command\"\nname = \"fleet\"\ncommand = [\"{push}\"]");
    lab.configure(&lab.key_with("prod", "", &[&command]));
    lab.write("pushed", &format!("{}\n", old.value));
    let running = Running::start(&lab, "--on-promote signal:HUP", READER);
    running.until_file("up", "up");
    let mut promote = lab.command(&["promote", "prod", "--quiet"]);
    let mut promote = promote.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    running.until_file("pushing", "at it");
    assert_eq!(lab.phase("prod"), "Promoted");
    // As long as three looks at the state would take.
    std::thread::sleep(std::time::Duration::from_millis(800));
    assert!(!lab.path("told").exists());
    assert_eq!(leased(&lab), [old.fingerprint()]);
    lab.write("go", "now");
    assert!(promote.wait().unwrap().success());
    running.until_file("told", &new.value);
    assert!(!lab.read("told").contains(&old.value));
    until("the lease is on the new one", || leased(&lab) == [new.fingerprint()]);
    lab.write("end", "now");
    running.ends().expect(0);
}

#[test]
fn what_fails_for_a_while_is_tried_until_it_works() {
    use std::os::unix::fs::PermissionsExt;
    for option in ["restart", "signal:HUP"] {
        let lab = Lab::new();
        let (old, new) = lab.staged();
        let job = "trap 'echo told >> keys' HUP; echo $ANTHROPIC_API_KEY >> keys; until test -s end; do sleep 0.02; done";
        let running = Running::start(&lab, &format!("--on-promote {option}"), job);
        running.until_file("keys", "\n");
        running.send(Signal::STOP);
        lab.run("promote prod").expect(0);
        let mode = |mode| {
            let slot = lab.path("state/slots/prod.secondary");
            std::fs::set_permissions(slot, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(0o644);
        running.send(Signal::CONT);
        running.until_file("exec.err", "not at hand");
        assert_eq!((leased(&lab), lab.read("keys")), (vec![old.fingerprint()], format!("{}\n", old.value)));
        mode(0o600);
        running.until_file("keys", if option == "restart" { &new.value } else { "told" });
        until("the lease is on the new one alone", || {
            // The last sleep of the job before may outlive it for a moment.
            lab.run("lease list prod").expect(0);
            leased(&lab) == [new.fingerprint()]
        });
        lab.write("end", "now");
        let ran = running.ends().expect(0);
        assert_eq!(ran.stderr.matches("not at hand").count(), 1, "{option}: {}", ran.stderr);
        assert_eq!(lab.read("keys").lines().count(), 2, "{option}");
    }
}

#[test]
fn a_job_that_cannot_reach_the_new_value_keeps_its_lease() {
    let mut lab = Lab::new();
    lab.configure(&lab.key_with("prod", "slots = { type = \"env\" }", &[]));
    let (old, new) = (lab.console_key("old"), lab.console_key("new"));
    lab.set("PROD_PRIMARY", &old.value);
    lab.run("adopt prod").expect(0);
    let mut command = super::running::exec(&lab, "--on-promote signal:HUP", SERVICE);
    lab.set("PROD_SECONDARY", &new.value);
    lab.run("stage prod").expect(0);
    let running = Running::start_command(&lab, &mut command);
    running.until_file("keys", "\n");
    lab.run("promote prod").expect(0);
    running.until_file("exec.err", "not at hand");
    assert_eq!(leased(&lab), [old.fingerprint()]);
    lab.write("end", "now");
    running.ends().expect(5).without_secrets();
    assert!(!lab.path("told").exists());
}

#[test]
fn slots_that_take_a_network_serve_a_job_before_and_after() {
    let (lab, old) = super::running::with_slots_in("job-restarted");
    let new = lab.console_key("new");
    lab.run("stage prod --from file:new.key").expect(0);
    let running = Running::start(&lab, "--on-promote restart", SERVICE);
    running.until_file("keys", "\n");
    lab.run("promote prod").expect(0);
    running.until_file("keys", &new.value);
    assert_eq!(lab.read("keys"), format!("{}\n{}\n", old.value, new.value));
    until("one lease, on the new one, of a job that runs", || {
        let leases = super::running::leases(&lab);
        leased(&lab) == [new.fingerprint()] && leases.iter().all(|lease| lease["is_starting"] == false)
    });
    lab.write("end", "now");
    running.ends().expect(5);
    until_no_lease(&lab);
}

#[test]
fn the_length_of_a_job_that_lets_go_when_it_is_told_makes_no_window_longer() {
    for option in ["restart", "signal:HUP"] {
        let lab = Lab::new();
        lab.adopted();
        let running = Running::start(&lab, &format!("--on-promote {option}"), SERVICE);
        running.until_file("keys", "\n");
        lab.advance_minutes(80 * 24 * 60);
        lab.write("end", "now");
        let ran = running.ends().expect(5);
        assert_eq!(ran.stderr, "", "{option}");
        assert!(!lab.path("state/leases/prod/longest-run").exists(), "{option}");
    }
}

#[test]
fn a_restart_ends_it_gently_and_starts_it_with_the_new_value() {
    let lab = Lab::new();
    let (old, new) = lab.staged();
    let running = Running::start(&lab, "--on-promote restart --json", SERVICE);
    running.until_file("keys", "\n");
    lab.run("promote prod").expect(0);
    running.until_file("keys", &new.value);
    assert_eq!(lab.read("ended"), "ended\n");
    assert_eq!(lab.read("keys"), format!("{}\n{}\n", old.value, new.value));
    until("one lease, on the new one", || leased(&lab) == [new.fingerprint()]);
    lab.write("end", "now");
    let document = running.ends().expect(5).json();
    assert_eq!((&document["runs"], &document["exit_code"]), (&2.into(), &5.into()));
    assert_eq!(document["fingerprint"], new.fingerprint().as_str());
    until_no_lease(&lab);
}

#[test]
fn while_it_ends_both_credentials_are_held_and_a_deaf_job_is_killed() {
    let lab = Lab::new();
    let (old, new) = lab.staged();
    let deaf =
        "trap '' TERM; echo $ANTHROPIC_API_KEY >> keys; until test -s end; do sleep 0.02; done; exit 5";
    let running = Running::start(&lab, "--on-promote restart --stop-timeout 20s", deaf);
    running.until_file("keys", "\n");
    lab.run("promote prod").expect(0);
    let both = |lab: &Lab| {
        let mut leased = leased(lab);
        let mut expected = vec![old.fingerprint(), new.fingerprint()];
        leased.sort();
        expected.sort();
        leased == expected
    };
    until("both are held", || both(&lab));
    running.until_file("exec.err", "restarted");
    lab.clock.advance(std::time::Duration::from_secs(21));
    running.until_file("keys", &new.value);
    lab.write("end", "now");
    running.ends().expect(5).says(&["did not end within --stop-timeout and was killed"]);
    until_no_lease(&lab);
}

#[test]
fn who_ends_us_during_a_restart_ends_the_job_for_good() {
    let lab = Lab::new();
    let (_, new) = lab.staged();
    let deaf =
        "trap '' TERM; trap 'exit 9' USR1; echo $ANTHROPIC_API_KEY >> keys; while :; do sleep 0.02; done";
    let running = Running::start(&lab, "--on-promote restart", deaf);
    running.until_file("keys", "\n");
    lab.run("promote prod").expect(0);
    running.until_file("exec.err", "restarted");
    running.send(Signal::TERM);
    running.send(Signal::USR1);
    running.ends().expect(9);
    assert!(!lab.read("keys").contains(&new.value));
    until_no_lease(&lab);
}

#[test]
fn a_job_that_runs_too_long_is_ended_and_keeps_its_code() {
    let lab = Lab::new();
    lab.adopted();
    let running = Running::start(&lab, "--max-runtime 2h", SERVICE);
    running.until_file("keys", "\n");
    lab.advance_minutes(119);
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert!(!lab.path("ended").exists());
    lab.advance_minutes(2);
    running.ends().expect(8).says(&["longer than --max-runtime", "longer than longest_job"]);
}

#[test]
fn a_job_that_runs_too_long_and_is_deaf_is_killed() {
    let lab = Lab::new();
    lab.adopted();
    let deaf = "trap '' TERM; echo up > up; while :; do sleep 0.02; done";
    let running = Running::start(&lab, "--max-runtime 1m --stop-timeout 5s", deaf);
    running.until_file("up", "up");
    lab.advance_minutes(2);
    running.until_file("exec.err", "SIGTERM");
    lab.clock.advance(std::time::Duration::from_secs(6));
    running.ends().expect(137).says(&["was killed"]);
    until_no_lease(&lab);
}
