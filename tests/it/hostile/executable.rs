//! Damaged files met by the executable itself: exit 5 with a remedy where they matter, and nothing else changed.

use super::mutation::Random;
use super::tally::{self, DAMAGED_AT_EXECUTABLE};
use crate::lab::{Lab, Ran};
use crate::proof;

const COMMANDS: [&str; 5] =
    ["status prod", "key prod", "finish prod", "history --verify", "status prod --json"];

/// What may come of a command after a damage to this file: `None` where it must be as without the damage.
fn allowed(file: &str, command: &str) -> &'static [i32] {
    match (file, command) {
        ("state/prod.json", "history --verify") => &[0],
        ("state/prod.json", _) => &[5],
        (_, "history --verify") if file.ends_with("jsonl") => &[5],
        // Only who appends looks at the journal's end.
        (_, "finish prod") if file.ends_with("jsonl") => &[5, 10],
        (_, "finish prod") => &[10],
        _ => &[0],
    }
}

#[test]
fn a_damaged_file_is_exit_5_with_a_remedy_or_does_no_harm() {
    let lab = Lab::new();
    let (_, new) = lab.promoted();
    // Pings take time, and thousands of them would see the window out.
    let clock = lab.read("clock");
    let mut cases = 0;
    for file in ["state/prod.json", "state/journal/prod.jsonl", "state/spool/prod"] {
        let whole = std::fs::read(lab.path(file)).unwrap();
        for seed in 0..proof::size(20, 1000) as u64 {
            let mut random = Random::new(seed);
            let mut damaged = whole.clone();
            let at = random.below(whole.len());
            if random.one_in(4) {
                damaged.truncate(at);
            } else {
                damaged[at] ^= 1 << random.below(8);
            }
            for command in COMMANDS {
                lab.write_bytes(file, &damaged);
                lab.write("clock", &clock);
                let ran = lab.run(command);
                judge(file, command, seed, &ran, &new.value);
                cases += 1;
            }
            lab.write_bytes(file, &whole);
            // What a command that went on has added is taken back with the rest.
            lab.write_bytes("state/spool/prod", &vec![b' '; 16 << 10]);
        }
        lab.write_bytes(file, &whole);
        lab.run("finish prod").expect(10);
    }
    tally::counted(DAMAGED_AT_EXECUTABLE, cases);
}

#[track_caller]
fn judge(file: &str, command: &str, seed: u64, ran: &Ran, active: &str) {
    let all = format!("{}{}", ran.stdout, ran.stderr);
    assert!(allowed(file, command).contains(&ran.code), "{file}, `{command}`, seed {seed}: {ran:#?}");
    assert!(!all.contains("panicked"), "{file}, seed {seed}: {ran:#?}");
    if command == "key prod" && ran.code == 0 {
        assert_eq!(ran.stdout.trim(), active, "{file}, seed {seed}");
    }
    if ran.code == 5 {
        assert!(
            all.contains("runbook.md") || all.contains("\"problem\""),
            "{file}, `{command}`, seed {seed}: {ran:#?}"
        );
    }
}
