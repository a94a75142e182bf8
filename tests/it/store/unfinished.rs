//! An entry of the journal of which a power cut lost the middle and kept the end.

use rotate::store::journal::Head;
use rotate::store::{Journal as _, JournalFile, StoreError};

use super::journal::{draft, journal, problems, text, write};

/// As sectors read that have never reached the disk.
fn without(bytes: &[u8], lost: std::ops::Range<usize>) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[lost].fill(0);
    bytes
}

/// A journal of so many entries, and what a state remembers that knows all but the last one.
fn ahead(entries: usize) -> (tempfile::TempDir, JournalFile, Option<Head>) {
    let (directory, journal, _) = journal(entries - 1);
    let known = journal.verify(None).unwrap().head;
    journal.append(draft("gelöscht ✂, and so on"), known.as_ref()).unwrap();
    (directory, journal, known)
}

#[test]
fn what_the_state_does_not_remember_is_dropped_and_the_next_entry_says_so() {
    for entries in [1, 3] {
        let (_directory, journal, known) = ahead(entries);
        let whole = text(&journal).into_bytes();
        let start = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for begin in start..whole.len() - 1 {
            let end = (begin + 100).min(whole.len() - 1);
            write(&journal, without(&whole, begin..end));
            let found = journal.verify(known.as_ref()).unwrap();
            assert_eq!(
                (found.problems, found.cut_short),
                (Vec::new(), Some(entries as u64)),
                "{begin}..{end}"
            );
            let next = journal.append(draft("after"), known.as_ref()).unwrap();
            assert_eq!(next.sequence, entries as u64);
            let read = journal.entries().unwrap();
            assert_eq!(read.len(), entries);
            assert_eq!(read[entries - 1].dropped_bytes, Some((whole.len() - start) as u64));
            let found = journal.verify(Some(&next)).unwrap();
            assert_eq!((found.problems, found.cut_short), (Vec::new(), None));
        }
    }
}

#[test]
fn what_the_state_remembers_is_damaged_and_stays_as_it_is() {
    let (_directory, journal, head) = journal(3);
    let whole = text(&journal).into_bytes();
    let damaged = without(&whole, whole.len() - 150..whole.len() - 50);
    write(&journal, &damaged);
    assert_eq!(problems(&journal, head.as_ref())[0].0, 3);
    assert!(matches!(journal.append(draft("next"), head.as_ref()), Err(StoreError::Damaged { .. })));
    assert_eq!(std::fs::read(journal.path()).unwrap(), damaged);
}

#[test]
fn an_entry_before_the_last_is_damaged_whatever_the_state_remembers() {
    let (_directory, journal, _) = journal(3);
    let whole = text(&journal).into_bytes();
    let second = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let both = without(&without(&whole, second + 50..second + 100), last + 50..last + 100);
    write(&journal, &both);
    assert_eq!(problems(&journal, None)[0].0, 2);
    assert!(matches!(journal.append(draft("next"), None), Err(StoreError::Damaged { .. })));
    assert_eq!(std::fs::read(journal.path()).unwrap(), both);
}

#[test]
fn an_entry_cut_inside_a_letter_is_no_damage() {
    let (_directory, journal, known) = ahead(2);
    let whole = text(&journal);
    let letter = whole.rfind('ö').unwrap();
    write(&journal, &whole.as_bytes()[..=letter]);
    let found = journal.verify(known.as_ref()).unwrap();
    assert_eq!((found.entries, found.problems, found.cut_short), (1, Vec::new(), Some(2)));
    assert_eq!(journal.entries().unwrap().len(), 1);
}

#[test]
fn a_long_one_does_not_hide_the_entry_before_it() {
    let (_directory, journal, known) = journal(1);
    let mut long = draft("long");
    long.data = serde_json::json!("x".repeat(900_000));
    let long = journal.append(long, known.as_ref()).unwrap();
    let whole = text(&journal);
    write(&journal, format!("{whole}{}\n", "\0".repeat(900_000)));
    assert_eq!(journal.append(draft("after"), Some(&long)).unwrap().sequence, 3);
    assert_eq!(problems(&journal, Some(&long)), []);
    // Where the entry before it cannot be seen, nothing is dropped.
    let overgrown = format!("{whole}{}\n", "\0".repeat(3 << 20));
    write(&journal, &overgrown);
    for remembered in [None, Some(&long)] {
        assert!(matches!(journal.append(draft("after"), remembered), Err(StoreError::Damaged { .. })));
        assert_eq!(text(&journal), overgrown);
    }
}
