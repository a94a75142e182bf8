//! Where the provider makes the credentials, two at a time: nothing that it made is forgotten, made twice
//! or deleted while somebody may use it.

use proptest::prelude::*;
use rotate::rotation::effect::Effect;
use rotate::rotation::phase::Phase;
use rotate::rotation::plan::{Refusal, Suspect};

use super::histories::{Happening, cases, dice, happen};
use super::story::{Command, Dice, End, Story};
use super::world::{KeyIs, fingerprint, id, number};

const STAGE: Command = Command::Stage { credential: 0, replace: false };

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        6 => any::<bool>().prop_map(|replace| Command::Stage { credential: 0, replace }),
        5 => Just(Command::Promote),
        5 => Just(Command::Finish { accept_targets: false }),
        3 => Just(Command::Abort),
        2 => Just(Command::Undo),
        2 => Just(Command::Purge),
    ]
}

/// The same, and leaks.
fn command_or_leak() -> impl Strategy<Value = Command> {
    let suspect = prop_oneof![3 => Just(Suspect::Old), 1 => Just(Suspect::New), 1 => Just(Suspect::All)];
    let leak = (suspect, any::<bool>()).prop_map(|(suspect, accept_outage)| Command::RevokeNow {
        suspect,
        replacement: None,
        accept_outage,
    });
    prop_oneof![5 => command(), 1 => leak]
}

fn history(
    command: impl Strategy<Value = Command> + 'static,
) -> impl Strategy<Value = (Vec<bool>, Vec<Happening>)> {
    let happening = prop_oneof![
        12 => (command, dice()).prop_map(|(command, dice)| Happening::Run(command, dice)),
        4 => (0..90_i64).prop_map(|minutes| Happening::Pass { minutes }),
        1 => (1..4_i64).prop_map(|days| Happening::Pass { minutes: days * 24 * 60 }),
        1 => Just(Happening::Reboot),
    ];
    (prop::collection::vec(prop::bool::weighted(0.8), 0..3), prop::collection::vec(happening, 1..30))
}

fn live(readable_targets: &[bool], happenings: Vec<Happening>) -> Story {
    let mut story = Story::with_minting_provider(readable_targets, true);
    assert_eq!(story.run(&Command::Adopt(0), &mut Dice::default()), End::Done);
    for happening in happenings {
        happen(&mut story, happening);
        assert_eq!(forgotten(&story), Vec::<usize>::new(), "{:#?}", story.state);
    }
    story
}

/// Keys of the provider's that no state, and no intent, accounts for.
fn forgotten(story: &Story) -> Vec<usize> {
    let state = story.state.as_ref().unwrap();
    let begun: Vec<_> = state.intent.iter().chain(&state.left_over).map(|intent| &intent.effect).collect();
    let is_accounted_for = |key: usize| {
        let by_intent = begun.iter().any(|effect| match effect {
            Effect::Mint { existing, .. } => !existing.contains(&id(key)),
            Effect::Sweep { ids } => ids.contains(&id(key)),
            Effect::StoreStaged { credential, .. } => number(credential.fingerprint) == key,
            _ => false,
        });
        by_intent || state.knows(&id(key)) || state.dead.contains(&fingerprint(key))
    };
    story.world.existing().into_iter().filter(|key| !is_accounted_for(*key)).collect()
}

fn adopted() -> Story {
    live(&[true], Vec::new())
}

/// Rotated once.
fn revoked() -> Story {
    let mut story = adopted();
    for command in [STAGE, Command::Promote] {
        assert_eq!(story.run(&command, &mut Dice::default()), End::Done);
    }
    story.world.pass(3700);
    assert_eq!(story.run(&Command::Finish { accept_targets: false }, &mut Dice::default()), End::Done);
    story
}

fn staged_number(story: &Story) -> usize {
    let Phase::SecondaryStaged { staged, .. } = &story.state.as_ref().unwrap().phase else {
        panic!("nothing is staged: {:#?}", story.state)
    };
    number(staged.fingerprint)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn from_every_history_a_key_can_be_made_and_staged((targets, happenings) in history(command())) {
        let mut story = live(&targets, happenings);
        let mut ends = Vec::new();
        for _ in 0..12 {
            let end = story.run(&STAGE, &mut Dice::default());
            prop_assert_eq!(forgotten(&story), Vec::<usize>::new());
            ends.push(end.clone());
            let next = match end {
                End::Done => {
                    prop_assert!(story.world.accepts(staged_number(&story)));
                    return Ok(());
                }
                End::Refused(Refusal::WrongPhase { next }) => next[0],
                End::Refused(Refusal::Busy { resume, .. }) => resume,
                // What was put aside after it had served is a person's to delete; the rest is ours.
                End::Refused(Refusal::NoRoom { .. }) => {
                    let state = story.state.clone().unwrap();
                    match state.set_aside.iter().find(|aside| !aside.never_served) {
                        Some(aside) => {
                            story.world.keys[number(aside.fingerprint)].is = KeyIs::Archived;
                            continue;
                        }
                        None => "purge",
                    }
                }
                end => return Err(TestCaseError::fail(format!("{end:?} after {ends:#?} at {:#?}", story.state))),
            };
            let command = match next {
                "promote" => Command::Promote,
                "finish" => Command::Finish { accept_targets: false },
                "abort" => Command::Abort,
                "undo" => Command::Undo,
                "purge" => Command::Purge,
                other => return Err(TestCaseError::fail(format!("what is {other}?"))),
            };
            match story.run(&command, &mut Dice::default()) {
                End::Wait(seconds) => {
                    story.world.pass(i64::try_from(seconds).unwrap());
                    story.run(&command, &mut Dice::default());
                }
                // A target lost the value, or was not seen to have it.
                End::Refused(Refusal::EvidenceMissing { .. }) => {
                    story.run(&Command::Promote, &mut Dice::default());
                }
                _ => {}
            }
        }
        prop_assert!(false, "{ends:#?} at {:#?}", story.state);
    }

    #[test]
    fn no_emergency_makes_a_key_forgotten((targets, happenings) in history(command_or_leak())) {
        live(&targets, happenings);
    }
}

#[test]
fn a_stage_that_dies_anywhere_and_is_run_again_leaves_two_keys_and_no_orphan() {
    for crash_after in 0.. {
        let mut story = adopted();
        let mut dice = Dice { throws: Vec::new(), crash_after: Some(crash_after) };
        let end = story.run(&STAGE, &mut dice);
        assert_eq!(forgotten(&story), Vec::<usize>::new(), "after {crash_after}");
        assert_eq!(story.run(&STAGE, &mut Dice::default()), End::Done, "after {crash_after}");
        assert_eq!(story.world.existing(), [0, staged_number(&story)], "after {crash_after}");
        if end == End::Done {
            assert!(crash_after > 8, "the sweep ended too early");
            return;
        }
    }
}

#[test]
fn a_stage_that_dies_anywhere_and_is_aborted_leaves_the_active_key_alone() {
    for crash_after in 0.. {
        let mut story = adopted();
        let mut dice = Dice { throws: Vec::new(), crash_after: Some(crash_after) };
        let end = story.run(&STAGE, &mut dice);
        let aborted = story.run(&Command::Abort, &mut Dice::default());
        let nothing_to_abort = matches!(aborted, End::Refused(Refusal::WrongPhase { .. }));
        assert!(aborted == End::Done || nothing_to_abort, "after {crash_after}: {aborted:?}");
        assert_eq!(story.world.existing(), [0], "after {crash_after}: {:#?}", story.state);
        assert!(story.state.as_ref().unwrap().intent.is_none());
        if end == End::Done {
            return;
        }
    }
}

#[test]
fn an_emergency_about_a_credential_that_is_dead_already_forgets_no_key_that_was_being_made() {
    let emergency = Command::RevokeNow { suspect: Suspect::Old, replacement: None, accept_outage: true };
    for crash_after in 0..9 {
        let mut story = adopted();
        let mut dice = Dice { throws: Vec::new(), crash_after: Some(crash_after) };
        story.run(&STAGE, &mut dice);
        story.world.keys[0].is = KeyIs::Inactive;
        story.world.keys[0].disabled_by_person = true;
        story.run(&emergency, &mut Dice::default());
        assert_eq!(forgotten(&story), Vec::<usize>::new(), "after {crash_after}: {:#?}", story.state);
    }
}

#[test]
fn a_purge_of_a_key_that_is_gone_already_forgets_no_key_that_was_being_made() {
    for crash_after in 0..9 {
        let mut story = revoked();
        story.world.keys[0].is = KeyIs::Archived;
        let mut dice = Dice { throws: Vec::new(), crash_after: Some(crash_after) };
        story.run(&STAGE, &mut dice);
        story.run(&Command::Purge, &mut Dice::default());
        assert_eq!(forgotten(&story), Vec::<usize>::new(), "after {crash_after}: {:#?}", story.state);
    }
}

#[test]
fn a_key_whose_making_was_not_answered_is_found_and_another_is_made() {
    let mut story = adopted();
    // The keys are listed, and then the answer to the making is lost though a key was made.
    let mut dice = Dice { throws: vec![210, 0], crash_after: None };
    assert_eq!(story.run(&STAGE, &mut dice), End::Done);
    assert_eq!(story.world.existing(), [0, 2], "the first one was not deleted, or a third was made");
    assert_eq!(story.world.keys[1].is, KeyIs::Archived);
}

#[test]
fn a_definite_refusal_is_said_and_leaves_nothing_behind() {
    let mut story = adopted();
    let mut dice = Dice { throws: vec![0, 255, 0], crash_after: None };
    let end = story.run(&STAGE, &mut dice);
    assert!(matches!(end, End::Refused(Refusal::ProviderRefused { act: "make", .. })), "{end:?}");
    assert!(story.state.as_ref().unwrap().intent.is_none());
}

#[test]
fn where_there_is_no_room_the_keys_are_named_and_nothing_is_touched() {
    let mut story = adopted();
    story.world.make();
    let end = story.run(&STAGE, &mut Dice::default());
    let End::Refused(Refusal::NoRoom { listed }) = end else { panic!("{end:?}") };
    assert_eq!(listed.iter().map(|key| key.id.clone()).collect::<Vec<_>>(), [id(0), id(1)]);
    assert_eq!(story.world.existing(), [0, 1]);
}

#[test]
fn a_key_of_somebody_elses_is_not_swept() {
    let mut story = adopted();
    // The process dies after the intent, and an hour later somebody makes a key at the console.
    let mut dice = Dice { throws: Vec::new(), crash_after: Some(2) };
    assert_eq!(story.run(&STAGE, &mut dice), End::Crashed);
    story.world.pass(3600);
    story.world.make();
    let end = story.run(&STAGE, &mut Dice::default());
    assert!(matches!(end, End::Refused(Refusal::StrangeKey { .. })), "{end:?}");
    assert_eq!(story.world.existing(), [0, 1]);
}

#[test]
fn the_one_revoked_last_time_makes_room_only_when_it_cannot_be_brought_back_any_more() {
    let mut story = revoked();
    let end = story.run(&STAGE, &mut Dice::default());
    assert!(matches!(end, End::Refused(Refusal::NoRoom { .. })), "{end:?}");
    story.world.pass(86_401);
    assert_eq!(story.run(&STAGE, &mut Dice::default()), End::Done);
    assert_eq!(story.world.existing(), [1, 2]);
}
