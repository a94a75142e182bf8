//! Every single flipped bit and every cut of every kind of file that is kept: refused, or read as it was written.

use std::path::Path;

use rotate::store::StoreError;
use rotate::store::format::decode;
use rotate::store::journal::{Entry, Head, Tail, entries, verify};
use rotate::store::spool;

use super::sealed;
use super::tally::{self, DAMAGED};
use crate::core::sample;
use crate::proof;

/// Calls with the bytes after each flip, and after each cut; how many there were.
fn each_damage(whole: &[u8], mut judge: impl FnMut(&[u8], &dyn Fn() -> String)) -> usize {
    let mut bytes = whole.to_vec();
    for byte in 0..whole.len() {
        for bit in 0..8 {
            bytes[byte] ^= 1 << bit;
            judge(&bytes, &|| format!("byte {byte}, bit {bit}"));
            bytes[byte] ^= 1 << bit;
        }
    }
    for length in 0..whole.len() {
        judge(&whole[..length], &|| format!("cut to {length} bytes"));
    }
    9 * whole.len()
}

/// No byte of a state file is outside its checksum: there is no flip that is not noticed.
#[test]
fn a_state_is_refused_after_every_flip_and_every_cut() {
    let mut damages = 0;
    for (name, record, whole) in sealed::states() {
        assert_eq!(decode(&whole, Path::new("prod.json")).unwrap().record, record, "{name}");
        damages += each_damage(&whole, |bytes, which| match decode(bytes, Path::new("prod.json")) {
            Err(error @ StoreError::Damaged { .. }) => {
                let failure = error.into_failure();
                assert_eq!(failure.exit.number(), 5, "{name}, {}", which());
                assert!(failure.hint.contains("runbook.md"), "{name}, {}", which());
            }
            other => panic!("{name}, {}: {other:?}", which()),
        });
    }
    assert!(damages > 200_000, "{damages}");
    tally::counted(DAMAGED, damages);
}

fn same(one: &Entry, other: &Entry) -> bool {
    serde_json::to_string(one).unwrap() == serde_json::to_string(other).unwrap()
}

/// Whether a reader notices, given what the state remembers; and no reader is told of an entry that was not written.
#[track_caller]
fn assert_noticed(bytes: &[u8], head: &Head, written: &[Entry], which: &dyn Fn() -> String) {
    // Bytes that are no text are refused as damaged before they come here.
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(!verify(text.as_bytes(), "prod", Some(head)).problems.is_empty(), "{}", which());
        for entry in entries(text.as_bytes()) {
            assert!(written.iter().any(|one| same(one, &entry)), "{}: {entry:?}", which());
        }
    }
    if let Ok(tail) = Tail::of(bytes, Some(head))
        && let Some(last) = tail.head
    {
        // The next entry would follow this one: it has to be one of those that were written.
        let is_written = last.sequence as usize <= written.len() && last.sequence <= head.sequence;
        assert!(is_written && (last.sequence != head.sequence || last == *head), "{}: {last:?}", which());
    }
}

#[test]
fn a_journal_shows_every_flip_and_every_cut() {
    let events = sample::events();
    let mut damages = 0;
    // Whoever looks at a journal looks at all of it, so many short ones cost less than a long one.
    for part in events.chunks(proof::size(3, 8)) {
        let (whole, head) = sealed::journal(part);
        let written = entries(whole.as_bytes());
        assert_eq!(verify(whole.as_bytes(), "prod", Some(&head)).problems, [], "{whole}");
        damages +=
            each_damage(whole.as_bytes(), |bytes, which| assert_noticed(bytes, &head, &written, which));
    }
    assert!(damages > 100_000, "{damages}");
    tally::counted(DAMAGED, damages);
}

/// A note that does not fit its checksum counts as none: whatever it meant to say is found out by looking.
#[test]
fn a_spool_holds_the_same_note_or_none_after_every_flip_and_every_cut() {
    let mut damages = 0;
    for (note, whole) in sealed::spools() {
        assert_eq!(spool::open_seal(&whole), Some(note.clone()));
        damages += each_damage(&whole, |bytes, which| {
            if let Some(other) = spool::open_seal(bytes) {
                assert_eq!(other, note, "{}", which());
            }
        });
    }
    tally::counted(DAMAGED, damages);
}
