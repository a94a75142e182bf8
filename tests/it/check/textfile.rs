//! Metrics for Prometheus, judged by its own promtool.

use std::process::{Command, Stdio};

use crate::lab::Lab;

#[track_caller]
fn promtool_accepts(text: &str) {
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = promtool.spawn().expect("promtool is there: ./scripts/test installs it");
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty() && output.stdout.is_empty(),
        "{output:?}\n{text}"
    );
}

/// The value of the sample with this name and these labels.
#[track_caller]
fn sample(text: &str, name_and_labels: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(name_and_labels)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name_and_labels} in\n{text}")).to_owned()
}

#[test]
fn promtool_accepts_the_metrics_of_every_standing() {
    let lab = Lab::new();
    // A key whose name and target want escaping in a label.
    let awkward = lab.key_with("\"od-d.1\"", "", &["type = \"file\"\npath = 'a \"b\\c'"]);
    lab.configure(&format!("{}\n{awkward}", lab.key("prod")));
    let (old, _) = lab.promoted();
    lab.run("check --textfile rotate.prom").expect(30);
    let text = lab.read("rotate.prom");
    promtool_accepts(&text);
    assert_eq!(sample(&text, "rotate_phase{key=\"prod\",provider=\"anthropic\",phase=\"GraceWindow\"}"), "1");
    assert_eq!(sample(&text, "rotate_phase{key=\"prod\",provider=\"anthropic\",phase=\"Idle\"}"), "0");
    assert_eq!(sample(&text, "rotate_probe{key=\"prod\",credential=\"active\"}"), "1");
    assert_eq!(sample(&text, "rotate_due_seconds{key=\"prod\"}"), (90 * 86_400).to_string());
    let target = format!("dotenv:{}#ANTHROPIC_API_KEY", lab.path("app.env").display());
    assert_eq!(sample(&text, &format!("rotate_target_drift{{key=\"prod\",target=\"{target}\"}}")), "0");
    let first = sample(&text, "rotate_last_success_timestamp_seconds{key=\"prod\"}");

    lab.console_set(&old.id, "inactive");
    lab.write("app.env", "ANTHROPIC_API_KEY=other\n");
    lab.advance_minutes(30);
    lab.run("check --textfile rotate.prom").expect(20);
    let text = lab.read("rotate.prom");
    promtool_accepts(&text);
    assert_eq!(sample(&text, "rotate_probe{key=\"prod\",credential=\"retiring\"}"), "0");
    assert_eq!(sample(&text, &format!("rotate_target_drift{{key=\"prod\",target=\"{target}\"}}")), "1");
    assert_eq!(sample(&text, "rotate_findings{key=\"prod\",severity=\"critical\"}"), "2");
    assert_eq!(
        sample(&text, "rotate_last_success_timestamp_seconds{key=\"prod\"}"),
        first,
        "it was no success"
    );
}

#[test]
fn a_textfile_that_cannot_be_written_is_told_after_what_was_found() {
    let lab = Lab::new();
    lab.at_work();
    let ran = lab.run("check --textfile nowhere/rotate.prom").expect(30);
    assert_eq!(ran.stdout, "1 key: all well\n");
    ran.says(&["the metrics were not written to nowhere/rotate.prom", "hint:"]);
    let document = lab.run("check --textfile nowhere/rotate.prom --json").expect(30);
    assert_eq!(document.stdout.matches("schema_version").count(), 1, "{document:#?}");
}
