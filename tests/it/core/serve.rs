//! Which value a consumer is given, from slots in memory.

use std::cell::{Cell, RefCell};

use async_trait::async_trait;
use rotate::error::Failure;
use rotate::rotation::credential::{Placement, SlotName};
use rotate::rotation::phase::KeyState;
use rotate::secret::{Fingerprint, Secret};
use rotate::slots::{Purpose, Seen, SlotError, Slots};
use rotate::store::format::{Record, encode};
use rotate::store::json_file::JsonFileStore;
use rotate::store::{StateStore, Version};
use rotate::workflow::serve;

use crate::store::swap;

use super::sample::{grace, idle, outage, record, revoke, revoked, staged, with_intent};

/// Both slots, primary first; the examples' values are their names. And the place that they were pinned to.
struct Held([Option<&'static str>; 2], RefCell<Option<String>>);

fn unused<T>() -> Result<T, SlotError> {
    let message = "not in this test".to_owned();
    Err(SlotError { message, remedy: "look at the test".to_owned(), is_unfinished: false, source: None })
}

#[async_trait(?Send)]
impl Slots for Held {
    fn location(&self, slot: SlotName) -> String {
        format!("{slot} place")
    }

    async fn read(&self, slot: SlotName) -> Result<Option<Secret>, SlotError> {
        match self.0[usize::from(slot == SlotName::Secondary)] {
            Some("broken") => unused(),
            held => Ok(held.map(|value| Secret::from_text(value.to_owned()).unwrap())),
        }
    }

    fn pin(&self, place: &str) {
        *self.1.borrow_mut() = Some(place.to_owned());
    }

    async fn look(&self, _: SlotName) -> Result<Seen, SlotError> {
        unused()
    }

    async fn write(
        &self,
        _: SlotName,
        _: &Secret,
        _: Purpose<'_>,
        _: &Seen,
    ) -> Result<Option<Placement>, SlotError> {
        unused()
    }

    async fn erase(&self, _: SlotName, _: Fingerprint, _: &Seen) -> Result<(), SlotError> {
        unused()
    }
}

fn told(given: Result<Secret, Failure>) -> Result<String, (u8, String)> {
    match given {
        Ok(value) => Ok(value.expose().to_owned()),
        Err(failure) => Err((failure.exit.number(), failure.message)),
    }
}

fn active(state: KeyState, held: [Option<&'static str>; 2]) -> Result<String, (u8, String)> {
    told(pollster::block_on(serve::active(&record("prod", state), &Held(held, RefCell::default()))))
}

fn in_slot(state: KeyState, slot: SlotName, held: [Option<&'static str>; 2]) -> Result<String, (u8, String)> {
    told(pollster::block_on(serve::slot(&record("prod", state), slot, &Held(held, RefCell::default()))))
}

fn refused(exit: u8, message: &str) -> Result<String, (u8, String)> {
    Err((exit, message.to_owned()))
}

#[test]
fn the_active_one_is_given() {
    assert_eq!(active(idle(), [Some("old"), None]), Ok("old".to_owned()));
    assert_eq!(active(staged(), [Some("old"), Some("new")]), Ok("old".to_owned()));
    // In the example the new one lies in the first slot.
    assert_eq!(active(grace(), [Some("new"), Some("old")]), Ok("new".to_owned()));
}

#[test]
fn the_retiring_one_stands_in_while_both_are_valid() {
    assert_eq!(active(grace(), [None, Some("old")]), Ok("old".to_owned()));
    assert_eq!(active(grace(), [Some("third"), Some("old")]), Ok("old".to_owned()));
    let ending = active(with_intent(revoke("old"), grace()), [None, Some("old")]);
    assert_eq!(ending, refused(5, "the active value of `prod` is not at hand: primary place holds no value"));
    assert_eq!(active(staged(), [None, Some("new")]).unwrap_err().0, 5, "nobody uses the staged one");
}

#[test]
fn what_is_missing_or_another_one_is_said() {
    let [old, third] = ["old", "third"].map(|name| Fingerprint::of(name.as_bytes()));
    let other = format!(
        "the active value of `prod` is not at hand: primary place holds {third}, the state expects {old}"
    );
    assert_eq!(active(idle(), [Some("third"), None]), refused(5, &other));
    let broken = "the active value of `prod` is not at hand: not in this test; look at the test";
    assert_eq!(active(idle(), [Some("broken"), None]), refused(5, broken));
    let by_order = "the active credential of `prod` was revoked by order";
    assert_eq!(active(outage(), [Some("old"), None]), refused(20, by_order));
}

#[test]
fn one_particular_slot_gives_what_the_state_knows_of_it() {
    let both = [Some("old"), Some("new")];
    assert_eq!(in_slot(staged(), SlotName::Primary, both), Ok("old".to_owned()));
    assert_eq!(in_slot(staged(), SlotName::Secondary, both), Ok("new".to_owned()));
    assert_eq!(in_slot(revoked(), SlotName::Secondary, [Some("new"), Some("old")]), Ok("old".to_owned()));
    let unused =
        "the secondary slot of `prod` has no value to give: secondary place is not in use in the phase Idle";
    assert_eq!(in_slot(idle(), SlotName::Secondary, both), refused(5, unused));
    let empty = "the primary slot of `prod` has no value to give: primary place holds no value";
    assert_eq!(in_slot(idle(), SlotName::Primary, [None, None]), refused(5, empty));
}

#[test]
fn slots_are_read_where_the_state_says_that_they_lie() {
    let slots = Held([Some("old"), None], RefCell::default());
    let mut record = record("prod", idle());
    pollster::block_on(serve::active(&record, &slots)).unwrap();
    assert_eq!(*slots.1.borrow(), None);
    record.state.place = Some("arn:one".to_owned());
    pollster::block_on(serve::active(&record, &slots)).unwrap();
    assert_eq!(slots.1.borrow().as_deref(), Some("arn:one"));
}

/// Puts a record of this generation into the place of whatever is there.
fn commit(store: &JsonFileStore, generation: u64) {
    let before: Option<Version> = store.load("prod").unwrap().map(|stored| stored.version);
    let bytes = encode(&Record { generation, ..record("prod", idle()) }).unwrap();
    store.compare_and_swap("prod", before.as_ref(), &bytes, &|| true);
}

#[test]
fn a_read_that_failed_by_an_old_record_is_done_again() {
    let directory = swap::directory();
    let store = swap::store(directory.path());
    commit(&store, 7);
    let reads = Cell::new(0);
    let fails = |_: &Record| Err::<(), _>(Failure::unexpected("the slot is empty"));
    let read = |record: &Record| {
        reads.set(reads.get() + 1);
        if record.generation == 7 {
            commit(&store, 8);
            return fails(record);
        }
        Ok(())
    };
    let (record, given) = serve::settled(&store, "prod", read).unwrap();
    assert_eq!((record.generation, given.is_ok(), reads.get()), (8, true, 2));
    let (record, given) = serve::settled(&store, "prod", fails).unwrap();
    assert_eq!((record.generation, given.is_ok()), (8, false), "nobody has committed meanwhile");
}
