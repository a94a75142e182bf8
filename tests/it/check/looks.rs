//! What a check sees, and what it makes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rotate::clock::Clock as _;

use super::{finding, findings};
use crate::lab::Lab;
use crate::lab::double::{Double, http_answer, pass_on};

#[test]
fn a_key_that_is_well_is_told_in_one_line() {
    let lab = Lab::new();
    lab.at_work();
    let before = lab.read("state/prod.json");
    let ran = lab.run("check").expect(0).without_secrets();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("1 key: all well\n", ""));
    let all = lab.run("check --all").expect(0).without_secrets();
    all.says(&[
        "ok prod state",
        "ok prod active",
        "ok prod target dotenv:",
        "ok prod due",
        "ok prod admin_key",
    ]);
    assert_eq!(lab.read("state/prod.json"), before);
}

#[test]
fn every_finding_has_its_fields() {
    let lab = Lab::new();
    lab.at_work();
    let found = findings(&lab, "check prod", 0);
    for finding in &found {
        for field in ["key", "item", "severity", "verdict", "detail", "hint"] {
            assert!(finding[field].is_string(), "{field} in {finding}");
        }
        assert_eq!((&finding["key"], &finding["severity"]), (&"prod".into(), &"ok".into()), "{finding}");
    }
    let items: Vec<_> = found.iter().map(|finding| finding["item"].as_str().unwrap()).collect();
    assert_eq!(items, ["state", "journal", "active", "target", "operation", "due", "admin_key"]);
}

#[test]
fn a_key_that_was_never_adopted_wants_to_be() {
    let lab = Lab::new();
    let found = findings(&lab, "check", 30);
    assert_eq!(found[0]["verdict"], "never_adopted");
    assert!(found[0]["hint"].as_str().unwrap().contains("rotate adopt prod"));
    assert!(!lab.path("state").exists(), "a check made a state directory");
}

#[test]
fn a_rejected_credential_is_critical() {
    let lab = Lab::new();
    let old = lab.at_work();
    lab.console_set(&old.id, "inactive");
    let found = findings(&lab, "check", 20);
    let active = finding(&found, "active");
    assert_eq!((&active["severity"], &active["verdict"]), (&"critical".into(), &"rejected".into()));
    lab.run("check").expect(20).without_secrets().says(&[
        "critical prod active",
        &old.fingerprint(),
        "rotate stage prod",
    ]);
}

#[test]
fn all_credentials_of_a_window_are_looked_at() {
    let lab = Lab::new();
    let (old, new) = lab.promoted();
    let found = findings(&lab, "check", 0);
    assert!(finding(&found, "active")["detail"].as_str().unwrap().contains(&new.fingerprint()));
    assert!(finding(&found, "retiring")["detail"].as_str().unwrap().contains(&old.fingerprint()));
    assert_eq!(finding(&found, "grace")["verdict"], "waiting");
    lab.console_set(&old.id, "inactive");
    let found = findings(&lab, "check", 20);
    assert_eq!(finding(&found, "retiring")["verdict"], "rejected");
    assert_eq!(finding(&found, "active")["verdict"], "accepted");
}

#[test]
fn a_staged_credential_that_died_is_told_before_the_promotion() {
    let lab = Lab::new();
    let (_, new) = lab.staged();
    lab.console_set(&new.id, "inactive");
    let staged = finding(&findings(&lab, "check", 20), "staged");
    assert_eq!((&staged["severity"], &staged["verdict"]), (&"warning".into(), &"rejected".into()));
    assert!(staged["hint"].as_str().unwrap().contains("rotate stage prod --replace"));
}

#[test]
fn silence_is_a_warning_and_after_three_checks_critical() {
    let lab = Lab::new();
    lab.at_work();
    lab.configure_at("http://127.0.0.1:1", "", &lab.key("prod"));
    for (severity, told) in
        [("warning", ""), ("warning", "2 checks in a row"), ("critical", "3 checks in a row")]
    {
        let active = finding(&findings(&lab, "check", 21), "active");
        assert_eq!((&active["severity"], &active["verdict"]), (&severity.into(), &"unknown".into()));
        assert!(active["detail"].as_str().unwrap().contains(told), "{active}");
    }
    lab.configure(&lab.key("prod"));
    lab.run("check").expect(0);
    lab.configure_at("http://127.0.0.1:1", "", &lab.key("prod"));
    assert_eq!(
        finding(&findings(&lab, "check", 21), "active")["severity"],
        "warning",
        "counting did not begin anew"
    );
    assert_eq!(finding(&findings(&lab, "check --unknown-after 2", 21), "active")["severity"], "critical");
}

#[test]
fn a_target_with_another_value_has_drifted() {
    let lab = Lab::new();
    let (old, new) = lab.promoted();
    lab.write("app.env", &format!("ANTHROPIC_API_KEY={}\n", old.value));
    let target = finding(&findings(&lab, "check", 30), "target");
    assert_eq!((&target["severity"], &target["verdict"]), (&"critical".into(), &"drifted".into()));
    let detail = target["detail"].as_str().unwrap();
    assert!(detail.contains("the old value") && detail.contains(&new.fingerprint()), "{detail}");
    assert_eq!(target["hint"], "move its consumers again: rotate promote prod");
    lab.write("app.env", "ANTHROPIC_API_KEY=sk-ant-something-else-entirely\n");
    assert!(
        finding(&findings(&lab, "check", 30), "target")["detail"].as_str().unwrap().contains("not on record")
    );
    std::fs::remove_file(lab.path("app.env")).unwrap();
    assert_eq!(finding(&findings(&lab, "check", 21), "target")["verdict"], "unknown");
}

#[test]
fn a_window_that_is_over_wants_to_be_finished() {
    let lab = Lab::new();
    lab.promoted();
    lab.advance_minutes(61);
    let grace = finding(&findings(&lab, "check", 30), "grace");
    assert_eq!((&grace["verdict"], &grace["hint"]), (&"overdue".into(), &"rotate finish prod".into()));
}

#[test]
fn what_was_begun_and_forgotten_is_told_after_a_while() {
    let mut lab = Lab::new();
    lab.staged();
    lab.set("ROTATE_TEST_CRASH_AT", "9");
    assert_eq!(lab.run("promote prod").code, -1, "it was not killed");
    lab.unset("ROTATE_TEST_CRASH_AT");
    let wrong = |found: Vec<serde_json::Value>| {
        found.into_iter().filter(|finding| finding["item"] == "operation").collect::<Vec<_>>()
    };
    let young = lab.run("check --json").json();
    assert_eq!(wrong(young["findings"].as_array().unwrap().clone())[0]["severity"], "ok");
    lab.advance_minutes(11);
    let old = lab.run("check --json").expect(30).json();
    let operation = &wrong(old["findings"].as_array().unwrap().clone())[0];
    assert_eq!((&operation["severity"], &operation["verdict"]), (&"warning".into(), &"interrupted".into()));
}

#[test]
fn a_dead_admin_key_is_told_before_it_is_needed() {
    let lab = Lab::new();
    lab.at_work();
    lab.write("admin.key", "sk-ant-admin01-EXAMPLE-EXAMPLE-EXAMPLE");
    let admin = finding(&findings(&lab, "check", 20), "admin_key");
    assert_eq!((&admin["severity"], &admin["verdict"]), (&"critical".into(), &"rejected".into()));
    std::fs::remove_file(lab.path("admin.key")).unwrap();
    let admin = finding(&findings(&lab, "check", 30), "admin_key");
    assert_eq!((&admin["severity"], &admin["verdict"]), (&"critical".into(), &"missing".into()));
}

#[test]
fn a_journal_that_was_changed_is_told() {
    let lab = Lab::new();
    lab.staged();
    let journal = lab.read("state/journal/prod.jsonl");
    lab.write("state/journal/prod.jsonl", &journal.replacen("OPS-1", "OPS-2", 1));
    let finding = finding(&findings(&lab, "check", 30), "journal");
    assert_eq!((&finding["severity"], &finding["verdict"]), (&"critical".into(), &"tampered".into()));
    assert!(finding["hint"].as_str().unwrap().contains("rotate history prod --verify"));
}

#[test]
fn a_state_that_cannot_be_used_hides_no_other_key() {
    let lab = Lab::new();
    lab.configure(&format!("{}\n{}", lab.key("prod"), lab.key_with("other", "", &[])));
    lab.at_work();
    lab.write("state/other.json", "{");
    let found = findings(&lab, "check", 30);
    assert!(found.iter().any(|finding| finding["key"] == "other"
        && finding["item"] == "state"
        && finding["severity"] == "critical"));
    assert!(found.iter().any(|finding| finding["key"] == "prod" && finding["verdict"] == "accepted"));
}

#[test]
fn a_slot_with_another_value_than_the_one_on_record_is_told() {
    let lab = Lab::new();
    lab.at_work();
    let other = lab.console_key("other");
    lab.write("state/slots/prod.primary", &other.value);
    assert_eq!(finding(&findings(&lab, "check", 30), "active")["verdict"], "drifted");
    std::fs::remove_file(lab.path("state/slots/prod.primary")).unwrap();
    assert_eq!(finding(&findings(&lab, "check", 30), "active")["verdict"], "missing");
}

#[test]
fn a_name_that_no_key_has_is_refused() {
    let lab = Lab::new();
    lab.refused("check prdo", 2).says(&["did you mean `prod`"]);
}

#[test]
fn an_expiry_before_the_next_rotation_is_told() {
    let lab = Lab::new();
    lab.adopted_until("2026-03-31T12:00:00Z");
    let expiry = finding(&findings(&lab, "check", 30), "expiry");
    assert_eq!((&expiry["severity"], &expiry["at"]), (&"warning".into(), &"2026-03-31T12:00:00Z".into()));
    lab.advance_minutes(29 * 24 * 60 + 60);
    let expiry = finding(&findings(&lab, "check", 30), "expiry");
    assert_eq!((&expiry["severity"], &expiry["verdict"]), (&"critical".into(), &"soon".into()));
}

#[test]
fn a_provider_that_asks_for_peace_gets_it() {
    let lab = Lab::new();
    lab.at_work();
    let sandbox = lab.sandbox.address();
    let pings = AtomicUsize::new(0);
    let provider = Double::start(move |heard| {
        let is_ping = heard.path.starts_with("/v1/models");
        // From documentation: a rate limit, with the time after which to ask again.
        if is_ping && pings.fetch_add(1, Ordering::SeqCst) == 0 {
            let body = r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#;
            return http_answer(429, &[("content-type", "application/json"), ("retry-after", "17")], body);
        }
        pass_on(heard, sandbox).unwrap_or_default()
    });
    lab.configure_at(&provider.base_url(), "admin_key = \"file:admin.key\"\n", &lab.key("prod"));
    let began = lab.clock.now().wall;
    lab.run("check").expect(0);
    let waited = lab.clock.now().wall.duration_since(began).as_secs();
    assert!((17..20).contains(&waited), "it waited for {waited} s");
}

#[test]
fn no_more_calls_at_a_time_than_asked_for() {
    let lab = Lab::new();
    let names: Vec<String> = (0..24).map(|number| format!("key-{number:02}")).collect();
    let tables = || names.iter().map(|name| lab.key_with(name, "", &[])).collect::<Vec<_>>().join("\n");
    lab.configure(&tables());
    for name in &names {
        lab.console_key(name);
        lab.run(&format!("adopt {name} --from file:{name}.key")).expect(0);
    }
    let sandbox = lab.sandbox.address();
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, peak) = (Arc::clone(&open), Arc::clone(&most));
    let provider = Double::start(move |heard| {
        peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // Long enough that calls made side by side are seen side by side.
        std::thread::sleep(Duration::from_millis(20));
        let answer = pass_on(heard, sandbox).unwrap_or_default();
        now.fetch_sub(1, Ordering::SeqCst);
        answer
    });
    lab.configure_at(&provider.base_url(), "", &tables());
    lab.run("check --calls 3").expect(0);
    let most = most.load(Ordering::SeqCst);
    assert!((2..=3).contains(&most), "{most} calls at a time");
}
