//! One operator after the crowd: does what `status` says until nothing is under way.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::lab::{Lab, Ran};

/// No key needs as many commands to come to rest.
const COMMANDS_LIMIT: usize = 16;

/// Runs what `status` names, waits where it is told to, and works with the key as consumers do, until nothing is
/// under way. `values` are the names of the files with values, by fingerprint.
///
/// # Errors
/// What was done, where the key does not come to rest.
pub fn rest(lab: &Lab, values: &BTreeMap<String, String>) -> Result<(), String> {
    let mut done = Vec::new();
    for _ in 0..COMMANDS_LIMIT {
        let status = lab.status("prod");
        let next = status["next"].as_str().unwrap_or_default().to_owned();
        let interrupted = !status["interrupted"].is_null();
        let command = next.strip_prefix("rotate ").unwrap_or_default().replace('\'', "");
        if command.starts_with("stage") && !interrupted {
            return Ok(());
        }
        let command = match command.split(' ').next().unwrap_or_default() {
            "stage" => resumed_stage(lab, values),
            "revoke-now" => resumed_emergency(lab, values, &command),
            "undo" | "purge" => format!("{command} --yes"),
            _ => command,
        };
        let ran = lab.run(&command);
        done.push(format!("{command}: {} {}", ran.code, ran.stderr));
        after(lab, &ran);
    }
    Err(format!("it does not come to rest: {done:#?}"))
}

/// What a patient operator does after a command: wait, let consumers work, and end the leases of jobs of which nobody
/// can tell whether they run, because the wrapper was killed. Here they do not: the whole crowd is gone.
fn after(lab: &Lab, ran: &Ran) {
    let named =
        ran.stderr.lines().filter(|line| line.contains("caused by: ")).flat_map(|line| line.split('`'));
    for release in
        named.filter_map(|text| text.strip_prefix("rotate ")).filter(|text| text.starts_with("lease release"))
    {
        lab.run(release).expect(0);
    }
    if [10, 11].contains(&ran.code) {
        work(lab);
        lab.advance_minutes(63);
    }
}

/// Consumers work with what the key is, if there is one that is accepted.
pub fn work(lab: &Lab) {
    let key = lab.run("key prod");
    if key.code == 0 && lab.accepts(key.stdout.trim()) {
        lab.work(key.stdout.trim());
    }
}

fn state(lab: &Lab) -> Value {
    serde_json::from_str(&lab.read("state/prod.json")).unwrap()
}

/// The same value again; where nobody has it any more, the intent is called off.
fn resumed_stage(lab: &Lab, values: &BTreeMap<String, String>) -> String {
    let state = state(lab);
    let fingerprint = state["intent"]["credential"]["fingerprint"].as_str().unwrap_or_default();
    let replace = if state["phase"] == "SecondaryStaged" { " --replace" } else { "" };
    match values.get(fingerprint) {
        Some(file) => format!("stage prod --from file:{file}{replace}"),
        None => "abort prod".to_owned(),
    }
}

/// The same emergency again, with the same replacement where it had one.
fn resumed_emergency(lab: &Lab, values: &BTreeMap<String, String>, command: &str) -> String {
    let state = state(lab);
    let fingerprint = state["intent"]["credential"]["fingerprint"].as_str().unwrap_or_default();
    match values.get(fingerprint) {
        Some(file) => format!("{command} --yes --replace-from file:{file}"),
        None => format!("{command} --yes --replace-from file:spare.key"),
    }
}
