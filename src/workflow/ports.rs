//! What an operation works with: the adapters of one key, and the settings that guide them.

use std::rc::Rc;
use std::time::Duration;

use crate::clock::Clock;
use crate::lease::Leases;
use crate::provider::Provider;
use crate::provider::probe::ProbeSettings;
use crate::rotation::plan::Policy;
use crate::slots::Slots;
use crate::store::actor::Actor;
use crate::store::{Journal, OperationLocks, Spool, StateStore};
use crate::target::Target;

/// The adapters of one key.
pub struct Ports {
    pub provider: Box<dyn Provider>,
    pub slots: Box<dyn Slots>,
    pub targets: Vec<Box<dyn Target>>,
    pub store: Box<dyn StateStore>,
    pub journal: Box<dyn Journal>,
    pub spool: Box<dyn Spool>,
    pub locks: Box<dyn OperationLocks>,
    pub leases: Box<dyn Leases>,
    pub clock: Rc<dyn Clock>,
    pub narrator: Rc<dyn Narrator>,
    /// Who acts, for the journal.
    pub actor: Actor,
    pub settings: Settings,
}

/// What the configuration says of one key, as far as the driver needs it.
#[derive(Clone, Debug)]
pub struct Settings {
    pub key: String,
    pub primary_env: String,
    pub secondary_env: String,
    pub policy: Policy,
    pub probe: ProbeSettings,
    pub rotate_every: Duration,
    /// How long a provider may go on accepting what it was told to refuse.
    pub revoke_timeout: Duration,
    /// How long a person at a console is waited for, unless `--wait`.
    pub manual_revoke_wait: Duration,
    pub lock_wait: Duration,
}

/// Tells people what is being done, while it is done. Results are not its business.
pub trait Narrator {
    /// One thing that was done or found.
    fn say(&self, text: &str);

    /// Something is waited for; replaced by the next line.
    fn waiting(&self, text: &str);

    /// Something did not go as it should, and the operation goes on.
    fn warn(&self, text: &str);
}
