//! Model checking: every situation that the shipped `plan` and `apply` can get into, within bounds.
//!
//! Two operators type commands, and between any two steps of one the other, a crash, a lag, a clock that is set or time may
//! come in; but where it is said, nobody waits for a lock. Two consumers use what they were given for as long as they may.
//! What is asserted is said of the world as it really is.
//!
//! Three things are taken for granted. A settled probe tells the truth. A replacement that comes with an emergency has settled
//! before. And a call that an overtaken run had sent is not held up on its way for longer than others take to undo, to purge,
//! to make keys or to have the same call refused: there ([`setting::Setting::late_calls`] is false) a look at the state and
//! the call that follows it are one step. Elsewhere anything may come in between.

mod act;
mod brief;
mod commit;
mod explorer;
mod machine;
mod mutants;
mod names;
mod observe;
mod rest;
mod setting;
mod settings;
mod shelf;
mod situation;
mod world;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rotate::rotation::plan::Step;
use stateright::{Checker, HasDiscoveries, Model, Path};

use crate::proof::{self, thousands};
use explorer::Explorer;
use setting::Setting;
use situation::{Happening, Situation};

/// A space that is larger than this allows is explored in part, and the figure says so.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// What must have been reached, so that nobody takes an empty space for a sound one.
const LANDMARKS: [&str; 26] = [
    "Idle",
    "SecondaryStaged",
    "Promoted",
    "GraceWindow",
    "Revoked",
    "store_staged",
    "write_targets",
    "erase",
    "mint",
    "sweep",
    "revoke",
    "reactivate",
    "delete",
    "an outage",
    "something left over",
    "intent_dropped",
    "switched",
    "grace_opened",
    "revoked",
    "revocation_undone",
    "undone",
    "purged",
    "emergency_declared",
    "emergency_ended",
    "a wait",
    "a refusal",
];

#[test]
fn no_situation_within_the_bounds_breaks_the_promise() {
    let (mut distinct, mut generated, mut exhausted) = (0, 0, 0);
    let mut landmarks = BTreeSet::new();
    let settings = settings::all();
    for setting in &settings {
        let began = Instant::now();
        let checker = explored(setting.clone());
        let is_exhausted = began.elapsed() < TIME_LIMIT;
        println!(
            "{}: {} distinct situations of {}, {} steps deep, {:.0} s{}",
            setting.name,
            thousands(checker.unique_state_count()),
            thousands(checker.state_count()),
            checker.max_depth(),
            began.elapsed().as_secs_f64(),
            if is_exhausted { "" } else { ", not exhausted" }
        );
        let broken = told(&checker);
        for (name, story) in &broken {
            println!("\"{name}\" is broken:\n{story}");
        }
        assert!(broken.is_empty(), "{}: the promise is broken, and this is how it was printed", setting.name);
        landmarks.extend(seen(checker.model()));
        distinct += checker.unique_state_count();
        generated += checker.state_count();
        exhausted += usize::from(is_exhausted);
    }
    let missed: Vec<_> = LANDMARKS.iter().filter(|landmark| !landmarks.contains(**landmark)).collect();
    assert!(missed.is_empty(), "never reached: {missed:?}; reached: {landmarks:?}");
    assert!(distinct >= 5_000_000, "only {distinct} distinct situations");
    proof::reached(
        "model",
        &format!(
            "{} distinct situations ({} steps) in {} bounded spaces, {exhausted} of them exhausted; each of {} guards taken \
             away is missed",
            thousands(distinct),
            thousands(generated),
            settings.len(),
            mutants::missed(),
        ),
    );
}

fn explored(setting: Setting) -> impl Checker<Explorer> {
    let checker = Explorer::new(setting).checker().threads(2).finish_when(HasDiscoveries::AnyFailures);
    checker.timeout(TIME_LIMIT).spawn_dfs().join()
}

/// What was come across in a space.
fn seen(explorer: &Explorer) -> BTreeSet<&'static str> {
    let mut seen = BTreeSet::new();
    for state in explorer.states.all() {
        seen.insert(state.phase.name());
        seen.extend(state.intent.iter().map(|intent| intent.effect.name()));
        seen.extend(state.outage.then_some("an outage"));
        seen.extend(state.left_over.is_some().then_some("something left over"));
    }
    for step in explorer.steps.all() {
        seen.extend(match &*step {
            Step::Record(event) => Some(event.name()),
            Step::Wait(_) => Some("a wait"),
            Step::Refused(_) => Some("a refusal"),
            _ => None,
        });
    }
    seen
}

/// What breaks, and the steps that lead there.
fn told(checker: &impl Checker<Explorer>) -> Vec<(&'static str, String)> {
    let explorer = checker.model();
    let tell = |(name, path): (&'static str, Path<Situation, Happening>)| {
        let path = path.into_vec();
        let steps = path.iter().filter_map(|(_, happening)| happening.map(|it| format!("{it:?}\n")));
        let mut story: String = steps.collect();
        if let Some((last, _)) = path.last() {
            let file = explorer.states.get(last.file);
            story.push_str(&format!("comes to {:?} {:?} with {file:?}\n", last.broken, last.world));
            let alone = explorer.left_alone(last.file, last.world);
            explorer
                .rerun(alone, &mut |command, end| story.push_str(&format!("then {command:?}: {end:?}\n")));
        }
        (name, story)
    };
    checker.discoveries().into_iter().map(tell).collect()
}
