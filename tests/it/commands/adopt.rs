//! `rotate adopt`

use super::{dry_run, well_formed, without_admin_key};
use crate::lab::Lab;

#[test]
fn it_records_the_live_credential_and_changes_nothing_outside() {
    let lab = Lab::new();
    let old = lab.console_key("old");
    let target = lab.read("app.env");
    let ran = lab.run("adopt prod --from file:old.key").expect(0).without_secrets();
    insta::assert_snapshot!(lab.normal(&ran.stdout), @"
    prod: adopted: this is the active credential from now on
      phase       Idle
      active      5d6c5ccba2a16148 …ArAA (primary slot, apikey_01vrA4xLP3K9tEntsT33cA9M)
      due         2026-05-30T12:00:02Z
      next        rotate stage prod
    ");
    insta::assert_snapshot!(lab.normal(&ran.stderr), @"
    · probed 5d6c5ccba2a16148: accepted (3 pings)
    · 5d6c5ccba2a16148 is the provider's apikey_01vrA4xLP3K9tEntsT33cA9M
    · 5d6c5ccba2a16148 is in $LAB/state/slots/prod.primary (primary)
    ");
    assert_eq!(lab.read("app.env"), target);
    assert_eq!(lab.run("key").expect(0).stdout, format!("{}\n", old.value));
}

#[test]
fn its_document_is_that_of_status() {
    let lab = Lab::new();
    let old = lab.console_key("old");
    let ran = lab.run("adopt prod --from file:old.key --json").expect(0).without_secrets();
    assert_eq!(ran.stderr, "", "a script that asks for a document gets nothing else");
    let document = ran.json();
    well_formed(&document);
    assert_eq!(document["phase"], "Idle");
    assert_eq!(document["active"]["slot"], "primary");
    assert_eq!(document["active"]["fingerprint"], old.fingerprint());
    assert_eq!(document["active"]["last4"], old.value[old.value.len() - 4..]);
    assert_eq!(document["active"]["provider_key_id"], old.id);
    assert_eq!(document["next"], "rotate stage prod");
}

#[test]
fn a_dry_run_lists_its_steps() {
    let lab = Lab::new();
    lab.console_key("old");
    insta::assert_snapshot!(dry_run(&lab, "adopt prod --from file:old.key"), @"
    prod: nothing was changed; these steps would be taken if every check passes
      1. probe 5d6c5ccba2a16148 until the verdict settles
      2. ask the provider which key 5d6c5ccba2a16148 is
      3. store 5d6c5ccba2a16148 in the primary slot
      4. done: the phase is Idle
    ");
    assert_eq!(lab.phase("prod"), "null");
}

#[test]
fn the_value_comes_from_a_file_stdin_a_variable_or_a_command() {
    for reference in ["file:old.key", "-", "env:TODAYS_KEY", "command:./print-it"] {
        let mut lab = Lab::new();
        let old = lab.console_key("old");
        lab.set("TODAYS_KEY", &old.value);
        lab.script("print-it", "cat old.key");
        let input = format!("{}\n", old.value);
        lab.run_with_input(&format!("adopt prod --from {reference}"), input.as_bytes()).expect(0);
        assert_eq!(lab.status("prod")["active"]["fingerprint"], old.fingerprint(), "{reference}");
    }
}

#[test]
fn again_with_the_same_value_is_no_error_and_with_another_it_is() {
    let lab = Lab::new();
    lab.adopted();
    let before = lab.standing();
    lab.run("adopt prod --from file:old.key").expect(0);
    assert_eq!(lab.standing(), before);
    lab.console_key("other");
    lab.refused("adopt prod --from file:other.key", 6).says(&["already", "`rotate stage prod`"]);
}

#[test]
fn a_key_whose_id_cannot_be_proven_is_adopted_all_the_same() {
    let lab = without_admin_key();
    lab.adopted();
    assert_eq!(lab.status("prod")["active"]["provider_key_id"], serde_json::Value::Null);
}

#[test]
fn the_state_directory_and_its_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::new();
    lab.adopted();
    let mode = |name: &str| lab.path(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("state"), 0o700);
    assert_eq!(mode("state/prod.json"), 0o600);
    assert_eq!(mode("state/slots/prod.primary"), 0o600);
}

#[test]
fn the_state_file_has_what_small_readers_rely_on_and_no_value() {
    let lab = Lab::new();
    let old = lab.adopted();
    let text = lab.read("state/prod.json");
    assert!(!crate::lab::shows_a_key(&text));
    let state: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(state["schema"], 1);
    assert_eq!(state["generation"], 1);
    assert_eq!(state["key"], "prod");
    assert_eq!(state["phase"], "Idle");
    assert_eq!(state["active"], "primary");
    assert_eq!(state["primary_env"], "PROD_PRIMARY");
    assert_eq!(state["secondary_env"], "PROD_SECONDARY");
    let slot = &state["slots"]["primary"];
    assert_eq!(slot["fingerprint"], old.fingerprint());
    assert_eq!(slot["last4"], old.value[old.value.len() - 4..]);
    assert_eq!(slot["provider_key_id"], old.id);
}
