//! One API key and what becomes of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Refusal;
use super::statistics::KeyStatistics;

/// The states of a key as the admin API spells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum KeyState {
    Active,
    /// Refused; can become active again.
    Inactive,
    /// Refused for good.
    Archived,
    /// Past its expiry; nobody sets this.
    Expired,
}

impl KeyState {
    /// The state a query names, where there is such a one.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        match text {
            "active" => Some(Self::Active),
            "inactive" => Some(Self::Inactive),
            "archived" => Some(Self::Archived),
            "expired" => Some(Self::Expired),
            _ => None,
        }
    }
}

/// What a write may change; `POST /v1/organizations/api_keys/{id}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct KeyChange {
    name: Option<String>,
    status: Option<KeyState>,
}

/// What reads show from the moment of a write on.
#[derive(Clone)]
struct View {
    written_at: Timestamp,
    name: String,
    state: KeyState,
}

/// One API key. Its value is not here: the registry finds it by digest.
#[derive(Clone)]
pub(super) struct KeyRecord {
    pub(super) id: String,
    pub(super) workspace: Option<String>,
    hint: String,
    created_at: Timestamp,
    created_by: String,
    expires_at: Option<Timestamp>,
    /// Oldest first, the current one last; older ones only as long as stale reads may show them.
    views: Vec<View>,
    /// From when on, in milliseconds since the epoch, a key that is not active is really refused.
    refused_from_milliseconds: i64,
    pub(super) statistics: KeyStatistics,
}

/// What a new key starts with.
pub(super) struct NewKey {
    pub(super) id: String,
    pub(super) hint: String,
    pub(super) name: String,
    pub(super) workspace: Option<String>,
    pub(super) created_by: String,
    pub(super) expires_at: Option<Timestamp>,
}

impl KeyRecord {
    pub(super) fn new(key: NewKey, now: Timestamp) -> Self {
        Self {
            id: key.id,
            workspace: key.workspace,
            hint: key.hint,
            created_at: now,
            created_by: key.created_by,
            expires_at: key.expires_at,
            views: vec![View { written_at: now, name: key.name, state: KeyState::Active }],
            refused_from_milliseconds: 0,
            statistics: KeyStatistics::default(),
        }
    }

    /// Whether a request with this key's value is let in now. Lags delay a revocation, never an expiry.
    pub(super) fn is_accepted(&self, now: Timestamp) -> bool {
        match self.state(now) {
            KeyState::Active => true,
            KeyState::Expired => false,
            KeyState::Inactive | KeyState::Archived => {
                now.as_millisecond() < self.refused_from_milliseconds && !self.is_expired(now)
            }
        }
    }

    /// Changes the key, at once for writers and after the lags for everyone else.
    ///
    /// # Errors
    /// 400 for an archived key (archiving is final), for the state `expired`, for an expired key
    /// that is to become anything but archived, and for an empty name.
    pub(super) fn change(
        &mut self,
        change: KeyChange,
        now: Timestamp,
        revocation_lag_milliseconds: u64,
        read_lag_milliseconds: u64,
    ) -> Result<(), Refusal> {
        let old = self.state(now);
        if old == KeyState::Archived {
            return Err(Refusal::invalid("API key is archived and can no longer be changed"));
        }
        let state = match change.status {
            Some(KeyState::Expired) => {
                return Err(Refusal::invalid("status: Input should be 'active', 'inactive' or 'archived'"));
            }
            // the documentation does not say; an expiry is set at creation and never changed
            Some(KeyState::Active | KeyState::Inactive) if old == KeyState::Expired => {
                return Err(Refusal::invalid("API key has expired and can only be archived"));
            }
            Some(state) => state,
            None => self.views.last().map_or(KeyState::Active, |view| view.state),
        };
        let name = match change.name {
            Some(name) => checked_name(name)?,
            None => self.name().to_owned(),
        };
        let was_active = old == KeyState::Active;
        if was_active && matches!(state, KeyState::Inactive | KeyState::Archived) {
            let lag = i64::try_from(revocation_lag_milliseconds).unwrap_or(i64::MAX);
            self.refused_from_milliseconds = now.as_millisecond().saturating_add(lag);
        }
        if let Some(shown) = self.shown_index(now, read_lag_milliseconds) {
            self.views.drain(..shown);
        }
        self.views.push(View { written_at: now, name, state });
        Ok(())
    }

    /// The key as the admin API and the console show it, as of `read_lag_milliseconds` ago; `None`
    /// where it did not exist yet.
    pub(super) fn rendered(&self, now: Timestamp, read_lag_milliseconds: u64) -> Option<Value> {
        let view = self.views.get(self.shown_index(now, read_lag_milliseconds)?)?;
        Some(json!({
            "id": self.id,
            "type": "api_key",
            "name": view.name,
            "status": self.shown_state(view.state, now),
            "partial_key_hint": self.hint,
            "workspace_id": self.workspace,
            "created_at": self.created_at.to_string(),
            "expires_at": self.expires_at.map(|at| at.to_string()),
            "created_by": { "id": self.created_by, "type": "user" },
        }))
    }

    fn name(&self) -> &str {
        self.views.last().map_or("", |view| &view.name)
    }

    fn state(&self, now: Timestamp) -> KeyState {
        self.views.last().map_or(KeyState::Archived, |view| self.shown_state(view.state, now))
    }

    fn shown_state(&self, written: KeyState, now: Timestamp) -> KeyState {
        if written != KeyState::Archived && self.is_expired(now) { KeyState::Expired } else { written }
    }

    fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// The latest view that is at least the lag old.
    fn shown_index(&self, now: Timestamp, read_lag_milliseconds: u64) -> Option<usize> {
        if read_lag_milliseconds == 0 {
            return self.views.len().checked_sub(1);
        }
        let lag = i64::try_from(read_lag_milliseconds).unwrap_or(i64::MAX);
        let horizon = now.as_millisecond().saturating_sub(lag);
        self.views.iter().rposition(|view| view.written_at.as_millisecond() <= horizon)
    }
}

/// The name of a key: 1 to 500 characters, as the admin API asks of a new name.
///
/// # Errors
/// 400 for any other length.
pub(super) fn checked_name(name: String) -> Result<String, Refusal> {
    if (1..=500).contains(&name.chars().count()) {
        return Ok(name);
    }
    Err(Refusal::invalid("name: String should have 1 to 500 characters"))
}
