//! In every environment just what is wrong is found, and no value is shown.

use serde_json::Value;

use super::environment::{Environment, expected, names};
use crate::canary::needles::Needles;
use crate::commands::well_formed;
use crate::hostile::terminal::assert_readable;
use crate::lab::Ran;

/// Lines as in `expected`: what each consumer uses, then what was found.
fn found(document: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let mechanisms = document["mechanisms"].as_array().unwrap().iter().map(|one| {
        format!("{}.{} {}", text(&one["provider"]), text(&one["consumer"]), text(&one["mechanism"]))
    });
    let findings = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {}", text(&one["severity"]), text(&one["id"])));
    mechanisms.chain(findings).collect()
}

fn exit(expected: &[String]) -> i32 {
    let is_bad = |line: &String| ["warning ", "critical "].iter().any(|severity| line.starts_with(severity));
    if expected.iter().any(is_bad) { 30 } else { 0 }
}

#[test]
fn in_every_environment_just_what_is_wrong_is_found() {
    let names = names();
    assert!(names.len() >= 100, "{}", names.len());
    let mut complaints = Vec::new();
    for name in names {
        let environment = Environment::new(&name);
        let before = environment.lab.standing();
        let ran = environment.run("--json");
        let mut found = found(&ran.json());
        let mut expected = expected(&name);
        found.sort();
        expected.sort();
        if found != expected || ran.code != exit(&expected) {
            complaints
                .push(format!("{name}: exit {}\n  expected {expected:?}\n  found    {found:?}", ran.code));
        }
        assert_eq!(before, environment.lab.standing(), "{name}: something was changed");
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn its_document_has_the_fields_that_scripts_rely_on() {
    for name in ["auth_token_beside_api_key", "key_retiring", "nothing"] {
        let environment = Environment::new(name);
        let document = environment.run("--json").json();
        well_formed(&document);
        assert_eq!(document["key"], if name == "key_retiring" { "prod".into() } else { Value::Null });
        for finding in document["findings"].as_array().unwrap() {
            let members: Vec<_> = finding.as_object().unwrap().keys().collect();
            assert_eq!(members, ["id", "severity", "seen", "why", "hint"]);
        }
        for mechanism in document["mechanisms"].as_array().unwrap() {
            let members: Vec<_> = mechanism.as_object().unwrap().keys().collect();
            assert_eq!(
                members,
                ["provider", "consumer", "mechanism", "source", "fingerprint", "why", "basis", "passed_over"]
            );
        }
    }
    let environment = Environment::new("auth_token_beside_api_key");
    let document = environment.run("--json").json();
    let fingerprint = |name: &str| {
        let value = super::values::value("api", name).unwrap();
        rotate::secret::Fingerprint::of(value.as_bytes()).to_string()
    };
    let claude_code = &document["mechanisms"][0];
    assert_eq!(claude_code["fingerprint"], fingerprint("two"));
    assert_eq!(claude_code["passed_over"][0]["mechanism"], "api_key");
    assert_eq!(claude_code["passed_over"][0]["fingerprint"], fingerprint("one"));
    assert_eq!(claude_code["basis"], "third_party");
}

#[test]
fn no_value_is_shown_in_any_environment_and_nothing_that_a_terminal_obeys() {
    let mut searched = 0;
    for name in names() {
        let environment = Environment::new(&name);
        for more in ["", "--json", "-vvv", "--color always"] {
            let ran = environment.run(more);
            searched += shows_none_of(&ran, environment.values.all(), &format!("{name} {more}"));
            if more != "--color always" {
                assert_readable(&ran, &name);
            }
        }
    }
    assert!(searched > 400, "{searched} values were searched for");
}

/// Fails the test where a run shows a value; how many it was searched for.
#[track_caller]
fn shows_none_of<'v>(ran: &Ran, values: impl Iterator<Item = &'v str>, which: &str) -> usize {
    let mut count = 0;
    for value in values {
        count += 1;
        for text in [&ran.stdout, &ran.stderr] {
            // The start says the kind, and may be said.
            let tail = &value[value.len() - 12..];
            assert!(!text.contains(value) && !text.contains(tail), "{which}: a value is shown:\n{text}");
            if value.len() >= 40 {
                let needles = Needles::of([("value", value)]);
                assert_eq!(needles.found_in(text.as_bytes()), None, "{which}:\n{text}");
            }
        }
    }
    count
}

#[test]
fn names_and_addresses_that_are_keys_or_hold_passwords_are_not_shown() {
    for (name, hidden) in [
        ("gateway", vec!["user:", "pass@", "key=1"]),
        ("base_url_is_a_key", vec!["sk-ant-api03"]),
        ("aws_profile_is_a_key", vec!["AKIA"]),
        ("placeholder_word", vec!["changeme"]),
    ] {
        let environment = Environment::new(name);
        for more in ["", "--json"] {
            let ran = environment.run(more);
            for hidden in &hidden {
                assert!(!ran.stdout.contains(hidden), "{name}: `{hidden}`:\n{}", ran.stdout);
            }
        }
    }
}
