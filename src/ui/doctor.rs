//! What `rotate doctor` found: which mechanism each program uses, then what is wrong.

use serde_json::{Value, json};

use super::paint::Paint;
use super::plain::one_line;
use super::{Output, Ui};
use crate::doctor::{Basis, Candidate, Finding, Mechanism, Report, Severity};

/// The result of `doctor`, in the one rendering that `ui` prints.
pub fn output(report: &Report, ui: Ui) -> Output {
    let mut output = Output::default();
    if ui.json {
        output.json.insert("key".to_owned(), json!(report.key));
        output.json.insert("mechanisms".to_owned(), report.mechanisms.iter().map(mechanism).collect());
        output.json.insert("findings".to_owned(), report.findings.iter().map(finding).collect());
    } else {
        output.text = text(report, ui.stdout);
    }
    output
}

fn mechanism(mechanism: &Mechanism) -> Value {
    let winner = mechanism.winner.as_ref();
    json!({
        "provider": mechanism.provider,
        "consumer": mechanism.consumer,
        "mechanism": winner.map(|winner| winner.mechanism),
        "source": winner.map(|winner| &winner.shown),
        "fingerprint": winner.and_then(|winner| winner.fingerprint),
        "why": mechanism.why,
        "basis": mechanism.basis.name(),
        "passed_over": mechanism.passed_over.iter().map(candidate).collect::<Value>(),
    })
}

fn candidate(candidate: &Candidate) -> Value {
    json!({
        "mechanism": candidate.mechanism,
        "source": candidate.shown,
        "fingerprint": candidate.fingerprint,
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "id": finding.id.name(),
        "severity": finding.severity.name(),
        "seen": finding.seen,
        "why": finding.why,
        "hint": finding.hint,
    })
}

fn text(report: &Report, paint: Paint) -> String {
    let mut text: String =
        report.mechanisms.iter().map(|mechanism| told_mechanism(mechanism, paint)).collect();
    for finding in &report.findings {
        text.push('\n');
        text.push_str(&told_finding(finding, paint));
    }
    if !report.needs_attention() {
        text.push_str("\nnothing needs attention\n");
    }
    text
}

fn told_mechanism(mechanism: &Mechanism, paint: Paint) -> String {
    let winner = mechanism.winner.as_ref().map_or_else(|| "no credential".to_owned(), told_candidate);
    let mut text = format!("{} {winner}\n", paint.bold(&format!("{}:", mechanism.consumer_shown)));
    for passed_over in &mechanism.passed_over {
        text.push_str(&line("over", &told_candidate(passed_over)));
    }
    let basis = match mechanism.basis {
        Basis::Documented => "",
        Basis::ThirdParty => " (as third parties tell)",
    };
    text.push_str(&line("why", &format!("{}{basis}", mechanism.why)));
    text
}

fn told_candidate(candidate: &Candidate) -> String {
    let fingerprint = candidate.fingerprint.map(|fingerprint| format!(", {fingerprint}")).unwrap_or_default();
    one_line(&format!("{}{fingerprint}", candidate.shown))
}

fn told_finding(finding: &Finding, paint: Paint) -> String {
    let severity = match finding.severity {
        Severity::Critical => paint.red(finding.severity.name()),
        Severity::Warning => paint.yellow(finding.severity.name()),
        Severity::Ok => paint.green(finding.severity.name()),
    };
    let mut text = format!("{severity}: {}\n", finding.id.name());
    for (name, told) in [("seen", &finding.seen), ("why", &finding.why), ("hint", &finding.hint)] {
        text.push_str(&line(name, told));
    }
    text
}

/// Others may have chosen a part of the text: it cannot pass for another line of ours.
fn line(name: &str, text: &str) -> String {
    format!("  {name:<6}{}\n", one_line(text))
}
