//! `rotate due`

use super::finding;
use crate::lab::Lab;

#[test]
fn what_is_due_is_told_with_its_next_command() {
    let lab = Lab::new();
    lab.at_work();
    let ran = lab.run("due").expect(0).without_secrets();
    assert!(ran.stdout.contains("prod") && ran.stdout.contains("due in 90d, on 2026-05-30"), "{ran:#?}");
    assert!(ran.stdout.contains("rotate stage prod"), "{ran:#?}");
    let document = lab.run("due --json").expect(0).json();
    let key = &document["keys"][0];
    assert_eq!((&key["key"], &key["why"]), (&"prod".into(), &"policy".into()));
    assert!(key["due_at"].as_str().unwrap().starts_with("2026-05-30T12:00:"), "{key}");
    assert_eq!(key["remaining_seconds"], 90 * 86_400);
}

#[test]
fn exit_30_where_a_key_is_due_within_the_asked_time() {
    let lab = Lab::new();
    lab.at_work();
    lab.run("due --within 89d").expect(0);
    lab.run("due --within 90d").expect(30);
    lab.advance_minutes(75 * 24 * 60);
    lab.run("due").expect(0);
    lab.advance_minutes(24 * 60);
    lab.run("due").expect(30);
    lab.advance_minutes(20 * 24 * 60);
    lab.run("due").expect(30).says(&["overdue by 6d, since 2026-05-30"]);
}

#[test]
fn a_provider_that_lets_the_credential_expire_sooner_sets_the_date() {
    let lab = Lab::new();
    lab.adopted_until("2026-03-31T13:00:00Z");
    lab.run("due").expect(0).says(&["due in 30d, on 2026-03-31", "lets the credential expire"]);
}

#[test]
fn reminders_can_be_configured() {
    let lab = Lab::new();
    lab.configure(&lab.key_with("prod", "remind = [\"30d\"]", &[]));
    lab.at_work();
    lab.advance_minutes(61 * 24 * 60);
    lab.run("due").expect(30);
    lab.configure(&lab.key_with("prod", "remind = []", &[]));
    lab.run("due").expect(0);
    lab.configure(&lab.key_with("prod", "remind = [\"soon\"]", &[]));
    lab.refused("due", 3).says(&["`remind` in [keys.prod]"]);
}

#[test]
fn a_rehearsal_finds_what_would_stop_the_next_rotation() {
    let lab = Lab::new();
    lab.at_work();
    lab.run("due --rehearse").expect(0).without_secrets().says(&["1 key: all well"]);
    lab.write("admin.key", "sk-ant-admin01-EXAMPLE-EXAMPLE-EXAMPLE");
    let ran = lab.run("due --rehearse --json").expect(30).without_secrets();
    let found = ran.json()["findings"].as_array().unwrap().clone();
    assert_eq!(finding(&found, "admin_key")["verdict"], "rejected");

    lab.configure(&lab.key_with("prod", "", &["type = \"command\"\ncommand = [\"/nowhere/put-key\"]"]));
    lab.write("admin.key", lab.sandbox.admin_key().expose());
    lab.run("due --rehearse").expect(30).says(&["could not be written", "/nowhere/put-key"]);
    assert_eq!(lab.phase("prod"), "Idle");
}

#[test]
fn a_calendar_has_every_due_date_and_its_alarms() {
    let lab = Lab::new();
    lab.at_work();
    lab.run("due --ics due.ics").expect(0).says(&["1 due dates are in due.ics"]);
    let text = lab.read("due.ics");
    let lines: Vec<&str> = text.split("\r\n").collect();
    for line in [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "DTSTART;VALUE=DATE:20260530",
        "SUMMARY:rotate prod",
        "TRIGGER:-PT1209600S",
        "END:VCALENDAR",
    ] {
        assert!(lines.contains(&line), "no {line} in\n{text}");
    }
    assert_eq!(lab.run("due --ics -").expect(0).stdout, text);
    lab.refused("due --ics nowhere/due.ics", 1);
}

#[test]
fn what_was_never_adopted_is_said_and_is_not_due() {
    let lab = Lab::new();
    lab.run("due").expect(0).says(&["prod: never adopted"]);
}
