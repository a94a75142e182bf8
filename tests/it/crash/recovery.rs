//! One command, killed at some moment, and what must be true then and afterwards.

use serde_json::Value;

use super::scenario::{Bench, Scenario, Start, Undisturbed};
use crate::lab::Ran;

/// More crash points than any command passes.
const POINTS_LIMIT: u32 = 60;

/// What else an operator may run after a crash.
pub const OTHERS: [&str; 8] = [
    "promote prod",
    "finish prod",
    "abort prod",
    "undo prod",
    "stage prod --from file:other.key",
    "revoke-now prod --suspect old --reason leaked --yes",
    "revoke-now prod --suspect new --reason leaked --yes",
    "revoke-now prod --suspect all --replace-from file:other.key --reason leaked --yes",
];

/// Kills the command at every crash point. Each time: consumers are served, `status` tells how to go on,
/// and the same command comes to the same end.
pub fn converges(scenario: &Scenario) {
    let start = Start::new(scenario);
    let undisturbed = start.undisturbed();
    for point in 1..POINTS_LIMIT {
        let bench = start.again();
        let ran = bench.run_until(scenario.command, point);
        if ran.code != -1 {
            ran.expect(scenario.exit);
            return;
        }
        let when = killed(scenario, &ran);
        if ran.stderr.contains("the effect") && scenario.verb() != "adopt" {
            assert_ne!(bench.state()["intent"], Value::Null, "{when}: no intent stands");
        }
        assert_recovers(bench, scenario, &undisturbed, &when);
    }
    panic!("more than {POINTS_LIMIT} crash points");
}

/// Kills the command at every crash point and then runs each other command: consumers stay served, and
/// a command that is refused names one that is not.
pub fn others_do_no_harm(scenario: &Scenario) {
    let start = Start::new(scenario);
    for point in 1..POINTS_LIMIT {
        let bench = start.again();
        let ran = bench.run_until(scenario.command, point);
        if ran.code != -1 {
            return;
        }
        // At the other points the world is as it was at the point before.
        let moments = ["between journal and state", "after the state", "after the effect"];
        if !moments.iter().any(|moment| ran.stderr.trim_end().ends_with(moment)) {
            continue;
        }
        let crashed = bench.lab.snapshot();
        for other in OTHERS {
            bench.lab.restore(&crashed);
            assert_harmless(bench, scenario, other, &killed(scenario, &ran));
        }
    }
    panic!("more than {POINTS_LIMIT} crash points");
}

fn killed(scenario: &Scenario, ran: &Ran) -> String {
    format!("`{}` killed: {}", scenario.command, ran.stderr.lines().last().unwrap_or_default())
}

/// After a kill: consumers are served at once, nothing is damaged, nothing was done that was not announced, and
/// the same command comes to the same end, asking the provider for nothing twice.
pub fn assert_recovers(bench: &Bench, scenario: &Scenario, undisturbed: &Undisturbed, when: &str) {
    assert_told(bench, scenario, undisturbed, when);
    let all_committed = bench.generation() == undisturbed.last;
    assert_goes_on(bench, scenario, undisturbed, all_committed, when);
}

/// The same but for what `status` tells: a run that failed and could say so may have called off what it began.
pub fn assert_goes_on(
    bench: &Bench,
    scenario: &Scenario,
    undisturbed: &Undisturbed,
    may_be_over: bool,
    when: &str,
) {
    let heard = bench.changes();
    let intent_stands = bench.state()["intent"] != Value::Null;
    if scenario.served {
        bench.assert_served(when);
    }
    assert_announced(bench, &heard, when);
    let again = bench.run(scenario.command);
    // A finished emergency is not begun again, and says so.
    let over = may_be_over && again.code == 6 && again.stderr.contains("is over");
    assert!(again.code == scenario.exit || over, "{when}: {again:#?}");
    bench.assert_ends(&undisturbed.end, when);
    // What ended without its goal, and was all recorded, is a new attempt when it is run again.
    let after = if may_be_over && scenario.exit != 0 { Vec::new() } else { bench.changes() };
    assert_asked_once(heard, after, intent_stands, &undisturbed.changes, when);
    bench.assert_chain(when);
}

/// `status` works; between the first commit and the last, and wherever an intent stands, it names the command that
/// resumes.
fn assert_told(bench: &Bench, scenario: &Scenario, undisturbed: &Undisturbed, when: &str) {
    let status = bench.lab.status("prod");
    let generation = status["generation"].as_u64().unwrap_or(0);
    let replaces = if scenario.command.ends_with(" --replace") { " --replace" } else { "" };
    let resume = format!("rotate {} prod{replaces}", scenario.verb());
    if generation > undisturbed.before && generation < undisturbed.last {
        let next = status["next"].as_str().unwrap();
        assert!(next.starts_with(&resume), "{when}: {status:#}");
    }
    if bench.state()["intent"] != Value::Null {
        let told = status["interrupted"]["resume"].as_str().unwrap_or_default();
        assert!(told.starts_with(&resume), "{when}: {status:#}");
        assert!(bench.run("status prod").stdout.contains("resume with `rotate "), "{when}");
    }
}

/// Whatever the provider was asked for stands as an intent in the journal, and the state knows of it.
fn assert_announced(bench: &Bench, heard: &[(String, String)], when: &str) {
    let known = bench.state()["journal"]["sequence"].as_u64().unwrap_or(0);
    let intents: Vec<_> = bench.journal().into_iter().filter(|entry| entry.event == "intended").collect();
    for (path, body) in heard {
        let effect = match body {
            body if body.contains("\"inactive\"") => "revoke",
            body if body.contains("\"active\"") => "reactivate",
            _ => "delete",
        };
        let announced = intents.iter().any(|entry| {
            let intent = &entry.data["intent"];
            let is_this = intent["id"].as_str().is_some_and(|id| path.ends_with(id));
            entry.sequence <= known && intent["effect"] == effect && is_this
        });
        assert!(announced, "{when}: {path} {body} was not announced: {intents:#?}");
    }
}

/// What the provider was asked for before and after a kill is what it is asked for without one. Only a reactivation
/// whose outcome was not recorded may be asked for once more.
fn assert_asked_once(
    before: Vec<(String, String)>,
    after: Vec<(String, String)>,
    intent_stood: bool,
    undisturbed: &[(String, String)],
    when: &str,
) {
    let is_repeated = intent_stood
        && before.last().is_some_and(|(_, body)| body.contains("\"active\""))
        && before.last() == after.first();
    let asked: Vec<_> = before.into_iter().chain(after.into_iter().skip(is_repeated.into())).collect();
    assert_eq!(asked, undisturbed, "{when}: the provider was asked for something else, or twice");
}

/// Another command after a kill: consumers stay served, and a refusal leads on.
pub fn assert_harmless(bench: &Bench, scenario: &Scenario, other: &str, when: &str) {
    let when = format!("{when}; then `{other}`");
    let after = bench.run(&format!("{other} --json"));
    let value_is_gone = after.code == 5 && after.stdout.contains("is not at hand");
    assert!(value_is_gone || [0, 2, 6, 10, 12, 20].contains(&after.code), "{when}: {after:#?}");
    bench.assert_served(&when);
    bench.assert_chain(&when);
    if after.code == 6 {
        assert_leads_on(bench, scenario, &after, &when);
    }
}

/// A refusal names a command that the phase does not refuse.
fn assert_leads_on(bench: &Bench, scenario: &Scenario, refused: &Ran, when: &str) {
    let error = refused.json()["error"].clone();
    let hint = error["hint"].as_str().unwrap();
    let named = hint.split('`').find_map(|text| text.strip_prefix("rotate ")).unwrap_or_default();
    let verb = named.split(' ').next().unwrap_or_default();
    let command = match verb {
        _ if verb == scenario.verb() => scenario.command.to_owned(),
        "adopt" => "adopt prod --from file:old.key".to_owned(),
        "stage" if hint.contains("--replace") => "stage prod --replace --from file:spare.key".to_owned(),
        "stage" => "stage prod --from file:spare.key".to_owned(),
        "revoke-now" => "revoke-now prod --reason leaked --yes".to_owned(),
        "promote" | "finish" | "abort" | "undo" | "status" => format!("{verb} prod"),
        // Of a key that was never adopted nothing is known: a person ends the leak.
        "" if bench.state() == Value::Null && hint.contains("https://") => return,
        _ => panic!("{when}: names no command: {error:#}"),
    };
    if verb == "status" {
        return;
    }
    let planned = bench.run(&format!("{command} --dry-run --json"));
    assert_ne!(planned.code, 6, "{when}: {error:#}\nnames a command that is refused too: {planned:#?}");
}
