//! Slots over real files and an injected environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rotate::rotation::credential::SlotName::{Primary, Secondary};
use rotate::rotation::credential::{Placement, SlotName};
use rotate::secret::Secret;
use rotate::slots::env::EnvSlots;
use rotate::slots::file::FileSlots;
use rotate::slots::{Purpose, SlotError, Slots};

const OLD: &str = "sk-ant-api03-old-value-0001";
const NEW: &str = "sk-ant-api03-new-value-0002";

fn secret(text: &str) -> Secret {
    Secret::from_text(text.to_owned()).unwrap()
}

async fn put(slots: &dyn Slots, slot: SlotName, value: &str) -> Result<Option<Placement>, SlotError> {
    let seen = slots.look(slot).await?;
    slots.write(slot, &secret(value), Purpose::Adopted, &seen).await
}

async fn erase(slots: &dyn Slots, slot: SlotName, value: &str) -> Result<(), SlotError> {
    let seen = slots.look(slot).await?;
    slots.erase(slot, secret(value).fingerprint(), &seen).await
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn make_fifo(path: &Path) {
    assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(path).status().unwrap().success());
}

fn names_in(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn says(error: &SlotError, words: &str) {
    assert!(error.message.contains(words), "{error:?}");
    assert!(!error.remedy.is_empty(), "{error:?}");
    for value in [OLD, NEW] {
        assert!(!format!("{error:?}").contains(value), "{error:?}");
    }
}

struct State {
    directory: tempfile::TempDir,
    slots: FileSlots,
}

impl State {
    fn empty() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let slots = FileSlots::new(directory.path(), "prod");
        Self { directory, slots }
    }

    async fn with_old() -> Self {
        let state = Self::empty();
        put(&state.slots, Primary, OLD).await.unwrap();
        state
    }

    fn slots_directory(&self) -> PathBuf {
        self.directory.path().join("slots")
    }

    fn primary(&self) -> PathBuf {
        self.slots_directory().join("prod.primary")
    }

    async fn read_error(&self) -> SlotError {
        self.slots.read(Primary).await.unwrap_err()
    }
}

#[tokio::test]
async fn values_are_kept_in_private_files() {
    let state = State::empty();
    assert!(state.slots.read(Primary).await.unwrap().is_none());
    assert!(!state.slots_directory().exists(), "reading creates nothing");

    put(&state.slots, Primary, OLD).await.unwrap();
    put(&state.slots, Secondary, NEW).await.unwrap();
    put(&state.slots, Secondary, NEW).await.unwrap();

    assert_eq!(fs::read_to_string(state.primary()).unwrap(), format!("{OLD}\n"));
    assert_eq!((mode(&state.slots_directory()), mode(&state.primary())), (0o700, 0o600));
    assert_eq!(names_in(&state.slots_directory()), ["prod.primary", "prod.secondary"]);
    assert!(state.slots.read(Secondary).await.unwrap().unwrap().same_as(&secret(NEW)));
    assert_eq!(state.slots.location(Primary), state.primary().display().to_string());
    assert!(!state.slots.placed_by_person());
}

#[tokio::test]
async fn only_the_named_value_is_erased() {
    let state = State::with_old().await;
    erase(&state.slots, Primary, NEW).await.unwrap();
    assert!(state.slots.read(Primary).await.unwrap().is_some());
    for _ in 0..2 {
        erase(&state.slots, Primary, OLD).await.unwrap();
        assert!(state.slots.read(Primary).await.unwrap().is_none());
    }
    erase(&State::empty().slots, Primary, OLD).await.unwrap();
}

#[tokio::test]
async fn what_a_killed_write_left_is_swept() {
    let state = State::with_old().await;
    let leftover = state.slots_directory().join(".prod.primary.rotate-abc123");
    let another_slot = state.slots_directory().join(".prod.secondary.rotate-abc123");
    for path in [&leftover, &another_slot] {
        fs::write(path, NEW).unwrap();
    }
    put(&state.slots, Primary, OLD).await.unwrap();
    assert!(!leftover.exists() && another_slot.exists());
    erase(&state.slots, Secondary, NEW).await.unwrap();
    assert!(!another_slot.exists());
}

#[tokio::test]
async fn a_file_that_others_can_reach_is_refused() {
    for unsafe_mode in [0o640, 0o604, 0o620, 0o602, 0o610] {
        let state = State::with_old().await;
        set_mode(&state.primary(), unsafe_mode);
        says(&state.read_error().await, "its group or others can reach it");
        // A new value heals the mode.
        put(&state.slots, Primary, NEW).await.unwrap();
        assert_eq!(mode(&state.primary()), 0o600);
    }
}

#[tokio::test]
async fn a_directory_that_others_can_write_is_refused() {
    for unsafe_mode in [0o770, 0o702, 0o1777] {
        let state = State::with_old().await;
        set_mode(&state.slots_directory(), unsafe_mode);
        says(&state.read_error().await, "could swap the values");
        says(&put(&state.slots, Primary, NEW).await.unwrap_err(), "could swap the values");
        assert_eq!(fs::read_to_string(state.primary()).unwrap(), format!("{OLD}\n"));
    }
}

#[tokio::test]
async fn a_symlink_is_neither_read_nor_replaced() {
    let state = State::with_old().await;
    let elsewhere = state.directory.path().join("elsewhere");
    fs::rename(state.primary(), &elsewhere).unwrap();
    symlink(&elsewhere, state.primary()).unwrap();
    says(&state.read_error().await, "a symlink");
    says(&put(&state.slots, Primary, NEW).await.unwrap_err(), "a symlink");
    says(&erase(&state.slots, Primary, OLD).await.unwrap_err(), "a symlink");
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), format!("{OLD}\n"));

    let state = State::with_old().await;
    let elsewhere = state.directory.path().join("elsewhere");
    fs::rename(state.slots_directory(), &elsewhere).unwrap();
    symlink(&elsewhere, state.slots_directory()).unwrap();
    says(&state.read_error().await, "not a directory");
    says(&put(&state.slots, Primary, NEW).await.unwrap_err(), "not a directory");
}

#[tokio::test]
async fn what_is_not_a_file_is_refused() {
    let state = State::with_old().await;
    fs::remove_file(state.primary()).unwrap();
    fs::create_dir(state.primary()).unwrap();
    set_mode(&state.primary(), 0o700);
    says(&state.read_error().await, "not a regular file");
    says(&put(&state.slots, Primary, NEW).await.unwrap_err(), "not a regular file");

    fs::remove_dir(state.primary()).unwrap();
    make_fifo(&state.primary());
    says(&state.read_error().await, "not a regular file");

    let state = State::empty();
    fs::write(state.slots_directory(), "").unwrap();
    says(&state.read_error().await, "not a directory");
}

#[tokio::test]
async fn a_damaged_value_is_refused_by_name() {
    let cases: [(&[u8], &str); 4] = [
        (b"", "the value is empty"),
        (b"a\nb\n", "more than one line"),
        (b"\"quoted\"\n", "wrapped in quotes"),
        (&[b'x'; 70_000], "larger than any credential"),
    ];
    for (content, words) in cases {
        let state = State::with_old().await;
        fs::write(state.primary(), content).unwrap();
        says(&state.read_error().await, words);
    }
}

#[tokio::test]
async fn a_key_name_cannot_lead_out_of_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let slots = FileSlots::new(directory.path(), "../prod");
    says(&slots.read(Primary).await.unwrap_err(), "cannot be a file name");
    says(&put(&slots, Primary, NEW).await.unwrap_err(), "cannot be a file name");
    assert!(names_in(directory.path()).is_empty());
}

fn env_slots<const N: usize>(variables: [(&str, &str); N]) -> EnvSlots {
    env_slots_of_bytes(variables.map(|(name, value)| (name, value.as_bytes())))
}

fn env_slots_of_bytes<const N: usize>(variables: [(&str, &[u8]); N]) -> EnvSlots {
    let variables: BTreeMap<String, OsString> = variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), OsString::from_vec(value.to_vec())))
        .collect();
    EnvSlots::new("KEY_PRIMARY".to_owned(), "KEY_SECONDARY".to_owned(), move |name| {
        variables.get(name).cloned()
    })
}

#[tokio::test]
async fn variables_are_read_and_verified() {
    let slots = env_slots([("KEY_PRIMARY", OLD), ("KEY_SECONDARY", NEW)]);
    assert!(slots.placed_by_person() && !slots.needs_runtime());
    assert_eq!(slots.location(Secondary), "environment variable KEY_SECONDARY");
    assert!(slots.read(Primary).await.unwrap().unwrap().same_as(&secret(OLD)));
    put(&slots, Secondary, NEW).await.unwrap();
    erase(&slots, Primary, OLD).await.unwrap();
    assert!(slots.read(Primary).await.unwrap().is_some());
}

#[tokio::test]
async fn a_variable_without_the_value_is_named() {
    let line = format!("{NEW}\n");
    let other = format!("it holds another one, {}", secret(OLD).fingerprint());
    let cases = [
        (env_slots([]), "it is unset"),
        (env_slots([("KEY_SECONDARY", "")]), "it is empty"),
        (env_slots([("KEY_SECONDARY", OLD)]), other.as_str()),
        (env_slots([("KEY_SECONDARY", &line)]), "a line end after it"),
        (env_slots([("KEY_SECONDARY", "two words")]), "contains white space"),
        (env_slots_of_bytes([("KEY_SECONDARY", b"\xff")]), "not valid UTF-8"),
    ];
    for (slots, words) in cases {
        let error = put(&slots, Secondary, NEW).await.unwrap_err();
        says(&error, words);
        says(&error, "KEY_SECONDARY");
    }
}

#[tokio::test]
async fn an_unset_variable_is_an_empty_slot_and_a_malformed_one_is_refused() {
    assert!(env_slots([]).read(Primary).await.unwrap().is_none());
    assert!(env_slots([("KEY_PRIMARY", "")]).read(Primary).await.unwrap().is_none());
    let quoted = env_slots([("KEY_PRIMARY", "\"sk-ant\"")]);
    says(&quoted.read(Primary).await.unwrap_err(), "the value is wrapped in quotes");
}
