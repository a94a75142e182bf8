//! `rotate purge`

use super::{dry_run, well_formed};
use crate::lab::Lab;

#[test]
fn it_archives_the_revoked_credential_for_good() {
    let lab = Lab::new();
    let (old, new) = lab.finished();
    let ran = lab.run("purge prod --yes").expect(0).without_secrets();
    insta::assert_snapshot!(lab.normal(&ran.stdout), @"
    prod: purged: the revoked credential is gone for good
      phase       Revoked
      active      eb693e331507777a …cVAA (secondary slot, apikey_01mVcbMakkHaGqtHTZb7Q1SJ)
      revoked     5d6c5ccba2a16148 …ArAA at 2026-03-01T13:01:14Z; purged for good
      rotation    2026-03-01-327b87e0, ticket OPS-1
      due         2026-05-30T12:00:06Z
      next        rotate stage prod
    ");
    assert_eq!(lab.console_status(&old.id), "archived");
    assert!(lab.accepts(&new.value));
    assert!(!lab.path("state/slots/prod.primary").exists(), "the dead value is erased");
    lab.refused("undo prod", 6).says(&["purged for good", "`rotate stage prod`"]);
    let before = lab.standing();
    lab.run("purge prod --yes").expect(0);
    assert_eq!(lab.standing(), before);
}

#[test]
fn its_document_says_that_it_is_purged() {
    let lab = Lab::new();
    lab.finished();
    let document = lab.run("purge prod --yes --json").expect(0).json();
    well_formed(&document);
    assert_eq!(document["phase"], "Revoked");
    assert_eq!(document["revoked"]["purged"], true);
    assert_eq!(document["revoked"]["undo_until"], serde_json::Value::Null);
}

#[test]
fn a_dry_run_needs_no_confirmation_and_lists_its_steps() {
    let lab = Lab::new();
    lab.finished();
    insta::assert_snapshot!(dry_run(&lab, "purge prod"), @"
    prod: nothing was changed; these steps would be taken if every check passes
      1. ask the provider for the status of 5d6c5ccba2a16148
      2. delete 5d6c5ccba2a16148 for good
      3. record: the credential is gone for good
      4. done: the phase is Revoked
    ");
}

#[test]
fn without_a_terminal_the_confirmation_comes_by_flag() {
    let lab = Lab::new();
    let (old, _) = lab.finished();
    lab.refused("purge prod", 2).says(&["confirmation", "`--yes`"]);
    let error = lab.refused("purge prod --json", 2).json();
    assert_eq!(error["error"]["kind"], "usage");
    assert_eq!(lab.console_status(&old.id), "inactive");
}

#[test]
fn nobody_is_asked_to_confirm_what_the_phase_refuses() {
    let lab = Lab::new();
    lab.adopted();
    lab.refused("purge prod", 6).says(&["cannot purge `prod` in the phase Idle"]);
}

#[test]
fn what_was_archived_at_the_console_already_is_taken_note_of() {
    let lab = Lab::new();
    let (old, _) = lab.finished();
    lab.console_set(&old.id, "archived");
    lab.run("purge prod --yes").expect(0);
    assert_eq!(lab.status("prod")["revoked"]["purged"], true);
}

#[test]
fn after_it_the_next_rotation_starts_as_ever() {
    let lab = Lab::new();
    lab.finished();
    lab.run("purge prod --yes").expect(0);
    let third = lab.console_key("third");
    lab.run("stage prod --from file:third.key").expect(0);
    lab.run("promote prod").expect(0);
    assert_eq!(lab.env_value(), third.value);
}

#[test]
fn a_key_that_somebody_enabled_again_is_not_deleted() {
    let lab = Lab::new();
    let (old, _) = lab.finished();
    lab.console_set(&old.id, "active");
    lab.refused("purge prod --yes", 13).says(&["enabled again", "`rotate undo prod`"]);
    assert!(lab.accepts(&old.value));
    lab.run("undo prod").expect(0);
    assert_eq!(lab.phase("prod"), "GraceWindow");
}
