//! A rotation under load: agents in both languages work all the time, and notice nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::agent::{ANSWER, Agent, Door, LANGUAGES, Seen};
use crate::lab::{ConsoleKey, Lab};

/// The ways of the guide to read a key: for every request, by time to live, and a file when it was replaced.
const HABITS: [&str; 3] = ["command prod-publish 0", "command prod-publish 0.2", "file anthropic.key"];

struct Load<'d> {
    door: &'d Door,
    stopping: Arc<AtomicBool>,
    threads: Vec<(String, JoinHandle<()>)>,
}

impl Load<'_> {
    /// Waits until this holds of every agent's requests, all of which were answered.
    fn until(&self, what: &str, holds: impl Fn(&[Seen]) -> bool) {
        let began = Instant::now();
        loop {
            let seen = self.door.seen();
            let refused: Vec<_> = seen.iter().filter(|one| one.status != 200).collect();
            assert!(refused.is_empty(), "{what}: {refused:?}");
            let of = |agent: &str| -> Vec<Seen> {
                seen.iter().filter(|one| one.question == agent).cloned().collect()
            };
            if self.threads.iter().all(|(agent, _)| holds(&of(agent))) {
                return;
            }
            let ended = self.threads.iter().find(|(_, thread)| thread.is_finished());
            assert!(ended.is_none(), "{what}: {} has ended", ended.unwrap().0);
            assert!(began.elapsed() < Duration::from_secs(120), "{what}: it does not come");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until every agent has made two more requests, of which one was made after the call.
    fn go_on(&self, what: &str) {
        let before = self.door.seen();
        let count = |seen: &[Seen], agent: &str| seen.iter().filter(|one| one.question == agent).count();
        self.until(what, |seen| {
            seen.first().is_some_and(|first| seen.len() >= count(&before, &first.question) + 2)
        });
    }

    fn stop(mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        for (agent, thread) in std::mem::take(&mut self.threads) {
            thread.join().unwrap_or_else(|_| panic!("{agent} was not answered"));
        }
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
    }
}

fn start<'d>(lab: &Lab, door: &'d Door) -> Load<'d> {
    let stopping = Arc::new(AtomicBool::new(false));
    let kinds = LANGUAGES.iter().flat_map(|language| HABITS.map(|habit| (*language, habit)));
    let threads = kinds.map(|(language, habit)| {
        let name = format!("{language:?} {habit}");
        let (mut agent, question) = (Agent::start(lab, door, language, habit), name.clone());
        let stop = Arc::clone(&stopping);
        let work = move || {
            while !stop.load(Ordering::SeqCst) {
                assert_eq!(agent.ask(&question), ANSWER, "{question}");
            }
        };
        (name, thread::spawn(work))
    });
    Load { door, threads: threads.collect(), stopping }
}

fn adopted(lab: &Lab) -> ConsoleKey {
    let target = "type = \"file\"\npath = \"anthropic.key\"\nrefresh = \"5m\"";
    lab.configure(&lab.key_with("prod-publish", "", &[target]));
    let old = lab.console_key("old");
    lab.write("anthropic.key", &format!("{}\n", old.value));
    lab.run("adopt prod-publish --from file:old.key").expect(0);
    old
}

#[test]
fn agents_with_the_real_sdks_notice_no_rotation() {
    let lab = Lab::new();
    let old = adopted(&lab);
    let door = Door::before(&lab);
    let load = start(&lab, &door);
    load.go_on("adopted");
    let new = lab.console_key("new");
    lab.run("stage prod-publish --from file:new.key").expect(0);
    load.go_on("staged");
    assert!(door.seen().iter().all(|one| one.key == old.value));

    lab.run("promote prod-publish").expect(0);
    load.until("promoted", |seen| seen.last().is_some_and(|last| last.key == new.value));
    let moved = door.seen().len();
    for _ in 0..13 {
        lab.advance_minutes(5);
        load.go_on("in the window");
    }
    lab.run("finish prod-publish").expect(0);
    load.go_on("finished");
    load.stop();

    let seen = door.seen();
    assert!(seen.iter().all(|one| one.status == 200), "{seen:?}");
    assert!(seen[moved..].iter().all(|one| one.key == new.value), "an agent went back to the old key");
    assert_eq!(lab.console_status(&old.id), "inactive");
    let statistics = lab.sandbox.statistics();
    assert_eq!(statistics.keys[&new.id].refused, 0);
    assert_eq!(statistics.faulted, 0);
}
