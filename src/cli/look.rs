//! What `rotate check` and `rotate due --rehearse` share: a look at keys, and what comes of it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::context::Context;
use super::runtime;
use super::telling::Desk;
use crate::alert::healthchecks::Pulse;
use crate::check::due::Due;
use crate::check::memory::Memory;
use crate::check::metrics::KeyMetrics;
use crate::check::round::{self, Options};
use crate::check::{Finding, Item, Settings, Severity, Standing, Verdict, incidents};
use crate::config::{Config, KeySettings};
use crate::error::Failure;
use crate::wiring;

/// What was seen.
pub(super) struct Looked {
    pub findings: Vec<Finding>,
    pub memories: BTreeMap<String, Memory>,
    pub standings: BTreeMap<String, Standing>,
    /// How many alerts no receiver has taken yet.
    pub undelivered: usize,
}

/// The named keys, or all.
///
/// # Errors
/// Exit 2 for a name that no key has.
pub(super) fn keys<'c>(config: &'c Config, names: &[String]) -> Result<Vec<&'c KeySettings>, Failure> {
    if names.is_empty() {
        return Ok(config.keys.values().collect());
    }
    names.iter().map(|name| config.key(Some(name))).collect()
}

/// Looks at the keys, remembers, and tells whoever wants to know.
///
/// # Errors
/// Nothing could be looked at at all; what went wrong with one key is a finding.
pub(super) fn look(
    context: &Context,
    config: &Config,
    keys: &[&KeySettings],
    options: Options,
    calls: usize,
) -> Result<Looked, Failure> {
    let surroundings = context.surroundings();
    let wired = wiring::check::subjects(config, keys, calls, &surroundings)?;
    let directory = &config.state_directory;
    let names = || keys.iter().map(|key| key.name.clone());
    let before: BTreeMap<String, Memory> =
        names().map(|name| (name.clone(), Memory::load(directory, &name))).collect();
    let mut memories = before.clone();
    let clock = &*context.clock;
    let mut findings = wired.findings;
    findings.extend(runtime::run(async {
        Ok(round::look(&wired.subjects, clock, options, &mut memories).await)
    })?);
    if directory.exists() {
        for (name, memory) in memories.iter().filter(|(name, memory)| before.get(*name) != Some(memory)) {
            if let Err(error) = memory.save(directory, name) {
                context.ui.note(&format!("warning: {error}"));
            }
        }
    }
    let settings: BTreeMap<String, Settings> = wired
        .subjects
        .iter()
        .map(|subject| (subject.settings.key.clone(), subject.settings.clone()))
        .collect();
    let desk = Desk::new(context, config);
    let now = clock.now().wall;
    desk.survey(&incidents::alerts(&findings, &settings, now), &|incident| {
        incidents::is_looked_at(incident, &settings, options.rehearse)
    });
    for key in keys {
        desk.catch_up(key);
    }
    desk.post();
    let undelivered = desk.undelivered();
    findings.extend(undelivered.finding());
    let standings =
        wired.subjects.into_iter().map(|subject| (subject.settings.key, subject.standing)).collect();
    Ok(Looked { findings, memories, standings, undelivered: undelivered.count })
}

/// Tells the monitors that wait for a sign of life. One that cannot be told is warned of, and misses its sign.
pub(super) fn pulse(context: &Context, config: &Config, pulse: &Pulse) {
    let monitors = wiring::alerts::monitors(config, &context.surroundings());
    if monitors.is_empty() {
        return;
    }
    let told = runtime::run(async {
        for (name, monitor) in monitors {
            let told = match monitor {
                Ok(monitor) => monitor.pulse(pulse.clone()).await,
                Err(failed) => Err(failed),
            };
            if let Err(failed) = told {
                context.ui.note(&format!("warning: {name} was not told: {failed}"));
            }
        }
        Ok(())
    });
    if let Err(failure) = told {
        context.ui.note(&format!("warning: {failure}"));
    }
}

/// What the metrics tell of a key beside its findings.
pub(super) fn metrics_of(
    key: &KeySettings,
    standing: Option<&Standing>,
    last_success: Option<Timestamp>,
    now: Timestamp,
) -> KeyMetrics {
    let state = match standing {
        Some(Standing::Known { record, .. }) => Some(&record.state),
        _ => None,
    };
    let due = state.map(|state| Due::of(state, &wiring::check::settings(key), now));
    KeyMetrics {
        key: key.name.clone(),
        provider: key.provider.name(),
        phase: state.map(|state| state.phase.name()),
        due_at: due.as_ref().map(|due| due.due_at),
        expires_at: due.and_then(|due| due.expires_at),
        last_success,
    }
}

/// How many alerts are on their way, and the oldest trouble with them.
#[derive(Clone, Debug, Default)]
pub(super) struct Undelivered {
    pub count: usize,
    pub since: Option<Timestamp>,
    pub problem: Option<String>,
}

impl Undelivered {
    /// Alerts that failed to arrive are somebody's business, too.
    fn finding(&self) -> Option<Finding> {
        let since = self.since.filter(|_| self.count > 0)?;
        Some(Finding {
            key: None,
            item: Item::Alerts,
            target: None,
            severity: Severity::Warning,
            verdict: Verdict::Undelivered,
            detail: self.told()?,
            hint: "mend that, then: rotate alerts flush".to_owned(),
            at: Some(since),
            step: 0,
        })
    }

    /// In one line; `None` where there is nothing to tell.
    pub(super) fn told(&self) -> Option<String> {
        let since = self.since.filter(|_| self.count > 0)?;
        let count =
            if self.count == 1 { "1 alert is".to_owned() } else { format!("{} alerts are", self.count) };
        let problem = self.problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default();
        Some(format!("{count} undelivered since {since:.0}{problem}"))
    }
}
