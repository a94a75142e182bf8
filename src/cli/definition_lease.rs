//! The arguments of `rotate lease`.

use clap::{Args, Subcommand};

use super::definition::KeyName;
use crate::readable::is_readable;

#[derive(Debug, Args)]
pub(super) struct Lease {
    #[command(subcommand)]
    pub(super) command: LeaseCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum LeaseCommand {
    /// Show who holds which credential
    List(LeaseList),
    /// Take a lease on the active credential for a job that `rotate exec` cannot run; prints its id
    #[command(
        after_help = "Take it before you read the key: lease=\"$(rotate lease acquire KEY)\" && value=\"$(rotate key KEY)\". \
        While it lasts, `rotate finish` does not revoke the credential. Next: `rotate lease renew` before the time is \
        over, `rotate lease release` when the job is done."
    )]
    Acquire(LeaseAcquire),
    /// Give a lease its time anew; says whether its credential is still the active one
    #[command(
        after_help = "Where the credential is not the active one any more: read the key again, use only what you read, \
        then renew with --reread. Exit 6: the lease is over; acquire a new one and read the key again."
    )]
    Renew(LeaseRenew),
    /// End a lease
    #[command(
        after_help = "Also for the lease of a process that cannot be seen from here, such as one of another machine: \
        make sure first that its job has ended."
    )]
    Release(LeaseRelease),
}

#[derive(Debug, Args)]
pub(super) struct LeaseList {
    /// The key's name in rotate.toml [default: every key]
    #[arg(value_name = "KEY")]
    pub(super) key: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct LeaseAcquire {
    #[command(flatten)]
    pub(super) key: KeyName,
    /// For how long, unless it is renewed
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = ttl)]
    pub(super) ttl: u64,
    /// Who holds it, in a few words for people [default: the user]
    #[arg(long, value_name = "TEXT", value_parser = holder)]
    pub(super) holder: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct LeaseRenew {
    /// The lease's id
    #[arg(value_name = "ID")]
    pub(super) id: String,
    /// For how long from now [default: as before]
    #[arg(long, value_name = "TIME", value_parser = ttl)]
    pub(super) ttl: Option<u64>,
    /// The key was read again after the last renewal said that it changed: put the lease on the active credential
    #[arg(long)]
    pub(super) reread: bool,
}

#[derive(Debug, Args)]
pub(super) struct LeaseRelease {
    /// The lease's id
    #[arg(value_name = "ID")]
    pub(super) id: String,
    /// Also where its process is alive
    #[arg(long)]
    pub(super) yes: bool,
}

/// A time to live in whole seconds, never fewer than were asked for, and at least one.
fn ttl(text: &str) -> Result<u64, String> {
    let duration = crate::duration::parse(text).map_err(|error| error.to_string())?;
    match duration.as_secs() + u64::from(duration.subsec_nanos() > 0) {
        0 => Err("a lease lasts at least one second".to_owned()),
        seconds => Ok(seconds),
    }
}

fn holder(text: &str) -> Result<String, String> {
    let shown = text.trim();
    if shown.is_empty() || !shown.chars().all(is_readable) {
        return Err("say in one line who holds the lease".to_owned());
    }
    Ok(shown.to_owned())
}
