//! At least once, whatever crashes: receivers that drop, delay and refuse, and processes that are killed.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;

use rotate::alert::outbox::Outbox;
use rotate::alert::{Alert, Kind, Status};

use super::watched;
use crate::chance::Chance;
use crate::lab::Lab;
use crate::lab::inbox::{Answer, Inbox};

/// Half of its answers are none: nothing taken, an error, a request for peace, or taken without a word; some come late.
fn moody(seed: u64) -> impl FnMut() -> Answer + Send {
    let mut chance = Chance::new(seed);
    move || match chance.below(10) {
        0 => Answer::Dropped,
        1 => Answer::status(503),
        2 => Answer::Status(429, vec![("retry-after", "1")]),
        3 => Answer::status(500),
        4 => Answer::TakenSilently,
        5 => Answer::TakenLate(Duration::from_millis(30)),
        _ => Answer::Taken,
    }
}

fn alert(number: usize, lab: &Lab) -> Alert {
    Alert {
        event: Kind::Staged,
        severity: Kind::Staged.severity(),
        keys: vec!["prod".to_owned()],
        environment: None,
        summary: format!("event {number}"),
        hint: String::new(),
        rotation_id: Some(format!("rotation-{number}")),
        dedup_key: format!("rotation-{number}/staged"),
        occurred_at: rotate::clock::Clock::now(&lab.clock).wall,
        status: Status::Firing,
        step: 0,
    }
}

/// 10,000 events in batches; every process that delivers them is killed at a random moment, unless it is done before.
#[test]
fn of_ten_thousand_events_none_is_lost() {
    const BATCHES: usize = 20;
    const BATCH: usize = 500;
    let mut chance = Chance::new(6);
    let (mut kills, mut arrivals) = (0, 0);
    for batch in 0..BATCHES {
        let lab = Lab::new();
        let inbox = Inbox::answering(moody(batch as u64));
        lab.subscribe("hook", &inbox, "");
        let outbox = Outbox::new(&lab.path("state"));
        let expected: BTreeSet<String> = (0..BATCH)
            .map(|number| {
                let alert = alert(number, &lab);
                outbox.put("hook", &alert, alert.occurred_at).unwrap();
                alert.dedup_key
            })
            .collect();
        let mut rounds = 0;
        while !outbox.pending().unwrap().deliveries.is_empty() {
            rounds += 1;
            assert!(rounds < 5_000, "it never ends");
            let mut flush = lab.command(&["alerts", "flush"]);
            let mut child =
                flush.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            if chance.below(2) == 0 {
                std::thread::sleep(Duration::from_millis(chance.below(40) as u64));
                // It may have ended by itself.
                let _ = child.kill();
                kills += 1;
            }
            child.wait().unwrap();
        }
        let mut by_key: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for taken in inbox.taken() {
            arrivals += 1;
            by_key
                .entry(taken.text("dedup_key"))
                .or_default()
                .insert(taken.headers["rotate-delivery"].clone());
        }
        assert_eq!(by_key.keys().cloned().collect::<BTreeSet<_>>(), expected, "batch {batch}");
        assert!(
            by_key.values().all(|deliveries| deliveries.len() == 1),
            "a repetition has a name of its own"
        );
    }
    let events = BATCHES * BATCH;
    println!("{events} events, {arrivals} arrivals, {kills} flushes killed");
    assert!(kills > 100 && arrivals > events, "the test was too kind: {kills} kills, {arrivals} arrivals");
}

/// Commands that are killed at random points of their commits: what the state remembers was told in the end.
#[test]
fn what_happened_is_told_though_whoever_did_it_was_killed() {
    let (mut lab, inbox) = watched();
    inbox.now_answering(moody(77));
    lab.adopted();
    lab.console_key("new");
    let mut chance = Chance::new(7);
    for _ in 0..60 {
        let command = match lab.phase("prod").as_str() {
            "Idle" => "stage prod --from file:new.key",
            _ => "abort prod",
        };
        lab.set("ROTATE_TEST_CRASH_AT", (1 + chance.below(14)).to_string());
        lab.run(command);
        lab.unset("ROTATE_TEST_CRASH_AT");
    }
    inbox.now_answering(|| Answer::Taken);
    lab.run("alerts flush").expect(0);
    let happened: Vec<(String, String)> = lab
        .read("state/journal/prod.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|entry| entry["event"] == "staged")
        .map(|entry| (entry["rotation"].as_str().unwrap().to_owned(), entry["at"]["wall"].to_string()))
        .collect();
    assert!(happened.len() > 5, "{happened:?}");
    let told: BTreeSet<String> = inbox.taken().iter().map(|taken| taken.text("dedup_key")).collect();
    for (rotation, at) in happened {
        assert!(told.contains(&format!("{rotation}/staged")), "{rotation} of {at} was not told: {told:?}");
    }
}

#[test]
fn the_end_of_an_incident_never_arrives_before_its_beginning() {
    let (lab, inbox) = watched();
    lab.at_work();
    inbox.empty();
    inbox.now_answering(|| Answer::status(503));
    let env = lab.read("app.env");
    lab.write("app.env", "ANTHROPIC_API_KEY=other\n");
    lab.run("check").expect(30);
    lab.write("app.env", &env);
    lab.run("check").expect(30);
    let mut answers = 0;
    inbox.now_answering(move || {
        answers += 1;
        if answers == 1 { Answer::status(500) } else { Answer::Taken }
    });
    lab.run("alerts flush").expect(21);
    lab.run("alerts flush").expect(0);
    assert_eq!(inbox.heard(), ["target_drift critical firing", "target_drift critical resolved"]);
}

#[test]
fn a_receiver_that_is_down_holds_up_nobody_else() {
    let lab = Lab::new();
    let (down, up) = (Inbox::answering(|| Answer::Dropped), Inbox::new());
    lab.subscribe("down", &down, "");
    lab.subscribe("up", &up, "");
    lab.finished();
    assert_eq!(up.heard().len(), 4, "{:?}", up.heard());
    down.now_answering(|| Answer::Taken);
    lab.run("alerts flush").expect(0);
    assert_eq!(down.heard(), up.heard());
}
