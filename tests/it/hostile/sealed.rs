//! Files as the program writes them, and files with a seal that fits though their content was changed.

use rotate::rotation::phase::KeyState;
use rotate::store::actor::Actor;
use rotate::store::format::{Record, encode};
use rotate::store::journal::{Draft, Head, Tail, next};
use rotate::store::spool::{self, Note};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::core::sample;

const STATE_SEAL: &str = ",\n  \"checksum\"";
const LINE_SEAL: &str = ",\"hash\":\"";

pub fn record(state: KeyState) -> Record {
    Record {
        generation: 12,
        key: "prod".to_owned(),
        provider: "anthropic".to_owned(),
        primary_env: "PROD_PRIMARY".to_owned(),
        secondary_env: "PROD_SECONDARY".to_owned(),
        written_at: sample::over().wall,
        journal: Some(Head { sequence: 11, hash: "ab".repeat(32) }),
        state,
    }
}

/// A state file for every phase in every variant, by name; intents and emergencies are among them.
pub fn states() -> Vec<(&'static str, Record, Vec<u8>)> {
    let states = sample::states().into_iter().filter_map(|(name, state)| Some((name, record(state?))));
    states.map(|(name, record)| (name, record.clone(), encode(&record).unwrap())).collect()
}

/// The fields of a state file, without its checksum.
pub fn fields_of_state(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap().rsplit_once(STATE_SEAL).unwrap().0
}

/// A state file with these fields, up to the brace that ends them, and a checksum that fits.
pub fn state_of_fields(fields: &str) -> Vec<u8> {
    format!("{fields}{STATE_SEAL}: \"sha256:{}\"\n}}\n", hex(fields)).into_bytes()
}

/// The same of a document.
pub fn state_of(document: &Value) -> Vec<u8> {
    let text = serde_json::to_string_pretty(document).unwrap();
    state_of_fields(text.strip_suffix("\n}").unwrap_or(&text))
}

/// A state file as a document without its checksum.
pub fn document_of_state(bytes: &[u8]) -> Value {
    serde_json::from_str(&format!("{}\n}}", fields_of_state(bytes))).unwrap()
}

/// A journal with an entry for each of these events, and its newest entry.
pub fn journal(events: &[(&'static str, rotate::rotation::event::Event)]) -> (String, Head) {
    let mut text = String::new();
    let mut head = None;
    for (name, event) in events {
        let draft = Draft {
            at: sample::opened(),
            by: Actor { user: "ops".to_owned(), host: "host".to_owned(), pid: 7, command: "test".to_owned() },
            rotation: Some("r-1".to_owned()),
            event: (*name).to_owned(),
            data: serde_json::to_value(event).unwrap(),
        };
        let (line, newest) =
            next(&Tail::of(text.as_bytes(), head.as_ref()).unwrap(), "prod", draft, head.as_ref()).unwrap();
        text.push_str(&line);
        head = Some(newest);
    }
    (text, head.unwrap())
}

/// An entry of a journal as a document without its hash.
pub fn document_of_line(line: &str) -> Value {
    serde_json::from_str(&format!("{}}}", line.rsplit_once(LINE_SEAL).unwrap().0)).unwrap()
}

/// A journal's line of a document, with a hash that fits.
pub fn line_of(document: &Value) -> String {
    let text = document.to_string();
    let fields = text.strip_suffix('}').unwrap_or(&text);
    format!("{fields}{LINE_SEAL}{}\"}}\n", hex(fields))
}

/// Spools with notes in them.
pub fn spools() -> Vec<(Note, Vec<u8>)> {
    let events: Vec<_> = sample::events().into_iter().map(|(_, event)| event).collect();
    let notes = events.chunks(8).map(|events| Note { generation: 7, events: events.to_vec() });
    notes.map(|note| (note.clone(), spool::seal(&note).unwrap())).collect()
}

fn hex(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
