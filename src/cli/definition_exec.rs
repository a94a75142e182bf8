//! The arguments of `rotate exec`.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::definition::KeyName;
use crate::job::{OnPromote, signal_by_name, signal_names};

#[derive(Debug, Args)]
pub(super) struct Exec {
    #[command(flatten)]
    pub(super) key: KeyName,
    /// The variable that holds the value [default: the provider's usual one, such as ANTHROPIC_API_KEY]
    #[arg(long, value_name = "NAME")]
    pub(super) env: Option<String>,
    /// Ask the provider first; exit 20 where it rejects the value, 21 where it cannot be told
    #[arg(long)]
    pub(super) preflight: bool,
    /// How long an acceptance is believed, so that the next job need not ask
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub(super) preflight_ttl: Duration,
    /// A file that the job must make or change, not empty, or exit 30; `*`, `?`, `[…]` and `**` in quotes;
    /// repeatable
    #[arg(long, value_name = "GLOB")]
    pub(super) expect_output: Vec<String>,
    /// The job must print something on stdout, or exit 30; stdout is then a pipe also on a terminal
    #[arg(long)]
    pub(super) expect_stdout: bool,
    /// Whether what the job prints is looked at for a refused key; a terminal is never
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(super) watch_output: WatchOutput,
    /// Run it once more where its key was refused and another is active by then
    #[arg(long)]
    pub(super) retry_on_auth: bool,
    /// What a running job learns of a promotion: signal:NAME (such as signal:HUP, on which it must read the value
    /// again by itself), restart, or ignore
    #[arg(long, value_name = "WHAT", default_value = "ignore", value_parser = on_promote)]
    pub(super) on_promote: OnPromote,
    /// End the job after this time (SIGTERM); it keeps its own exit code
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) max_runtime: Option<Duration>,
    /// How long a job that was told to end may take before it is killed
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(super) stop_timeout: Duration,
    /// Where the state cannot be read: start with the last good value, and say so. Likewise without a lease, and
    /// without a verdict of --preflight
    #[arg(long)]
    pub(super) fail_open: bool,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(super) command: Vec<OsString>,
}

/// Whether the job's output goes through a pipe of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum WatchOutput {
    Auto,
    Never,
}

fn duration(text: &str) -> Result<Duration, String> {
    crate::duration::parse(text).map_err(|error| error.to_string())
}

fn on_promote(text: &str) -> Result<OnPromote, String> {
    match text.split_once(':') {
        None if text == "ignore" => Ok(OnPromote::Ignore),
        None if text == "restart" => Ok(OnPromote::Restart),
        Some(("signal", name)) => signal_by_name(name)
            .map(OnPromote::Signal)
            .ok_or_else(|| format!("no signal `{name}` can be sent; one of: {}", signal_names().join(", "))),
        _ => Err("expected signal:NAME (such as signal:HUP), restart or ignore".to_owned()),
    }
}
