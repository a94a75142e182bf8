//! The arguments of `rotate doctor`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// The key to compare with its state, slots and targets [default: the only one, if there is one]
    #[arg(value_name = "KEY")]
    pub(super) key: Option<String>,
    /// A dotenv file that programs here read beside the environment
    #[arg(long, value_name = "FILE")]
    pub(super) env_file: Option<PathBuf>,
}
