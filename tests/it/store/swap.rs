//! Compare-and-swap: one wins, the others learn that they did not, and a reader never sees a mixture.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Barrier;

use rotate::durable::{self, ReplaceError};
use rotate::file_lock;
use rotate::store::json_file::JsonFileStore;
use rotate::store::{StateStore, Swap, Version};

pub fn store(directory: &Path) -> JsonFileStore {
    JsonFileStore::open_for_change(directory, true).unwrap()
}

fn committed(swap: Swap) -> Version {
    match swap {
        Swap::Committed(version) => version,
        other => panic!("{other:?}"),
    }
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A directory that is fit to hold state.
pub fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o700)).unwrap();
    directory
}

#[test]
fn the_first_write_needs_that_nothing_is_there() {
    let directory = directory();
    let store = store(directory.path());
    assert_eq!(store.load("prod").unwrap(), None);
    let version = committed(store.compare_and_swap("prod", None, b"one", &|| true));
    assert!(matches!(store.compare_and_swap("prod", None, b"two", &|| true), Swap::Conflict));
    let loaded = store.load("prod").unwrap().unwrap();
    assert_eq!((loaded.bytes.as_slice(), &loaded.version), (&b"one"[..], &version));
}

#[test]
fn what_is_not_wanted_at_the_last_moment_is_not_written() {
    let directory = directory();
    let store = store(directory.path());
    let first = committed(store.compare_and_swap("prod", None, b"one", &|| true));
    assert!(matches!(store.compare_and_swap("prod", Some(&first), b"two", &|| false), Swap::Conflict));
    assert_eq!(store.load("prod").unwrap().unwrap().bytes, b"one");
}

#[test]
fn nobody_commits_while_one_holds_what_they_read() {
    let directory = directory();
    let store = store(directory.path());
    let first = committed(store.compare_and_swap("prod", None, b"one", &|| true));
    assert!(store.hold("prod", None).unwrap().is_none(), "somebody else has committed");
    let hold = store.hold("prod", Some(&first)).unwrap().expect("it is the newest");
    let commit = file_lock::try_lock(&std::fs::File::open(directory.path().join("prod.commit")).unwrap());
    assert!(!commit.unwrap(), "a commit would have to wait");
    drop(hold);
    committed(store.compare_and_swap("prod", Some(&first), b"two", &|| true));
    assert!(store.hold("prod", Some(&first)).unwrap().is_none());
}

#[test]
fn only_who_read_the_newest_may_write() {
    let directory = directory();
    let store = store(directory.path());
    let first = committed(store.compare_and_swap("prod", None, b"one", &|| true));
    let second = committed(store.compare_and_swap("prod", Some(&first), b"two", &|| true));
    assert!(matches!(store.compare_and_swap("prod", Some(&first), b"late", &|| true), Swap::Conflict));
    assert_eq!(store.load("prod").unwrap().unwrap().bytes, b"two");
    committed(store.compare_and_swap("prod", Some(&second), b"three", &|| true));
    std::fs::remove_file(store.path("prod")).unwrap();
    assert!(
        matches!(store.compare_and_swap("prod", Some(&second), b"four", &|| true), Swap::Conflict),
        "it is gone"
    );
}

#[test]
fn keys_do_not_touch_each_other() {
    let directory = directory();
    let store = store(directory.path());
    committed(store.compare_and_swap("one", None, b"1", &|| true));
    committed(store.compare_and_swap("two", None, b"2", &|| true));
    assert_eq!(store.load("one").unwrap().unwrap().bytes, b"1");
    assert_eq!(names(directory.path()), ["one.commit", "one.json", "two.commit", "two.json"]);
}

#[test]
fn of_many_that_race_from_one_reading_exactly_one_wins() {
    let directory = directory();
    let first = committed(store(directory.path()).compare_and_swap("prod", None, b"start", &|| true));
    let racers = 8;
    let barrier = Barrier::new(racers);
    let race = |racer: usize| {
        let store = store(directory.path());
        barrier.wait();
        match store.compare_and_swap("prod", Some(&first), format!("racer {racer}").as_bytes(), &|| true) {
            Swap::Committed(_) => Some(racer),
            Swap::Conflict => None,
            other => panic!("{other:?}"),
        }
    };
    let won: Vec<usize> = std::thread::scope(|scope| {
        let race = &race;
        let threads: Vec<_> = (0..racers).map(|racer| scope.spawn(move || race(racer))).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(won.len(), 1, "{won:?}");
    let found = store(directory.path()).load("prod").unwrap().unwrap().bytes;
    assert_eq!(found, format!("racer {}", won[0]).as_bytes());
}

#[test]
fn no_increment_is_lost_among_writers_that_retry() {
    let directory = directory();
    committed(store(directory.path()).compare_and_swap("count", None, b"0", &|| true));
    let (writers, each) = (4, 10);
    std::thread::scope(|scope| {
        for _ in 0..writers {
            scope.spawn(|| {
                let store = store(directory.path());
                let mut left = each;
                while left > 0 {
                    let stored = store.load("count").unwrap().unwrap();
                    let count: u32 = std::str::from_utf8(&stored.bytes).unwrap().parse().unwrap();
                    let next = (count + 1).to_string();
                    if let Swap::Committed(_) =
                        store.compare_and_swap("count", Some(&stored.version), next.as_bytes(), &|| true)
                    {
                        left -= 1;
                    }
                }
            });
        }
    });
    let count = store(directory.path()).load("count").unwrap().unwrap().bytes;
    assert_eq!(count, (writers * each).to_string().as_bytes());
}

#[test]
fn a_reader_beside_a_writer_sees_whole_documents_only() {
    let directory = directory();
    let store = store(directory.path());
    let document = |letter: u8| vec![letter; 100_000];
    let mut version = committed(store.compare_and_swap("prod", None, &document(b'a'), &|| true));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            for _ in 0..200 {
                let bytes = store.load("prod").unwrap().unwrap().bytes;
                assert_eq!(bytes.len(), 100_000);
                assert!(bytes.iter().all(|byte| *byte == bytes[0]), "a mixture");
            }
        });
        for turn in 0..40_u8 {
            version = committed(store.compare_and_swap(
                "prod",
                Some(&version),
                &document(b'a' + turn % 26),
                &|| true,
            ));
        }
        reader.join().unwrap();
    });
}

#[test]
fn what_a_killed_commit_left_behind_is_swept_up_by_the_next() {
    let directory = directory();
    let store = store(directory.path());
    let version = committed(store.compare_and_swap("prod", None, b"one", &|| true));
    std::fs::write(directory.path().join(".prod.json.rotate-Xy12z"), "half a sta").unwrap();
    std::fs::write(directory.path().join(".other.json.rotate-Xy12z"), "another key's").unwrap();
    committed(store.compare_and_swap("prod", Some(&version), b"two", &|| true));
    assert_eq!(names(directory.path()), [".other.json.rotate-Xy12z", "prod.commit", "prod.json"]);
}

#[test]
fn a_replacement_that_cannot_be_made_leaves_the_old_bytes_and_no_litter() {
    let directory = directory();
    let path = directory.path().join("taken");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("inside"), "old").unwrap();
    let error = durable::replace(&path, b"new", 0o600).unwrap_err();
    assert!(matches!(error, ReplaceError::Unchanged { .. }), "{error:?}");
    assert_eq!(names(directory.path()), ["taken"]);
    let nowhere = directory.path().join("missing/state");
    assert!(matches!(durable::replace(&nowhere, b"new", 0o600), Err(ReplaceError::Unchanged { .. })));
}

#[test]
fn a_replacement_has_the_mode_it_was_asked_for_and_the_new_bytes() {
    let directory = directory();
    for mode in [0o600, 0o640, 0o644] {
        let path = directory.path().join(format!("{mode:o}"));
        std::fs::write(&path, "a longer text that was there before").unwrap();
        durable::replace(&path, b"new", mode).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
    }
}
