//! `rotate abort`

use super::{dry_run, well_formed};
use crate::lab::Lab;

#[test]
fn of_a_staged_credential_it_erases_the_value_and_touches_no_consumer() {
    let lab = Lab::new();
    let (old, new) = lab.staged();
    let target = lab.read("app.env");
    let ran = lab.run("abort prod").expect(0).without_secrets();
    insta::assert_snapshot!(lab.normal(&ran.stdout), @"
    prod: aborted: the old credential is active; the new one is out of use, but perhaps still accepted
      phase       Idle
      active      5d6c5ccba2a16148 …ArAA (primary slot, apikey_01vrA4xLP3K9tEntsT33cA9M)
      set aside   eb693e331507777a …cVAA perhaps still accepted; end it with `rotate revoke-now prod --suspect new --reason …`
      due         2026-05-30T12:00:02Z
      next        rotate stage prod
    ");
    assert_eq!(lab.read("app.env"), target);
    assert_eq!(lab.run("key").expect(0).stdout.trim(), old.value);
    assert!(!lab.path("state/slots/prod.secondary").exists());
    assert!(lab.accepts(&new.value), "out of use, but not revoked");
}

#[test]
fn in_the_window_every_target_goes_back_to_the_old_value() {
    let lab = Lab::new();
    let (old, new) = lab.promoted();
    let document = lab.run("abort prod --json").expect(0).without_secrets().json();
    well_formed(&document);
    assert_eq!(document["phase"], "Idle");
    assert_eq!(document["active"]["fingerprint"], old.fingerprint());
    assert_eq!(lab.env_value(), old.value);
    assert_eq!(lab.run("key").expect(0).stdout.trim(), old.value);
    assert!(lab.accepts(&old.value) && lab.accepts(&new.value));
}

#[test]
fn dry_runs_list_their_steps() {
    let lab = Lab::new();
    lab.staged();
    insta::assert_snapshot!(dry_run(&lab, "abort prod"), @"
    prod: nothing was changed; these steps would be taken if every check passes
      1. erase the value in the secondary slot
      2. done: the phase is Idle
    ");
    lab.run("promote prod").expect(0);
    insta::assert_snapshot!(dry_run(&lab, "abort prod"), @"
    prod: nothing was changed; these steps would be taken if every check passes
      1. probe 5d6c5ccba2a16148 until the verdict settles
      2. check that every target can be written
      3. record: `rotate key` gives the old credential again
      4. write 5d6c5ccba2a16148 to dotenv:$LAB/app.env#ANTHROPIC_API_KEY and read it back
      5. erase the value in the secondary slot
      6. done: the phase is Idle
    ");
    assert_eq!(lab.phase("prod"), "GraceWindow");
}

#[test]
fn right_after_an_abort_it_is_no_error() {
    let lab = Lab::new();
    lab.promoted();
    lab.run("abort prod").expect(0);
    let before = lab.standing();
    lab.run("abort prod").expect(0);
    assert_eq!(lab.standing(), before);
}

#[test]
fn it_does_not_go_back_to_a_credential_that_is_dead() {
    let lab = Lab::new();
    let (old, new) = lab.promoted();
    lab.console_set(&old.id, "inactive");
    lab.refused("abort prod", 20).says(&["rejects the retiring credential", "no way back"]);
    assert_eq!(lab.env_value(), new.value);
}

#[test]
fn a_target_that_fails_leaves_a_rollback_that_the_same_command_resumes() {
    let lab = Lab::new();
    let push = lab.script("push", "cd \"$(dirname \"$0\")\"; if [ -e fail ]; then exit 1; fi; cat > pushed");
    lab.configure(&lab.key_with("prod", "", &[&format!("type = \"command\"\ncommand = [\"{push}\"]")]));
    let (old, _) = lab.promoted();
    lab.write("fail", "");
    lab.run("abort prod").expect(12).says(&["`rotate abort prod` again"]);
    let status = lab.status("prod");
    assert_eq!(status["phase"], "Promoted");
    assert_eq!(status["rolling_back"], true);
    assert_eq!(status["next"], "rotate abort prod");
    std::fs::remove_file(lab.path("fail")).unwrap();
    lab.run("abort prod").expect(0);
    assert_eq!(lab.read("pushed"), old.value);
    assert_eq!(lab.phase("prod"), "Idle");
}

#[test]
fn an_aborted_value_may_be_staged_again() {
    let lab = Lab::new();
    let (_, new) = lab.promoted();
    lab.run("abort prod").expect(0);
    lab.run("stage prod --from file:new.key").expect(0);
    lab.run("promote prod").expect(0);
    assert_eq!(lab.env_value(), new.value);
}
