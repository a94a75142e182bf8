use jiff::Timestamp;

use super::*;
use crate::lease::record::SCHEMA;
use crate::rotation::stamp::BootTime;
use crate::secret::Fingerprint;

fn place() -> Place {
    let some = |text: &str| Some(text.to_owned());
    Place {
        host: "here".to_owned(),
        machine_id: some("machine"),
        boot_id: some("boot"),
        namespaces: some("pid:[1]"),
    }
}

fn at(seconds: i64) -> Stamp {
    let boot = BootTime { id: "boot".to_owned(), milliseconds: seconds.unsigned_abs() * 1000 };
    Stamp { wall: Timestamp::from_second(seconds).unwrap(), boot: Some(boot), provider: None }
}

fn record(holder: Holder) -> Record {
    Record {
        schema: SCHEMA,
        id: "00000000000000aa".to_owned(),
        key: "prod".to_owned(),
        fingerprint: Fingerprint::of(b"value"),
        holder,
        place: place(),
        started_at: at(1000),
    }
}

fn process(pids: &[u32], is_starting: bool) -> Record {
    record(Holder::Process {
        command: "job".to_owned(),
        members: pids.iter().map(|pid| Member { pid: *pid, start_ticks: Some(7) }).collect(),
        is_starting,
        expected_end: None,
    })
}

fn bearer(ttl_seconds: u64) -> Record {
    record(Holder::Bearer { holder: "me".to_owned(), ttl_seconds, renewed_at: at(1000), told: None })
}

/// Process 1 lives, process 2 is gone, process 3 is hidden.
fn sight(member: &Member) -> Sighting {
    match member.pid {
        1 => Sighting::Alive,
        2 => Sighting::Gone,
        3 => Sighting::Hidden("it hides"),
        other => panic!("nobody was to look for {other}"),
    }
}

fn judged(record: &Record, here: &Place) -> Liveness {
    judge(record, here, &sight, &at(2000))
}

#[track_caller]
fn is_unknown(liveness: &Liveness, word: &str) {
    match liveness {
        Liveness::Unknown(reason) => {
            assert!(reason.contains(word), "{reason}");
            assert!(reason.contains("rotate lease release 00000000000000aa"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_member_that_lives_holds_the_lease() {
    for pids in [&[1][..], &[2, 1], &[1, 2], &[3, 1], &[2, 3, 1]] {
        for is_starting in [false, true] {
            assert_eq!(judged(&process(pids, is_starting), &place()), Liveness::Alive, "{pids:?}");
        }
    }
}

#[test]
fn a_lease_is_over_when_every_member_is_certainly_gone() {
    assert_eq!(judged(&process(&[2], false), &place()), Liveness::Gone);
    assert_eq!(judged(&process(&[2, 2], false), &place()), Liveness::Gone);
    is_unknown(&judged(&process(&[2, 3], false), &place()), "it hides");
    is_unknown(&judged(&process(&[], false), &place()), "names no process");
    is_unknown(&judged(&process(&[2], true), &place()), "its wrapper died just as it started the job");
}

#[test]
fn ids_of_another_place_mean_nothing_here() {
    let change = |change: fn(&mut Place)| {
        let mut here = place();
        change(&mut here);
        // Process 9 must not even be looked for.
        judged(&process(&[9], false), &here)
    };
    is_unknown(&change(|here| here.host = "there".to_owned()), "another machine (here)");
    is_unknown(&change(|here| here.machine_id = Some("other".to_owned())), "another machine");
    is_unknown(&change(|here| here.machine_id = None), "another machine");
    is_unknown(&change(|here| here.namespaces = Some("pid:[2]".to_owned())), "another container");
    is_unknown(&change(|here| here.namespaces = None), "another container");
    is_unknown(&change(|here| here.boot_id = None), "another boot");
    // Another machine, whatever else is different.
    is_unknown(
        &change(|here| {
            here.host = "there".to_owned();
            here.boot_id = Some("other".to_owned());
        }),
        "another machine",
    );
}

#[test]
fn no_process_outlives_its_boot() {
    let mut here = place();
    here.boot_id = Some("later".to_owned());
    assert_eq!(judged(&process(&[9], false), &here), Liveness::Gone);
    assert_eq!(judged(&process(&[9], true), &here), Liveness::Gone);
    here.namespaces = Some("pid:[2]".to_owned());
    assert_eq!(judged(&process(&[9], false), &here), Liveness::Gone);
    // Where no machine id tells machines apart, it may be the boot of another one.
    let mut record = process(&[9], false);
    record.place.machine_id = None;
    here.machine_id = None;
    is_unknown(&judged(&record, &here), "perhaps of another machine");
}

#[test]
fn a_bearer_holds_for_its_time_and_no_second_longer() {
    let cases = [
        (0, 0, Liveness::Gone),
        (60, 0, Liveness::Alive),
        (60, 59, Liveness::Alive),
        (60, 60, Liveness::Gone),
    ];
    for (ttl, seconds, expected) in cases {
        assert_eq!(judge(&bearer(ttl), &place(), &sight, &at(1000 + seconds)), expected, "{ttl} {seconds}");
    }
}

#[test]
fn a_bearer_holds_from_anywhere() {
    let mut here = place();
    here.host = "there".to_owned();
    here.boot_id = None;
    assert_eq!(judge(&bearer(60), &here, &sight, &at(1010)), Liveness::Alive);
    assert_eq!(judge(&bearer(60), &here, &sight, &at(1060)), Liveness::Gone);
}

#[test]
fn the_clock_that_says_least_is_believed() {
    // The wall clock was set back.
    let mut now = at(5000);
    now.wall = Timestamp::from_second(900).unwrap();
    assert_eq!(judge(&bearer(60), &place(), &sight, &now), Liveness::Alive);
    // The wall clock was set forward.
    let mut now = at(1010);
    now.wall = Timestamp::from_second(90_000).unwrap();
    assert_eq!(judge(&bearer(60), &place(), &sight, &now), Liveness::Alive);
}
