//! Leases of processes: real ones, that live and die.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rotate::lease::Leases;
use rotate::lease::process::{Member, Sighting, descendants_of};
use rotate::rotation::lease::LeaseStanding;
use serde_json::json;

use super::{change, fingerprint, leases, listed, only, path, records, seen};
use crate::lab::Lab;

/// A process that lives until it is killed, or the test ends.
struct Job(Child);

impl Job {
    fn start() -> Self {
        Self::shell("exec sleep 600")
    }

    fn shell(script: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Kills it, and leaves it to nobody to wait for it.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        until("the job is gone", || Member::of(self.pid()).sighting() == Sighting::Gone);
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it took too long until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A lease that one job holds, with nobody else; its id.
fn of(lab: &Lab, job: &Job) -> String {
    let held = leases(lab).open(fingerprint(), "/usr/bin/job", Some(60)).unwrap();
    let id = held.id().to_owned();
    held.leave_to(&[job.pid()]).unwrap();
    id
}

#[test]
fn a_lease_lasts_as_long_as_its_process() {
    let lab = Lab::new();
    let old = lab.adopted();
    let mut job = Job::start();
    let id = of(&lab, &job);
    let row = only(&lab);
    assert_eq!((&row["id"], &row["kind"], &row["standing"]), (&json!(id), &json!("process"), &json!("held")));
    assert_eq!((&row["pid"], &row["holder"]), (&json!(job.pid()), &json!("job")));
    assert_eq!((&row["expires_at"], &row["detail"]), (&json!(null), &json!(null)));
    assert_eq!(row["started_at"], "2026-03-01T12:00:02Z");
    assert_eq!(row["expected_end_at"], "2026-03-01T12:01:02Z");
    assert_eq!((&row["fingerprint"], &row["role"]), (&json!(fingerprint().to_string()), &json!("other")));
    assert_ne!(old.fingerprint(), fingerprint().to_string());
    // Time alone ends it not.
    lab.advance_minutes(100_000);
    let [lease] = &seen(&lab).unwrap()[..] else { panic!() };
    assert_eq!((lease.standing.clone(), lease.fingerprint), (LeaseStanding::Held, Some(fingerprint())));
    assert!(lease.holder.contains("`job`") && lease.holder.contains("since 2026-03-01"), "{lease:?}");

    // Nobody has waited for it: a process that has ended holds nothing.
    job.kill();
    assert_eq!(listed(&lab), Vec::<serde_json::Value>::new());
    assert!(records(&lab).is_empty(), "the record is dropped");
    lab.run("lease list").expect(0).says(&["no job holds a lease"]);
}

#[test]
fn another_process_with_the_same_id_holds_nothing() {
    let lab = Lab::new();
    let job = Job::start();
    let id = of(&lab, &job);
    change(&lab, &id, |record| {
        let ticks = &mut record["members"][0]["start_ticks"];
        *ticks = json!(ticks.as_u64().unwrap() - 1);
    });
    assert_eq!(seen(&lab).unwrap(), []);
    assert!(!lab.path(&path(&id)).exists());
}

#[test]
fn a_process_whose_start_is_not_recorded_is_not_taken_for_gone() {
    let lab = Lab::new();
    let mut job = Job::start();
    let id = of(&lab, &job);
    change(&lab, &id, |record| record["members"][0]["start_ticks"] = json!(null));
    assert_eq!(only(&lab)["standing"], "unknown");
    job.kill();
    job.0.wait().unwrap();
    assert_eq!(seen(&lab).unwrap(), []);
}

#[test]
fn what_cannot_be_seen_from_here_is_unknown_until_a_person_releases_it() {
    let lab = Lab::new();
    let lines: [(&str, serde_json::Value, &str); 3] = [
        ("host", json!("elsewhere"), "another machine (elsewhere)"),
        ("machine_id", json!("another"), "another machine"),
        ("namespaces", json!("pid:[1]"), "another container"),
    ];
    for (field, value, reason) in lines {
        let mut job = Job::start();
        let id = of(&lab, &job);
        // Its id means nothing here; that no process has it here says nothing.
        job.kill();
        change(&lab, &id, |record| record[field] = value);
        lab.advance_minutes(100_000);
        let row = only(&lab);
        assert_eq!(row["standing"], "unknown", "{field}");
        let detail = row["detail"].as_str().unwrap();
        assert!(
            detail.contains(reason) && detail.contains(&format!("rotate lease release {id}")),
            "{detail}"
        );
        lab.run("lease list").expect(0).says(&["unknown:", reason, "it cannot be told"]);
        let seen = seen(&lab).unwrap();
        assert!(matches!(&seen[0].standing, LeaseStanding::Unknown(text) if text.contains(reason)));
        lab.run(&format!("lease release {id}")).expect(0).says(&["released"]);
        assert!(listed(&lab).is_empty());
    }
}

#[test]
fn an_earlier_boot_of_this_machine_holds_nothing() {
    let lab = Lab::new();
    let job = Job::start();
    let id = of(&lab, &job);
    change(&lab, &id, |record| record["boot_id"] = json!("00000000-0000-0000-0000-000000000000"));
    let has_machine_id = std::fs::read_to_string("/etc/machine-id").is_ok_and(|id| !id.trim().is_empty());
    if has_machine_id {
        assert_eq!(seen(&lab).unwrap(), []);
        assert!(!lab.path(&path(&id)).exists());
    } else {
        assert_eq!(only(&lab)["standing"], "unknown");
    }
}

#[test]
fn a_wrapper_that_died_while_it_started_the_job_leaves_the_lease_in_doubt() {
    let lab = Lab::new();
    let mut wrapper = Job::start();
    let id = of(&lab, &wrapper);
    change(&lab, &id, |record| record["is_starting"] = json!(true));
    assert_eq!(only(&lab)["standing"], "held");
    wrapper.kill();
    let row = only(&lab);
    assert_eq!(row["standing"], "unknown");
    assert!(row["detail"].as_str().unwrap().contains("died just as it started the job"), "{row}");
}

#[test]
fn a_holder_writes_down_what_happens_to_its_job() {
    let lab = Lab::new();
    let (mut first, second) = (Job::start(), Job::start());
    let mut held = leases(&lab).open(fingerprint(), "/opt/a b/agent --token=hidden", None).unwrap();
    let id = held.id().to_owned();
    let record = lab.read(&path(&id));
    assert!(record.contains("\"is_starting\":true"), "{record}");
    assert!(record.contains(&format!("\"pid\":{}", std::process::id())), "{record}");

    held.job_started(first.pid()).unwrap();
    let row = only(&lab);
    assert_eq!((&row["pid"], &row["expected_end_at"]), (&json!(first.pid()), &json!(null)));
    let other = rotate::secret::Fingerprint::of(b"another");
    held.move_to(other).unwrap();
    assert_eq!((held.fingerprint(), &only(&lab)["fingerprint"]), (other, &json!(other.to_string())));
    // The holder lives, whatever becomes of its job.
    first.kill();
    assert_eq!(only(&lab)["standing"], "held");
    held.job_started(second.pid()).unwrap();
    assert_eq!(only(&lab)["pid"], json!(second.pid()));

    held.end().unwrap();
    assert!(listed(&lab).is_empty() && records(&lab).is_empty());
}

#[test]
fn a_lease_that_is_early_is_not_in_doubt_until_the_job_is_about_to_start() {
    let lab = Lab::new();
    let mut held = leases(&lab).open_early(fingerprint(), "job", None).unwrap();
    let record = path(held.id());
    assert!(lab.read(&record).contains("\"is_starting\":false"));
    held.about_to_start().unwrap();
    let before = lab.read(&record);
    assert!(before.contains("\"is_starting\":true"));
    // It says so already: nothing is written, even where nothing could be.
    std::fs::rename(lab.path("state/leases"), lab.path("aside")).unwrap();
    held.about_to_start().unwrap();
    std::fs::rename(lab.path("aside"), lab.path("state/leases")).unwrap();
    assert_eq!(lab.read(&record), before);
    held.end().unwrap();
    let left: Vec<_> = std::fs::read_dir(lab.path("state/leases/prod")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_lease_is_left_to_those_who_live_and_to_nobody_else() {
    let lab = Lab::new();
    let mut job = Job::start();
    let held = leases(&lab).open(fingerprint(), "job", None).unwrap();
    job.kill();
    held.leave_to(&[job.pid()]).unwrap();
    assert!(records(&lab).is_empty());
    leases(&lab).open(fingerprint(), "job", None).unwrap().leave_to(&[]).unwrap();
    assert!(records(&lab).is_empty());

    let mut survivor = Job::start();
    let held = leases(&lab).open(fingerprint(), "job", None).unwrap();
    held.leave_to(&[job.pid(), survivor.pid()]).unwrap();
    assert_eq!(only(&lab)["pid"], json!(survivor.pid()));
    survivor.kill();
    assert!(listed(&lab).is_empty());
}

#[test]
fn a_lease_whose_process_lives_is_released_only_on_demand() {
    let lab = Lab::new();
    let job = Job::start();
    let id = of(&lab, &job);
    let pid = job.pid().to_string();
    lab.refused(&format!("lease release {id}"), 2).says(&["`job`", &pid, "--yes"]);
    lab.refused(&format!("lease renew {id}"), 6).says(&["never adopted"]);
    lab.adopted();
    lab.refused(&format!("lease renew {id}"), 6).says(&["belongs to a process"]);
    let document = lab.run(&format!("lease release {id} --yes --json")).expect(0).json();
    assert_eq!(document, json!({"schema_version": 1, "id": id, "key": "prod", "released": true}));
    assert!(listed(&lab).is_empty());
}

#[test]
fn the_processes_of_a_job_are_found_by_their_parents() {
    let job = Job::shell("(sleep 600 & sleep 600 & wait) & sleep 600 & wait");
    until("five processes have started", || descendants_of(job.pid()).len() >= 4);
    let found = descendants_of(job.pid());
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(!found.contains(&job.pid()));
    assert!(descendants_of(std::process::id()).contains(&found[0]), "a grandchild of this process");
    for pid in found {
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
    until("all have ended", || {
        descendants_of(job.pid()).iter().all(|pid| Member::of(*pid).sighting() == Sighting::Gone)
    });
}

#[test]
fn the_longest_run_is_kept_and_one_that_goes_on_does_not_count() {
    let lab = Lab::new();
    let longest = || leases(&lab).longest_run_seconds().unwrap();
    assert_eq!(longest(), 0);
    assert!(!lab.path("state").exists(), "looking makes nothing");
    for (seconds, expected) in [(0, 0), (50, 50), (30, 50), (50, 50), (70, 70)] {
        leases(&lab).note_run(seconds).unwrap();
        assert_eq!(longest(), expected);
    }
    let _id = of(&lab, &Job::start());
    lab.advance_minutes(2);
    assert_eq!(longest(), 70);
    lab.write("state/leases/prod/longest-run", "many");
    let error = leases(&lab).longest_run_seconds().unwrap_err();
    assert!(error.contains("longest-run") && error.contains("no number"), "{error}");
    leases(&lab).note_run(5).unwrap();
    assert_eq!(longest(), 5);
}
