//! The first step towards every goal, whole: not only which kind it is, but what it names.

use rotate::rotation::plan::{Step, plan};

use super::plan_table::{NAMES, goals, ideal, policy};
use super::refusals::{self, Case};
use super::sample::{credential, over, rotation, states};

/// With short names in place of what every step repeats.
fn readable(step: &Step) -> String {
    let mut text = format!("{step:?}");
    for name in NAMES {
        text = text.replace(&format!("{:?}", credential(name)), name);
        text = text.replace(&format!("{:?}", credential(name).fingerprint), name);
    }
    let known = [
        (format!("{:?}", rotation()), "(r-1)"),
        (format!("{:?}", over()), "(over)"),
        (format!("{:?}", over().wall), "(over)"),
    ];
    known.iter().fold(text, |text, (long, short)| text.replace(long, short))
}

#[test]
fn every_step_names_what_the_file_beside_this_one_says() {
    let mut text = String::new();
    for (state_name, state) in states() {
        let facts = ideal(state.as_ref());
        for (goal_name, goal) in goals(state.as_ref()) {
            let step = plan(state.as_ref(), &goal, &facts, &policy(), &over());
            text.push_str(&format!("{state_name}; {goal_name}: {}\n", readable(&step)));
        }
    }
    for case in refusals::cases() {
        let step = refusals::step(&case);
        let Case { state, goal, what, .. } = case;
        let phase = state.as_ref().map_or("never adopted", |state| state.phase.name());
        text.push_str(&format!("{phase}; {goal}, {what}: {}\n", readable(&step)));
    }
    assert!(text == include_str!("steps.txt"), "the text is now:\n{text}\n  left: that\n");
}
