//! Many processes at one key at the same time: one wins, the rest are told, and nothing is lost.

use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rotate::store::JournalFile;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::lab::{ConsoleKey, Lab, Ran};

/// A lab whose commands give up on the lock at once, or wait for it in real time.
fn lab(waits: bool) -> Lab {
    let mut lab = Lab::new();
    let wait = if waits { "30s" } else { "0s" };
    let lines = format!("probe_attempts = 1\nlock_wait = \"{wait}\"");
    let target = "type = \"dotenv\"\npath = \"app.env\"\nvariable = \"ANTHROPIC_API_KEY\"";
    let key = lab.key_with("prod", &lines, &[target]);
    lab.configure(&key);
    if waits {
        // Waiting by a simulated clock would end at once.
        lab.unset("ROTATE_TEST_CLOCK");
    }
    lab
}

fn start(lab: &Lab, command: &str) -> Child {
    let mut child = lab.command(&command.split_whitespace().collect::<Vec<_>>());
    child.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Starts all commands at the same time while readers run in a loop; how each command ended.
fn race(lab: &Lab, commands: &[String]) -> Vec<Ran> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers = [("key prod", true), ("status prod --json", false)].map(|(command, is_key)| {
            let over = &over;
            scope.spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    let read = lab.run(command);
                    assert_eq!(read.code, 0, "a reader failed: {read:#?}");
                    if is_key {
                        assert!(
                            lab.accepts(read.stdout.trim()),
                            "a consumer was given a key that is refused"
                        );
                    } else {
                        assert_eq!(read.json()["keys"][0]["key"], "prod");
                    }
                }
            })
        });
        let children: Vec<_> = commands.iter().map(|command| start(lab, command)).collect();
        let ran = children.into_iter().map(end).collect();
        over.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.join().unwrap();
        }
        ran
    })
}

fn state(lab: &Lab) -> Value {
    serde_json::from_str(&lab.read("state/prod.json")).unwrap()
}

/// The chain holds, every commit has its entry, nothing lies about, and consumers are served.
#[track_caller]
fn assert_nothing_lost(lab: &Lab) {
    let state = state(lab);
    let remembered = serde_json::from_value(state["journal"].clone()).unwrap();
    let found = JournalFile::new(&lab.path("state"), "prod").verify(Some(&remembered)).unwrap();
    assert!(found.problems.is_empty(), "{found:?}");
    assert_eq!(
        state["generation"].as_u64().unwrap(),
        found.entries,
        "a commit without its entry, or the reverse"
    );
    assert_eq!(remembered, found.head.unwrap(), "the newest entry is the newest commit's");
    for directory in ["state", "state/slots", "state/journal", "state/spool", "."] {
        for entry in std::fs::read_dir(lab.path(directory)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.contains(".rotate-"), "{directory}/{name} was left behind");
        }
    }
    assert!(lab.accepts(&lab.env_value()), "the target holds a key that is refused");
    assert!(lab.accepts(lab.run("key prod").expect(0).stdout.trim()));
    lab.run("status prod").expect(0);
}

fn codes(ran: &[Ran]) -> Vec<i32> {
    ran.iter().map(|ran| ran.code).collect()
}

fn adopted_with_live_target(lab: &Lab) -> ConsoleKey {
    let old = lab.adopted();
    lab.write("app.env", &format!("ANTHROPIC_API_KEY={}\n", old.value));
    old
}

#[test]
fn of_twelve_different_candidates_one_is_staged() {
    for waits in [false, true] {
        let lab = lab(waits);
        adopted_with_live_target(&lab);
        let names: Vec<_> = (0..12).map(|number| format!("candidate{number}")).collect();
        let candidates: Vec<_> = names.iter().map(|name| lab.console_key(name)).collect();
        let commands: Vec<_> =
            names.iter().map(|name| format!("stage prod --from file:{name}.key")).collect();
        let ran = race(&lab, &commands);
        let winners: Vec<_> = (0..12).filter(|number| ran[*number].code == 0).collect();
        assert_eq!(winners.len(), 1, "{:?}", codes(&ran));
        assert!(codes(&ran).iter().all(|code| [0, 4, 6].contains(code)), "{ran:#?}");
        if waits {
            assert!(!codes(&ran).contains(&4), "who waits long enough is told the phase: {:?}", codes(&ran));
        }
        let staged = lab.status("prod")["staged"]["fingerprint"].clone();
        assert_eq!(staged, candidates[winners[0]].fingerprint());
        let stored = lab.run("key prod --slot secondary").expect(0).stdout;
        assert_eq!(stored.trim(), candidates[winners[0]].value, "the slot holds what the state says");
        assert_nothing_lost(&lab);
    }
}

#[test]
fn a_race_of_everything_leaves_a_state_that_one_command_can_end() {
    for waits in [false, true] {
        for round in 0..3 {
            let lab = lab(waits);
            adopted_with_live_target(&lab);
            lab.console_key("new");
            lab.console_key("other");
            lab.run("stage prod --from file:new.key").expect(0);
            let mut commands: Vec<String> = [
                "promote prod",
                "abort prod",
                "stage prod --from file:other.key",
                "finish prod",
                "promote prod",
                "stage prod --from file:new.key",
            ]
            .map(str::to_owned)
            .to_vec();
            commands.rotate_left(round);
            let ran = race(&lab, &[commands.clone(), commands].concat());
            assert!(codes(&ran).iter().all(|code| [0, 4, 6, 10].contains(code)), "{ran:#?}");
            // Without waiting, those who get the lock may all be those whom the phase refuses.
            assert!(!waits || codes(&ran).contains(&0), "nobody won: {ran:#?}");
            assert_nothing_lost(&lab);
            let next = lab.status("prod")["next"].as_str().unwrap().to_owned();
            let next = match next.strip_prefix("rotate ").unwrap() {
                "stage prod" => "stage prod --from file:other.key",
                other => other,
            };
            let ended = lab.run(next);
            assert!([0, 10].contains(&ended.code), "{ended:#?}");
        }
    }
}

#[test]
fn of_many_finishes_one_revokes_and_the_others_find_it_done() {
    let lab = lab(false);
    let (old, new) = lab.promoted();
    lab.advance_minutes(61);
    let ran = race(&lab, &vec!["finish prod".to_owned(); 10]);
    assert!(codes(&ran).iter().all(|code| [0, 4].contains(code)), "{ran:#?}");
    assert!(codes(&ran).contains(&0), "{ran:#?}");
    assert!(!lab.accepts(&old.value) && lab.accepts(&new.value));
    let revoked = lab.read("state/journal/prod.jsonl").matches("\"event\":\"revoked\"").count();
    assert_eq!(revoked, 2, "one entry, which names the event outside and inside its data");
    assert_nothing_lost(&lab);
}

#[test]
fn finish_and_abort_at_the_same_time_leave_one_accepted_key_active() {
    for round in 0..4 {
        let lab = lab(false);
        lab.promoted();
        lab.advance_minutes(61);
        let mut commands: Vec<_> =
            ["finish prod", "abort prod"].repeat(4).into_iter().map(str::to_owned).collect();
        commands.rotate_left(round % 2);
        let ran = race(&lab, &commands);
        assert!(codes(&ran).iter().all(|code| [0, 4, 6].contains(code)), "{ran:#?}");
        assert_nothing_lost(&lab);
    }
}

#[test]
fn an_emergency_does_not_wait_for_a_lock_that_is_held() {
    let lab = lab(false);
    let (old, new) = lab.promoted();
    let lock = std::fs::File::open(lab.path("state/prod.lock")).unwrap();
    lock.lock().unwrap();
    let held = lab.run("promote prod").expect(4);
    assert!(held.stderr.contains("is locked by"), "{held:#?}");
    let began = Instant::now();
    let ran = lab.run("revoke-now prod --reason leaked --yes").expect(0);
    assert!(began.elapsed() < Duration::from_secs(20), "it waited");
    assert!(ran.stderr.contains("going on without the lock"), "{ran:#?}");
    assert!(!lab.accepts(&old.value) && lab.accepts(&new.value));
    assert_nothing_lost(&lab);
}

#[test]
fn emergencies_at_the_same_time_as_commands_end_with_the_suspect_dead() {
    for round in 0..3 {
        let lab = lab(false);
        let (old, new) = lab.staged();
        lab.write("app.env", &format!("ANTHROPIC_API_KEY={}\n", old.value));
        let mut commands: Vec<String> =
            ["promote prod", "revoke-now prod --reason leaked --yes", "finish prod"]
                .repeat(3)
                .into_iter()
                .map(str::to_owned)
                .collect();
        commands.rotate_left(round);
        let ran = race(&lab, &commands);
        assert!(codes(&ran).iter().all(|code| [0, 4, 6, 10, 12].contains(code)), "{ran:#?}");
        let last = lab.run("revoke-now prod --reason leaked --yes");
        assert!([0, 6].contains(&last.code), "{last:#?}");
        // Many processes moved the simulated clock at once; the sandbox must not see it set back.
        lab.advance_minutes(1);
        assert!(!lab.accepts(&old.value), "the suspect is alive: {ran:#?}");
        assert_eq!(lab.env_value(), new.value);
        assert!(lab.accepts(&new.value));
        lab.run("history --verify").expect(0);
    }
}

#[test]
fn a_stopped_command_that_was_overtaken_is_refused_when_it_goes_on() {
    let lab = lab(false);
    let (old, new) = lab.staged();
    // The consumer's own program holds the promotion up, the first time.
    let script = lab.script(
        "push",
        "if mkdir first 2>/dev/null; then while [ ! -e go ]; do sleep 0.01; done; fi\ncat > pushed.$$ && mv pushed.$$ pushed",
    );
    let target = format!("type = \"command\"\ncommand = [\"{script}\"]\nread_back = [\"cat\", \"pushed\"]");
    let dotenv = "type = \"dotenv\"\npath = \"app.env\"\nvariable = \"ANTHROPIC_API_KEY\"";
    lab.configure(&lab.key_with("prod", "probe_attempts = 1", &[&target, dotenv]));
    let promotion = start(&lab, "promote prod");
    until("the target's program runs", || lab.path("first").exists());
    let process = Pid::from_child(&promotion);
    kill_process(process, Signal::STOP).unwrap();
    lab.run("revoke-now prod --reason leaked --yes").expect(0);
    assert!(!lab.accepts(&old.value));
    let after = lab.read("state/prod.json");
    lab.write("go", "");
    kill_process(process, Signal::CONT).unwrap();
    let overtaken = end(promotion);
    assert_eq!(overtaken.code, 4, "{overtaken:#?}");
    assert!(overtaken.stderr.contains("another command changed the state"), "{overtaken:#?}");
    assert_eq!(lab.read("state/prod.json"), after, "the state is as the emergency left it");
    assert_eq!([lab.env_value(), lab.read("pushed").trim().to_owned()], [new.value.clone(), new.value]);
    lab.run("history --verify").expect(0);
}

/// Polls for what a real process must reach.
fn until(what: &str, reached: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !reached() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
