//! Texts of state, journal, lease and lock files, with seals that fit.

use serde_json::{Value, json};

use super::assert_fit;
use crate::hostile::mutation::ESCAPES;
use crate::hostile::sealed;
use crate::hostile::tally::{self, FIELDS};
use crate::lab::Lab;
use crate::proof;

/// Every text in a document, by its JSON pointer.
fn texts(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                texts(item, &format!("{at}/{number}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                texts(field, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        _ => {}
    }
}

/// The document once for each of its texts and each way to fill it.
fn filled(document: &Value) -> Vec<(String, Value)> {
    let mut pointers = Vec::new();
    texts(document, "", &mut pointers);
    let long = format!("{}{}", ESCAPES.concat(), "x".repeat(300_000));
    let mut all = Vec::new();
    for (number, pointer) in pointers.into_iter().enumerate() {
        let few = [ESCAPES[number % ESCAPES.len()], &long];
        let many: Vec<_> = ESCAPES.into_iter().chain([long.as_str()]).collect();
        for text in if proof::is_whole() { &many[..] } else { &few[..] } {
            let mut document = document.clone();
            *document.pointer_mut(&pointer).unwrap() = json!(text);
            all.push((format!("{pointer} of {} bytes", text.len()), document));
        }
    }
    all
}

fn run_all(lab: &Lab, commands: &[&str], which: &str) -> usize {
    for command in commands {
        let ran = lab.run(command);
        // A document is as long as what is recorded: its reader is a program.
        if command.ends_with("--json") {
            assert!(ran.stdout.chars().all(|c| c == '\n' || rotate::readable::is_readable(c)), "{which}");
            let _: Value = serde_json::from_str(&ran.stdout).unwrap();
        } else {
            assert_fit(&ran, &format!("`{command}`, {which}"));
        }
    }
    commands.len()
}

#[test]
fn what_is_on_record_does_not_reach_the_terminal_as_it_is() {
    let lab = Lab::new();
    lab.promoted();
    lab.run("lease acquire --holder somebody").expect(0);
    let mut cases = 0;

    let state = std::fs::read(lab.path("state/prod.json")).unwrap();
    for (which, document) in filled(&sealed::document_of_state(&state)) {
        lab.write_bytes("state/prod.json", &sealed::state_of(&document));
        cases += run_all(&lab, &["status prod", "finish prod", "ledger", "status --json"], &which);
    }
    lab.write_bytes("state/prod.json", &state);

    let journal = lab.read("state/journal/prod.jsonl");
    let last = journal.lines().last().unwrap();
    let before = &journal[..journal.len() - last.len() - 1];
    for (which, document) in filled(&sealed::document_of_line(last)) {
        lab.write("state/journal/prod.jsonl", &format!("{before}{}", sealed::line_of(&document)));
        cases += run_all(&lab, &["history", "history --verify", "history --json"], &which);
    }
    lab.write("state/journal/prod.jsonl", &journal);

    let leases = std::fs::read_dir(lab.path("state/leases/prod")).unwrap();
    let lease = leases.map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some()).unwrap();
    let record = std::fs::read_to_string(&lease).unwrap();
    lab.advance_minutes(61);
    for (which, document) in filled(&serde_json::from_str(&record).unwrap()) {
        std::fs::write(&lease, document.to_string()).unwrap();
        cases += run_all(&lab, &["lease list", "finish prod", "lease list --json"], &which);
    }
    // Of some of these records it could be told that their holder is gone; then they are, too.
    let _ = std::fs::remove_file(&lease);
    tally::counted(FIELDS, cases);
}

#[test]
fn who_holds_a_lock_is_told_in_readable_words() {
    let lab = Lab::new();
    lab.configure(&lab.key_with("prod", "lock_wait = \"0s\"", &[]));
    lab.adopted();
    let lock = std::fs::File::options().read(true).write(true).open(lab.path("state/prod.lock")).unwrap();
    lock.lock().unwrap();
    let holder = json!({"actor": {"user": "ops", "host": "host", "pid": 1, "command": "stage"},
        "since": "2026-03-01T12:00:00Z"});
    let mut seen = 0;
    for (which, document) in filled(&holder) {
        std::fs::write(lab.path("state/prod.lock"), document.to_string()).unwrap();
        for command in ["promote prod", "promote prod --json"] {
            let ran = lab.run(command);
            assert_eq!(ran.code, 4, "{which}: {ran:#?}");
            assert_fit(&ran, &which);
            seen += 1;
        }
    }
    assert!(seen > 10);
}
