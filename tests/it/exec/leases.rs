//! The lease lasts as long as anything of the job does.

use rustix::process::Signal;

use super::running::{Running, exec, leased, leases, members, run, until};
use crate::lab::Lab;

fn is_alive(process: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[test]
fn it_is_there_while_the_job_runs_and_gone_after() {
    let lab = Lab::new();
    let old = lab.adopted();
    let running =
        Running::start(&lab, "--max-runtime 2h", "echo $$ > job.pid; until test -s end; do sleep 0.02; done");
    running.until_file("job.pid", "\n");
    let [lease] = &leases(&lab)[..] else { panic!("{:?}", leases(&lab)) };
    assert_eq!(lease["fingerprint"], old.fingerprint().as_str());
    assert_eq!(lease["command"], "sh");
    let at = |value: &serde_json::Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let expected = at(&lease["expected_end"]).duration_since(at(&lease["started_at"]["wall"]));
    assert_eq!(expected.as_secs(), 2 * 60 * 60);
    until("the job is in it", || {
        members(&leases(&lab)[0]) == [u64::from(running.pid()), lab.read("job.pid").trim().parse().unwrap()]
    });
    lab.write("end", "now");
    running.ends().expect(0);
    assert!(leases(&lab).is_empty());
}

#[test]
fn it_is_written_before_the_job_starts() {
    let lab = Lab::new();
    let old = lab.adopted();
    let ran = run(&lab, "", "cat state/leases/prod/*.json").expect(0);
    assert!(ran.stdout.contains(&old.fingerprint()), "{ran:?}");
}

#[test]
fn a_job_whose_wrapper_was_killed_keeps_it() {
    let lab = Lab::new();
    lab.adopted();
    let running = Running::start(&lab, "", "echo $$ > job.pid; until test -s end; do sleep 0.02; done");
    running.until_file("job.pid", "\n");
    let job: u64 = lab.read("job.pid").trim().parse().unwrap();
    until("the job is in it", || members(&leases(&lab)[0]).contains(&job));
    running.send(Signal::KILL);
    running.ends().expect(-1);
    let list = || lab.run("lease list prod --json").expect(0).json()["leases"].as_array().unwrap().len();
    assert_eq!(list(), 1);
    assert_eq!(leases(&lab).len(), 1);
    lab.write("end", "now");
    until("the job is gone", || !is_alive(job));
    assert_eq!(list(), 0);
    assert!(leases(&lab).is_empty());
}

#[test]
fn a_job_that_forks_and_exits_leaves_it_to_what_it_left_behind() {
    let lab = Lab::new();
    let old = lab.adopted();
    // A daemon in a session of its own, whose parents are gone.
    let daemon =
        lab.script("daemon", "echo $$ > daemon.pid; until test -s end; do sleep 0.02; done; echo done");
    let ran = Running::start(
        &lab,
        "--json",
        &format!("setsid {daemon} & until test -s daemon.pid; do sleep 0.02; done; exit 3"),
    );
    let document = ran.ends().expect(3).json();
    assert_eq!(document["lease_goes_on"], true, "{document}");
    let daemon: u64 = lab.read("daemon.pid").trim().parse().unwrap();
    let [lease] = &leases(&lab)[..] else { panic!("{:?}", leases(&lab)) };
    assert!(
        members(lease).contains(&daemon) && lease["fingerprint"] == old.fingerprint().as_str(),
        "{lease}"
    );
    lab.run("lease list prod").expect(0);
    assert_eq!(leases(&lab).len(), 1, "it is held");
    lab.write("end", "now");
    until("the daemon and its relay are gone", || members(lease).iter().all(|process| !is_alive(*process)));
    lab.run("lease list prod").expect(0);
    assert!(leases(&lab).is_empty());
}

#[test]
fn what_a_daemon_prints_still_arrives_and_nobody_waits_for_it() {
    let lab = Lab::new();
    lab.adopted();
    let daemon = lab.script(
        "daemon",
        "until test -s end; do sleep 0.02; done; echo late; echo later >&2; echo $? > written",
    );
    let script = format!("echo early; {daemon} & exit 0");
    let ran = Running::start(&lab, "", &script).ends().expect(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("early\n", ""));
    lab.write("end", "now");
    until("what it printed", || lab.read("exec.out") == "early\nlate\n" && lab.read("exec.err") == "later\n");
    until("it had a reader", || std::fs::read_to_string(lab.path("written")).is_ok_and(|code| code == "0\n"));
}

#[test]
fn it_is_on_the_credential_that_is_active_when_the_job_starts() {
    let lab = Lab::new();
    let (_, new) = lab.promoted();
    let running =
        Running::start(&lab, "", "echo $ANTHROPIC_API_KEY > key; until test -s end; do sleep 0.02; done");
    running.until_file("key", "\n");
    assert_eq!((lab.read("key").trim(), leased(&lab)), (new.value.as_str(), vec![new.fingerprint()]));
    lab.write("end", "now");
    running.ends().expect(0);
}

#[test]
fn where_the_active_value_is_not_at_hand_it_is_on_the_one_that_is_served() {
    let (lab, old, new) = Lab::with_an_old_environment();
    let ran = run(&lab, "", "echo $ANTHROPIC_API_KEY; cat state/leases/prod/*.json").expect(0);
    assert!(ran.stdout.starts_with(&old.value) && ran.stdout.contains(&old.fingerprint()), "{ran:?}");
    assert!(!ran.stdout.contains(&new.fingerprint()), "{ran:?}");
}

#[test]
fn a_lease_that_cannot_be_written_starts_nothing_unless_told_to() {
    let lab = Lab::new();
    lab.adopted();
    lab.write("state/leases", "in the way\n");
    run(&lab, "", "touch started").expect(5);
    assert!(!lab.path("started").exists());
    run(&lab, "--fail-open", "touch started").expect(0).says(&["FAIL-OPEN", "without a lease"]);
    assert!(lab.path("started").exists());
}

#[test]
fn a_long_run_is_remembered_and_warned_of() {
    let lab = Lab::new();
    lab.adopted();
    let running = Running::start(&lab, "", "echo ready > ready; until test -s end; do sleep 0.02; done");
    running.until_file("ready", "ready");
    lab.advance_minutes(46);
    lab.write("end", "now");
    running.ends().expect(0).says(&["longer than longest_job = \"45m\"", "[keys.prod]", "46m"]);
    assert_eq!(lab.read("state/leases/prod/longest-run").trim(), "2760");
}

#[test]
fn jobs_side_by_side_have_one_each() {
    let lab = Lab::new();
    lab.adopted();
    let jobs: Vec<_> = (0..8)
        .map(|number| {
            let script =
                format!("echo up > up{number}; until test -s end; do sleep 0.02; done; exit {number}");
            exec(&lab, "", &script).spawn().unwrap()
        })
        .collect();
    until("all run", || (0..8).all(|number| lab.path(&format!("up{number}")).exists()));
    assert_eq!(leases(&lab).len(), 8);
    lab.write("end", "now");
    for (mut job, number) in jobs.into_iter().zip(0..) {
        assert_eq!(job.wait().unwrap().code(), Some(number));
    }
    assert!(leases(&lab).is_empty());
}
