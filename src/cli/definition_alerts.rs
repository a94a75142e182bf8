//! The arguments of `rotate alerts`.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct Alerts {
    #[command(subcommand)]
    pub(super) command: AlertsCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum AlertsCommand {
    /// Send a test alert to one receiver, now, and say whether it took it
    Test(AlertsTest),
    /// Deliver everything that is still on its way, whatever its pause
    #[command(
        after_help = "Exit 21: some receiver did not take its alerts; they stay in the outbox. Every other command \
        tries, too, at its beginning and at its end."
    )]
    Flush,
    /// Show what stands and what is still on its way
    List,
}

#[derive(Debug, Args)]
pub(super) struct AlertsTest {
    /// The receiver's name in rotate.toml
    #[arg(value_name = "NAME")]
    pub(super) name: String,
}
