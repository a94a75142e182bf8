//! From start to exit, by hyperfine.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::lab::{self, Labs, MANY, ROTATE};
use crate::page::Row;
use crate::{Effort, median};

const HELLO: &str = "fn main() { println!(\"hello\"); }\n";

/// The medians of one round, in seconds, in the order of the commands.
type Round = Vec<f64>;

pub fn measure(labs: &Labs, effort: &Effort) -> Vec<Row> {
    let hello = compile(&labs.scratch("hello"), "hello", HELLO);
    let rotate = |arguments: &str| format!("{} {arguments}", *ROTATE);
    let one = [hello.clone(), rotate("--version"), rotate("key"), rotate("status")];
    let of_many = format!("key {}", lab::key(MANY / 2));
    let many = [hello, rotate("--version"), rotate("status"), rotate("status --json"), rotate(&of_many)];
    let (mut ones, mut manys) = (Vec::new(), Vec::new());
    for round in 1..=effort.rounds {
        eprintln!("starts: round {round} of {}", effort.rounds);
        effort.patience.wait();
        ones.push(hyperfine(&labs.one(), &one, effort.runs_a_round, &[]));
        effort.patience.wait();
        manys.push(hyperfine(&labs.many(), &many, effort.runs_a_round, &[]));
    }
    let status = format!("`rotate status`, {MANY} keys");
    vec![
        row("`rotate --version`", &ones, 1, "a bare Rust hello", 0, None),
        row("`rotate key`", &ones, 2, "`rotate --version`", 1, Some(1.5)),
        row("`rotate key`", &ones, 2, "a bare Rust hello", 0, Some(3.0)),
        row("`rotate status`, one key", &ones, 3, "`rotate --version`", 1, None),
        row(&status, &manys, 2, "`rotate --version`", 1, Some(3.0)),
        row(&status, &manys, 2, "a bare Rust hello", 0, None),
        row(&format!("`rotate status --json`, {MANY} keys"), &manys, 3, "`rotate --version`", 1, None),
        row(&format!("`rotate key KEY`, one of {MANY} keys"), &manys, 4, "`rotate --version`", 1, None),
    ]
}

pub fn row(what: &str, rounds: &[Round], index: usize, against: &str, base: usize, goal: Option<f64>) -> Row {
    Row {
        what: what.to_owned(),
        measured: milliseconds(rounds, index),
        against: against.to_owned(),
        base: milliseconds(rounds, base),
        ratio: median(rounds.iter().map(|round| round[index] / round[base]).collect()),
        goal,
        is_at_least: false,
    }
}

fn milliseconds(rounds: &[Round], index: usize) -> String {
    format!("{:.2} ms", 1000.0 * median(rounds.iter().map(|round| round[index]).collect()))
}

/// Compiles a program as a release is; its path.
pub fn compile(directory: &Path, name: &str, text: &str) -> String {
    let source = directory.join(format!("{name}.rs"));
    let binary = directory.join(name);
    std::fs::write(&source, text).expect("the program's source");
    let rustc = Command::new("rustc")
        .args(["--edition", "2024", "-C", "opt-level=3", "-C", "strip=symbols", "-o"])
        .args([&binary, &source])
        .status()
        .expect("rustc runs");
    assert!(rustc.success(), "rustc: {rustc}");
    binary.display().to_string()
}

/// One round of so many runs of each command.
pub fn hyperfine(directory: &Path, commands: &[String], runs: u32, environment: &[(&str, String)]) -> Round {
    let export = directory.join("hyperfine.json");
    let hyperfine = lab::command("hyperfine", directory)
        .args(["--shell=none", "--style=none", "--output=null"])
        .args([format!("--warmup={}", 1 + runs / 15), format!("--runs={runs}")])
        .envs(environment.iter().map(|(name, value)| (*name, value)))
        .arg("--export-json")
        .arg(&export)
        .args(commands)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("hyperfine runs (./scripts/bench installs it)");
    assert!(hyperfine.success(), "hyperfine: {hyperfine}");
    let text = std::fs::read_to_string(export).expect("hyperfine's results");
    let results: Value = serde_json::from_str(&text).expect("hyperfine's results are JSON");
    let results = results["results"].as_array().expect("a list of results");
    results.iter().map(|result| result["median"].as_f64().expect("a median")).collect()
}
