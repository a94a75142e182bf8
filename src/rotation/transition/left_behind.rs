//! Targets that an emergency went on without.

use std::collections::BTreeMap;

use super::Transition;
use crate::rotation::credential::TargetId;
use crate::rotation::phase::Propagation;

impl Transition<'_> {
    /// Takes in what came of writing targets that an emergency had left behind.
    pub(super) fn reached(&mut self, outcomes: BTreeMap<TargetId, Propagation>) {
        for (target, outcome) in outcomes {
            match outcome {
                Propagation::Failed { reason } => self.state.stale_targets.insert(target, reason),
                _ => self.state.stale_targets.remove(&target),
            };
        }
    }

    /// What an emergency leaves behind when it goes on before every target was reached.
    pub(super) fn left_behind(&mut self) {
        let unreached =
            self.state.phase.propagation().into_iter().flatten().filter_map(|(target, at)| match at {
                Propagation::Confirmed | Propagation::Written => None,
                Propagation::Pending => Some((target.clone(), "it was not written".to_owned())),
                Propagation::Failed { reason } => Some((target.clone(), reason.clone())),
            });
        self.state.stale_targets = unreached.collect();
    }
}
