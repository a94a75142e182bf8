//! Every call on a file fails once, with every error a disk gives: never damaged, never a false success.

use super::calls::{Call, recorded, run_injected};
use super::commands::Swept;
use super::jobs::Disturbance;
use super::kill::ENDED_BEFORE;
use super::shift::{self, SHARES, Tally, is_taken};
use crate::crash::recovery::assert_goes_on;
use crate::crash::scenario::{Bench, End, Scenario, Start, Undisturbed, assert_alike};
use crate::lab::Ran;
use crate::proof;

/// What any call on a file may fail with.
const ERRORS: [&str; 5] = ["EIO", "ENOSPC", "EINTR", "EACCES", "EROFS"];

#[test]
fn every_command_tells_the_truth_when_any_call_on_a_file_fails() {
    let (errors, by_command, by_outcome) = shift::over_all(Disturbance::Errors, sweep);
    let errors = proof::thousands(errors);
    shift::reached("error-sweep", &format!("{errors} failed calls ({by_command}): {by_outcome}; 0 failures"));
}

fn sweep(swept: &Swept, share: usize, tally: &Tally) {
    let start = Start::new(&swept.scenario);
    let undisturbed = start.undisturbed();
    let calls = recorded(&start.again().lab, swept.scenario.command);
    let taken = cases(&calls).filter(|case| {
        let one_in = if case.0.changes_something() && swept.in_full { 4 } else { 60 };
        is_taken(named(case, swept.scenario.command), one_in)
    });
    for (index, (call, error)) in taken.enumerate() {
        if index % SHARES == share {
            tally.case(swept.name, || fail(&start, swept, &undisturbed, call, error));
        }
    }
}

/// Every call on a file with every error.
pub fn cases(calls: &[Call]) -> impl Iterator<Item = (&Call, &'static str)> {
    let files = calls.iter().filter(|call| call.is_of_a_file());
    files.flat_map(|call| errors(call).into_iter().map(move |error| (call, error)))
}

/// What tells a case from every other.
pub fn named((call, error): &(&Call, &str), command: &str) -> String {
    format!("{command} {} {} {error}", call.name, call.number)
}

fn errors(call: &Call) -> Vec<&'static str> {
    let more: &[&str] = match call.name.as_str() {
        "openat" => &["EMFILE", "ENOMEM"],
        "mkdir" | "renameat" | "renameat2" | "unlink" | "unlinkat" | "statx" | "getdents64" => &["ENOMEM"],
        _ => &[],
    };
    ERRORS.iter().chain(more).copied().collect()
}

fn fail(
    start: &Start<'_>,
    swept: &Swept,
    undisturbed: &Undisturbed,
    call: &Call,
    error: &str,
) -> &'static str {
    let scenario = &swept.scenario;
    let bench = start.again();
    let Some(ran) = run_injected(&bench.lab, scenario.command, call, &format!("error={error}")) else {
        return ENDED_BEFORE;
    };
    let when = format!("`{}` with {error} at {call}", scenario.command);
    assert_no_panic(&ran, &when);
    if ran.code == scenario.exit {
        let when = format!("{when}: a false success: {ran:#?}");
        let verb = scenario.verb();
        assert_alike(&promised(&bench.end(), verb, &ran), &promised(&undisturbed.end, verb, &ran), &when);
        assert_eq!(bench.changes(), undisturbed.changes, "{when}");
        bench.assert_chain(&when);
        // A dead value that a power cut may bring back is warned of, and harms nobody.
        let is_warned_of = ran.stderr.contains("the purged value stays in its slot");
        assert!(is_warned_of || !may_lose_data(call, error), "{when}, and not a durable one");
        return success_in_spite_of(error);
    }
    if error == "EINTR" && is_retried(call) {
        panic!("{when}: an interrupted call is no failure: {ran:#?}");
    }
    assert_told(&ran, &when);
    bench.lab.status("prod");
    bench.assert_chain(&when);
    let is_done = bench.end() == undisturbed.end;
    if is_done && !SAYS_THAT_IT_IS_DONE.iter().any(|words| ran.stderr.contains(words)) {
        panic!("{when}: all is done, and it does not say so: {ran:#?}");
    }
    if scenario.verb() == "revoke-now" && ran.code == 12 {
        mend_what_an_emergency_left(bench, scenario, &when);
        assert_eq!(bench.changes(), undisturbed.changes, "{when}");
        bench.assert_ends(&undisturbed.end, &when);
        return "passed over in an emergency, said so and mended";
    }
    assert_goes_on(bench, scenario, undisturbed, true, &when);
    if is_done { "failed after the commit, said so and recovered" } else { "failed, said so and recovered" }
}

const SAYS_THAT_IT_IS_DONE: [&str; 5] = [
    "in place",
    "is noted in the spool",
    "may not survive",
    "the suspect is revoked",
    "the grace window is open",
];

/// An emergency ends the leak first: a disk or a target that cannot be written does not stop it. What is noted is
/// taken in by the next command, and what could not be reached is written by the one that the hint names.
fn mend_what_an_emergency_left(bench: &Bench, scenario: &Scenario, when: &str) {
    let again = bench.run(scenario.command);
    assert!([0, 6, 12].contains(&again.code), "{when}: {again:#?}");
    if !bench.lab.status("prod")["propagation"].as_array().unwrap().is_empty() {
        bench.run("promote prod").expect(0);
    }
    bench.assert_chain(when);
    if scenario.served {
        bench.assert_served(when);
    }
}

/// What a success promises. `adopt` takes the other slot where one cannot be looked into: a value in it may be the
/// only copy of something. `undo` tells of a target that it could not read. `purge` has ended the credential, and
/// warns of a dead value that it could not remove.
fn promised(end: &End, verb: &str, ran: &Ran) -> End {
    match verb {
        "adopt" => end.without(&["/active/slot"], true),
        "undo" if ran.stdout.contains(": pending") => end.without(&["/propagation"], false),
        "purge" if ran.stderr.contains("the purged value stays in its slot") => end.without(&[], true),
        _ => end.clone(),
    }
}

/// Without the disk's word for it, nothing that was written is sure to be there after a power cut.
fn may_lose_data(call: &Call, error: &str) -> bool {
    matches!(call.name.as_str(), "fsync" | "fdatasync") && error != "EINTR"
}

/// Calls that a signal may interrupt, by their manual pages. Whoever lists a directory waits for nothing.
fn is_retried(call: &Call) -> bool {
    let lists = call.text.contains("O_NONBLOCK|O_CLOEXEC|O_DIRECTORY");
    ["openat", "read", "write", "fsync", "ftruncate", "flock"].contains(&call.name.as_str()) && !lists
}

pub fn assert_no_panic(ran: &Ran, when: &str) {
    let is_panic = ran.code == 101 || ran.code == -1 || ran.stderr.contains("panicked");
    assert!(!is_panic, "{when}: {ran:#?}");
}

/// What a success in spite of an error is counted under.
pub fn success_in_spite_of(error: &str) -> &'static str {
    if error == "EINTR" { "interrupted and tried again" } else { "done in spite of it" }
}

/// A failure names its remedy, shows no secret, and is no defect of the program.
fn assert_told(ran: &Ran, when: &str) {
    assert!(ran.stderr.contains("hint: "), "{when}: no hint: {ran:#?}");
    assert_ne!(ran.code, 1, "{when}: told as a defect of the program: {ran:#?}");
    let shown = crate::lab::shows_a_key(&ran.stdout) || crate::lab::shows_a_key(&ran.stderr);
    assert!(!shown, "{when}: a key is shown: {ran:#?}");
}
