//! What a dry run tells: the steps of the very plan, where every check passes and every act succeeds.

use rotate::rotation::credential::Capabilities;
use rotate::rotation::plan::{Policy, Step};
use rotate::rotation::stamp::Stamp;
use rotate::workflow::dry_run::steps;

use super::plan_table::{NAMES, goals, policy, word};
use super::sample::{at, credential, opened, over, states};

/// One that cannot be told to do anything.
fn without_admin_key() -> Policy {
    Policy { capabilities: Capabilities::default(), workspace: Some("mine".to_owned()), ..policy() }
}

/// One that tells of the use of its keys.
fn with_reports() -> Policy {
    let capabilities = Capabilities { last_used: true, usage: true, ..policy().capabilities };
    Policy { capabilities, ..policy() }
}

fn told(state: &str, goal: &str, policy: &Policy, now: &Stamp) -> Vec<String> {
    let (_, state) = states().into_iter().find(|(name, _)| *name == state).unwrap();
    let (_, goal) = goals(state.as_ref()).into_iter().find(|(name, _)| *name == goal).unwrap();
    steps(state.as_ref(), &goal, policy, now)
        .unwrap_or_else(|refusal| vec![format!("refused: {}", word(&Step::Refused(refusal)))])
}

/// With the examples' names in place of their fingerprints.
fn readable(line: &str) -> String {
    NAMES.iter().fold(line.to_owned(), |line, name| {
        line.replace(&credential(name).fingerprint.to_string(), &name.to_uppercase())
    })
}

/// Where a key stands and what is wanted, so that every question, act and record is told of at least once.
const WANTED: &[(&str, &str)] = &[
    ("never adopted", "adopt"),
    ("Idle", "stage new"),
    ("Idle", "mint"),
    ("Idle, making a key", "abort"),
    ("Idle, old leaked", "abort"),
    ("Idle, sweeping", "mint"),
    ("Staged", "promote"),
    ("Staged", "abort"),
    ("Forward, settled", "abort"),
    ("Back, pending", "abort"),
    ("Grace", "finish"),
    ("Grace, taking back", "finish"),
    ("Revoked", "undo"),
    ("Revoked", "purge"),
    ("Revoked", "stage third"),
    ("Staged", "old leaked"),
    ("Grace", "with third"),
];

/// What is told, as the file beside this one has it.
#[test]
fn each_step_is_told_in_words() {
    let mut text = String::new();
    let mut tell = |heading: &str, policy: &Policy, wanted: &[(&str, &str)], now: &Stamp| {
        text.push_str(&format!("# {heading}\n"));
        for (state, goal) in wanted {
            let lines: String =
                told(state, goal, policy, now).iter().map(|line| format!("  {}\n", readable(line))).collect();
            text.push_str(&format!("{state}: {goal}\n{lines}"));
        }
    };
    tell("with an admin key", &policy(), WANTED, &over());
    tell("before the window is over", &policy(), &[("Grace", "finish")], &opened());
    let of_a_person = [("Idle", "stage new"), ("Grace", "finish"), ("Staged", "old leaked")];
    tell("without an admin key", &without_admin_key(), &of_a_person, &over());
    // Long enough after the window for the reports to have told of it.
    let later = at(over().wall.as_second() + 86_400);
    tell("with reports of use", &with_reports(), &[("Grace", "finish")], &later);
    assert_eq!(text, include_str!("dry_run.txt"), "the text is now:\n{text}");
}

#[test]
fn every_dry_run_comes_to_an_end() {
    for policy in [policy(), without_admin_key(), with_reports()] {
        for (state, _) in states() {
            for (goal, _) in goals(None) {
                let lines = told(state, goal, &policy, &over());
                let last = lines.last().unwrap();
                let ends = ["done: ", "wait: ", "refused: "].iter().any(|end| last.starts_with(end));
                assert!(ends && lines.len() < 50, "{state}, {goal}: {lines:#?}");
            }
        }
    }
}
