//! What each part of the proof counted; the figure is written once all of them are over.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::proof;

/// Every part, and what it counts.
const PARTS: [&str; 6] = [
    "flipped bits and cuts of state, journal and spool",
    "of them through the executable",
    "generated inputs (configuration, state, journal, spool, dotenv, answers)",
    "hostile fields and bodies at the executable",
    "generated command lines",
    "of them through the executable as well",
];

static COUNTED: Mutex<BTreeMap<usize, Vec<usize>>> = Mutex::new(BTreeMap::new());
/// So many tests add to each part.
const TESTS: [usize; 6] = [3, 1, 6, 6, 1, 1];

pub const DAMAGED: usize = 0;
pub const DAMAGED_AT_EXECUTABLE: usize = 1;
pub const GENERATED: usize = 2;
pub const FIELDS: usize = 3;
pub const COMMAND_LINES: usize = 4;
pub const COMMAND_LINES_AT_EXECUTABLE: usize = 5;

/// Called by each test at its end.
pub fn counted(part: usize, cases: usize) {
    let mut counted = COUNTED.lock().unwrap();
    counted.entry(part).or_default().push(cases);
    println!("{}: {}", PARTS[part], proof::thousands(cases));
    let is_over = |part: usize| counted.get(&part).is_some_and(|cases| cases.len() == TESTS[part]);
    if (0..PARTS.len()).all(is_over) {
        let cases = |part: usize| proof::thousands(counted[&part].iter().sum());
        let figures: Vec<_> =
            (0..PARTS.len()).map(|part| format!("{} {}", cases(part), PARTS[part])).collect();
        proof::reached(
            "hostile-input",
            &format!("{}; 0 panics, 0 read as something else", figures.join("; ")),
        );
    }
}
