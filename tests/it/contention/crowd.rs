//! Many processes that are started together, with what is to become of each.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::chance::Chance;
use crate::lab::{Lab, Ran};

use super::ledger::LastEntry;

/// What becomes of a process.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    Lives,
    /// It is killed at this crash point, if it gets there.
    DiesAtPoint(u32),
    /// It is killed so many microseconds after its start, if it lives as long.
    DiesAfter(u64),
    /// It is stopped at this crash point, if it gets there, and goes on a little later: overtaken, perhaps.
    StopsAtPoint(u32),
}

/// So long after its start, at the earliest, one that was stopped goes on.
const STOPPED: Duration = Duration::from_millis(60);

/// One process to be.
#[derive(Clone, Debug)]
pub struct Member {
    pub command: String,
    fate: Fate,
}

/// One process that was.
pub struct Gone {
    pub command: String,
    pub process: u32,
    pub ran: Ran,
    fate: Fate,
}

impl Gone {
    pub fn is_killed(&self) -> bool {
        self.ran.code == -1
    }

    pub fn is_overtaken(&self) -> bool {
        self.ran.stderr.contains("another command changed the state")
    }

    /// What is known of the last entry it wrote, where it was killed.
    pub fn last_entry(&self) -> LastEntry {
        match self.fate {
            Fate::DiesAtPoint(_) if self.ran.stderr.contains("between journal and state") => {
                LastEntry::NotCommitted
            }
            Fate::DiesAtPoint(_) => LastEntry::Committed,
            Fate::Lives | Fate::DiesAfter(_) | Fate::StopsAtPoint(_) => LastEntry::Unknown,
        }
    }
}

/// Commands with how often each is drawn.
const USUAL: [(&str, usize); 14] = [
    ("stage prod --from file:fresh.key", 8),
    ("stage prod --from file:other.key --replace", 4),
    ("promote prod", 12),
    ("finish prod", 14),
    ("abort prod", 8),
    ("undo prod", 4),
    ("undo prod --yes", 2),
    ("purge prod --yes", 2),
    ("status prod --json", 4),
    ("key prod", 4),
    ("lease list prod", 2),
    ("lease acquire prod --ttl 60s", 1),
    ("exec prod -- true", 4),
    ("history prod --verify", 2),
];

const EMERGENCY: [(&str, usize); 4] = [
    ("revoke-now prod --yes --suspect old --replace-from file:fresh.key --reason", 8),
    ("revoke-now prod --yes --suspect new --reason", 4),
    ("revoke-now prod --yes --suspect all --replace-from file:other.key --reason", 4),
    ("revoke-now prod --yes --reason", 4),
];

const OUTAGE: [(&str, usize); 1] = [("revoke-now prod --yes --suspect all --accept-outage --reason", 4)];

/// What kind of round it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Usual,
    Emergency,
    Outage,
}

/// A crowd by lot. Some of those who change something are killed.
pub fn draw(size: usize, kind: Kind, reason: &str, dice: &mut Chance) -> Vec<Member> {
    let mut table: Vec<(String, usize)> = Vec::new();
    let plain = |(command, weight): &(&str, usize)| ((*command).to_owned(), *weight);
    let with_reason = |(command, weight): &(&str, usize)| (format!("{command} {reason}"), *weight);
    table.extend(USUAL.iter().map(plain));
    if kind != Kind::Usual {
        table.extend(EMERGENCY.iter().map(with_reason));
    }
    if kind == Kind::Outage {
        table.extend(OUTAGE.iter().map(with_reason));
    }
    let all: usize = table.iter().map(|(_, weight)| weight).sum();
    (0..size)
        .map(|_| {
            let mut lot = dice.below(all);
            let drawn = table.iter().find(|(_, weight)| {
                let is_drawn = lot < *weight;
                lot = lot.saturating_sub(*weight);
                is_drawn
            });
            let mut command = drawn.unwrap().0.clone();
            // Some wait for the lock and some do not.
            if dice.below(4) > 0 {
                command.push_str(" --config patient.toml");
            }
            let fate = match dice.below(8) {
                0 | 1 => Fate::DiesAtPoint(1 + dice.below(8) as u32),
                2 | 3 => Fate::DiesAfter(dice.below(25_000) as u64),
                4 => Fate::StopsAtPoint(1 + dice.below(8) as u32),
                _ => Fate::Lives,
            };
            Member { command, fate }
        })
        .collect()
}

/// Starts them all, kills whose time it is, lets those go on that were stopped, and waits for the last.
pub fn run(lab: &Lab, members: &[Member]) -> Vec<Gone> {
    let clock = lab.read("clock");
    let mut running: Vec<_> =
        members.iter().enumerate().map(|(number, member)| start(lab, &clock, number, member)).collect();
    let mut gone = Vec::new();
    while !running.is_empty() {
        for (child, member, started) in &mut running {
            let signal = match member.fate {
                Fate::DiesAfter(microseconds) if started.elapsed() >= Duration::from_micros(microseconds) => {
                    Signal::KILL
                }
                Fate::StopsAtPoint(_) if started.elapsed() >= STOPPED => Signal::CONT,
                _ => continue,
            };
            // It may have ended meanwhile; its id is its own until it was waited for.
            kill_process(Pid::from_child(child), signal).unwrap();
        }
        let ended = |(child, _, _): &mut (Child, &Member, Instant)| child.try_wait().unwrap().is_some();
        for (child, member, _) in running.extract_if(.., ended) {
            gone.push(ran(child, member));
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    gone
}

fn start<'m>(lab: &Lab, clock: &str, number: usize, member: &'m Member) -> (Child, &'m Member, Instant) {
    // Each has a clock of its own: many that moved one would set it back.
    let own_clock: PathBuf = lab.path(&format!("clock.{number}"));
    std::fs::write(&own_clock, clock).unwrap();
    let words: Vec<_> = words(&member.command);
    let mut command = lab.command(&words);
    command.env("ROTATE_TEST_CLOCK", own_clock).env("ROTATE_TEST_SEED", number.to_string());
    match member.fate {
        Fate::DiesAtPoint(point) => command.env("ROTATE_TEST_CRASH_AT", point.to_string()),
        Fate::StopsAtPoint(point) => command.env("ROTATE_TEST_STOP_AT", point.to_string()),
        Fate::Lives | Fate::DiesAfter(_) => &mut command,
    };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    (command.spawn().unwrap(), member, Instant::now())
}

/// The words, with what belongs to the whole program before `--`.
fn words(command: &str) -> Vec<&str> {
    let (mut words, config): (Vec<_>, _) = match command.strip_suffix(" --config patient.toml") {
        Some(rest) => (rest.split_whitespace().collect(), true),
        None => (command.split_whitespace().collect(), false),
    };
    if config {
        words.splice(0..0, ["--config", "patient.toml"]);
    }
    words
}

fn ran(child: Child, member: &Member) -> Gone {
    let process = child.id();
    let output = child.wait_with_output().unwrap();
    let ran = Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    Gone { command: member.command.clone(), process, ran, fate: member.fate }
}
