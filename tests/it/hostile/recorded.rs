//! States, journals and spools whose seals fit though somebody changed them: read or refused, never a panic, and what
//! was read is written as it was read.

use std::path::Path;

use rotate::rotation::plan::{Facts, Goal, plan};
use rotate::store::actor::Actor;
use rotate::store::format::{decode, encode};
use rotate::store::journal::{Draft, Tail, entries, next, verify};
use rotate::store::spool;
use rotate::ui::{ColorChoice, Ui, status};
use rotate::workflow::overview::{Overview, serving};
use serde_json::json;

use super::mutation::{Random, mutate_json, mutated};
use super::tally::{self, GENERATED};
use super::{case, sealed};
use crate::core::{plan_table, sample};
use crate::proof;

const WORDS: [&str; 12] = [
    "\"",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "null",
    "\\u0000",
    "\\ud800",
    "\"phase\": \"Idle\",",
    "\"generation\": -1,",
];

#[test]
fn a_state_that_somebody_sealed_is_read_as_it_says_or_refused() {
    let files: Vec<_> = sealed::states().into_iter().map(|(_, _, bytes)| bytes).collect();
    let fields: Vec<_> =
        files.iter().map(|bytes| sealed::fields_of_state(bytes).as_bytes().to_vec()).collect();
    let documents: Vec<_> = files.iter().map(|bytes| sealed::document_of_state(bytes)).collect();
    let mut read = 0;
    let cases = case::run("state", proof::size(60_000, 2_000_000), |random| {
        let bytes = match random.below(3) {
            0 => {
                let text = mutated(random, &fields, &WORDS);
                sealed::state_of_fields(&String::from_utf8_lossy(&text))
            }
            1 => mutated(random, &files, &WORDS),
            _ => {
                let mut document = random.pick(&documents).clone();
                mutate_json(random, &mut document);
                sealed::state_of(&document)
            }
        };
        let Ok(decoded) = decode(&bytes, Path::new("prod.json")) else { return };
        read += 1;
        let record = decoded.record;
        let again = decode(&encode(&record).unwrap(), Path::new("prod.json")).unwrap();
        assert_eq!(again.record, record);
        let overview = Overview::of(&record, 7_776_000, &sample::GRACE, &sample::over());
        for json in [false, true] {
            status::output(std::slice::from_ref(&overview), Ui::new(json, false, ColorChoice::Never));
        }
        serving(&record);
        plan_everything(&record.state);
    });
    assert!(read > cases / 25, "{read} of {cases} were read: the rest says little");
    tally::counted(GENERATED, cases);
}

fn plan_everything(state: &rotate::rotation::phase::KeyState) {
    let finish = Goal::Finish { accept_unknown: Default::default(), reason: None };
    for goal in [Goal::Promote, finish, Goal::Abort, Goal::Undo, Goal::Purge] {
        for facts in [Facts::default(), plan_table::ideal(Some(state))] {
            plan(Some(state), &goal, &facts, &plan_table::policy(), &sample::over());
        }
    }
}

fn draft() -> Draft {
    Draft {
        at: sample::over(),
        by: Actor { user: "ops".to_owned(), host: "host".to_owned(), pid: 7, command: "test".to_owned() },
        rotation: None,
        event: "after".to_owned(),
        data: json!({}),
    }
}

#[test]
fn a_journal_that_somebody_sealed_is_read_as_it_says_or_shown_as_damaged() {
    let journals: Vec<_> =
        sample::events().chunks(4).map(|events| sealed::journal(events).0.into_bytes()).collect();
    let cases = case::run("journal", proof::size(30_000, 1_000_000), |random| {
        let bytes =
            if random.one_in(2) { mutated(random, &journals, &WORDS) } else { resealed(random, &journals) };
        let text = String::from_utf8_lossy(&bytes);
        let found = verify(text.as_bytes(), "prod", None);
        let read = entries(text.as_bytes());
        assert!(found.entries as usize <= read.len());
        // What is appended to it is read back, and heals nothing.
        let Ok(tail) = Tail::of(text.as_bytes(), None) else {
            assert!(!found.problems.is_empty(), "an end that nothing follows shows");
            return;
        };
        let Ok((line, _)) = next(&tail, "prod", draft(), None) else { return };
        let longer = format!("{}{line}", &text[..tail.whole_bytes]);
        let after = verify(longer.as_bytes(), "prod", None);
        assert_eq!(after.problems.len(), found.problems.len(), "{longer}");
        assert_eq!(after.entries, found.entries + 1);
    });
    tally::counted(GENERATED, cases);
}

/// One entry changed, with a hash that fits.
fn resealed(random: &mut Random, journals: &[Vec<u8>]) -> Vec<u8> {
    let text = String::from_utf8(random.pick(journals).clone()).unwrap();
    let mut lines: Vec<_> = text.lines().map(|line| format!("{line}\n")).collect();
    let chosen = random.below(lines.len());
    let mut document = sealed::document_of_line(lines[chosen].trim_end());
    mutate_json(random, &mut document);
    lines[chosen] = sealed::line_of(&document);
    lines.concat().into_bytes()
}

#[test]
fn a_spool_that_somebody_wrote_is_read_as_it_says_or_counts_as_empty() {
    let spools: Vec<_> =
        sealed::spools().into_iter().map(|(_, bytes)| bytes.trim_ascii_end().to_vec()).collect();
    let cases = case::run("spool", proof::size(10_000, 500_000), |random| {
        let bytes = mutated(random, &spools, &WORDS);
        if let Some(note) = spool::open_seal(&bytes) {
            assert_eq!(spool::open_seal(&spool::seal(&note).unwrap()), Some(note));
        }
    });
    tally::counted(GENERATED, cases);
}
