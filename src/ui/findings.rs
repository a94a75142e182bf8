//! What a check found, for people and for scripts.

use serde_json::{Map, json};

use super::Output;
use super::paint::Paint;
use super::plain::one_line;
use crate::check::{Finding, Severity};

/// The result of a check. For people what is wrong comes last, where they look; `verbose` shows what is fine, too.
pub fn output(findings: &[Finding], keys: usize, verbose: bool, paint: Paint) -> Output {
    let mut shown: Vec<&Finding> =
        findings.iter().filter(|finding| verbose || finding.severity != Severity::Ok).collect();
    shown.sort_by_key(|finding| finding.severity);
    let mut text: String = shown.iter().map(|finding| block(finding, paint)).collect();
    text.push_str(&summary(findings, keys, paint));
    let mut json = Map::new();
    json.insert("findings".to_owned(), json!(findings));
    Output { text, json, exit: None }
}

fn block(finding: &Finding, paint: Paint) -> String {
    let label = match finding.severity {
        Severity::Ok => paint.green("ok"),
        Severity::Warning => paint.yellow("warning"),
        Severity::Critical => paint.red("critical"),
    };
    let key = finding.key.as_deref().unwrap_or("alerts");
    let about = finding.target.as_deref().map(|target| format!(" {target}")).unwrap_or_default();
    let mut text = format!(
        "{label} {} {}{about}: {}\n",
        paint.bold(key),
        finding.item.name(),
        one_line(&finding.detail)
    );
    if !finding.hint.is_empty() {
        text.push_str(&format!("  {} {}\n", paint.green("hint:"), one_line(&finding.hint)));
    }
    text
}

/// `3 keys: 1 critical, 2 warnings` or `3 keys: all well`.
fn summary(findings: &[Finding], keys: usize, paint: Paint) -> String {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let keys = if keys == 1 { "1 key".to_owned() } else { format!("{keys} keys") };
    let told = match (count(Severity::Critical), count(Severity::Warning)) {
        (0, 0) => paint.green("all well"),
        (0, warnings) => paint.yellow(&plural(warnings, "warning")),
        (critical, 0) => paint.red(&format!("{critical} critical")),
        (critical, warnings) => paint.red(&format!("{critical} critical, {}", plural(warnings, "warning"))),
    };
    format!("{keys}: {told}\n")
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}
