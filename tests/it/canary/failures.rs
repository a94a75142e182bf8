//! Every command under every failure that can be brought about from outside.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use super::tally;
use super::trap::Trap;
use crate::lab::Ran;
use crate::lab::snapshot::Snapshot;
use crate::proof;

/// What is run before, and the commands that move on from there or only look.
const PHASES: [(&[&str], &[&str]); 5] = [
    (&[], &["adopt prod --from file:old.key", "status", "key prod"]),
    (
        &["adopt prod --from file:old.key"],
        &[
            "stage prod --from file:new.key --ticket OPS-1",
            "revoke-now prod --reason leaked --replace-from file:new.key --yes",
            "status prod",
            "history",
            "history --verify",
            "key prod",
            "key prod --format env",
            "ledger",
            "lease acquire",
            "lease list",
            "exec prod -- true",
            "adopt prod --from file:new.key",
        ],
    ),
    (
        &["stage prod --from file:new.key"],
        &[
            "promote prod",
            "abort prod",
            "stage prod --replace --from file:replacement.key",
            "key prod --slot secondary",
        ],
    ),
    (
        &["promote prod"],
        &[
            "finish prod",
            "abort prod",
            "promote prod",
            "revoke-now prod --reason leaked --suspect all --replace-from file:replacement.key --yes",
            "revoke-now prod --reason leaked --yes",
            "status",
        ],
    ),
    (
        &["finish prod"],
        &["undo prod", "purge prod --yes --dry-run", "stage prod --from file:replacement.key"],
    ),
];

/// A failure, and how it is brought about; the lab's files are put back afterwards.
type Failure = (&'static str, fn(&Trap));

const FAILURES: [Failure; 10] = [
    ("a target fails and prints the value", |trap| trap.lab.write("down", "")),
    ("slots are open to others", |trap| each_slot(trap, |slot| set_mode(slot, 0o666))),
    ("slots are directories", |trap| {
        each_slot(trap, |slot| {
            std::fs::remove_file(slot).unwrap();
            std::fs::create_dir(slot).unwrap();
        });
    }),
    ("slots are cut short", |trap| {
        each_slot(trap, |slot| {
            let value = std::fs::read(slot).unwrap();
            std::fs::write(slot, &value[..value.len() / 2 + 9]).unwrap();
        });
    }),
    ("the journal is a directory", |trap| {
        let journal = trap.lab.path("state/journal/prod.jsonl");
        let _ = std::fs::remove_file(&journal);
        std::fs::create_dir_all(&journal).unwrap();
    }),
    ("the state directory is open to others", |trap| {
        std::fs::create_dir_all(trap.lab.path("state")).unwrap();
        set_mode(&trap.lab.path("state"), 0o777);
    }),
    ("the state is cut short", |trap| {
        if let Ok(state) = std::fs::read(trap.lab.path("state/prod.json")) {
            trap.lab.write_bytes("state/prod.json", &state[..state.len() / 2]);
        }
    }),
    ("a value stands in the state", |trap| {
        if let Ok(state) = std::fs::read_to_string(trap.lab.path("state/prod.json")) {
            trap.lab.write("state/prod.json", &state.replace("\"anthropic\"", "17"));
        }
    }),
    ("the target is a directory", |trap| {
        std::fs::remove_file(trap.lab.path("app.env")).unwrap();
        std::fs::create_dir(trap.lab.path("app.env")).unwrap();
    }),
    ("the target makes no sense", |trap| {
        let text = trap.lab.read("app.env");
        trap.lab.write("app.env", &format!("OTHER='never closed\n{text}"));
    }),
];

fn set_mode(path: &std::path::Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

fn each_slot(trap: &Trap, change: fn(&std::path::Path)) {
    for slot in std::fs::read_dir(trap.lab.path("state/slots")).into_iter().flatten() {
        change(&slot.unwrap().path());
    }
}

/// The lab in each phase in turn, with the commands to try there.
fn in_each_phase(mut visit: impl FnMut(&Trap, &Snapshot, usize, &'static str)) {
    let trap = Trap::new();
    let mut number = 0;
    for (prepare, commands) in PHASES {
        for command in prepare {
            assert_eq!(trap.run(command).code, 0, "{command}");
        }
        if prepare == ["promote prod"] {
            trap.lab.work_with("prod");
            trap.lab.advance_minutes(61);
        }
        let start = trap.lab.snapshot();
        for command in commands {
            visit(&trap, &start, number, command);
            number += 1;
        }
    }
}

fn talking(command: &str, number: usize) -> String {
    let talk = ["", " -vv", " --json"][number % 3];
    match command.split_once(" -- ") {
        Some((command, job)) => format!("{command}{talk} -- {job}"),
        None => format!("{command}{talk}"),
    }
}

#[test]
fn no_failure_of_files_or_targets_lets_a_value_out() {
    in_each_phase(|trap, start, number, command| {
        for (turn, (name, bring_about)) in FAILURES.iter().enumerate() {
            bring_about(trap);
            let line = talking(command, number + turn);
            let ran = trap.lab.run(&line);
            trap.search(&format!("{line}` while `{name}"), &ran);
            trap.lab.restore(start);
        }
    });
    tally::over();
}

/// The same command in a shell that first does this.
fn after(trap: &Trap, first: &str, line: &str) -> Ran {
    let rotate = trap.lab.command(&line.split_whitespace().collect::<Vec<_>>());
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{first}; exec \"$@\""), "sh"])
        .arg(rotate.get_program())
        .args(rotate.get_args());
    shell.current_dir(trap.lab.path("")).env_clear();
    shell.envs(rotate.get_envs().filter_map(|(name, value)| Some((name, value?))));
    trap.lab.finish_command(shell.stdin(Stdio::null()))
}

#[test]
fn no_limit_of_the_system_lets_a_value_out() {
    in_each_phase(|trap, start, number, command| {
        // Every write fails, with an error or with a signal; there is no core; outputs are closed or full; the lock is
        // held by somebody else.
        let firsts = [
            "trap '' XFSZ; ulimit -f 0; ulimit -c unlimited",
            "ulimit -f 0; ulimit -c unlimited",
            "exec 2>/dev/full",
            "exec >&- 2>&-",
        ];
        for (turn, first) in firsts.iter().enumerate() {
            let line = talking(command, number + turn);
            let ran = after(trap, first, &line);
            trap.search(&format!("{line}` after `{first}"), &ran);
            trap.lab.restore(start);
        }
        if trap.lab.path("state/prod.lock").exists() {
            let file = std::fs::File::options().write(true).open(trap.lab.path("state/prod.lock")).unwrap();
            file.lock().unwrap();
            let good = trap.lab.read("rotate.toml");
            trap.lab.write("rotate.toml", &good.replace("[keys.prod]", "[keys.prod]\nlock_wait = \"0s\""));
            let line = talking(command, number);
            let ran = trap.lab.run(&line);
            trap.search(&format!("{line}` while the lock is held`"), &ran);
            drop(file);
            trap.lab.restore(start);
        }
    });
    tally::over();
}

/// More than any command passes.
const POINTS: u32 = 60;

#[test]
fn no_kill_lets_a_value_out() {
    let every = proof::size(3, 1);
    in_each_phase(|trap, start, number, command| {
        // A slice takes every third point, another one for each command.
        for point in (1..POINTS).skip(number % every).step_by(every) {
            let line = talking(command, number + point as usize);
            let mut rotate = trap.lab.command(&line.split_whitespace().collect::<Vec<_>>());
            let ran = trap
                .lab
                .finish_command(rotate.env("ROTATE_TEST_CRASH_AT", point.to_string()).stdin(Stdio::null()));
            let was_killed = ran.code == -1;
            trap.search(&format!("{line}` killed at point {point}`"), &ran);
            trap.lab.restore(start);
            if !was_killed {
                break;
            }
        }
    });
    tally::over();
}
