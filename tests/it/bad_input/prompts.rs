//! Where a person would be asked: no terminal, Ctrl-C, a wrong answer.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::lab::{Lab, shows_a_key};

#[test]
fn without_a_terminal_the_message_names_the_flag() {
    let lab = Lab::new();
    let finished = Lab::new();
    finished.finished();
    lab.adopted();
    for (lab, command, flag) in [
        (&lab, "stage prod", "--from"),
        (&finished, "purge prod", "--yes"),
        (&lab, "revoke-now prod --reason leak --accept-outage", "--yes"),
    ] {
        lab.refused(command, 2).says(&[flag, "no terminal to ask on"]);
        let document = lab.refused(&format!("{command} --json"), 2).json();
        assert_eq!(document["error"]["kind"], "usage");
        assert!(document["error"].to_string().contains(flag), "{document}");
    }
    let fresh = Lab::new();
    fresh.run("adopt prod").expect(2).says(&["--from"]);
}

/// `rotate` at a terminal of its own.
struct Terminal {
    ours: File,
    child: Child,
    seen: String,
}

impl Terminal {
    fn start(lab: &Lab, arguments: &str) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let words: Vec<_> = arguments.split_whitespace().collect();
        let mut command = lab.command(&words);
        command.stdin(theirs.try_clone().unwrap()).stdout(Stdio::null()).stderr(theirs);
        let child = command.spawn().unwrap();
        Self { ours: File::from(ours), child, seen: String::new() }
    }

    /// Reads until these words are there.
    #[track_caller]
    fn until(&mut self, words: &str) {
        while !self.seen.contains(words) {
            assert!(self.read(), "`{words}` never came: {}", self.seen);
        }
    }

    fn read(&mut self) -> bool {
        let mut bytes = [0; 1024];
        // The last process to close a terminal makes its other side end with EIO.
        let Ok(length) = self.ours.read(&mut bytes) else { return false };
        self.seen.push_str(&String::from_utf8_lossy(&bytes[..length]));
        length > 0
    }

    fn types(&mut self, text: &str) {
        self.ours.write_all(text.as_bytes()).unwrap();
    }

    /// Everything shown, and the exit code.
    fn ended(mut self) -> (String, i32) {
        while self.read() {}
        (self.seen, self.child.wait().unwrap().code().unwrap_or(-1))
    }
}

#[test]
fn a_pasted_value_is_not_shown() {
    let lab = Lab::new();
    lab.adopted();
    let new = lab.console_key("new");
    let mut terminal = Terminal::start(&lab, "stage prod");
    terminal.until("The new value of `prod` (hidden):");
    terminal.types(&format!("{}\r", new.value));
    let (seen, code) = terminal.ended();
    assert_eq!(code, 0, "{seen}");
    assert!(!shows_a_key(&seen), "{seen}");
    assert_eq!(lab.status("prod")["staged"]["fingerprint"], new.fingerprint());
}

#[test]
fn ctrl_c_at_a_prompt_changes_nothing_and_is_exit_130() {
    let lab = Lab::new();
    lab.adopted();
    let finished = Lab::new();
    finished.finished();
    let fresh = Lab::new();
    for (lab, command, question) in [
        (&fresh, "adopt prod", "Today's live value of `prod` (hidden):"),
        (&lab, "stage prod", "(hidden):"),
        (&finished, "purge prod", "Type the key's name"),
        (&lab, "revoke-now prod --reason leak --accept-outage", "Type the key's name"),
        (&lab, "revoke-now prod --reason leak", "(hidden; empty to stop):"),
    ] {
        let before = lab.standing();
        let mut terminal = Terminal::start(lab, command);
        terminal.until(question);
        terminal.types("half a\u{3}");
        let (seen, code) = terminal.ended();
        assert_eq!(code, 130, "{command}: {seen}");
        assert!(seen.contains("nothing was changed"), "{seen}");
        assert_eq!(lab.standing(), before, "{command}");
    }
}

#[test]
fn another_name_than_the_keys_confirms_nothing() {
    let lab = Lab::new();
    let (old, _) = lab.finished();
    let mut terminal = Terminal::start(&lab, "purge prod");
    terminal.until("Type the key's name");
    terminal.types("prdo\r");
    let (seen, code) = terminal.ended();
    assert_eq!(code, 2, "{seen}");
    assert_eq!(lab.console_status(&old.id), "inactive");

    let mut terminal = Terminal::start(&lab, "purge prod");
    terminal.until("Type the key's name");
    terminal.types("prod\r");
    let (seen, code) = terminal.ended();
    assert_eq!(code, 0, "{seen}");
    assert_eq!(lab.console_status(&old.id), "archived");
}

#[test]
fn an_odd_value_at_the_prompt_is_refused_by_name() {
    let lab = Lab::new();
    lab.adopted();
    for (typed, said) in [("\r", "the value is empty"), ("\"quoted\"\r", "wrapped in quotes")] {
        let mut terminal = Terminal::start(&lab, "stage prod");
        terminal.until("(hidden):");
        terminal.types(typed);
        let (seen, code) = terminal.ended();
        assert_eq!(code, 2, "{seen}");
        assert!(seen.contains(said), "{seen}");
    }
}

#[test]
fn ctrl_c_while_waiting_for_a_person_changes_nothing_and_is_exit_130() {
    let lab = Lab::new();
    lab.configure_with("", &lab.key("prod"));
    let (old, _) = lab.promoted();
    lab.advance_minutes(61);
    let before = lab.standing();
    let mut command = lab.command(&["finish", "prod", "--wait"]);
    let mut child =
        command.stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("by hand at")));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let rest: String = lines.collect::<Vec<_>>().join("\n");
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("run the same command again"), "{rest}");
    assert_eq!(lab.standing(), before);
    lab.console_set(&old.id, "inactive");
    lab.run("finish prod").expect(0);
}
