//! `rotate check` and `rotate due`, by the real executable.

mod due;
mod every;
mod looks;
mod pages;
mod textfile;

use serde_json::Value;

use crate::lab::{Lab, Ran};

/// The findings of a check under `--json`, that ended with this code.
#[track_caller]
fn findings(lab: &Lab, arguments: &str, code: i32) -> Vec<Value> {
    let ran: Ran = lab.run(&format!("{arguments} --json")).expect(code).without_secrets();
    ran.json()["findings"].as_array().unwrap().clone()
}

/// The one finding about this item.
#[track_caller]
fn finding(findings: &[Value], item: &str) -> Value {
    let of_item: Vec<_> = findings.iter().filter(|finding| finding["item"] == item).collect();
    assert_eq!(of_item.len(), 1, "{item}: {findings:#?}");
    of_item[0].clone()
}
