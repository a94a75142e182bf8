//! Random histories: commands, faults, deaths between any two steps, clocks that lie, people at the
//! console. Every step is judged by the world; from wherever a history ends, a way leads on.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rotate::rotation::phase::{KeyState, Phase};
use rotate::rotation::plan::{Refusal, Suspect, Wanted};

use super::story::{Command, Dice, End, Story};
use super::world::{FRESH, KeyIs, fingerprint, number};

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    Run(Command, Dice),
    Pass {
        minutes: i64,
    },
    ClockSet {
        by_minutes: i64,
    },
    Reboot,
    /// A person disables a credential at the console, for good or not.
    Disabled {
        credential: usize,
        archived: bool,
    },
    /// A person enables it again, archived or not.
    Enabled {
        credential: usize,
    },
    /// Something else writes a target.
    Overwritten {
        target: usize,
        credential: Option<usize>,
    },
}

/// What stays the same through a history.
#[derive(Clone, Debug)]
struct Setting {
    readable_targets: Vec<bool>,
    admin: bool,
    /// Whether the provider's answers carry a date; without one a reboot leaves the wall clock alone
    /// to be believed, and such histories have no reboots.
    dated: bool,
}

fn command() -> impl Strategy<Value = Command> {
    let suspect = prop_oneof![3 => Just(Suspect::Old), 1 => Just(Suspect::New), 1 => Just(Suspect::All)];
    prop_oneof![
        4 => (0..6_usize, any::<bool>()).prop_map(|(credential, replace)| Command::Stage { credential, replace }),
        6 => Just(Command::Promote),
        6 => prop::bool::weighted(0.1).prop_map(|accept_targets| Command::Finish { accept_targets }),
        3 => Just(Command::Abort),
        2 => Just(Command::Undo),
        1 => Just(Command::Purge),
        2 => (suspect, prop::option::of(0..6_usize), prop::bool::weighted(0.2)).prop_map(
            |(suspect, replacement, accept_outage)| Command::RevokeNow { suspect, replacement, accept_outage }
        ),
    ]
}

pub(super) fn dice() -> impl Strategy<Value = Dice> {
    let throws = prop_oneof![2 => Just(Vec::new()), 3 => prop::collection::vec(any::<u8>(), 0..12)];
    let crash_after = prop_oneof![2 => Just(None), 1 => (0..12_usize).prop_map(Some)];
    (throws, crash_after).prop_map(|(throws, crash_after)| Dice { throws, crash_after })
}

fn happening(dated: bool) -> impl Strategy<Value = Happening> {
    prop_oneof![
        12 => (command(), dice()).prop_map(|(command, dice)| Happening::Run(command, dice)),
        4 => (0..90_i64).prop_map(|minutes| Happening::Pass { minutes }),
        1 => (-120..120_i64).prop_map(|by_minutes| Happening::ClockSet { by_minutes }),
        u32::from(dated) => Just(Happening::Reboot),
        1 => (0..6_usize, any::<bool>())
            .prop_map(|(credential, archived)| Happening::Disabled { credential, archived }),
        1 => (0..6_usize).prop_map(|credential| Happening::Enabled { credential }),
        1 => (0..3_usize, prop::option::of(0..6_usize))
            .prop_map(|(target, credential)| Happening::Overwritten { target, credential }),
    ]
}

fn history() -> impl Strategy<Value = (Setting, Vec<Happening>)> {
    (prop::collection::vec(prop::bool::weighted(0.8), 0..3), prop::bool::weighted(0.8), any::<bool>())
        .prop_map(|(readable_targets, admin, dated)| Setting { readable_targets, admin, dated })
        .prop_flat_map(|setting| {
            let happenings = prop::collection::vec(happening(setting.dated), 1..30);
            (Just(setting), happenings)
        })
}

/// Lives through a history; the last command is what an operator would type again.
fn live(setting: &Setting, happenings: Vec<Happening>) -> (Story, Command) {
    let mut story = Story::new(&setting.readable_targets, setting.admin, setting.dated);
    let adopted = story.run(&Command::Adopt(0), &mut Dice::default());
    assert_eq!(adopted, End::Done);
    let mut last = Command::Adopt(0);
    for happening in happenings {
        if let Happening::Run(command, _) = &happening {
            last = command.clone();
        }
        happen(&mut story, happening);
    }
    (story, last)
}

/// Lets one thing happen.
pub(super) fn happen(story: &mut Story, happening: Happening) {
    match happening {
        Happening::Run(command, mut dice) => {
            story.run(&command, &mut dice);
        }
        Happening::Pass { minutes } => story.world.pass(minutes * 60),
        Happening::ClockSet { by_minutes } => story.world.set_wall_clock(by_minutes * 60),
        Happening::Reboot => story.world.reboot(),
        Happening::Disabled { credential, archived } => {
            let key = &mut story.world.keys[credential];
            key.is = if archived { KeyIs::Archived } else { KeyIs::Inactive };
            key.accepted_until = 0;
            key.disabled_by_person = true;
        }
        Happening::Enabled { credential } => story.world.keys[credential].is = KeyIs::Active,
        Happening::Overwritten { target, credential } => {
            if target < story.world.targets.len() {
                story.world.write_target(target, credential, true);
            }
        }
    }
}

/// Whether the value of some suspect lies in no slot that the state knows: then nobody can probe it, and
/// without an admin key nothing tells that it is dead.
fn a_value_is_lost(story: &Story, state: &KeyState) -> bool {
    let declared = state.emergency.iter().flat_map(|emergency| emergency.suspects.clone());
    let active = state.active().fingerprint;
    declared.chain([active]).any(|suspect| !story.has_value(state, suspect))
}

/// Whether an emergency under way is about credentials only that an abort had put aside.
fn is_about_one_put_aside(state: &KeyState) -> bool {
    let is_aside = |suspect| state.set_aside.iter().any(|aside| aside.fingerprint == suspect);
    state.emergency.as_ref().is_some_and(|emergency| emergency.suspects.iter().copied().all(is_aside))
}

/// 3000 histories a test, the same ones each time; for a hunt, `ROTATE_TEST_CASES` asks for more and
/// `ROTATE_TEST_SEED` for others.
pub(super) fn cases() -> ProptestConfig {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    ProptestConfig {
        cases: number("ROTATE_TEST_CASES").and_then(|count| u32::try_from(count).ok()).unwrap_or(3000),
        rng_seed: RngSeed::Fixed(number("ROTATE_TEST_SEED").unwrap_or(0)),
        failure_persistence: None,
        max_shrink_iters: 4096,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn no_history_breaks_the_promise_and_repeating_the_last_command_comes_to_rest(
        (setting, happenings) in history()
    ) {
        let (mut story, last) = live(&setting, happenings);
        let mut runs = Vec::new();
        // A clock that was set back makes the wait longer, by so much and no more.
        for _ in 0..100 {
            let before = story.state.clone();
            match story.run(&last, &mut Dice::default()) {
                End::Wait(seconds) => story.world.pass(i64::try_from(seconds).unwrap()),
                _ if story.state == before => return Ok(()),
                end => runs.push(end),
            }
            prop_assert!(runs.len() < 4, "{last:?} never comes to rest: {runs:#?} at {:#?}", story.state);
        }
        prop_assert!(false, "{last:?} waits for ever at {:#?}", story.state);
    }

    #[test]
    fn from_every_history_an_emergency_ends_with_its_replacement_serving((setting, happenings) in history()) {
        let (mut story, _) = live(&setting, happenings);
        let [fresh, _] = FRESH;
        // An emergency about one that was put aside ends without touching what serves, and then the
        // command is given again.
        let was_aside = story.state.as_ref().is_some_and(is_about_one_put_aside);
        let suspects = rotate::rotation::plan::suspects(story.state.as_ref().unwrap(), Suspect::All);
        let dead = story.state.as_ref().unwrap().dead.clone();
        let command =
            Command::RevokeNow { suspect: Suspect::All, replacement: Some(fresh), accept_outage: false };
        let mut ends = Vec::new();
        // A provider that lags is looked at again and again.
        while ends.last() != Some(&End::Done) && ends.len() < 15 {
            ends.push(story.run(&command, &mut Dice::default()));
        }
        if was_aside && ends.last() == Some(&End::Done) {
            ends.push(story.run(&command, &mut Dice::default()));
        }
        let state = story.state.clone().unwrap();
        let cannot_be_told = matches!(
            ends.last(),
            Some(End::Refused(Refusal::ValueMissing { .. } | Refusal::PersonMustRevoke { .. }))
        );
        if cannot_be_told && a_value_is_lost(&story, &state) {
            return Ok(());
        }
        prop_assert!(ends.last() == Some(&End::Done), "{ends:#?} at {state:#?}");
        prop_assert!(state.intent.is_none() && state.emergency.is_none(), "{state:#?}");
        let active = number(state.active().fingerprint);
        prop_assert!(story.world.accepts(active), "{active} is dead: {state:#?}");
        for suspect in suspects {
            // Of an emergency that was under way, the suspects are the ones it began with; and what was
            // dead before is not looked at again, should someone have brought it back.
            let named = state.dead.contains(&suspect) && !dead.contains(&suspect);
            prop_assert!(!named || story.world.keys[number(suspect)].is != KeyIs::Active, "{suspect} lives on");
        }
    }

    #[test]
    fn from_every_history_following_the_messages_gets_a_new_credential_staged((setting, happenings) in history()) {
        let (mut story, _) = live(&setting, happenings);
        let [fresh, _] = FRESH;
        let stage = Command::Stage { credential: fresh, replace: true };
        let mut next = stage.clone();
        let mut trail = Vec::new();
        for _ in 0..100 {
            let end = story.run(&next, &mut Dice::default());
            if end == End::Done && matches!(next, Command::Stage { .. }) {
                let state = story.state.clone().unwrap();
                prop_assert_eq!(state.phase.staged().map(|staged| staged.fingerprint), Some(fingerprint(fresh)));
                prop_assert!(state.intent.is_none());
                return Ok(());
            }
            let step = match &end {
                End::Done => stage.clone(),
                End::Wait(seconds) => {
                    story.world.pass(i64::try_from(*seconds).unwrap());
                    next.clone()
                }
                End::Refused(refusal) => follow(refusal, &next, &trail, &story).unwrap_or_else(|| stage.clone()),
                End::Failed(_) => Command::Abort,
                End::Crashed => next.clone(),
            };
            if !matches!(end, End::Wait(_) | End::Refused(Refusal::StillAccepted { .. })) {
                trail.push((next, end));
            }
            prop_assert!(trail.len() < 10, "nothing leads to a staged credential: {trail:#?} at {:#?}", story.state);
            next = step;
        }
        prop_assert!(false, "the wait never ends: {trail:#?} at {:#?}", story.state);
    }
}

/// What the message of a refusal tells the operator to run.
fn follow(refusal: &Refusal, typed: &Command, trail: &[(Command, End)], story: &Story) -> Option<Command> {
    let [_, replacement] = FRESH;
    // Where one of two cannot be looked at any more, the other one alone is the suspect.
    let is_lost = trail.iter().any(|(_, end)| {
        matches!(end, End::Refused(Refusal::PersonMustRevoke { .. } | Refusal::ValueMissing { .. }))
    });
    let suspect = if is_lost { Suspect::Old } else { Suspect::All };
    let emergency = Command::RevokeNow { suspect, replacement: Some(replacement), accept_outage: false };
    let named = |command: &str| match command {
        "promote" => Some(Command::Promote),
        "finish" => Some(Command::Finish { accept_targets: true }),
        "abort" => Some(Command::Abort),
        "undo" => Some(Command::Undo),
        "purge" => Some(Command::Purge),
        "revoke-now" => Some(emergency.clone()),
        _ => None,
    };
    match refusal {
        Refusal::Busy { resume, .. } => named(resume),
        // The way out, where one is named: it is always the last.
        Refusal::WrongPhase { next } => next.last().and_then(|command| named(command)),
        // No way back: forward, unless forward is what led here.
        Refusal::Rejected { wanted: Wanted::Retiring, .. }
            if matches!(typed, Command::Abort)
                && !matches!(
                    trail.last(),
                    Some((_, End::Refused(Refusal::ActiveRejected { .. } | Refusal::Rejected { .. })))
                ) =>
        {
            match story.state.as_ref().map(|state| &state.phase) {
                Some(Phase::Promoted { .. }) => Some(Command::Promote),
                _ => Some(Command::Finish { accept_targets: true }),
            }
        }
        Refusal::ActiveRejected { .. } => Some(Command::Abort),
        Refusal::Rejected { wanted: Wanted::Active, .. } if matches!(typed, Command::Promote) => {
            Some(Command::Abort)
        }
        Refusal::EvidenceMissing { .. } => Some(Command::Promote),
        // The value that would have to be looked at is lost: this emergency can only be called off.
        Refusal::ValueMissing { .. } | Refusal::PersonMustRevoke { .. }
            if matches!(typed, Command::RevokeNow { .. }) =>
        {
            Some(Command::Abort)
        }
        // Someone brought back what was to be deleted: that is theirs to settle, and bars no rotation.
        Refusal::StillAccepted { .. } if matches!(typed, Command::Purge) => None,
        Refusal::TakenBack { .. } | Refusal::StillAccepted { .. } => Some(typed.clone()),
        // Both are dead, or one cannot be looked at: what remains is the emergency, with a new one.
        _ => Some(emergency),
    }
}
