//! What stays the same through a schedule: the configuration, and which of the faults there are at all.

use std::collections::BTreeSet;
use std::time::Duration;

use rotate::provider::probe::ProbeSettings;
use rotate::rotation::credential::Capabilities;
use rotate::rotation::grace::{GraceFrom, GracePolicy};
use rotate::rotation::plan::Policy;
use rotate::workflow::ports::Settings;

use super::dice::Dice;
use super::world::{GRACE, KEYS_LIMIT, Kind, LONGEST_JOB, PROPAGATION, REFRESH, target_id};

pub const KEY: &str = "prod";

/// Which clock cannot be trusted in a schedule. The time that has passed is the smallest of the measures at hand: one
/// that is right is enough, and each of these leaves one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockLies {
    None,
    /// Somebody sets the wall clock.
    Wall,
    /// The same, and the machine is started anew; the provider's `Date` goes on.
    WallAndBoot,
    /// The provider's `Date` is sometimes hours off.
    Date,
}

#[derive(Clone, Debug)]
pub struct Setting {
    pub targets: Vec<Kind>,
    /// Whether there is an admin key; without one a person disables keys.
    pub admin: bool,
    /// The provider makes the keys, two at a time.
    pub mints: bool,
    pub tells_last_use: bool,
    pub reports_usage: bool,
    pub clock_lies: ClockLies,
    /// Whether the provider's answers carry a date.
    pub dated: bool,
    /// Whether a revocation may lag for longer than is waited for.
    pub has_lag: bool,
    pub remote_slots: bool,
    /// A person puts the values into the slots; only stories have such.
    pub slots_by_person: bool,
    /// As the configuration calls it; only stories give it another name.
    pub provider: &'static str,
    /// What starts the clock of a window; only stories wait for the first use.
    pub grace_from: GraceFrom,
}

impl Setting {
    pub fn drawn(dice: &mut Dice) -> Self {
        let kinds = [Kind::Local, Kind::Local, Kind::Versioned, Kind::Versioned, Kind::WriteOnly];
        let targets = (0..dice.below(3)).map(|_| dice.pick(&kinds)).collect();
        let mints = dice.chance(200);
        let admin = mints || dice.chance(800);
        let lies = [ClockLies::None, ClockLies::Wall, ClockLies::WallAndBoot, ClockLies::Date];
        let clock_lies = dice.pick(&lies);
        Self {
            targets,
            admin,
            mints,
            tells_last_use: mints && dice.chance(500),
            reports_usage: !mints && admin && dice.chance(250),
            clock_lies,
            dated: matches!(clock_lies, ClockLies::WallAndBoot | ClockLies::Date) || dice.chance(500),
            has_lag: dice.chance(300),
            remote_slots: dice.chance(300),
            slots_by_person: false,
            provider: "simulated",
            grace_from: GraceFrom::Promotion,
        }
    }

    /// An admin key, clocks that tell the truth, and nothing else.
    pub fn plain() -> Self {
        Self {
            targets: Vec::new(),
            admin: true,
            mints: false,
            tells_last_use: false,
            reports_usage: false,
            clock_lies: ClockLies::None,
            dated: true,
            has_lag: false,
            remote_slots: false,
            slots_by_person: false,
            provider: "simulated",
            grace_from: GraceFrom::Promotion,
        }
    }

    pub fn capabilities(&self) -> Capabilities {
        Capabilities {
            mint: self.mints,
            revoke: self.admin,
            reactivate: self.admin,
            delete: self.admin,
            last_used: self.tells_last_use,
            usage: self.reports_usage,
            probe_tokens: 0,
            keys_limit: self.mints.then_some(KEYS_LIMIT),
        }
    }

    /// What the configuration would say.
    pub fn settings(&self) -> Settings {
        let seconds = |milliseconds: i64| milliseconds.unsigned_abs() / 1000;
        Settings {
            key: KEY.to_owned(),
            primary_env: "KEY_PRIMARY".to_owned(),
            secondary_env: "KEY_SECONDARY".to_owned(),
            policy: Policy {
                grace: GracePolicy {
                    from: self.grace_from,
                    grace_seconds: seconds(GRACE),
                    longest_job_seconds: seconds(LONGEST_JOB),
                    slowest_refresh_seconds: seconds(REFRESH),
                    provider_propagation_seconds: seconds(PROPAGATION),
                },
                targets: (0..self.targets.len()).map(target_id).collect(),
                capabilities: self.capabilities(),
                workspace: None,
                required_evidence: BTreeSet::new(),
                usage_quiet_seconds: 300,
                usage_lag_seconds: 900,
                undo_seconds: 86_400,
                held_elsewhere: Vec::new(),
            },
            probe: ProbeSettings::new(3, Duration::from_secs(1)),
            rotate_every: Duration::from_secs(90 * 86_400),
            revoke_timeout: Duration::from_secs(120),
            manual_revoke_wait: Duration::from_secs(900),
            lock_wait: Duration::from_secs(10),
        }
    }
}
