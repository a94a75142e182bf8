//! Whole rotations whose consumers read a secret.

use serde_json::json;

use crate::lab::Lab;
use crate::lab::moto::Moto;

fn labels(name: &str) -> Vec<String> {
    let mut labels: Vec<_> =
        Moto::get().versions(name).into_iter().map(|(_, stages)| stages.join("+")).collect();
    labels.sort();
    labels
}

#[test]
fn a_rotation_moves_a_plain_secret_and_one_in_a_document() {
    let moto = Moto::get();
    moto.create("whole/plain", "placeholder");
    let document = |value: &str| format!(" {{\"user\" : \"me\",\n\t\"key\":\"{value}\", \"n\":1.50}}\n");
    moto.create("whole/document", &document("placeholder"));
    let (lab, old, new) = Lab::with_secrets(&moto.url(), &["whole/plain", "whole/document#key"]);
    assert_eq!(moto.current("whole/plain"), "placeholder", "staging shows consumers nothing");
    assert_eq!(labels("whole/plain"), ["AWSCURRENT"]);

    let promoted = lab.run("promote prod").expect(0).without_secrets();
    promoted.says(&["aws-secrets-manager:whole/document#key: confirmed", "aws-secrets-manager:whole/plain"]);
    assert_eq!(moto.current("whole/plain"), new.value);
    assert_eq!(moto.current("whole/document"), document(&new.value), "every other byte stays");
    assert_eq!(labels("whole/plain"), ["AWSCURRENT", "AWSPREVIOUS"], "nothing stays pending");
    assert!(moto.versions("whole/plain").iter().any(|(id, _)| id.starts_with("rotate-")));

    let versions = moto.versions("whole/plain");
    lab.run("promote prod").expect(0);
    lab.work_with("prod");
    assert_eq!(moto.versions("whole/plain"), versions, "a second run writes nothing");

    lab.advance_minutes(61);
    let finished = lab.run("finish prod").expect(0).without_secrets();
    finished.says(&["2 of 2 read back just now"]);
    assert_eq!(lab.console_status(&old.id), "inactive");
}

#[test]
fn aborting_writes_the_old_value_as_a_new_version() {
    let moto = Moto::get();
    moto.create("abort", "placeholder");
    let (lab, old, _) = Lab::with_secrets(&moto.url(), &["abort"]);
    lab.run("promote prod").expect(0);
    let before = moto.versions("abort");
    lab.run("abort prod").expect(0).without_secrets();
    assert_eq!(moto.current("abort"), old.value);
    let after = moto.versions("abort");
    let current = after.iter().find(|(_, stages)| stages.contains(&"AWSCURRENT".to_owned())).unwrap();
    assert!(!before.iter().any(|(id, _)| *id == current.0), "{before:?} {after:?}");
}

#[test]
fn a_line_end_after_a_plain_value_stays() {
    let moto = Moto::get();
    moto.create("line-end", "placeholder\n");
    let (lab, _, new) = Lab::with_secrets(&moto.url(), &["line-end"]);
    lab.run("promote prod").expect(0);
    assert_eq!(moto.current("line-end"), format!("{}\n", new.value));
}

#[test]
fn two_keys_of_one_document_are_written_side_by_side() {
    let moto = Moto::get();
    moto.create("two", r#"{"a":"x","b":"y"}"#);
    let (lab, _, new) = Lab::with_secrets(&moto.url(), &["two#a", "two#b"]);
    lab.run("promote prod").expect(0);
    assert_eq!(moto.current("two"), format!(r#"{{"a":"{0}","b":"{0}"}}"#, new.value));
}

#[test]
fn the_refresh_of_a_secret_is_part_of_the_grace_floor() {
    let lab = Lab::new();
    let target = "type = \"aws-secrets-manager\"\nsecret_id = \"x\"\nrefresh = \"1h\"";
    lab.configure(&lab.key_with("prod", "", &[target]));
    lab.run("ledger").expect(3).says(&["grace"]);
}

#[test]
fn a_secret_that_lost_the_value_blocks_the_revocation() {
    let moto = Moto::get();
    moto.create("drift", "placeholder");
    let (lab, old, new) = Lab::with_secrets(&moto.url(), &["drift"]);
    lab.run("promote prod").expect(0);
    lab.advance_minutes(61);
    moto.overwrite("drift", &old.value);
    let finished = lab.run("finish prod").expect(11).without_secrets();
    finished.says(&["targets", "unmet", "aws-secrets-manager:drift"]);
    assert_eq!(lab.console_status(&old.id), "active");
    lab.run("promote prod").expect(0);
    lab.work_with("prod");
    assert_eq!(moto.current("drift"), new.value);
    lab.advance_minutes(61);
    lab.run("finish prod").expect(0);
}

#[test]
fn a_secret_that_is_deleted_in_between_is_waited_for() {
    let moto = Moto::get();
    for name in ["between/one", "between/two"] {
        moto.create(name, "placeholder");
    }
    let (lab, _, new) = Lab::with_secrets(&moto.url(), &["between/one", "between/two"]);
    lab.run("promote prod").expect(0);
    lab.run("abort prod").expect(0);
    lab.run("stage prod --from file:new.key").expect(0);
    let front = super::interference::before_put("between/two", |moto| {
        moto.call("DeleteSecret", json!({"SecretId": "between/two"}));
    });
    let mut lab = lab;
    lab.use_aws(&front.base_url());
    let ran = lab.run("promote prod").expect(12).without_secrets();
    ran.says(&["between/two", "scheduled for deletion", "restore-secret --secret-id between/two"]);
    assert_eq!(moto.current("between/one"), new.value);
    assert_eq!(lab.phase("prod"), "Promoted");
    moto.call("RestoreSecret", json!({"SecretId": "between/two"}));
    lab.run("promote prod").expect(0);
    assert_eq!(moto.current("between/two"), new.value);
}

#[test]
fn killed_between_the_calls_it_goes_on_without_a_second_version() {
    let moto = Moto::get();
    for point in 1..40 {
        let name = format!("killed/{point}");
        moto.create(&name, "placeholder");
        let (lab, _, new) = Lab::with_secrets(&moto.url(), &[&name]);
        let mut command = lab.command(&["promote", "prod"]);
        let ran = lab.finish_command(command.env("ROTATE_TEST_CRASH_AT", point.to_string()));
        if ran.code == 0 {
            assert!(point > 5, "only {} points were passed", point - 1);
            return;
        }
        lab.run("promote prod").expect(0);
        assert_eq!(moto.current(&name), new.value, "point {point}");
        assert_eq!(moto.versions(&name).len(), 2, "point {point}: {:?}", moto.versions(&name));
    }
    panic!("the command never ended by itself");
}

#[test]
fn no_diagnostics_show_a_value() {
    let moto = Moto::get();
    moto.create("canary", r#"{"k":"placeholder","other":"neighbour-CANARY-42"}"#);
    let (lab, _, new) = Lab::with_secrets(&moto.url(), &["canary#k"]);
    for command in ["-vvv promote prod", "-vvv status prod", "-vvv abort prod", "history prod"] {
        let ran = lab.run(command).expect(0).without_secrets();
        let all = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!all.contains("neighbour-CANARY"), "{all}");
        assert!(!all.contains(&new.value[20..40]), "{all}");
    }
    for (path, text) in lab.standing() {
        if path.contains("/state/") && !path.contains("/slots/") {
            assert!(!text.contains(&new.value[20..40]) && !text.contains("CANARY"), "{path}");
        }
    }
}

#[test]
fn a_secret_is_no_target_of_two_keys() {
    let lab = Lab::new();
    let secret = |lines: &str| format!("type = \"aws-secrets-manager\"\nsecret_id = \"x\"\n{lines}");
    let two = |one: &str, other: &str| {
        let keys = [lab.key_with("one", "", &[&secret(one)]), lab.key_with("two", "", &[&secret(other)])];
        lab.configure(&keys.concat());
        lab.run("ledger").code
    };
    assert_eq!(two("", ""), 3);
    assert_eq!(two("", "json_key = \"a\""), 3);
    assert_eq!(two("json_key = \"a\"", "json_key = \"a\""), 3);
    assert_eq!(two("json_key = \"a\"", "json_key = \"b\""), 0);
    assert_eq!(two("region = \"eu-west-1\"", "region = \"us-east-1\""), 0);
    let region = |name: &str| secret(&format!("region = \"{name}\""));
    lab.configure(&lab.key_with("one", "", &[&region("eu-west-1"), &region("us-east-1")]));
    lab.run("ledger").expect(3).says(&["a `name` of its own"]);
    for endpoint in ["http://example.com", "ftp://x", "https://user@x"] {
        lab.configure(&lab.key_with("one", "", &[&secret(&format!("endpoint_url = \"{endpoint}\""))]));
        lab.run("ledger").expect(3).says(&["endpoint_url"]);
    }
}

#[test]
fn another_secret_under_the_same_name_is_not_written_in_the_same_rotation() {
    let (moto, name) = (Moto::get(), "target/pinned");
    moto.create(name, "placeholder");
    let (lab, ..) = Lab::with_secrets(&moto.url(), &[name]);
    lab.run("promote prod").expect(0);
    let new = moto.current(name);
    moto.call("DeleteSecret", json!({"SecretId": name, "ForceDeleteWithoutRecovery": true}));
    moto.create(name, &new);
    lab.run("abort prod")
        .expect(21)
        .without_secrets()
        .says(&["arn:aws:secretsmanager", "nothing was changed"]);
    assert_eq!(moto.versions(name).len(), 1);
    lab.advance_minutes(61);
    lab.run("finish prod").expect(11).says(&["arn:aws:secretsmanager"]);
}
