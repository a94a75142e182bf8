//! The arguments of `rotate check` and `rotate due`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::definition::duration;

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Keys to look at [default: all]
    #[arg(value_name = "KEY")]
    pub(super) keys: Vec<String>,
    /// Go on looking, every so often, until a signal comes; one such watch at a time in a state directory
    #[arg(long, value_name = "TIME", value_parser = interval)]
    pub(super) every: Option<Duration>,
    /// Stop after so many rounds
    #[arg(long, value_name = "N", requires = "every", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) rounds: Option<u32>,
    /// Write Prometheus metrics into this file, for node_exporter's textfile collector
    #[arg(long, value_name = "FILE.prom")]
    pub(super) textfile: Option<PathBuf>,
    /// What cannot be told in so many checks in a row is critical
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) unknown_after: u32,
    /// How many calls a provider gets at a time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) calls: u16,
    /// Show what is well, too
    #[arg(long)]
    pub(super) all: bool,
}

#[derive(Debug, Args)]
pub(super) struct Due {
    /// Keys to look at [default: all]
    #[arg(value_name = "KEY")]
    pub(super) keys: Vec<String>,
    /// Exit 30 where a key is due within this time [default: the longest of its reminders]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) within: Option<Duration>,
    /// Try what the next rotation needs: write and read access to every target and slot, and the admin key
    #[arg(long)]
    pub(super) rehearse: bool,
    /// Write a calendar with all due dates into this file; `-` is stdout
    #[arg(long, value_name = "FILE.ics", conflicts_with = "rehearse")]
    pub(super) ics: Option<PathBuf>,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if interval < Duration::from_secs(10) {
        return Err("a provider is not asked more often than every 10s".to_owned());
    }
    Ok(interval)
}
