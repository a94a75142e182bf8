//! How well or badly the sandbox behaves.

use serde::{Deserialize, Serialize};

/// What can be set at start, in process, and through `/sandbox/settings`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxSettings {
    /// How long a key goes on being accepted after it was made inactive or archived. Each
    /// deactivation keeps the lag of its own moment; creation and reactivation act at once.
    pub revocation_lag_milliseconds: u64,
    /// How long admin reads go on showing what was true before a write; a new key is missing so long.
    pub admin_read_lag_milliseconds: u64,
    /// How long after its end a minute appears in the usage report; 0 shows the current minute too.
    pub usage_lag_milliseconds: u64,
    /// How long every `/v1` answer takes.
    pub latency_milliseconds: u64,
    pub faults: Faults,
    pub fault_scope: FaultScope,
}

/// Probabilities from 0 to 1 that a request meets a fault; at most one fault a request, so their sum
/// is at most 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// 429 with `retry-after`; no effect.
    pub rate_limited: f64,
    /// 529; no effect.
    pub overloaded: f64,
    /// 500; no effect.
    pub server_error: f64,
    /// The connection is closed without an answer; no effect.
    pub closed: f64,
    /// 200 with a page of HTML; no effect.
    pub garbage: f64,
    /// The request has its effect, then the connection is closed without an answer.
    pub lost_answer: f64,
}

/// Which requests meet faults. Console and sandbox routes never do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultScope {
    /// Those made with API keys.
    Api,
    /// Those made with the admin key.
    Admin,
    #[default]
    All,
}

impl SandboxSettings {
    /// What is wrong with the settings, if anything is.
    ///
    /// # Errors
    /// A sentence that names the setting.
    pub(super) fn check(&self) -> Result<(), String> {
        let Faults { rate_limited, overloaded, server_error, closed, garbage, lost_answer } = self.faults;
        let faults = [
            ("rate_limited", rate_limited),
            ("overloaded", overloaded),
            ("server_error", server_error),
            ("closed", closed),
            ("garbage", garbage),
            ("lost_answer", lost_answer),
        ];
        if let Some((name, _)) = faults.iter().find(|(_, probability)| !(0.0..=1.0).contains(probability)) {
            return Err(format!("faults.{name}: a probability lies between 0 and 1"));
        }
        // ten faults of 0.1 each must pass although their sum is a little off in binary
        if faults.iter().map(|(_, probability)| probability).sum::<f64>() > 1.0 + 1e-9 {
            return Err("faults: the probabilities add up to more than 1".to_owned());
        }
        Ok(())
    }
}

/// A change of settings as `/sandbox/settings` takes it: what is absent stays, `faults` is replaced
/// whole (so `{}` ends all faults), `seed` restarts the sequence of faults.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SettingsChange {
    revocation_lag_milliseconds: Option<u64>,
    admin_read_lag_milliseconds: Option<u64>,
    usage_lag_milliseconds: Option<u64>,
    latency_milliseconds: Option<u64>,
    faults: Option<Faults>,
    fault_scope: Option<FaultScope>,
    pub(super) seed: Option<u64>,
}

impl SettingsChange {
    pub(super) fn apply(&self, old: &SandboxSettings) -> SandboxSettings {
        SandboxSettings {
            revocation_lag_milliseconds: self
                .revocation_lag_milliseconds
                .unwrap_or(old.revocation_lag_milliseconds),
            admin_read_lag_milliseconds: self
                .admin_read_lag_milliseconds
                .unwrap_or(old.admin_read_lag_milliseconds),
            usage_lag_milliseconds: self.usage_lag_milliseconds.unwrap_or(old.usage_lag_milliseconds),
            latency_milliseconds: self.latency_milliseconds.unwrap_or(old.latency_milliseconds),
            faults: self.faults.unwrap_or(old.faults),
            fault_scope: self.fault_scope.unwrap_or(old.fault_scope),
        }
    }
}
