//! Each guard is taken away in turn, and the checker must notice; with all of them the same small space is sound.

use stateright::{Checker, HasDiscoveries, Model};

use super::explorer::Explorer;
use super::machine::{ACTIVE, NOT_THE_ACTIVE, RESTS, SERVED};
use super::setting::{Command, Guard, Setting};
use super::settings::{NEW_LEAKED, OLD_LEAKED, STAGE};
use super::told;

const WINDOW: Setting = Setting {
    given: &[STAGE, Command::Promote],
    commands: [&[Command::Finish], &[Command::Abort]],
    runs: [1, 1],
    ..Setting::QUIET
};
const ROLLED_BACK: Setting = Setting {
    given: &[STAGE],
    commands: [&[Command::Promote], &[NEW_LEAKED]],
    runs: [1, 1],
    horizon: 2,
    ..Setting::QUIET
};

/// How many guards are taken away.
pub const COUNT: usize = 10;

/// The guard, a space in which it matters, and what breaks without it.
fn mutants() -> [(Guard, Setting, &'static str); COUNT] {
    [
        (Guard::CompareAndSwap, WINDOW, NOT_THE_ACTIVE),
        (Guard::IntentBeforeEffect, WINDOW, ACTIVE),
        (Guard::OneWayRevoke, WINDOW, ACTIVE),
        (Guard::NewVersion, ROLLED_BACK, RESTS),
        (Guard::LookBeforeLabel, ROLLED_BACK, RESTS),
        (
            Guard::LookBeforeEffect,
            Setting { commands: [&[Command::Finish], &[NEW_LEAKED]], lags: true, ..WINDOW },
            NOT_THE_ACTIVE,
        ),
        (
            Guard::LookBeforeErase,
            Setting {
                given: &[STAGE],
                commands: [&[Command::Abort], &[OLD_LEAKED]],
                runs: [1, 2],
                crashes: 1,
                horizon: 2,
                ..Setting::QUIET
            },
            RESTS,
        ),
        (
            Guard::SettledProbe,
            Setting {
                commands: [&[STAGE, Command::Promote], &[]],
                runs: [2, 0],
                settles_at: 3,
                horizon: 4,
                ..Setting::QUIET
            },
            ACTIVE,
        ),
        (
            Guard::TrustedClock,
            Setting { commands: [&[Command::Finish], &[]], jumps: 1, jumps_by: &[5], ..WINDOW },
            SERVED,
        ),
        (Guard::GraceFloor, Setting { commands: [&[Command::Finish], &[]], ..WINDOW }, SERVED),
    ]
}

#[test]
fn a_guard_that_is_taken_away_is_missed() {
    assert_eq!(missed(), COUNT);
}

/// Takes each guard away, and says how many were missed: all of them, or it fails.
pub fn missed() -> usize {
    let mut wrong = Vec::new();
    for (guard, setting, expected) in mutants() {
        let sound = explored(setting.clone());
        let broken = explored(Setting { without: alone(guard), ..setting });
        let names: Vec<_> = broken.iter().map(|(name, _)| *name).collect();
        println!("without {guard:?}: {names:?}");
        if !sound.is_empty() {
            let stories: Vec<_> = sound.iter().map(|(name, story)| format!("{name}: {story}")).collect();
            wrong.push(format!("with every guard, in the space of {guard:?}: {}", stories.join("\n")));
        }
        if !names.contains(&expected) {
            wrong.push(format!("without {guard:?} \"{expected}\" should break, and this does: {names:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    COUNT
}

fn alone(guard: Guard) -> &'static [Guard] {
    Box::leak(Box::new([guard]))
}

/// What breaks, and how.
fn explored(setting: Setting) -> Vec<(&'static str, String)> {
    let checker =
        Explorer::new(setting).checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    told(&checker)
}
