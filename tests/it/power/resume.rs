//! The real executable on a disk that a power cut left: it works at once, and the same command comes to the same end.

use crate::crash::scenario::{Bench, Scenario, Start, Undisturbed};

use super::disk::Disk;
use super::history::Demand;
use super::skipped;

/// Starts the machine again with this disk and goes on. With `heard`, the provider did what it was asked for last.
pub fn goes_on(
    start: &Start<'_>,
    scenario: &Scenario,
    undisturbed: &Undisturbed,
    disk: &Disk,
    demand: &Demand,
    heard: bool,
    when: &str,
) {
    let bench = start.again();
    disk.write_to(&bench.lab.path("."), skipped);
    restart(bench);
    let asked = demand.asked.len() - usize::from(!heard && !demand.asked.is_empty());
    for (id, status) in &demand.asked[..asked] {
        bench.lab.console_set(id, status);
    }
    let all_committed = bench.generation() == undisturbed.last;
    bench.lab.status("prod");
    if scenario.served {
        bench.assert_served(when);
    }
    let again = bench.run(scenario.command);
    // A finished emergency is not begun again, and says so.
    let over = all_committed && again.code == 6 && again.stderr.contains("is over");
    assert!(again.code == scenario.exit || over, "{when}: {again:#?}");
    assert_eq!(bench.end(), undisturbed.end, "{when}");
    bench.assert_chain(when);
    assert_nothing_left(bench, when);
}

/// The machine starts again a minute later, as another boot.
fn restart(bench: &Bench) {
    let clock = bench.lab.read("clock");
    let wall: i64 = clock.split(' ').next().unwrap().parse().unwrap();
    bench.lab.write("clock", &format!("{} boot-two 20000", wall + 60_000));
}

fn assert_nothing_left(bench: &Bench, when: &str) {
    for directory in [".", "state", "state/slots", "state/journal", "state/spool"] {
        let Ok(entries) = std::fs::read_dir(bench.lab.path(directory)) else { continue };
        for entry in entries {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.contains(".rotate-"), "{when}: {directory}/{name} was left behind");
        }
    }
}
