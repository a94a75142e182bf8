//! What every command gets: the configuration, loaded when asked for, and the way to talk.

use std::rc::Rc;

use super::definition::Global;
use crate::clock::{self, Clock};
use crate::config::{self, Config, Environment, Scope};
use crate::error::Failure;
use crate::ui::Ui;
use crate::wiring::{self, Surroundings};

/// The surroundings of one run.
pub(super) struct Context {
    global: Global,
    pub(super) ui: Ui,
    pub(super) environment: Environment,
    pub(super) clock: Rc<dyn Clock>,
}

impl Context {
    pub(super) fn new(global: Global, ui: Ui) -> Self {
        let clock = Rc::from(clock::from_environment());
        Self { global, ui, environment: wiring::environment(), clock }
    }

    /// Loads the configuration, as far as `scope` asks.
    ///
    /// # Errors
    /// Exit 3; exit 2 for a key in `scope` that does not exist.
    pub(super) fn config(&self, scope: Scope<'_>) -> Result<Config, Failure> {
        let path = config::find(self.global.config.as_deref(), &self.environment)?;
        config::load(&path, scope, self.global.state.as_deref(), &self.environment)
    }

    /// The same for a command that does without a configuration: `None` where there is none.
    ///
    /// # Errors
    /// As [`Context::config`].
    pub(super) fn config_if_any(&self, scope: Scope<'_>) -> Result<Option<Config>, Failure> {
        let Some(path) = config::find_any(self.global.config.as_deref(), &self.environment)? else {
            return Ok(None);
        };
        config::load(&path, scope, self.global.state.as_deref(), &self.environment).map(Some)
    }

    pub(super) fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            environment: &self.environment,
            clock: Rc::clone(&self.clock),
            narrator: self.ui.narrator(),
        }
    }
}
