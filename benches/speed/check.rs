//! How long a check of many keys takes, next to what its provider's answers alone take.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rotate::sandbox::RunningSandbox;

use crate::lab::{self, Labs, ROTATE};
use crate::page::Row;
use crate::{Effort, median};

const KEYS: usize = 500;
/// How long each answer of the provider takes.
const LATENCY: Duration = Duration::from_millis(50);
/// The default of `--calls`.
const CALLS_AT_A_TIME: usize = 16;

/// One run of a check.
struct Run {
    seconds: f64,
    peak_kilobytes: f64,
}

pub fn measure(labs: &Labs, effort: &Effort) -> Vec<Row> {
    eprintln!("check: adopting {KEYS} keys");
    let sandbox = lab::sandbox();
    let (one, many) = (labs.scratch("check").join("one"), labs.scratch("checks").join("many"));
    lab::build(&one, &sandbox, 1);
    lab::build(&many, &sandbox, KEYS);
    slow_down(&sandbox);
    let (mut few, mut all) = (Vec::new(), Vec::new());
    for round in 1..=effort.rounds {
        eprintln!("check: round {round} of {}", effort.rounds);
        few.push(run(&one));
        all.push(run(&many));
    }
    let seconds = median(all.iter().map(|run| run.seconds).collect());
    let ideal = LATENCY.as_secs_f64() * KEYS.div_ceil(CALLS_AT_A_TIME) as f64;
    let peak = |runs: &[Run]| median(runs.iter().map(|run| run.peak_kilobytes).collect());
    let (of_one, of_all) = (peak(&few), peak(&all));
    vec![
        Row {
            what: format!("`rotate check`, {KEYS} keys, calls of {} ms", LATENCY.as_millis()),
            measured: format!("{seconds:.2} s"),
            against: format!("those calls alone, {CALLS_AT_A_TIME} at a time"),
            base: format!("{ideal:.2} s"),
            ratio: seconds / ideal,
            goal: Some(1.3),
            is_at_least: false,
        },
        Row {
            what: format!("peak memory of `rotate check`, {KEYS} keys"),
            measured: format!("{:.1} MiB", of_all / 1024.0),
            against: "the same, one key".to_owned(),
            base: format!("{:.1} MiB", of_one / 1024.0),
            ratio: of_all / of_one,
            goal: Some(2.0),
            is_at_least: false,
        },
    ]
}

fn slow_down(sandbox: &RunningSandbox) {
    let body = format!("{{\"latency_milliseconds\":{}}}", LATENCY.as_millis());
    let address = sandbox.address();
    let mut stream = TcpStream::connect(address).expect("the sandbox listens");
    let length = body.len();
    write!(
        stream,
        "POST /sandbox/settings HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .expect("the sandbox reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the sandbox answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn run(directory: &Path) -> Run {
    let begun = Instant::now();
    let mut child = lab::command(&ROTATE, directory)
        .args(["check", "--quiet"])
        .stdout(Stdio::null())
        .spawn()
        .expect("rotate runs");
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kilobytes = 0.0_f64;
    loop {
        if let Some(ended) = child.try_wait().expect("rotate ends") {
            assert!(ended.success(), "rotate check: {ended}");
            return Run { seconds: begun.elapsed().as_secs_f64(), peak_kilobytes };
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak_kilobytes = peak_kilobytes.max(peak.unwrap_or(0.0));
        std::thread::sleep(Duration::from_millis(5));
    }
}
