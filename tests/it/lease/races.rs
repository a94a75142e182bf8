//! Two at a time: what one saw may not be so any more when it acts.

use std::process::Stdio;
use std::rc::Rc;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use rotate::clock::Clock;
use rotate::lease::directory::{LeaseDirectory, Reread};
use rotate::lease::process::descendants_of;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{fingerprint, leases, only, path, records};
use crate::lab::Lab;

#[test]
fn a_lease_that_a_promotion_overtook_is_on_what_the_bearer_will_read() {
    let lab = Lab::new();
    let (old, new) = lab.staged();
    // `acquire` is stopped when its record is in place.
    let rotate = lab.command(&["lease", "acquire", "prod"]);
    let mut strace = std::process::Command::new("strace");
    strace.args(["-f", "-qq", "-e", "inject=renameat2:signal=SIGSTOP:when=1", "-o", "/dev/null"]);
    strace.arg(rotate.get_program()).args(rotate.get_args());
    strace.current_dir(lab.path(".")).env_clear().stdin(Stdio::null());
    strace.stdout(Stdio::piped()).stderr(Stdio::piped());
    strace.envs(rotate.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let child = strace.spawn().expect("strace runs (./scripts/test installs it)");
    let begun = Instant::now();
    while !lab.path("state/leases/prod").exists() || records(&lab).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no record was ever in place");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(only(&lab)["fingerprint"], json!(old.fingerprint()));
    lab.run("promote prod").expect(0);
    let [acquire] = descendants_of(child.id())[..] else { panic!("`acquire` is not there any more") };
    kill_process(Pid::from_raw(i32::try_from(acquire).unwrap()).unwrap(), Signal::CONT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let row = only(&lab);
    assert_eq!(row["id"].as_str().unwrap(), String::from_utf8(output.stdout).unwrap().trim());
    assert_eq!((&row["fingerprint"], &row["role"]), (&json!(new.fingerprint()), &json!("active")));
}

#[test]
fn a_renewal_is_not_lost_to_one_who_saw_the_lease_before_it() {
    let lab = Lab::new();
    let id = leases(&lab).acquire(fingerprint(), "me", 60).unwrap().id;
    let lock = std::fs::File::create(lab.path("state/leases/prod/.lock")).unwrap();
    lock.lock().unwrap();
    std::fs::set_permissions(
        lab.path("state/leases/prod/.lock"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let renewed = lab.read(&path(&id)).replace("\"ttl_seconds\":60", "\"ttl_seconds\":6000");
    lab.clock.advance(Duration::from_secs(60));
    std::thread::scope(|scope| {
        let sweep = scope.spawn(|| leases(&lab).list(&lab.clock.now()).unwrap());
        // It has seen that the time is over when it waits for the lock.
        let begun = Instant::now();
        while opened(&lab.path("state/leases/prod/.lock")) < 2 {
            assert!(
                begun.elapsed() < Duration::from_secs(60) && !sweep.is_finished(),
                "nobody waits for the lock"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        lab.write(&path(&id), &renewed);
        drop(lock);
        let leases = sweep.join().unwrap();
        assert_eq!(leases.iter().map(|lease| lease.id.as_str()).collect::<Vec<_>>(), [id.as_str()]);
    });
    assert!(lab.path(&path(&id)).exists());
}

/// How often this process has a file open.
fn opened(path: &std::path::Path) -> usize {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let files = descriptors.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    files.filter(|file| file == path).count()
}

#[test]
fn of_a_renewal_and_a_sweep_that_race_one_wins_whole() {
    let lab = Lab::new();
    let directory = |lab: &Lab| LeaseDirectory::new(&lab.path("state"), "prod", Rc::new(lab.clock.clone()));
    let later = {
        let mut stamp = lab.clock.now();
        stamp.wall += jiff::SignedDuration::from_secs(61);
        stamp.boot.as_mut().unwrap().milliseconds += 61_000;
        stamp
    };
    let mut renewals = 0;
    for _ in 0..200 {
        let id = directory(&lab).acquire(fingerprint(), "me", 60).unwrap().id;
        let start = Barrier::new(2);
        let (renewed, swept) = std::thread::scope(|scope| {
            let renewal = scope.spawn(|| {
                start.wait();
                directory(&lab).renew(&id, Some(6000), Some(fingerprint()), Reread::No).is_ok()
            });
            start.wait();
            let left = directory(&lab).list(&later).unwrap();
            (renewal.join().unwrap(), left.is_empty())
        });
        assert_eq!(renewed, !swept, "one of them was told what is not so");
        assert_eq!(lab.path(&path(&id)).exists(), renewed);
        renewals += usize::from(renewed);
        let _ = std::fs::remove_file(lab.path(&path(&id)));
    }
    eprintln!("{renewals} of 200 renewals came first");
}
