//! What one exploration is about: who may type what, what may go wrong how often, and which guard is taken away.

use rotate::rotation::credential::Capabilities;
use rotate::rotation::grace::{GraceFrom, GracePolicy};
use rotate::rotation::plan::{Policy, Suspect};

use super::names::target_id;

/// Time goes by in steps of this length.
pub const UNIT_SECONDS: u64 = 600;
/// How long a job goes on with the credential it started with.
pub const LONGEST_JOB: u8 = 2;
/// How long a consumer goes on with what it read.
pub const REFRESH: u8 = 1;
/// The shortest overlap that is safe.
pub const FLOOR: u8 = LONGEST_JOB + REFRESH;
/// For how long a provider that lags accepts what it was told to refuse, and refuses what it was told to accept.
pub const LAG: u8 = 1;

/// A command as an operator types it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Stage { credential: u8, replace: bool },
    Mint,
    Promote,
    Finish,
    Abort,
    Undo,
    Purge,
    RevokeNow { suspect: Suspect, replacement: Option<u8>, accept_outage: bool },
}

impl Command {
    pub fn is_emergency(self) -> bool {
        matches!(self, Command::RevokeNow { .. })
    }

    /// Another number for each.
    pub fn code(self) -> u32 {
        match self {
            Command::Mint => 0,
            Command::Promote => 1,
            Command::Finish => 2,
            Command::Abort => 3,
            Command::Undo => 4,
            Command::Purge => 5,
            Command::Stage { credential, replace } => 16 + 2 * u32::from(credential) + u32::from(replace),
            Command::RevokeNow { suspect, replacement, accept_outage } => {
                let suspect = match suspect {
                    Suspect::Old => 0,
                    Suspect::New => 1,
                    Suspect::All => 2,
                };
                let replacement = replacement.map_or(8, u32::from);
                64 + suspect + 4 * replacement + 64 * u32::from(accept_outage)
            }
        }
    }
}

/// What keeps the promise; each one taken away must be noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// A write of the state names what it replaces, and so does the look right before an effect.
    CompareAndSwap,
    /// An effect is announced on disk before it is tried.
    IntentBeforeEffect,
    /// A revocation that was begun is not called off.
    OneWayRevoke,
    /// Going back writes a new version, even where the old value is there already.
    NewVersion,
    /// Right before the label of a version is moved, and after it was read, the state is looked at.
    LookBeforeLabel,
    /// Right before a provider's key or a slot is touched, the state is looked at.
    LookBeforeEffect,
    /// The same before a value is erased from a slot.
    LookBeforeErase,
    /// One acceptance is none.
    SettledProbe,
    /// The clock that says least is believed.
    TrustedClock,
    /// The window is longer than the longest job.
    GraceFloor,
}

/// One bounded space of situations.
#[derive(Clone, Debug)]
pub struct Setting {
    pub name: &'static str,
    /// Typed one after the other, and all went well, before the exploration begins.
    pub given: &'static [Command],
    /// What each operator may type, in any order.
    pub commands: [&'static [Command]; 2],
    /// How many runs of each operator may change the state.
    pub runs: [u8; 2],
    pub crashes: u8,
    /// Calls whose outcome is refused or unknown, and questions that get no answer.
    pub faults: u8,
    pub jumps: u8,
    /// By how much the wall clock may be set.
    pub jumps_by: &'static [i8],
    pub reboots: u8,
    /// When the exploration ends.
    pub horizon: u8,
    /// The provider may lag when it is told to revoke, to reactivate or to make a key.
    pub lags: bool,
    /// From when on the provider accepts the credential 1 everywhere, and not only here and there.
    pub settles_at: u8,
    pub mints: bool,
    /// Commands but `revoke-now` wait for each other, as the operation lock makes them do.
    pub is_locked: bool,
    /// The provider takes the adopted credential for another one that is not ours.
    pub lies: bool,
    /// A job under a lease may run for as long as it likes.
    pub leases: bool,
    /// Between the last look at the state and the arrival of a call at the provider, anything may happen.
    pub late_calls: bool,
    pub without: &'static [Guard],
}

impl Setting {
    /// Nothing goes wrong, and nobody types anything.
    pub const QUIET: Setting = Setting {
        name: "quiet",
        given: &[],
        commands: [&[], &[]],
        runs: [0, 0],
        crashes: 0,
        faults: 0,
        jumps: 0,
        jumps_by: &[],
        reboots: 0,
        horizon: 6,
        lags: false,
        settles_at: 0,
        mints: false,
        is_locked: false,
        lies: false,
        leases: false,
        late_calls: false,
        without: &[],
    };

    pub fn has(&self, guard: Guard) -> bool {
        !self.without.contains(&guard)
    }

    /// What the plan is told. The grace that is asked for is too short, so that the floor counts.
    pub fn policy(&self) -> Policy {
        let units = |units: u8| u64::from(units) * UNIT_SECONDS;
        let longest_job = if self.has(Guard::GraceFloor) { LONGEST_JOB } else { 0 };
        Policy {
            grace: GracePolicy {
                from: GraceFrom::Promotion,
                grace_seconds: units(1),
                longest_job_seconds: units(longest_job),
                slowest_refresh_seconds: units(REFRESH),
                provider_propagation_seconds: 0,
            },
            targets: [target_id()].into(),
            capabilities: Capabilities {
                mint: self.mints,
                revoke: true,
                reactivate: true,
                delete: true,
                keys_limit: self.mints.then_some(3),
                ..Capabilities::default()
            },
            workspace: None,
            required_evidence: Default::default(),
            usage_quiet_seconds: 0,
            usage_lag_seconds: 0,
            undo_seconds: 86_400,
            held_elsewhere: Vec::new(),
        }
    }
}
