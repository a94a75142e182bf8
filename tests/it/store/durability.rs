//! A command that changes something makes durable what it builds upon: who left it there may have been killed before.

use crate::lab::{Lab, Ran};

/// Runs a command; gives what it made, renamed, wrote and synced in and above the state directory, as strace(1) tells.
fn traced(lab: &Lab, command: &str, more: &[&str]) -> (Ran, Vec<String>) {
    let trace = lab.path("trace");
    let watched =
        "trace=mkdir,mkdirat,fsync,fdatasync,write,ftruncate,rename,renameat,renameat2,unlink,unlinkat";
    let options = [&["-f", "-qq", "-y", "-e", watched, "-o", trace.to_str().unwrap()], more].concat();
    let words: Vec<_> = command.split_whitespace().collect();
    let ran = lab.finish_command(&mut lab.under_strace(&options, &words));
    let text = std::fs::read_to_string(trace).unwrap();
    // Who holds the lock is for people, and is not made durable.
    let is_kept = |line: &&str| !line.contains("prod.lock") && !line.contains("/clock") && is_of_a_file(line);
    (ran, text.lines().filter(is_kept).map(str::to_owned).collect())
}

fn is_of_a_file(line: &str) -> bool {
    let is_elsewhere = ["eventfd", "<socket", "<TCP", "<UNIX", "<pipe:", "/dev/"];
    line.contains('(') && !is_elsewhere.iter().any(|elsewhere| line.contains(elsewhere))
}

fn syncs(line: &str, directory: &std::path::Path) -> bool {
    line.contains("fsync(") && line.contains(&format!("<{}>)", directory.display()))
}

#[test]
fn the_state_directory_and_its_name_are_durable_before_anything_is_written() {
    let lab = Lab::new();
    lab.adopted();
    lab.console_key("new");
    let root = lab.path(".").canonicalize().unwrap();
    let (ran, calls) = traced(&lab, "stage prod --from file:new.key", &[]);
    ran.expect(0);
    assert!(syncs(&calls[0], &root.join("state")), "{calls:#?}");
    assert!(syncs(&calls[1], &root), "{calls:#?}");
}

#[test]
fn the_room_for_outcomes_that_is_there_is_durable_before_anything_is_written() {
    let lab = Lab::new();
    lab.adopted();
    lab.console_key("new");
    let spool = lab.path("state/spool").canonicalize().unwrap();
    let (ran, calls) = traced(&lab, "stage prod --from file:new.key", &[]);
    ran.expect(0);
    let first = calls.iter().position(|call| !call.contains("fsync(")).unwrap();
    assert!(calls[..first].iter().any(|call| syncs(call, &spool)), "{calls:#?}");
}

#[test]
fn readers_wait_for_no_disk() {
    let lab = Lab::new();
    lab.staged();
    for command in ["status", "key prod", "history", "history --verify", "ledger"] {
        let (ran, calls) = traced(&lab, command, &[]);
        ran.expect(0);
        assert!(!calls.iter().any(|call| call.contains("fsync(")), "{command}: {calls:#?}");
    }
    // The same eyes do see a command that waits.
    let (ran, calls) = traced(&lab, "promote prod", &[]);
    ran.expect(0);
    assert!(calls.iter().any(|call| call.contains("fsync(")), "{calls:#?}");
}

#[test]
fn each_directory_that_is_made_is_durable_before_the_next_thing_happens() {
    let lab = Lab::new();
    lab.console_key("old");
    let root = lab.path(".").canonicalize().unwrap();
    let (ran, calls) = traced(&lab, "adopt prod --from file:old.key --state deep/er/state", &[]);
    ran.expect(0);
    let made = ["deep", "deep/er", "deep/er/state", "deep/er/state/journal", "deep/er/state/spool"];
    for made in made.map(|made| root.join(made)) {
        let name = made.strip_prefix(&root).unwrap().display().to_string();
        let is_made = |call: &String| call.contains("mkdir(") && call.contains(&format!("{name}\""));
        let at = calls.iter().position(is_made).unwrap_or_else(|| panic!("{name}: {calls:#?}"));
        assert!(syncs(&calls[at + 1], made.parent().unwrap()), "{name}: {calls:#?}");
    }
}

#[test]
fn what_cannot_be_made_durable_is_not_built_upon() {
    let lab = Lab::new();
    lab.adopted();
    lab.console_key("new");
    let kept = || ["state/prod.json", "state/journal/prod.jsonl"].map(|name| lab.read(name));
    let before = kept();
    for sync in [1, 2] {
        let fails = format!("inject=fsync:error=EIO:when={sync}");
        let (ran, _) = traced(&lab, "stage prod --from file:new.key", &["-e", &fails]);
        ran.expect(5).says(&["cannot make durable what is in", "hint: "]);
        assert_eq!(kept(), before);
        assert!(!lab.path("state/slots/prod.secondary").exists());
    }
}

#[test]
fn an_emergency_goes_on_without_it_and_says_so() {
    let lab = Lab::new();
    let (old, _) = lab.staged();
    let fails = ["-e", "inject=fsync:error=EIO:when=1"];
    let (ran, _) = traced(&lab, "revoke-now prod --reason leaked --yes", &fails);
    ran.expect(12).says(&["a power cut could still lose the state"]);
    assert!(!lab.accepts(&old.value));
}
