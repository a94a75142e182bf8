//! Every command, argument and help text.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Arg, Args, Parser, Subcommand, ValueEnum};

use super::definition_alerts::Alerts;
use super::definition_check::{Check, Due};
use super::definition_doctor::Doctor;
use super::definition_exec::Exec;
use super::definition_lease::Lease;
use crate::readable::is_readable;
use crate::rotation::evidence::Item;
use crate::ui::ColorChoice;

/// Replaces API keys without downtime.
#[derive(Debug, Parser)]
#[command(
    name = "rotate",
    version,
    about = "Replaces API keys without downtime",
    long_about = "Replaces API keys without downtime.\n\n\
        A rotation is four steps: `rotate stage` probes the new key and stores it, `rotate promote` moves \
        every consumer to it, both keys stay valid for longer than the longest job, and `rotate finish` \
        revokes the old one once the evidence says that nobody uses it. When a key has leaked: \
        `rotate revoke-now`.\n\n\
        Every command can be run again after any interruption and goes on where it was.",
    after_help = "Start with a drill: `rotate drill` rotates a key of the built-in sandbox while agents work.\n\
        Where things stand and which command is next: `rotate status`.",
    after_long_help = EXIT_CODES,
    arg_required_else_help = true,
    subcommand_required = true,
    infer_long_args = false
)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Checked against [`crate::exit::ExitCode`] by a test.
pub(super) const EXIT_CODES: &str = "\
Exit codes tell the next move:
    0  nothing
    1  unexpected: report it
    2  fix the arguments
    3  fix the configuration
    4  someone holds the lock: retry later
    5  state unreadable, unsafe or newer: see the runbook
    6  not in this phase: the message names the command that is
   10  wait: the grace window is open, run again after the time shown
   11  evidence says the old key is still used, or cannot tell: not revoked
   12  partly done: run the same command again
   13  a person must act: the message names the console page or runbook section
   20  the provider rejected the credential
   21  provider or target unreachable after retries
   30  `check`, `watch` or `due` found something that needs attention
  130  interrupted; state saved: run the same command again";

#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(super) struct Global {
    /// The configuration [default: first of ./rotate.toml, $XDG_CONFIG_HOME/rotate/rotate.toml,
    /// /etc/rotate/rotate.toml]
    #[arg(long, global = true, value_name = "FILE", env = "ROTATE_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// The state directory; overrides ROTATE_STATE and the configuration
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) state: Option<PathBuf>,
    /// Print one JSON document on stdout, also for errors; never prompt
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(super) color: ColorChoice,
    /// Tell no progress, only results and errors
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
    /// Tell what is done inside, on stderr; repeat for more. Never shows a value
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Record today's live credential; changes nothing outside
    #[command(
        after_help = "Asks for the value without showing it. Next: `rotate stage`, once there is a new key.",
        mut_arg("yes", asks_nothing)
    )]
    Adopt(Adopt),
    /// Probe a new credential and store it beside the active one
    #[command(
        after_help = "Create the new key at the provider's console, then run this; it asks for the value without \
        showing it. Next: `rotate promote`. To drop it again: `rotate abort`.",
        mut_arg("yes", asks_nothing)
    )]
    Stage(Stage),
    /// Make the staged credential active and move every target to it
    #[command(
        after_help = "Exit 12: a target failed, and both credentials stay valid; mend it and run this again. Next, \
        after the grace window: `rotate finish`. To go back: `rotate abort`.",
        mut_arg("yes", asks_nothing)
    )]
    Promote(Change),
    /// Revoke the old credential, once the evidence says that nobody uses it
    #[command(
        after_help = "Exit 10: the window is still open. Exit 11: evidence is missing, and the message says which. \
        Nothing is revoked in either case.",
        mut_arg("yes", asks_nothing)
    )]
    Finish(Finish),
    /// Put the new credential out of use and go back to the old one
    #[command(
        after_help = "The old value is written to every target anew. The new credential is not revoked. Once a revocation \
        was begun there is no way back but `rotate undo` after it.",
        mut_arg("yes", asks_nothing)
    )]
    Abort(Change),
    /// Bring the credential that was revoked last back to life
    #[command(
        after_help = "After an emergency that is the key that leaked: then it asks for the key's name. To end a leaked \
        key for good: `rotate purge`."
    )]
    Undo(Change),
    /// Delete or archive the revoked credential for good; there is no undo
    Purge(Change),
    /// A key has leaked: end it in seconds, without a grace window
    #[command(
        after_help = "Says what will break, then asks for the key's name. Where nothing staged can take over, it asks \
        for a new key. `rotate status` shows the last four characters of every credential. If this \
        command cannot run, disable the leaked key at the provider's console, then run it again."
    )]
    RevokeNow(RevokeNow),
    /// Show where keys stand, which credential serves, and the next command
    Status(Status),
    /// Show the journal, or check its hash chain
    History(History),
    /// Print the value that consumers should use
    #[command(
        after_help = "For consumers: ANTHROPIC_API_KEY=\"$(rotate key KEY)\". Takes no lock and needs no provider. \
        In a shell: eval \"$(rotate key KEY --format env)\". As Claude Code's apiKeyHelper: rotate key KEY. As \
        credential_process of an AWS profile: rotate key KEY --format credential-process."
    )]
    Key(Key),
    /// Run a job with the value in its environment, and hold a lease for as long as it lives
    #[command(
        after_help = "The exit code is the job's: 128 and the signal's number where a signal ended it, 127 where there is \
        no such program, 126 where it cannot be executed. Exit 30: it exited 0, but what it should have made is \
        missing, or it printed that its key was refused."
    )]
    Exec(Box<Exec>),
    /// Show who holds which credential; hold one for a job that `rotate exec` cannot run
    Lease(Lease),
    /// Look whether every credential lives, every target holds it, and nothing is forgotten
    #[command(
        after_help = "For cron, CI and start scripts; changes nothing. Exit 20: a credential in use is rejected. Exit 21: \
        something could not be reached. Exit 30: something else needs attention. Where rotate.toml has [alerts.NAME], \
        whoever wants to know is told."
    )]
    Check(Check),
    /// Show what must be rotated when; try in advance what the rotation needs
    #[command(
        after_help = "Exit 30: a key is due within its reminders or --within, or the rehearsal found something."
    )]
    Due(Due),
    /// Test the receivers of alerts, deliver what is on its way, show what stands
    Alerts(Alerts),
    /// Show which key serves what, where it lives, and what a leak would stop
    Ledger,
    /// Find the wrong door: which credential programs really use here, and what is wrong with it
    #[command(
        after_help = "Needs no configuration: then it looks at the environment alone. With a key it compares what it finds \
        with the key's state, slots and targets. It changes nothing, shows fingerprints only, and talks to the \
        network only to read targets that are there. Exit 30: something needs attention."
    )]
    Doctor(Doctor),
    /// Run the loopback provider, for tries and tests
    Sandbox(Sandbox),
    /// Rotate a key of the sandbox while agents work, and count their refusals
    Drill(Drill),
    /// Print completions for a shell
    Completions(Completions),
    /// Write the man pages into a directory
    Man(Man),
}

/// A key by its name in rotate.toml.
#[derive(Debug, Args)]
pub(super) struct KeyName {
    /// The key's name in rotate.toml; may be left out where there is only one
    #[arg(value_name = "KEY")]
    pub(super) key: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Safety {
    /// Show the steps that would be taken, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct Change {
    #[command(flatten)]
    pub(super) key: KeyName,
    #[command(flatten)]
    pub(super) safety: Safety,
}

#[derive(Debug, Args)]
pub(super) struct Adopt {
    #[command(flatten)]
    pub(super) key: KeyName,
    /// Where the value is: `-` (stdin), env:NAME, file:PATH, command:PROGRAM ARG…; never the value
    /// itself [default: a hidden prompt]
    #[arg(long, value_name = "REF")]
    pub(super) from: Option<String>,
    #[command(flatten)]
    pub(super) safety: Safety,
}

#[derive(Debug, Args)]
pub(super) struct Stage {
    #[command(flatten)]
    pub(super) key: KeyName,
    /// Where the value is: `-` (stdin), env:NAME, file:PATH, command:PROGRAM ARG…; never the value
    /// itself [default: a hidden prompt; where the provider makes keys by API, a new one]
    #[arg(long, value_name = "REF")]
    pub(super) from: Option<String>,
    /// Drop another credential that is staged already
    #[arg(long)]
    pub(super) replace: bool,
    /// The ticket this rotation is for, for the journal
    #[arg(long, value_name = "ID", value_parser = note)]
    pub(super) ticket: Option<String>,
    /// Why, for the journal
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(super) reason: Option<String>,
    #[command(flatten)]
    pub(super) safety: Safety,
}

#[derive(Debug, Args)]
pub(super) struct Finish {
    #[command(flatten)]
    pub(super) key: KeyName,
    /// Wait for the window, for evidence, and for a person where one must revoke
    #[arg(long)]
    pub(super) wait: bool,
    /// Go on though this item of evidence is unknown: targets, leases, usage or last_used; repeatable
    #[arg(long, value_name = "ITEM", value_parser = acceptable_item)]
    pub(super) accept_unknown: Vec<Item>,
    /// Why that is accepted, for the journal
    #[arg(long, value_name = "TEXT", value_parser = reason, requires = "accept_unknown")]
    pub(super) reason: Option<String>,
    #[command(flatten)]
    pub(super) safety: Safety,
}

/// Which of a key's credentials has leaked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SuspectName {
    /// The one that is being replaced: active before `promote`, retiring after it
    Old,
    /// The one that replaces it: staged before `promote`, active after it
    New,
    /// Both
    All,
}

#[derive(Debug, Args)]
pub(super) struct RevokeNow {
    #[command(flatten)]
    pub(super) key: KeyName,
    /// Why; kept in the journal
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(super) reason: String,
    /// Which credential has leaked; where only one is live, it is the suspect
    #[arg(long, value_name = "WHICH", default_value = "old")]
    pub(super) suspect: SuspectName,
    /// Where a new credential is that takes over: `-` (stdin), env:NAME, file:PATH, command:PROGRAM ARG…
    #[arg(long, value_name = "REF")]
    pub(super) replace_from: Option<String>,
    /// Revoke though nothing valid remains
    #[arg(long, conflicts_with = "replace_from")]
    pub(super) accept_outage: bool,
    #[command(flatten)]
    pub(super) safety: Safety,
}

#[derive(Debug, Args)]
pub(super) struct Status {
    /// Keys to show [default: all]
    #[arg(value_name = "KEY")]
    pub(super) keys: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct History {
    #[command(flatten)]
    pub(super) key: KeyName,
    /// Check every entry and the chain between them
    #[arg(long)]
    pub(super) verify: bool,
}

/// A slot, or whichever is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SlotChoice {
    Active,
    Primary,
    Secondary,
}

/// How a value is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum KeyFormat {
    Value,
    Env,
    Json,
    Dotenv,
    CredentialProcess,
}

#[derive(Debug, Args)]
pub(super) struct Key {
    #[command(flatten)]
    pub(super) key: KeyName,
    /// Which value
    #[arg(long, value_name = "SLOT", default_value = "active")]
    pub(super) slot: SlotChoice,
    /// How to print it: bare, as `export` lines for eval in a shell, as a JSON object of variables, as lines of
    /// a dotenv file, or as AWS SDKs want it of a credential_process
    #[arg(long, value_name = "FORMAT", default_value = "value")]
    pub(super) format: KeyFormat,
    /// The variable's name in the formats env, json and dotenv [default: the provider's usual one]
    #[arg(long, value_name = "NAME")]
    pub(super) env: Option<String>,
    /// Print it even to a terminal
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct Sandbox {
    /// Loopback address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(super) listen: SocketAddr,
    /// How long a revoked key is still accepted, such as 2s
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub(super) revocation_lag: std::time::Duration,
    /// How long every answer takes, such as 50ms
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub(super) latency: std::time::Duration,
    /// A fault and its probability, such as overloaded=0.1; one of rate_limited, overloaded,
    /// server_error, closed, garbage, lost_answer; repeatable
    #[arg(long, value_name = "FAULT=RATE", value_parser = fault)]
    pub(super) fault: Vec<(String, f64)>,
    /// Which calls faults hit
    #[arg(long, value_name = "WHICH", default_value = "all")]
    pub(super) fault_scope: FaultScopeName,
    /// Makes keys and faults repeatable
    #[arg(long, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,
}

/// Which calls faults hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FaultScopeName {
    Api,
    Admin,
    All,
}

#[derive(Debug, Args)]
pub(super) struct Drill {
    /// How many agents work during the rotation
    #[arg(long, value_name = "N", default_value_t = crate::drill::DEFAULT_AGENTS)]
    pub(super) agents: u32,
    /// How long one job of an agent that caches its key takes
    #[arg(long, value_name = "S", default_value_t = crate::drill::DEFAULT_JOB_SECONDS)]
    pub(super) job_seconds: u64,
    /// Swap the key in place instead, as done by hand, and show what happens
    #[arg(long)]
    pub(super) naive: bool,
}

#[derive(Debug, Args)]
pub(super) struct Completions {
    #[arg(value_name = "SHELL")]
    pub(super) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(super) struct Man {
    /// Where to write rotate.1 and one page a command
    #[arg(value_name = "DIR")]
    pub(super) directory: PathBuf,
}

/// `--yes` where there is nothing to say yes to, so that scripts need not tell commands apart.
fn asks_nothing(yes: Arg) -> Arg {
    yes.help("Accepted everywhere; this command asks for no confirmation")
}

/// More is no note. It has to fit, several times over, into the room that is reserved for outcomes.
const NOTE_CHARACTERS: usize = 500;

/// A reason that says something.
fn reason(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("say why in a few words; the journal keeps it".to_owned());
    }
    note(text)
}

/// A text that the journal keeps and other people read.
fn note(text: &str) -> Result<String, String> {
    if text.chars().count() > NOTE_CHARACTERS || !text.chars().all(is_readable) {
        return Err(format!(
            "say it in one line of at most {NOTE_CHARACTERS} characters that can be read; the journal keeps it"
        ));
    }
    Ok(text.to_owned())
}

fn acceptable_item(text: &str) -> Result<Item, String> {
    let item: Item = text.parse().map_err(|error| format!("{error}"))?;
    if item.may_be_accepted() {
        Ok(item)
    } else {
        Err(format!("`{item}` is never accepted on a guess; it must be met"))
    }
}

pub(super) fn duration(text: &str) -> Result<std::time::Duration, String> {
    crate::duration::parse(text).map_err(|error| error.to_string())
}

fn fault(text: &str) -> Result<(String, f64), String> {
    let (name, rate) = text.split_once('=').ok_or("expected FAULT=RATE, such as overloaded=0.1")?;
    let rate: f64 = rate.parse().map_err(|_| "the rate is a number from 0 to 1")?;
    Ok((name.to_owned(), rate))
}
