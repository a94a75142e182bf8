//! A watch that goes on.

use rotate::file_lock;

use crate::lab::Lab;

#[test]
fn a_watch_looks_again_and_again() {
    let lab = Lab::new();
    lab.at_work();
    let began = rotate::clock::Clock::now(&lab.clock).wall;
    let ran = lab.run("check --every 5m --rounds 3").expect(0).without_secrets();
    assert_eq!(ran.stdout, "1 key: all well\n".repeat(3));
    let minutes = rotate::clock::Clock::now(&lab.clock).wall.duration_since(began).as_secs() / 60;
    assert!((9..=11).contains(&minutes), "two pauses of about five minutes took {minutes} minutes");
}

#[test]
fn a_watch_follows_its_configuration_and_ends_with_its_last_finding() {
    let lab = Lab::new();
    let old = lab.at_work();
    lab.console_set(&old.id, "inactive");
    let ran = lab.run("check --every 1h --rounds 2").expect(20);
    assert_eq!(ran.stdout.matches("critical prod active").count(), 2, "{ran:#?}");
}

#[test]
fn one_watch_at_a_time() {
    let lab = Lab::new();
    lab.at_work();
    lab.run("check --every 5m --rounds 1").expect(0);
    let lock = std::fs::File::open(lab.path("state/check/watch.lock")).unwrap();
    assert!(file_lock::try_lock(&lock).unwrap());
    lab.refused("check --every 5m --rounds 1", 4).says(&["another `rotate check --every`"]);
    lab.run("check").expect(0);
}

#[test]
fn nobody_asks_a_provider_every_second() {
    Lab::new().run("check --every 1s").expect(2).says(&["every 10s"]);
}
