//! `rotate undo`

use super::{dry_run, well_formed};
use crate::lab::{ConsoleKey, Lab};

#[test]
fn it_brings_the_revoked_credential_back_and_opens_a_new_window() {
    let lab = Lab::new();
    let (old, new) = lab.finished();
    let ran = lab.run("undo prod").expect(0).without_secrets();
    insta::assert_snapshot!(lab.normal(&ran.stdout), @"
    prod: undone: both credentials are accepted again, and a new grace window runs
      phase       GraceWindow
      active      eb693e331507777a …cVAA (secondary slot, apikey_01mVcbMakkHaGqtHTZb7Q1SJ)
      retiring    5d6c5ccba2a16148 …ArAA (primary slot, apikey_01vrA4xLP3K9tEntsT33cA9M) still valid
      target      dotenv:$LAB/app.env#ANTHROPIC_API_KEY: confirmed
      grace       1h left; not before 2026-03-01T14:01:18Z
      rotation    2026-03-01-327b87e0, ticket OPS-1
      due         2026-05-30T12:00:06Z
      next        rotate finish prod
    ");
    insta::assert_snapshot!(lab.normal(&ran.stderr), @"
    · probed 5d6c5ccba2a16148: rejected (3 pings)
    · probed 5d6c5ccba2a16148: accepted (3 pings)
    ");
    assert_eq!(lab.console_status(&old.id), "active");
    assert!(lab.accepts(&old.value) && lab.accepts(&new.value));
    assert_eq!(lab.env_value(), new.value, "the new one goes on serving");
    lab.refused("finish prod", 10);
    lab.advance_minutes(61);
    lab.run("finish prod").expect(0);
    assert!(!lab.accepts(&old.value));
}

#[test]
fn its_document_is_that_of_the_window() {
    let lab = Lab::new();
    let (old, _) = lab.finished();
    let document = lab.run("undo prod --json").expect(0).json();
    well_formed(&document);
    assert_eq!(document["phase"], "GraceWindow");
    assert_eq!(document["retiring"]["fingerprint"], old.fingerprint());
    assert!(document["grace"]["remaining_seconds"].as_u64().unwrap() > 3590);
}

#[test]
fn after_it_an_abort_goes_all_the_way_back() {
    let lab = Lab::new();
    let (old, _) = lab.finished();
    lab.run("undo prod").expect(0);
    lab.run("abort prod").expect(0);
    assert_eq!(lab.env_value(), old.value);
    assert_eq!(lab.phase("prod"), "Idle");
}

#[test]
fn a_dry_run_lists_its_steps() {
    let lab = Lab::new();
    lab.finished();
    insta::assert_snapshot!(dry_run(&lab, "undo prod"), @"
    prod: nothing was changed; these steps would be taken if every check passes
      1. probe 5d6c5ccba2a16148 until the verdict settles
      2. reactivate 5d6c5ccba2a16148
      3. probe 5d6c5ccba2a16148 until the provider accepts it
      4. read every target back
      5. record: both credentials are valid again, and a new grace window is open
      6. done: the phase is GraceWindow
    ");
    assert_eq!(lab.phase("prod"), "Revoked");
}

#[test]
fn it_ends_with_its_deadline() {
    let lab = Lab::new();
    let table = lab.key("prod").replace("longest_job", "undo_window = \"2h\"\nlongest_job");
    lab.configure(&table);
    let (old, _) = lab.finished();
    lab.advance_minutes(121);
    lab.refused("undo prod", 6).says(&["is over", "`rotate stage prod`"]);
    lab.refused("undo prod --dry-run", 6);
    assert_eq!(lab.console_status(&old.id), "inactive");
}

#[test]
fn a_key_that_was_archived_at_the_console_cannot_be_brought_back() {
    let lab = Lab::new();
    let (old, _) = lab.finished();
    lab.console_set(&old.id, "archived");
    let ran = lab.run("undo prod").expect(13).without_secrets();
    ran.says(&["refused to reactivate", "https://platform.claude.com/settings/keys"]);
    assert_eq!(lab.phase("prod"), "Revoked");
    assert_eq!(lab.status("prod")["interrupted"], serde_json::Value::Null, "a refusal ends the attempt");
}

/// A lab in which `old` leaked and was revoked in an emergency.
fn leaked() -> (Lab, ConsoleKey) {
    let lab = Lab::new();
    let (old, _) = lab.promoted();
    lab.run_words(&["revoke-now", "prod", "--yes", "--reason", "found in a paste"]).expect(0);
    (lab, old)
}

#[test]
fn a_leaked_key_comes_back_only_by_a_confirmation() {
    let (lab, old) = leaked();
    for command in ["undo prod", "undo prod --json"] {
        lab.refused(command, 2).says(&["found in a paste", "--yes"]);
    }
    lab.run("undo prod --dry-run").expect(0);
    lab.run("undo prod --yes").expect(0);
    assert!(lab.accepts(&old.value));

    let lab = Lab::new();
    lab.refused("undo prod", 6);
    lab.finished();
    lab.run("undo prod").expect(0);
}

#[test]
fn nobody_is_asked_to_confirm_what_cannot_be_undone() {
    let (lab, _) = leaked();
    lab.run("purge prod --yes").expect(0);
    lab.refused("undo prod", 6).says(&["purged for good"]);
}

#[test]
fn after_an_emergency_status_points_at_purge() {
    let (lab, _) = leaked();
    let shown = lab.run("status prod").expect(0).stdout;
    assert!(shown.contains("`rotate purge prod`") && !shown.contains("rotate undo"), "{shown}");
    assert_eq!(lab.status("prod")["revoked"]["leaked"], true);
    lab.run("purge prod --yes").expect(0);
    let shown = lab.run("status prod").expect(0).stdout;
    assert!(shown.contains("purged for good") && !shown.contains("rotate purge"), "{shown}");

    let lab = Lab::new();
    lab.finished();
    assert_eq!(lab.status("prod")["revoked"]["leaked"], false);
}

#[test]
fn it_waits_until_the_provider_accepts_the_key_again() {
    let lab = Lab::new();
    let (old, _) = lab.finished();
    lab.sandbox.update_settings(|settings| settings.admin_read_lag_milliseconds = 3_000).unwrap();
    lab.run("undo prod").expect(0);
    assert!(lab.accepts(&old.value));
}
