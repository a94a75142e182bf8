//! One round: every key, several at a time, and what their providers have in common once.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::stream;

use super::memory::Memory;
use super::{Finding, Subject, key, rehearsal};
use crate::clock::Clock;

/// So many keys are looked at side by side; their provider's gate lets through fewer, where it is to.
const KEYS_AT_A_TIME: usize = 32;

/// What a round looks at beside what is always looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Try in advance what the next rotation needs.
    pub rehearse: bool,
    /// In so many checks in a row something could not be told before that is critical.
    pub unknown_after: u32,
}

/// Looks at every key, and weighs what it finds by what is remembered of it; `memories` has an entry for each key
/// afterwards. Findings come in the order of the keys.
pub async fn look(
    subjects: &[Subject],
    clock: &dyn Clock,
    options: Options,
    memories: &mut BTreeMap<String, Memory>,
) -> Vec<Finding> {
    let mut looked: Vec<Vec<Finding>> = stream::iter(subjects)
        .map(|subject| look_at(subject, clock, options))
        .buffered(KEYS_AT_A_TIME)
        .collect()
        .await;
    for (name, of_provider) in by_provider(subjects) {
        tracing::debug!("asking {name} with its admin key");
        let Some(first) = of_provider.first() else { continue };
        if let Some(finding) = rehearsal::admin_key(&*first.provider, &of_provider).await {
            let place =
                subjects.iter().position(|subject| Some(&subject.settings.key) == finding.key.as_ref());
            if let Some(findings) = place.and_then(|place| looked.get_mut(place)) {
                findings.push(finding);
            }
        }
    }
    let now = clock.now().wall;
    for (subject, findings) in subjects.iter().zip(&mut looked) {
        memories.entry(subject.settings.key.clone()).or_default().weigh(findings, options.unknown_after, now);
    }
    looked.into_iter().flatten().collect()
}

async fn look_at(subject: &Subject, clock: &dyn Clock, options: Options) -> Vec<Finding> {
    let mut findings = key::look(subject, clock).await;
    if options.rehearse {
        findings.extend(rehearsal::rehearse(subject).await);
    }
    findings
}

/// The keys that share an admin key, in their order.
fn by_provider(subjects: &[Subject]) -> BTreeMap<&'static str, Vec<&Subject>> {
    let mut by_provider: BTreeMap<&'static str, Vec<&Subject>> = BTreeMap::new();
    for subject in subjects {
        by_provider.entry(subject.settings.provider).or_default().push(subject);
    }
    by_provider
}
