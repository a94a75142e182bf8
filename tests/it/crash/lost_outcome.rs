//! An effect has happened, and then the disk takes no more: the next command takes in what was done.

use std::process::Stdio;

use super::scenario::Bench;
use crate::lab::Ran;

/// Runs a command whose files may not grow past so many bytes; a full disk, as far as it can tell.
fn run_with_room(bench: &Bench, command: &str, bytes: u64) -> Ran {
    let rotate = bench.lab.command(&command.split_whitespace().collect::<Vec<_>>());
    let mut limited = std::process::Command::new("prlimit");
    limited.arg(format!("--fsize={bytes}:{bytes}")).args(["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
    limited.arg(rotate.get_program()).args(rotate.get_args());
    limited.current_dir(rotate.get_current_dir().unwrap()).env_clear();
    limited.envs(rotate.get_envs().filter_map(|(name, value)| Some((name, value?))));
    bench.lab.finish_command(limited.stdin(Stdio::null()))
}

fn journal_bytes(bench: &Bench) -> u64 {
    bench.lab.path("state/journal/prod.jsonl").metadata().unwrap().len()
}

/// A journal longer than the spool, so that a limit on files strikes the journal alone.
fn with_long_journal(bench: &Bench) {
    while journal_bytes(bench) < 24 << 10 {
        bench.run("stage prod --from file:spare.key").expect(0);
        bench.run("abort prod").expect(0);
    }
}

/// Runs a command on a disk on which its `entries` first journal entries have room and the next has
/// not, then again on a mended one.
fn loses_the_entry_after(bench: &Bench, command: &str, entries: usize) -> (Ran, Ran) {
    let start = bench.lab.snapshot();
    let before = journal_bytes(bench);
    bench.run(command).expect(0);
    let journal = bench.lab.read("state/journal/prod.jsonl");
    let written: usize = journal[before as usize..].lines().take(entries).map(|line| line.len() + 1).sum();
    bench.lab.restore(&start);
    bench.changes();
    // Some bytes to spare: a process id has not always as many digits.
    let lost = run_with_room(bench, command, before + written as u64 + 40);
    bench.assert_served("after the loss");
    (lost, bench.run(command))
}

#[test]
fn a_staged_value_whose_record_is_lost_is_taken_in() {
    let bench = Bench::new();
    bench.adopt();
    with_long_journal(&bench);
    let (lost, again) = loses_the_entry_after(&bench, "stage prod --from file:new.key", 1);
    assert_eq!(lost.code, 5, "{lost:#?}");
    assert!(lost.stderr.contains("spool"), "{lost:#?}");
    let again = again.expect(0);
    assert!(again.stderr.contains("taking in what an earlier command did: staged"), "{again:#?}");
    assert_eq!(bench.lab.phase("prod"), "SecondaryStaged");
    bench.assert_chain("after the spool was taken in");
}

#[test]
fn written_targets_whose_record_is_lost_are_taken_in() {
    let bench = Bench::new();
    bench.adopt();
    with_long_journal(&bench);
    bench.run("stage prod --from file:new.key").expect(0);
    // Switched, intended; then the outcome.
    let (lost, again) = loses_the_entry_after(&bench, "promote prod", 2);
    assert_eq!(lost.code, 5, "{lost:#?}");
    let again = again.expect(0);
    assert!(again.stderr.contains("taking in what an earlier command did: targets_written"), "{again:#?}");
    assert_eq!(bench.lab.phase("prod"), "GraceWindow");
    bench.assert_chain("after the spool was taken in");
}

#[test]
fn a_revocation_whose_record_is_lost_is_taken_in_and_not_repeated() {
    let bench = Bench::new();
    bench.adopt();
    with_long_journal(&bench);
    bench.run("stage prod --from file:new.key").expect(0);
    bench.run("promote prod").expect(0);
    bench.lab.work_with("prod");
    bench.lab.advance_minutes(61);
    let (lost, again) = loses_the_entry_after(&bench, "finish prod", 1);
    assert_eq!(lost.code, 5, "{lost:#?}");
    again.expect(0);
    assert_eq!(bench.lab.phase("prod"), "Revoked");
    assert_eq!(bench.changes().len(), 1, "the provider was asked once");
    bench.assert_chain("after the spool was taken in");
}

#[test]
fn on_a_full_disk_nothing_is_begun() {
    let bench = Bench::new();
    bench.adopt();
    with_long_journal(&bench);
    bench.run("stage prod --from file:new.key").expect(0);
    bench.run("promote prod").expect(0);
    bench.lab.work_with("prod");
    bench.lab.advance_minutes(61);
    bench.changes();
    let full = journal_bytes(&bench);
    let refused = run_with_room(&bench, "finish prod", full + 10);
    assert_eq!(refused.code, 5, "{refused:#?}");
    assert!(refused.stderr.contains("nothing was begun"), "{refused:#?}");
    assert!(bench.changes().is_empty(), "the provider was asked");
    assert!(bench.lab.accepts(&bench.old.value));
    bench.run("finish prod").expect(0);
    bench.assert_chain("after a torn entry was dropped");
}

#[test]
fn a_state_that_cannot_be_written_right_after_the_effect_is_caught_up() {
    let bench = Bench::new();
    // The consumer's own program takes the state file away while it is being given the new value.
    let script = bench.lab.script(
        "push",
        "cat > pushed\nif [ -e sabotage ]; then mv state/prod.json kept && mkdir state/prod.json; fi",
    );
    let target = format!("type = \"command\"\ncommand = [\"{script}\"]\nread_back = [\"cat\", \"pushed\"]");
    let key = bench.lab.key_with("prod", "probe_attempts = 1", &[&target]);
    bench.lab.configure(&key);
    bench.stage();
    bench.lab.write("sabotage", "");
    let lost = bench.run("promote prod").expect(5);
    assert!(lost.stderr.contains("spool"), "{lost:#?}");
    std::fs::remove_dir(bench.lab.path("state/prod.json")).unwrap();
    std::fs::rename(bench.lab.path("kept"), bench.lab.path("state/prod.json")).unwrap();
    std::fs::remove_file(bench.lab.path("sabotage")).unwrap();
    let again = bench.run("promote prod").expect(0);
    assert!(again.stderr.contains("taking in"), "{again:#?}");
    assert_eq!(bench.lab.phase("prod"), "GraceWindow");
    bench.assert_chain("after the spool was taken in");
}

#[test]
fn an_emergency_whose_state_cannot_be_written_is_taken_in_later() {
    let bench = Bench::new();
    let script = bench.lab.script(
        "push",
        "cat > pushed\nif [ -e sabotage ]; then mv state/prod.json kept && mkdir state/prod.json; fi",
    );
    let target = format!("type = \"command\"\ncommand = [\"{script}\"]\nread_back = [\"cat\", \"pushed\"]");
    bench.lab.configure(&bench.lab.key_with("prod", "probe_attempts = 1", &[&target]));
    bench.stage();
    bench.lab.write("sabotage", "");
    let ran = bench.run("revoke-now prod --reason leaked --yes").expect(12);
    assert!(ran.stderr.contains("may give a dead value"), "{ran:#?}");
    assert!(!bench.lab.accepts(&bench.old.value), "the suspect is ended all the same");
    std::fs::remove_dir(bench.lab.path("state/prod.json")).unwrap();
    std::fs::rename(bench.lab.path("kept"), bench.lab.path("state/prod.json")).unwrap();
    std::fs::remove_file(bench.lab.path("sabotage")).unwrap();
    let next = bench.run("promote prod").expect(6);
    assert!(next.stderr.contains("taking in"), "{next:#?}");
    assert_eq!(bench.lab.phase("prod"), "Revoked");
    bench.assert_chain("after the emergency was taken in");
}
