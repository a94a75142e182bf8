//! Which alerts a receiver hears of.

use std::collections::BTreeSet;

use super::{Alert, Kind, Severity};

/// What a receiver wants to hear of. A list that is not there leaves nothing out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    pub events: Option<BTreeSet<Kind>>,
    pub severities: Option<BTreeSet<Severity>>,
    pub keys: Option<BTreeSet<String>>,
    pub environments: Option<BTreeSet<String>>,
}

impl Route {
    /// Whether every list that is there names the alert. One about several keys is for whoever hears of one of them.
    pub fn takes(&self, alert: &Alert) -> bool {
        let environment = |wanted: &BTreeSet<String>| {
            alert.environment.as_ref().is_some_and(|environment| wanted.contains(environment))
        };
        self.events.as_ref().is_none_or(|events| events.contains(&alert.event))
            && self.severities.as_ref().is_none_or(|severities| severities.contains(&alert.severity))
            && self.keys.as_ref().is_none_or(|keys| alert.keys.iter().any(|key| keys.contains(key)))
            && self.environments.as_ref().is_none_or(environment)
    }
}
