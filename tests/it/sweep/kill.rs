//! SIGKILL before every system call: consumers stay served, and the same command comes to the same end.

use std::collections::BTreeSet;

use super::calls::{Call, recorded, run_injected};
use super::commands::Swept;
use super::jobs::Disturbance;
use super::shift::{self, SHARES, Tally, draw, is_taken};
use crate::crash::recovery::{OTHERS, assert_harmless, assert_recovers};
use crate::crash::scenario::{Scenario, Start, Undisturbed};
use crate::proof;

/// After one kill in so many, another command is run than the one that was killed.
const ANOTHER_IN: u64 = 8;

/// What came of a case whose call did not come.
pub const ENDED_BEFORE: &str = "ended before the call";

#[test]
fn every_command_recovers_from_a_kill_before_any_system_call() {
    let (kills, by_command, by_outcome) = shift::over_all(Disturbance::Kill, sweep);
    let kills = proof::thousands(kills);
    shift::reached("kill-sweep", &format!("{kills} kills ({by_command}): {by_outcome}; 0 failures"));
}

fn sweep(swept: &Swept, share: usize, tally: &Tally) {
    let start = Start::new(&swept.scenario);
    let undisturbed = start.undisturbed();
    let calls = recorded(&start.again().lab, swept.scenario.command);
    let alone = calls.iter().all(|call| !call.name.starts_with("clone"));
    assert!(alone, "`{}` has more than one thread", swept.scenario.command);
    let taken = taken(&calls, &swept.scenario, swept.in_full);
    for (index, call) in taken.into_iter().enumerate() {
        if index % SHARES == share {
            tally.case(swept.name, || kill(&start, swept, &undisturbed, call));
        }
    }
}

/// All calls; in a slice one of each name, of those that change something all or some, and some of the others.
pub fn taken<'c>(calls: &'c [Call], scenario: &Scenario, in_full: bool) -> Vec<&'c Call> {
    let mut names = BTreeSet::new();
    let mut taken = Vec::new();
    for call in calls {
        let is_first = names.insert(&call.name);
        let one_in = match call.changes_something() {
            true if in_full => 1,
            true => 12,
            false => 60,
        };
        if is_first && in_full || is_taken((scenario.command, &call.name, call.number), one_in) {
            taken.push(call);
        }
    }
    taken
}

fn kill(start: &Start<'_>, swept: &Swept, undisturbed: &Undisturbed, call: &Call) -> &'static str {
    let scenario = &swept.scenario;
    let bench = start.again();
    if run_injected(&bench.lab, scenario.command, call, "signal=KILL").is_none() {
        return ENDED_BEFORE;
    }
    let when = format!("`{}` killed before {call}", scenario.command);
    let another = draw((scenario.command, &call.name, call.number));
    if scenario.served && another.is_multiple_of(ANOTHER_IN) {
        let other = OTHERS[(another / ANOTHER_IN) as usize % OTHERS.len()];
        assert_harmless(bench, scenario, other, &when);
        return "another command did no harm";
    }
    assert_recovers(bench, scenario, undisturbed, &when);
    "the same command recovered"
}
