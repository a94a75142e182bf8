//! What docs/performance.md promises, measured: `./scripts/bench` runs this and it writes the tables.
//!
//! Every promise is a ratio of two things measured side by side, round by round, and a row's figure is
//! the median of its rounds: a machine that slows down for a while slows both sides of a ratio.

mod aws;
mod check;
mod commit;
mod exec;
mod lab;
mod moto;
mod page;
mod peers;
mod quiet;
mod sandbox;
mod start;

use std::process::ExitCode;
use std::time::Duration;

use page::Row;
use quiet::Patience;

/// How much is measured.
pub struct Effort {
    pub rounds: usize,
    pub runs_a_round: u32,
    pub commits_a_round: u32,
    pub load_seconds: u64,
    pub patience: Patience,
}

fn thorough() -> Effort {
    let patience = Patience::new(Duration::from_secs(600));
    Effort { rounds: 7, runs_a_round: 300, commits_a_round: 150, load_seconds: 5, patience }
}

fn quick() -> Effort {
    let patience = Patience::new(Duration::ZERO);
    Effort { rounds: 3, runs_a_round: 100, commits_a_round: 50, load_seconds: 1, patience }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` says so; `cargo test --all-targets` does not, and wants no measurements.
    if !words.iter().any(|word| word == "--bench") {
        return ExitCode::SUCCESS;
    }
    let effort = if words.iter().any(|word| word == "--quick") { quick() } else { thorough() };
    let load_before = page::load();
    let labs = lab::Labs::new();
    let mut goals: Vec<Row> = start::measure(&labs, &effort);
    goals.extend(exec::measure(&labs, &effort));
    goals.push(commit::measure(&labs, &effort));
    goals.push(sandbox::measure(&effort).row());
    goals.extend(check::measure(&labs, &effort));
    goals.extend(aws::measure(&labs, &effort));
    page::write(&goals, &load_before);
    if goals.iter().all(Row::is_met) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The middle value.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}
