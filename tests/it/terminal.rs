//! At a terminal: prompts that show nothing, Ctrl-C everywhere, and readers that go away.

pub mod pty;

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::lab::{ConsoleKey, Lab};
use pty::Session;

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";

/// A lab by the machine's own clocks, for commands that really wait.
fn real_time(lines: &str) -> Lab {
    let mut lab = Lab::new();
    lab.unset("ROTATE_TEST_CLOCK");
    configure(&lab, "admin_key = \"file:admin.key\"\n", lines);
    lab
}

fn configure(lab: &Lab, provider: &str, lines: &str) {
    let target = "type = \"dotenv\"\npath = \"app.env\"\nvariable = \"ANTHROPIC_API_KEY\"";
    lab.configure_with(provider, &lab.key_with("prod", &format!("probe_attempts = 1\n{lines}"), &[target]));
}

mod prompts {
    use super::*;

    #[test]
    fn a_hidden_prompt_takes_the_value_and_shows_nothing_of_it() {
        let lab = Lab::new();
        for (command, name) in [("adopt", "old"), ("stage", "new")] {
            let key = lab.console_key(name);
            let mut session = Session::start(&lab, &[command, "prod"]);
            session.expect("(hidden):");
            assert!(!session.echoes(), "echo is on at a hidden prompt");
            session.types(&format!("{}\n", key.value));
            let (code, shown) = session.ends();
            assert_eq!(code, 0, "{shown}");
            assert!(!shown.contains(&key.value[14..30]), "{shown}");
        }
        assert_eq!(lab.phase("prod"), "SecondaryStaged");
    }

    #[test]
    fn a_leaked_key_without_a_replacement_asks_for_one() {
        let lab = Lab::new();
        let old = lab.adopted();
        let new = lab.console_key("new");
        let mut session = Session::start(&lab, &["revoke-now", "prod", "--reason", "leak"]);
        session.expect("(hidden; empty to stop):");
        assert!(session.shown().contains("fails with 401"), "what will break is said first");
        session.types(&format!("{}\n", new.value));
        session.expect("Type the key's name");
        session.types("prod\n");
        let (code, shown) = session.ends();
        assert_eq!(code, 0, "{shown}");
        assert!(!shown.contains(&new.value[14..30]), "{shown}");
        assert!(!lab.accepts(&old.value) && lab.accepts(&new.value));
    }

    #[test]
    fn a_revocation_wants_the_keys_name_typed() {
        let lab = Lab::new();
        let (old, new) = lab.promoted();
        for typed in ["prd\n", "\n", "y\n", "PROD\n", "prod \n"] {
            let before = lab.standing();
            let mut session = Session::start(&lab, &["revoke-now", "prod", "--reason", "leak"]);
            session.expect("Type the key's name");
            session.types(typed);
            let (code, shown) = session.ends();
            assert_eq!(code, 2, "{typed:?}: {shown}");
            assert!(shown.contains("nothing was changed"), "{shown}");
            assert_eq!(lab.standing(), before, "{typed:?}");
        }
        let mut session = Session::start(&lab, &["revoke-now", "prod", "--reason", "leak"]);
        session.expect("Type the key's name");
        session.types("prod\n");
        let (code, shown) = session.ends();
        assert_eq!(code, 0, "{shown}");
        assert!(!lab.accepts(&old.value) && lab.accepts(&new.value));
    }

    #[test]
    fn a_leaked_key_comes_back_only_by_its_name() {
        let lab = Lab::new();
        let (old, _) = lab.promoted();
        lab.run("revoke-now prod --reason pasted --yes").expect(0);
        let before = lab.standing();
        for (typed, expected) in [("y\n", 2), ("prod\n", 0)] {
            let mut session = Session::start(&lab, &["undo", "prod"]);
            session.expect("Type the key's name");
            assert!(session.shown().contains("emergency \"pasted\""), "{}", session.shown());
            assert_eq!(lab.standing(), before);
            session.types(typed);
            let (code, shown) = session.ends();
            assert_eq!(code, expected, "{shown}");
        }
        assert!(lab.accepts(&old.value));
    }

    #[test]
    fn json_never_asks() {
        let lab = Lab::new();
        let (code, shown) = Session::start(&lab, &["adopt", "prod", "--json"]).ends();
        assert_eq!(code, 2, "{shown}");
        assert!(shown.trim_start().starts_with("{\"schema_version\":1,\"error\""), "{shown}");
        lab.adopted();
        let arguments = ["revoke-now", "prod", "--reason", "x", "--accept-outage", "--json"];
        let (code, shown) = Session::start(&lab, &arguments).ends();
        assert_eq!(code, 2, "{shown}");
        assert!(shown.contains("--yes"), "{shown}");
    }

    #[test]
    fn a_value_is_not_put_on_a_terminal_unless_one_insists() {
        let lab = Lab::new();
        let old = lab.adopted();
        let (code, shown) = Session::start(&lab, &["key", "prod"]).ends();
        assert_eq!(code, 2, "{shown}");
        assert!(shown.contains("--yes") && !shown.contains(&old.value), "{shown}");
        let (code, shown) = Session::start(&lab, &["key", "prod", "--yes"]).ends();
        assert_eq!((code, shown.trim()), (0, old.value.as_str()));
    }
}

mod ctrl_c {
    use super::*;

    /// Interrupts a command at a prompt: exit 130, the terminal as it was, nothing changed.
    #[track_caller]
    fn interrupts(lab: &Lab, arguments: &[&str], prompt: &str) {
        for typed in [CTRL_C.to_owned(), format!("sk-ant-api03-half{CTRL_C}"), CTRL_D.to_owned()] {
            let before = lab.standing();
            let mut session = Session::start(lab, arguments);
            session.expect(prompt);
            session.until("the terminal listens", || !session.echoes());
            session.types(&typed);
            let (code, shown) = session.ends();
            assert_eq!(code, 130, "{arguments:?} {typed:?}: {shown}");
            assert!(shown.contains("interrupted at the prompt"), "{shown}");
            assert_eq!(lab.standing(), before, "{arguments:?} {typed:?}");
        }
    }

    #[test]
    fn at_every_prompt_changes_nothing() {
        let lab = Lab::new();
        interrupts(&lab, &["adopt", "prod"], "(hidden):");
        lab.adopted();
        interrupts(&lab, &["stage", "prod"], "(hidden):");
        interrupts(&lab, &["revoke-now", "prod", "--reason", "leak"], "(hidden; empty to stop):");
        lab.console_key("new");
        lab.run("stage prod --from file:new.key").expect(0);
        interrupts(&lab, &["revoke-now", "prod", "--reason", "leak"], "Type the key's name");
        lab.run("promote prod").expect(0);
        lab.work_with("prod");
        lab.advance_minutes(61);
        lab.run("finish prod").expect(0);
        interrupts(&lab, &["purge", "prod"], "Type the key's name");
    }

    fn promoted(lab: &Lab) -> (ConsoleKey, ConsoleKey) {
        let keys = lab.promoted();
        assert_eq!(lab.phase("prod"), "GraceWindow");
        keys
    }

    #[test]
    fn while_the_window_is_waited_for_saves_the_state() {
        let lab = real_time("");
        let (old, new) = promoted(&lab);
        let mut session = Session::start(&lab, &["finish", "prod", "--wait"]);
        session.expect("the grace window is open for another");
        session.types(CTRL_C);
        let (code, shown) = session.ends();
        assert_eq!(code, 130, "{shown}");
        assert!(shown.contains("everything done so far is on record"), "{shown}");
        assert!(lab.accepts(&old.value) && lab.accepts(&new.value));
        assert_eq!(lab.phase("prod"), "GraceWindow");
        lab.run("finish prod").expect(10);
    }

    #[test]
    fn other_signals_that_ask_to_stop_are_heard_too() {
        for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
            let lab = real_time("");
            promoted(&lab);
            let session = Session::start(&lab, &["finish", "prod", "--wait"]);
            session.expect("the grace window is open for another");
            kill_process(Pid::from_raw(session.process().try_into().unwrap()).unwrap(), signal).unwrap();
            let (code, shown) = session.ends();
            assert_eq!(code, 130, "{signal:?}: {shown}");
            lab.run("history --verify").expect(0);
        }
    }

    #[test]
    fn while_a_person_is_waited_for_keeps_the_emergency_on_record() {
        let lab = real_time("manual_revoke_wait = \"10m\"");
        let (old, new) = promoted(&lab);
        configure(&lab, "", "manual_revoke_wait = \"10m\"");
        let mut session = Session::start(&lab, &["revoke-now", "prod", "--reason", "leak", "--yes"]);
        session.expect("waiting for a person");
        session.types(CTRL_C);
        let (code, shown) = session.ends();
        assert_eq!(code, 130, "{shown}");
        assert_eq!(lab.status("prod")["emergency"], true);
        lab.console_set(&old.id, "inactive");
        lab.run("revoke-now prod --reason leak --yes").expect(0);
        assert_eq!(lab.env_value(), new.value);
        lab.run("history --verify").expect(0);
    }

    #[test]
    fn while_the_lock_is_waited_for_changes_nothing() {
        let lab = real_time("lock_wait = \"10m\"");
        lab.staged();
        let lock = std::fs::File::open(lab.path("state/prod.lock")).unwrap();
        lock.lock().unwrap();
        let before = lab.standing();
        let mut session = Session::start(&lab, &["promote", "prod"]);
        let descriptors = format!("/proc/{}/fd", session.process());
        session.until("it has the lock file open", || {
            let open = std::fs::read_dir(&descriptors).into_iter().flatten().flatten();
            open.filter_map(|entry| std::fs::read_link(entry.path()).ok())
                .any(|path| path.ends_with("state/prod.lock"))
        });
        session.types(CTRL_C);
        let (code, shown) = session.ends();
        assert_eq!(code, 130, "{shown}");
        assert_eq!(lab.standing(), before);
    }
}

mod readers_that_go_away {
    use super::*;

    /// Runs with stdout, stderr or both connected to nobody.
    fn run_into_nothing(lab: &Lab, command: &str, stdout: bool, stderr: bool) -> (i32, String) {
        let mut rotate = lab.command(&command.split_whitespace().collect::<Vec<_>>());
        let closed = || {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            Stdio::from(writer)
        };
        rotate.stdin(Stdio::null());
        rotate.stdout(if stdout { closed() } else { Stdio::null() });
        rotate.stderr(if stderr { closed() } else { Stdio::piped() });
        let output = rotate.spawn().unwrap().wait_with_output().unwrap();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    #[test]
    fn are_no_error() {
        let lab = Lab::new();
        lab.promoted();
        for command in [
            "history",
            "history --json",
            "status",
            "status --json",
            "key prod",
            "ledger",
            "--help",
            "completions bash",
        ] {
            assert_eq!(run_into_nothing(&lab, command, true, false), (0, String::new()), "{command}");
        }
    }

    #[test]
    fn do_not_keep_an_operation_from_its_end() {
        for (stdout, stderr) in [(true, false), (false, true), (true, true)] {
            let lab = Lab::new();
            let (_, new) = lab.staged();
            let (code, said) = run_into_nothing(&lab, "promote prod -vv", stdout, stderr);
            assert_eq!(code, 0, "{said}");
            assert_eq!(lab.phase("prod"), "GraceWindow");
            assert_eq!(lab.env_value(), new.value);
            assert_eq!(lab.status("prod")["interrupted"], serde_json::Value::Null);
        }
    }

    #[test]
    fn in_a_shell_pipe_are_no_error() {
        let lab = Lab::new();
        lab.promoted();
        let rotate = lab.command(&[]);
        let mut shell = std::process::Command::new("bash");
        shell.args(["-c", "set -o pipefail; \"$0\" history | head -n 0"]).arg(rotate.get_program());
        shell.current_dir(lab.path("")).env_clear();
        shell.envs(rotate.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = lab.finish_command(shell.stdin(Stdio::null())).expect(0);
        assert_eq!(ran.stderr, "");
    }
}
