//! The spool: an outcome that the state file could not take is kept, once, for the state it belongs to.

use rotate::rotation::event::Event;
use rotate::store::Spool as _;
use rotate::store::spool::{self, Note, SpoolFile};
use tempfile::TempDir;

use crate::core::sample;

fn spool() -> (TempDir, SpoolFile, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let spool = SpoolFile::new(directory.path(), "prod");
    let path = directory.path().join("spool/prod");
    spool.reserve().unwrap();
    (directory, spool, path)
}

fn note(generation: u64) -> Note {
    Note { generation, events: vec![Event::IntentDropped { reason: "the slot failed".to_owned() }] }
}

#[test]
fn a_note_is_read_back_until_it_is_cleared() {
    let (_directory, spool, _) = spool();
    assert_eq!(spool.read().unwrap(), None);
    for (_, event) in sample::events() {
        let note = Note { generation: 7, events: vec![event] };
        spool.write(&note).unwrap();
        assert_eq!(spool.read().unwrap(), Some(note));
    }
    spool.clear().unwrap();
    assert_eq!(spool.read().unwrap(), None);
}

#[test]
fn the_room_for_a_note_is_there_before_and_stays_as_large() {
    let (_directory, spool, path) = spool();
    let size = || std::fs::metadata(&path).unwrap().len();
    let reserved = size();
    assert!(reserved >= 16 << 10);
    spool.write(&note(1)).unwrap();
    assert_eq!(size(), reserved);
    spool.reserve().unwrap();
    assert_eq!(spool.read().unwrap(), Some(note(1)), "reserving does not wipe a note");
    spool.clear().unwrap();
    assert_eq!(size(), reserved);
}

#[test]
fn a_note_that_a_crash_left_half_written_counts_as_none() {
    let (_directory, spool, path) = spool();
    spool.write(&note(3)).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let length = whole.trim_ascii_end().len();
    for half in 0..length {
        let mut bytes = whole.clone();
        bytes[half..].fill(b' ');
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(spool.read().unwrap(), None, "{half} bytes");
    }
}

#[test]
fn a_note_written_over_an_older_one_and_torn_counts_as_none() {
    let (_directory, spool, path) = spool();
    spool
        .write(&Note { generation: 3, events: vec![Event::IntentDropped { reason: "x".repeat(200) }] })
        .unwrap();
    let old = std::fs::read(&path).unwrap();
    spool.write(&note(4)).unwrap();
    let new = std::fs::read(&path).unwrap();
    let differs = old.iter().zip(&new).position(|(old, new)| old != new).unwrap();
    for torn in differs + 1..new.trim_ascii_end().len() {
        std::fs::write(&path, [&new[..torn], &old[torn..]].concat()).unwrap();
        assert_eq!(spool.read().unwrap(), None, "torn after {torn} bytes");
    }
}

#[test]
fn no_flipped_bit_makes_another_note() {
    let (_directory, spool, path) = spool();
    spool.write(&note(5)).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for byte in 0..whole.trim_ascii_end().len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[byte] ^= 1 << bit;
            std::fs::write(&path, &bytes).unwrap();
            let found = spool.read().unwrap();
            assert!(found.is_none() || found == Some(note(5)), "byte {byte}, bit {bit}: {found:?}");
        }
    }
}

#[test]
fn a_note_too_large_for_the_room_is_refused_and_what_is_there_stays() {
    let (_directory, spool, _) = spool();
    spool.write(&note(6)).unwrap();
    let large = Note { generation: 7, events: vec![Event::IntentDropped { reason: "x".repeat(20 << 10) }] };
    assert!(spool.write(&large).is_err());
    assert_eq!(spool.read().unwrap(), Some(note(6)));
}

#[test]
fn a_note_may_fill_the_room_to_its_last_byte() {
    let of = |length: usize| Note {
        generation: 7,
        events: vec![Event::IntentDropped { reason: "x".repeat(length) }],
    };
    let fits = |length: &usize| spool::seal(&of(*length)).is_ok();
    let longest = (0..16 << 10).rev().find(fits).unwrap();
    let sealed = spool::seal(&of(longest)).unwrap();
    assert_eq!(sealed.trim_ascii_end().len(), 16 << 10);
    assert_eq!(spool::open_seal(&sealed), Some(of(longest)));
}

#[test]
fn without_room_nothing_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let spool = SpoolFile::new(directory.path(), "prod");
    assert!(spool.write(&note(1)).is_err());
    assert_eq!(spool.read().unwrap(), None);
}
