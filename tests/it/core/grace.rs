//! How long old and new overlap, and how much of that is left by clocks that lie.

use rotate::rotation::event::{Event, Proof, RevokedBy};
use rotate::rotation::grace::GracePolicy;
use rotate::rotation::phase::{Direction, Propagation, Window};
use rotate::rotation::plan::{Goal, Step, plan};
use rotate::rotation::stamp::Stamp;
use rotate::rotation::transition::{Illegal, apply};

use super::plan_table::{ideal, policy, word};
use super::sample::{GRACE, at, credential, grace, opened, promoted, revoke, targets, window, with_intent};

const START: i64 = 1_772_366_400;

fn finish_at(now: &Stamp, window: Window) -> Step {
    let mut state = grace();
    if let rotate::rotation::phase::Phase::GraceWindow { window: found, .. } = &mut state.phase {
        *found = window;
    }
    let goal = Goal::Finish {
        accept_unknown: rotate::rotation::evidence::Item::ALL.into_iter().collect(),
        reason: None,
    };
    plan(Some(&state), &goal, &ideal(Some(&state)), &policy(), now)
}

#[track_caller]
fn left(now: &Stamp, window: Window) -> (u64, bool) {
    match finish_at(now, window) {
        Step::Wait(wait) => (wait.remaining_seconds, wait.clock_went_backwards),
        step => panic!("{step:?}"),
    }
}

#[test]
fn the_floor_is_the_longest_job_plus_the_slowest_refresh_plus_the_provider() {
    assert_eq!(GRACE.floor_seconds(0), 2700 + 600 + 60);
    assert_eq!(GRACE.window(opened(), 0).floor_seconds, 3360);
    assert_eq!(
        GRACE.window(opened(), 0).floor_reason,
        "longest_job 2700 s + slowest refresh 600 s + provider propagation 60 s"
    );
}

#[test]
fn a_job_that_was_seen_to_take_longer_lengthens_the_window() {
    let seen = GRACE.window(opened(), 7200);
    assert_eq!((seen.floor_seconds, seen.length_seconds), (7860, 7860));
    assert!(seen.floor_reason.starts_with("longest job seen 7200 s"), "{}", seen.floor_reason);
    let mut state = promoted(Direction::Forward, &Propagation::Confirmed);
    state.longest_job_seen_seconds = 7200;
    let facts = ideal(Some(&state));
    let Step::Record(Event::GraceOpened { window, .. }) =
        plan(Some(&state), &Goal::Promote, &facts, &policy(), &opened())
    else {
        panic!("no window")
    };
    assert_eq!(window.length_seconds, 7860);
}

#[test]
fn the_window_is_the_grace_where_that_is_longer_and_the_floor_where_it_is_not() {
    assert_eq!(GRACE.window(opened(), 0).length_seconds, 3600);
    let short = GracePolicy { grace_seconds: 10, ..GRACE };
    assert_eq!(short.window(opened(), 0).length_seconds, 3360);
    let endless = GracePolicy { longest_job_seconds: u64::MAX, ..GRACE };
    assert_eq!(endless.window(opened(), 0).length_seconds, u64::MAX);
}

#[test]
fn a_job_as_long_as_the_configured_one_is_no_longer_one() {
    assert!(GRACE.window(opened(), 2700).floor_reason.starts_with("longest_job 2700 s"));
    assert!(GRACE.window(opened(), 2701).floor_reason.starts_with("longest job seen 2701 s"));
}

#[test]
fn from_the_first_use_a_window_runs_as_long_as_the_one_that_had_opened() {
    let used = at(START + 1200).wall;
    let found = GRACE.window_from_use(&window(), used, 0);
    assert_eq!(found.opened_at, at(START + 1200));
    assert_eq!((found.length_seconds, found.not_before), (3600, at(START + 1200 + 3600).wall));
    let longer = Window { length_seconds: 9000, ..window() };
    let found = GRACE.window_from_use(&longer, used, 0);
    assert_eq!((found.length_seconds, found.not_before), (9000, at(START + 1200 + 9000).wall));
    let grown = GRACE.window_from_use(&window(), used, 9000);
    assert_eq!((grown.length_seconds, grown.not_before), (9660, at(START + 1200 + 9660).wall));
    // A use before the window opened, by a clock that lags, does not make it end earlier.
    let early = GRACE.window_from_use(&window(), at(START - 5).wall, 0);
    assert_eq!((early.opened_at, early.not_before), (opened(), window().not_before));
}

#[test]
fn a_window_shorter_than_its_floor_or_than_a_job_that_was_seen_is_refused() {
    let mut state = promoted(Direction::Forward, &Propagation::Confirmed);
    let short = Window { length_seconds: 3000, ..window() };
    let early = Window { not_before: opened().wall, ..window() };
    for window in [short, early] {
        let event = Event::GraceOpened { window, targets: targets() };
        assert!(matches!(apply(Some(&state), &event), Err(Illegal::Invariant(broken)) if broken.number == 6));
    }
    state.longest_job_seen_seconds = 7200;
    let event = Event::GraceOpened { window: window(), targets: targets() };
    assert!(matches!(apply(Some(&state), &event), Err(Illegal::Invariant(broken)) if broken.number == 6));
}

#[test]
fn finish_waits_to_the_last_second() {
    assert_eq!(left(&opened(), window()), (3600, false));
    assert_eq!(left(&at(START + 3599), window()), (1, false));
    assert_eq!(word(&finish_at(&at(START + 3600), window())), "revoke");
}

#[test]
fn the_clock_that_says_least_is_believed() {
    let dated = |wall: i64, boot: u64, date: i64| {
        let mut stamp = at(wall).with_provider(Some(at(date).wall));
        stamp.boot.as_mut().unwrap().milliseconds = boot * 1000;
        stamp
    };
    let opened = dated(START, START.unsigned_abs(), START);
    let window = GRACE.window(opened, 0);
    let day = 86_400;
    let boot = START.unsigned_abs();
    assert_eq!(left(&dated(START + day, boot + 100, START + day), window.clone()), (3500, false), "boot");
    assert_eq!(left(&dated(START + day, boot + 86_400, START + 200), window.clone()), (3400, false), "date");
    assert_eq!(left(&dated(START + 300, boot + 86_400, START + day), window.clone()), (3300, false), "wall");
    assert_eq!(left(&at(START + 400), window), (3200, false), "without a date the others count");
}

#[test]
fn after_a_reboot_the_boot_clock_is_not_compared() {
    let mut rebooted = at(START + 1000);
    rebooted.boot.as_mut().unwrap().id = "boot-two".to_owned();
    rebooted.boot.as_mut().unwrap().milliseconds = 5_000;
    assert_eq!(left(&rebooted, window()), (2600, false));
    rebooted.boot = None;
    assert_eq!(left(&rebooted, window()), (2600, false));
}

#[test]
fn a_clock_that_was_set_back_makes_finish_wait_the_whole_window() {
    let mut back = at(START - 600);
    back.boot.as_mut().unwrap().milliseconds = START.unsigned_abs() * 1000 + 86_400_000;
    assert_eq!(left(&back, window()), (3600, true));
}

#[test]
fn no_flag_and_no_event_gets_past_an_open_window() {
    let state = grace();
    let proof = |at| Proof {
        by: RevokedBy::Elsewhere,
        at,
        active_accepted: true,
        lag_seconds: None,
        undo_until: None,
    };
    let fingerprint = credential("old").fingerprint;
    for second in [0, 1, 3599] {
        assert_eq!(
            word(&finish_at(&at(START + second), window())),
            "wait",
            "with everything accepted by name"
        );
        let event = Event::Revoked { fingerprint, proof: proof(at(START + second)) };
        assert!(matches!(apply(Some(&state), &event), Err(Illegal::Invariant(broken)) if broken.number == 3));
        let mut intent = super::sample::intent(revoke("old"));
        intent.begun_at = at(START + second);
        let event = Event::Intended { intent };
        assert!(matches!(apply(Some(&state), &event), Err(Illegal::Invariant(broken)) if broken.number == 3));
    }
}

#[test]
fn a_clock_set_back_after_the_intent_does_not_make_the_outcome_unrecordable() {
    let state = with_intent(revoke("old"), grace());
    let at = at(START - 3600);
    let proof = Proof { by: RevokedBy::Api, at, active_accepted: true, lag_seconds: None, undo_until: None };
    let event = Event::Revoked { fingerprint: credential("old").fingerprint, proof };
    assert_eq!(apply(Some(&state), &event).unwrap().phase.name(), "Revoked");
}
