//! Findings as Prometheus metrics, in the text format that node_exporter's textfile collector reads.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::Timestamp;

use super::{Finding, Item, Severity, Verdict};

const PHASES: [&str; 5] = ["Idle", "SecondaryStaged", "Promoted", "GraceWindow", "Revoked"];

/// One key, as far as metrics tell of it.
#[derive(Clone, Debug)]
pub struct KeyMetrics {
    pub key: String,
    pub provider: &'static str,
    /// `None` for a key that was never adopted or whose state cannot be used.
    pub phase: Option<&'static str>,
    pub due_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    /// When a check found nothing wrong with it last.
    pub last_success: Option<Timestamp>,
}

/// The whole file. `now` is when the check ended.
pub fn metrics(keys: &[KeyMetrics], findings: &[Finding], undelivered: usize, now: Timestamp) -> String {
    let mut text = Text::default();
    text.family("rotate_phase", "1 for the phase that the key is in.");
    for key in keys {
        for phase in PHASES {
            let is_in = u8::from(key.phase == Some(phase));
            text.sample(
                "rotate_phase",
                &[("key", &key.key), ("provider", key.provider), ("phase", phase)],
                is_in,
            );
        }
    }
    text.family(
        "rotate_due_timestamp_seconds",
        "When the key must be rotated, by policy or by the provider's expiry.",
    );
    for (key, at) in keys.iter().filter_map(|key| Some((key, key.due_at?))) {
        text.sample("rotate_due_timestamp_seconds", &[("key", &key.key)], at.as_second());
    }
    text.family(
        "rotate_due_seconds",
        "Seconds until then at the time of the check; negative where it is overdue.",
    );
    for (key, at) in keys.iter().filter_map(|key| Some((key, key.due_at?))) {
        text.sample("rotate_due_seconds", &[("key", &key.key)], at.duration_since(now).as_secs());
    }
    text.family("rotate_expiry_timestamp_seconds", "When the provider lets the active credential expire.");
    for (key, at) in keys.iter().filter_map(|key| Some((key, key.expires_at?))) {
        text.sample("rotate_expiry_timestamp_seconds", &[("key", &key.key)], at.as_second());
    }
    text.family(
        "rotate_probe",
        "What the provider says of a credential: 1 accepted, 0 rejected, -1 cannot be told.",
    );
    for (finding, key) in of_keys(findings) {
        let (Item::Active | Item::Staged | Item::Retiring) = finding.item else { continue };
        let value = match finding.verdict {
            Verdict::Accepted => 1,
            Verdict::Unknown => -1,
            _ => 0,
        };
        text.sample("rotate_probe", &[("key", key), ("credential", finding.item.name())], value);
    }
    text.family("rotate_target_drift", "1 where a target holds another value than the active one.");
    for (finding, key) in of_keys(findings).filter(|(finding, _)| finding.item == Item::Target) {
        let target = finding.target.as_deref().unwrap_or_default();
        let is_drifted = u8::from(finding.verdict == Verdict::Drifted);
        text.sample("rotate_target_drift", &[("key", key), ("target", target)], is_drifted);
    }
    text.family("rotate_findings", "How many findings of a severity the last check had.");
    let mut counts: BTreeMap<(&str, Severity), u32> = BTreeMap::new();
    for key in keys {
        for severity in [Severity::Ok, Severity::Warning, Severity::Critical] {
            counts.insert((&key.key, severity), 0);
        }
    }
    for (finding, key) in of_keys(findings) {
        *counts.entry((key, finding.severity)).or_default() += 1;
    }
    for ((key, severity), count) in counts {
        text.sample("rotate_findings", &[("key", key), ("severity", severity.name())], count);
    }
    text.family("rotate_alerts_undelivered", "Alerts that no receiver has taken yet.");
    text.sample("rotate_alerts_undelivered", &[], undelivered);
    text.family("rotate_check_timestamp_seconds", "When the last check ended.");
    text.sample("rotate_check_timestamp_seconds", &[], now.as_second());
    text.family(
        "rotate_last_success_timestamp_seconds",
        "When a check found nothing wrong with the key last.",
    );
    for (key, at) in keys.iter().filter_map(|key| Some((key, key.last_success?))) {
        text.sample("rotate_last_success_timestamp_seconds", &[("key", &key.key)], at.as_second());
    }
    text.0
}

fn of_keys(findings: &[Finding]) -> impl Iterator<Item = (&Finding, &str)> {
    findings.iter().filter_map(|finding| Some((finding, finding.key.as_deref()?)))
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, help: &str) {
        // Writing to a String does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> =
            labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

/// A label's value in the text format (Prometheus: "Exposition formats").
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
