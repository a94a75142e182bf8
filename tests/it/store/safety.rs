//! What is refused as unsafe, with a reason and a remedy; and the modes of what is made.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rotate::clock::simulated::SimulatedClock;
use rotate::store::actor::Actor;
use rotate::store::journal::Draft;
use rotate::store::json_file::JsonFileStore;
use rotate::store::lock::OperationLockFiles;
use rotate::store::spool::SpoolFile;
use rotate::store::{
    Journal as _, JournalFile, OperationLocks as _, Spool as _, StateStore, StoreError, Swap, safety,
};
use serde_json::json;
use tempfile::TempDir;

use crate::core::sample;

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// A state directory with a state in it.
fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    safety::create_directory(&state).unwrap();
    let store = JsonFileStore::open_for_change(&state, true).unwrap();
    assert!(matches!(store.compare_and_swap("prod", None, b"content", &|| true), Swap::Committed(_)));
    (directory, state)
}

#[track_caller]
fn is_unsafe<T: std::fmt::Debug>(result: Result<T, StoreError>, word: &str) {
    match result {
        Err(StoreError::Unsafe { reason, remedy, .. }) => {
            assert!(reason.contains(word), "{reason}");
            assert!(!remedy.is_empty());
        }
        other => panic!("{other:?}"),
    }
}

fn load(state: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(JsonFileStore::open(state)?.load("prod")?.map(|stored| stored.bytes))
}

#[test]
fn everything_is_made_for_its_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("deep/er/state");
    let clock_path = directory.path().join("clock");
    std::fs::write(&clock_path, "1772366400000 boot-one 1000").unwrap();
    let clock = SimulatedClock::new(clock_path);
    let locks = OperationLockFiles::new(&state);
    let lock = locks.acquire("prod", "test", &clock, std::time::Duration::ZERO);
    let _lock = pollster::block_on(lock).unwrap();
    let store = JsonFileStore::open_for_change(&state, true).unwrap();
    assert!(matches!(store.compare_and_swap("prod", None, b"content", &|| true), Swap::Committed(_)));
    let draft = Draft {
        at: sample::opened(),
        by: Actor::of_this_process("test"),
        rotation: None,
        event: "test".to_owned(),
        data: json!({}),
    };
    JournalFile::new(&state, "prod").append(draft, None).unwrap();
    SpoolFile::new(&state, "prod").reserve().unwrap();
    for made in ["deep", "deep/er", "deep/er/state", "deep/er/state/journal", "deep/er/state/spool"] {
        assert_eq!(mode(&directory.path().join(made)), 0o700, "{made}");
    }
    for made in ["prod.json", "prod.lock", "prod.commit", "journal/prod.jsonl", "spool/prod"] {
        assert_eq!(mode(&state.join(made)), 0o600, "{made}");
    }
}

#[test]
fn a_state_that_others_can_write_is_refused() {
    for bits in [0o620, 0o602, 0o666] {
        let (_directory, state) = place();
        set_mode(&state.join("prod.json"), bits);
        is_unsafe(load(&state), "others can write it");
        let store = JsonFileStore::open(&state).unwrap();
        assert!(matches!(
            store.compare_and_swap("prod", None, b"new", &|| true),
            Swap::Failed(StoreError::Unsafe { .. })
        ));
        assert_eq!(std::fs::read(state.join("prod.json")).unwrap(), b"content");
    }
}

#[test]
fn a_directory_that_others_can_write_is_refused() {
    for bits in [0o770, 0o707, 0o1777] {
        let (_directory, state) = place();
        set_mode(&state, bits);
        is_unsafe(load(&state), "others can write it");
        is_unsafe(JsonFileStore::open_for_change(&state, true), "others can write it");
    }
}

#[test]
fn a_symbolic_link_in_a_files_place_is_refused_and_not_followed() {
    let (directory, state) = place();
    let elsewhere = directory.path().join("elsewhere");
    std::fs::write(&elsewhere, "theirs").unwrap();
    std::fs::remove_file(state.join("prod.json")).unwrap();
    symlink(&elsewhere, state.join("prod.json")).unwrap();
    is_unsafe(load(&state), "symbolic link");
    let store = JsonFileStore::open(&state).unwrap();
    assert!(matches!(
        store.compare_and_swap("prod", None, b"new", &|| true),
        Swap::Failed(StoreError::Unsafe { .. })
    ));
    assert_eq!(std::fs::read(&elsewhere).unwrap(), b"theirs");
    for dangling in ["journal/prod.jsonl", "prod.lock", "prod.commit", "spool/prod"] {
        let path = state.join(dangling);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = std::fs::remove_file(&path);
        symlink(directory.path().join("not-made"), &path).unwrap();
    }
    is_unsafe(JournalFile::new(&state, "prod").entries(), "symbolic link");
    is_unsafe(SpoolFile::new(&state, "prod").read(), "symbolic link");
    assert!(matches!(
        store.compare_and_swap("prod", None, b"new", &|| true),
        Swap::Failed(StoreError::Unsafe { .. })
    ));
    assert!(!directory.path().join("not-made").exists(), "a link was followed");
}

#[test]
fn a_symbolic_link_to_the_state_directory_is_refused_by_name() {
    let (directory, state) = place();
    let link = directory.path().join("link");
    symlink(&state, &link).unwrap();
    is_unsafe(load(&link), "symbolic link");
}

#[test]
fn a_directory_or_a_pipe_in_the_states_place_is_refused_without_hanging() {
    let (_directory, state) = place();
    std::fs::remove_file(state.join("prod.json")).unwrap();
    std::fs::create_dir(state.join("prod.json")).unwrap();
    is_unsafe(load(&state), "not a regular file");
    std::fs::remove_dir(state.join("prod.json")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(state.join("prod.json")).status().unwrap();
    assert!(made.success());
    set_mode(&state.join("prod.json"), 0o600);
    is_unsafe(load(&state), "not a regular file");
    std::fs::remove_file(state.join("prod.json")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(state.join("prod.json")).unwrap();
    assert!(matches!(load(&state), Err(StoreError::Io { what: "cannot open", .. })));
}

#[test]
fn a_file_in_the_directorys_place_is_refused() {
    let (directory, _state) = place();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    is_unsafe(load(&file), "not a directory");
}

#[test]
fn a_directory_is_made_whoever_makes_it_at_the_same_time() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..25 {
        let made = directory.path().join(format!("{round}/state"));
        let barrier = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    barrier.wait();
                    safety::create_directory(&made).unwrap();
                });
            }
        });
        assert_eq!(mode(&made), 0o700);
    }
}

#[test]
fn no_directory_is_made_where_something_else_is() {
    let (directory, _state) = place();
    let [file, link] = ["file", "link"].map(|name| directory.path().join(name));
    std::fs::write(&file, "").unwrap();
    symlink(directory.path().join("nowhere"), &link).unwrap();
    for taken in [&file, &link, &file.join("state")] {
        assert!(matches!(safety::create_directory(taken), Err(StoreError::Io { .. })), "{}", taken.display());
        assert!(safety::create_fleeting_directory(taken).is_err());
    }
    let fleeting = directory.path().join("fleet/ing");
    safety::create_fleeting_directory(&fleeting).unwrap();
    assert_eq!((mode(&fleeting), mode(&directory.path().join("fleet"))), (0o700, 0o700));
}

#[test]
fn what_belongs_to_a_third_person_is_not_trusted() {
    let (root, own, third) = (0, 1000, 1001);
    assert!(safety::is_trusted(own, own) && safety::is_trusted(root, own) && safety::is_trusted(third, root));
    assert!(!safety::is_trusted(third, own));
}

#[test]
fn file_systems_of_other_machines_are_known_by_their_numbers() {
    // As `stat --file-system --format=%t` prints them.
    let kinds = [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x6573_5546];
    assert_eq!(kinds.map(safety::uncertain_locks), ["NFS", "SMB", "SMB", "SMB", "FUSE"].map(Some));
    let (ext4, tmpfs, btrfs) = (0xef53, 0x0102_1994, 0x9123_683e);
    assert_eq!([ext4, tmpfs, btrfs].map(safety::uncertain_locks), [None; 3]);
}

#[test]
fn what_is_not_there_is_not_there() {
    let (directory, state) = place();
    assert_eq!(JsonFileStore::open(&state).unwrap().load("other").unwrap(), None);
    let missing = JsonFileStore::open(&directory.path().join("missing")).unwrap();
    assert_eq!(missing.load("prod").unwrap(), None);
    missing.make_durable().unwrap();
    assert!(!missing.directory().exists(), "looking makes nothing");
    // What cannot be looked at may be there, and may be lost.
    let gone = JsonFileStore::open(&directory.path().join("gone/state")).unwrap();
    std::fs::write(directory.path().join("gone"), "").unwrap();
    assert!(matches!(gone.make_durable(), Err(StoreError::Io { .. })));
    let below_a_file = state.join("prod.json/state");
    assert!(matches!(JsonFileStore::open(&below_a_file), Err(StoreError::Io { .. })));
}

#[test]
fn every_failure_of_the_store_ends_in_a_remedy_and_its_exit_code() {
    let (_directory, state) = place();
    set_mode(&state.join("prod.json"), 0o666);
    let failure = load(&state).unwrap_err().into_failure();
    assert_eq!(failure.exit.number(), 5);
    assert!(failure.hint.contains("chmod 600"), "{}", failure.hint);
    let damaged = StoreError::Damaged { path: state.join("prod.json"), reason: "it is cut".to_owned() };
    assert_eq!(damaged.into_failure().exit.number(), 5);
    let newer = StoreError::Newer { path: state, schema: 9 }.into_failure();
    assert_eq!(newer.exit.number(), 5);
    assert!(newer.hint.contains("update"), "{}", newer.hint);
}
