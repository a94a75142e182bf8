//! Slots in a secret: where the values lie at each step, and what becomes of what others write.

use std::sync::{Arc, Mutex};

use serde_json::json;

use super::interference::{before_put, between, error, operation};
use crate::lab::moto::Moto;
use crate::lab::{ConsoleKey, Lab, double};

/// Odd on purpose: a rotation leaves every byte of it but the value's.
fn document(value: &str) -> String {
    format!(" {{\"user\" : \"m\\u00e9\",\n\t\"key\":\"{value}\", \"n\":1.50}}\n")
}

/// A lab whose key `prod` has its slots in this secret: a name, or a name and `#` and a JSON key.
fn unadopted(endpoint_url: &str, secret: &str) -> Lab {
    let mut lab = Lab::new();
    lab.use_aws(endpoint_url);
    lab.configure(&slots_of(&lab, "prod", secret));
    lab
}

fn slots_of(lab: &Lab, key: &str, secret: &str) -> String {
    let (secret_id, json_key) = secret.split_once('#').unwrap_or((secret, ""));
    let json_key = if json_key.is_empty() { String::new() } else { format!(", json_key = \"{json_key}\"") };
    let slots = format!(
        "probe_attempts = 1\nslots = {{ type = \"aws-secrets-manager\", secret_id = \"{secret_id}\"{json_key}, \
         refresh = \"5m\" }}"
    );
    lab.key_with(key, &slots, &[])
}

/// The same with the secret made and its value adopted.
pub fn adopted(endpoint_url: &str, secret: &str) -> (Lab, ConsoleKey) {
    let lab = unadopted(endpoint_url, secret);
    let old = lab.console_key("old");
    match secret.split_once('#') {
        Some((name, _)) => Moto::get().create(name, &document(&old.value)),
        None => Moto::get().create(secret, &old.value),
    }
    lab.run("adopt prod --from file:old.key").expect(0).without_secrets();
    (lab, old)
}

pub fn staged(endpoint_url: &str, secret: &str) -> (Lab, ConsoleKey, ConsoleKey) {
    let (lab, old) = adopted(endpoint_url, secret);
    let new = lab.console_key("new");
    lab.run("stage prod --from file:new.key").expect(0).without_secrets();
    (lab, old, new)
}

/// The labels of every version that has any, sorted.
fn labels(name: &str) -> Vec<String> {
    let versions = Moto::get().versions(name);
    let mut labels: Vec<_> = versions
        .into_iter()
        .map(|(_, mut stages)| {
            stages.sort();
            stages.join("+")
        })
        .filter(|labels| !labels.is_empty())
        .collect();
    labels.sort();
    labels
}

fn count(name: &str) -> usize {
    Moto::get().versions(name).len()
}

/// The text under a label.
fn under(name: &str, label: &str) -> String {
    let answer = Moto::get().call("GetSecretValue", json!({"SecretId": name, "VersionStage": label}));
    answer["SecretString"].as_str().unwrap().to_owned()
}

#[test]
fn a_rotation_takes_its_value_through_the_labels() {
    let (moto, name) = (Moto::get(), "slots/whole");
    let (lab, old, new) = staged(&moto.url(), "slots/whole#key");
    assert_eq!(labels(name), ["AWSCURRENT+rotate-slot-primary-key", "AWSPENDING+rotate-slot-secondary-key"]);
    assert_eq!(moto.current(name), document(&old.value), "consumers see nothing of the staged one");
    assert_eq!(under(name, "AWSPENDING"), document(&new.value), "every other byte stays");
    assert_eq!(lab.run("key prod").expect(0).stdout.trim(), old.value);

    let promoted = lab.run("promote prod").expect(0).without_secrets();
    promoted.says(&["aws-secrets-manager:slots/whole#key: confirmed"]);
    assert_eq!(labels(name), ["AWSCURRENT+rotate-slot-secondary-key", "AWSPREVIOUS+rotate-slot-primary-key"]);
    assert_eq!((moto.current(name), count(name)), (document(&new.value), 2));
    assert_eq!(lab.run("key prod").expect(0).stdout.trim(), new.value);
    assert_eq!(lab.run("key prod --slot primary").expect(0).stdout.trim(), old.value);
    assert_eq!(lab.status("prod")["grace"]["floor_seconds"], (45 + 5) * 60, "the slots' refresh counts");

    lab.run("promote prod").expect(0);
    lab.work_with("prod");
    assert_eq!(count(name), 2, "a second run writes nothing");
    lab.advance_minutes(61);
    lab.run("finish prod").expect(0).without_secrets().says(&["1 of 1 read back just now"]);
    assert_eq!(lab.console_status(&old.id), "inactive");

    // And the other way round.
    let next = lab.console_key("next");
    lab.run("stage prod --from file:next.key").expect(0);
    lab.run("promote prod").expect(0);
    assert_eq!(labels(name), ["AWSCURRENT+rotate-slot-primary-key", "AWSPREVIOUS+rotate-slot-secondary-key"]);
    assert_eq!(moto.current(name), document(&next.value));
}

#[test]
fn the_journal_names_the_place_and_the_versions() {
    let (lab, ..) = staged(&Moto::get().url(), "slots/journal");
    lab.run("promote prod").expect(0);
    let entries = lab.run("history prod --json").expect(0).without_secrets().json().to_string();
    let (version, _) =
        Moto::get().versions("slots/journal").into_iter().find(|(id, _)| id.starts_with("rotate-")).unwrap();
    assert!(entries.contains("arn:aws:secretsmanager:eu-central-1"), "{entries}");
    assert!(entries.matches(&version).count() >= 2, "staged and promoted as {version}: {entries}");
}

#[test]
fn an_abort_goes_back_by_a_new_version() {
    let (moto, name) = (Moto::get(), "slots/abort");
    let (lab, old, new) = staged(&moto.url(), name);
    let before = moto.versions(name);
    lab.run("promote prod").expect(0);
    lab.run("abort prod").expect(0).without_secrets();
    assert_eq!(moto.current(name), old.value);
    let current =
        moto.versions(name).into_iter().find(|(_, stages)| stages.contains(&"AWSCURRENT".to_owned()));
    let current = current.unwrap().0;
    assert!(before.iter().all(|(id, _)| *id != current), "an older version is current again: {current}");
    assert!(!labels(name).iter().any(|labels| labels.contains("secondary") || labels.contains("PENDING")));
    assert_eq!(under(name, "AWSPREVIOUS"), new.value, "AWS keeps it; nothing of ours leads there");
    assert_eq!(lab.run("key prod").expect(0).stdout.trim(), old.value);
    // The next rotation finds its way.
    lab.console_key("next");
    lab.run("stage prod --from file:next.key").expect(0);
    lab.run("promote prod").expect(0);
}

#[test]
fn a_move_that_was_late_fails_after_an_abort() {
    let (moto, name) = (Moto::get(), "slots/late");
    let (lab, old, _) = staged(&moto.url(), name);
    let ids = |label: &str| {
        let versions = moto.versions(name);
        versions.into_iter().find(|(_, stages)| stages.contains(&label.to_owned())).unwrap().0
    };
    let (from, to) = (ids("AWSCURRENT"), ids("AWSPENDING"));
    lab.run("promote prod").expect(0);
    lab.run("abort prod").expect(0);
    // What a promotion that was paused before its move would send now.
    let late = json!({"SecretId": name, "VersionStage": "AWSCURRENT", "RemoveFromVersionId": from, "MoveToVersionId": to});
    assert!(moto.refuses("UpdateSecretVersionStage", late), "the late move went through");
    assert_eq!(moto.current(name), old.value);
}

#[test]
fn a_move_that_is_still_under_way_fails_after_an_abort() {
    for secret in ["slots/held", "slots/held-in-an-emergency"] {
        let moto = Moto::get();
        let (mut lab, old, _) = staged(&moto.url(), secret);
        // The request is held on its way, and the promotion gives up.
        let held = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&held);
        let front = between(move |request, _| {
            let is_move =
                operation(request) == "UpdateSecretVersionStage" && request.body.contains("AWSCURRENT");
            is_move.then(|| {
                *keep.lock().unwrap() = Some(request.body.clone());
                error(503, "ServiceUnavailable", "later")
            })
        });
        lab.use_aws(&front.base_url());
        lab.run("promote prod").expect(12);
        lab.use_aws(&moto.url());
        if secret == "slots/held" {
            lab.run("abort prod").expect(0);
            lab.run("abort prod").expect(0);
        } else {
            lab.run("revoke-now prod --suspect new --reason leaked --yes").expect(0);
        }
        assert_eq!(count(secret), 3, "one version as a fence, and no more");
        let late = serde_json::from_str(&held.lock().unwrap().take().unwrap()).unwrap();
        assert!(moto.refuses("UpdateSecretVersionStage", late), "{secret}: the late move went through");
        assert_eq!(moto.current(secret), old.value);
    }
}

#[test]
fn a_secret_that_cannot_be_reached_keeps_no_leaked_key_alive() {
    let (moto, name) = (Moto::get(), "slots/unreachable");
    let (mut lab, old, new) = staged(&moto.url(), name);
    lab.run("promote prod").expect(0);
    lab.use_aws("http://127.0.0.1:9");
    let ran = lab.run("revoke-now prod --reason leaked --yes").without_secrets();
    assert_eq!(lab.console_status(&old.id), "inactive", "{ran:#?}");
    assert!(!ran.stderr.contains("rotate abort"), "{ran:#?}");
    ran.says(&["AWS did not answer"]);
    lab.use_aws(&moto.url());
    lab.run("revoke-now prod --reason leaked --yes");
    assert_eq!(moto.current(name), new.value);
    assert_eq!(lab.run("key prod").expect(0).stdout.trim(), new.value);
}

#[test]
fn a_neighbours_staging_holds_up_no_emergency() {
    let (moto, name) = (Moto::get(), "slots/neighbour");
    let mut lab = Lab::new();
    lab.use_aws(&moto.url());
    lab.configure(&["a", "b"].map(|key| slots_of(&lab, key, &format!("{name}#{key}"))).concat());
    let [a, b] = ["a", "b"].map(|key| lab.console_key(key));
    moto.create(name, &format!("{{\"a\":\"{}\",\"b\":\"{}\"}}", a.value, b.value));
    for key in ["a", "b"] {
        lab.run(&format!("adopt {key} --from file:{key}.key")).expect(0);
    }
    let [new_a, new_b] = ["new-a", "new-b"].map(|name| lab.console_key(name));
    lab.run("stage a --from file:new-a.key").expect(0);
    lab.run("promote a").expect(0);
    lab.run("stage b --from file:new-b.key").expect(0);
    lab.run("revoke-now a --suspect new --reason leaked --yes").expect(0);
    assert_eq!(moto.current(name), format!("{{\"a\":\"{}\",\"b\":\"{}\"}}", a.value, b.value));
    assert_eq!(lab.console_status(&new_a.id), "inactive");
    lab.run("promote b").expect(0);
    assert_eq!(moto.current(name), format!("{{\"a\":\"{}\",\"b\":\"{}\"}}", a.value, new_b.value));
}

/// A `stage` that made its version, and was throttled when it came to the label.
fn stage_without_its_label(lab: &mut Lab) {
    let front = between(|request, _| {
        let is_label = operation(request) == "UpdateSecretVersionStage";
        is_label.then(|| error(400, "ThrottlingException", "Rate exceeded"))
    });
    lab.use_aws(&front.base_url());
    lab.run("stage prod --from file:new.key").expect(5);
    lab.use_aws(&Moto::get().url());
}

#[test]
fn a_stage_that_failed_after_its_version_goes_on_with_it() {
    let (moto, name) = (Moto::get(), "slots/goes-on");
    let (mut lab, _) = adopted(&moto.url(), name);
    let new = lab.console_key("new");
    stage_without_its_label(&mut lab);
    // Another run draws another name for its rotation.
    lab.set("ROTATE_TEST_SEED", "2");
    lab.run("stage prod --from file:new.key").expect(0);
    assert_eq!(count(name), 2);
    lab.run("promote prod").expect(0);
    assert_eq!((moto.current(name), count(name)), (new.value, 2));
}

#[test]
fn what_a_failed_stage_left_pending_is_taken_away_by_abort() {
    let (moto, name) = (Moto::get(), "slots/left-pending");
    let (mut lab, ..) = adopted(&moto.url(), name);
    lab.console_key("new");
    stage_without_its_label(&mut lab);
    lab.run("abort prod").expect(0);
    assert_eq!(labels(name), ["AWSCURRENT+rotate-slot-primary"]);
}

#[test]
fn a_staged_value_that_is_aborted_loses_its_labels() {
    let (lab, old, _) = staged(&Moto::get().url(), "slots/unstage");
    lab.run("abort prod").expect(0);
    assert_eq!(labels("slots/unstage"), ["AWSCURRENT+rotate-slot-primary"]);
    assert_eq!(Moto::get().current("slots/unstage"), old.value);
}

#[test]
fn what_somebody_changed_since_the_staging_is_kept() {
    let (moto, name) = (Moto::get(), "slots/changed");
    let (lab, old, new) = staged(&moto.url(), "slots/changed#key");
    moto.overwrite(name, &document(&old.value).replace("1.50", "2"));
    lab.run("promote prod").expect(0).without_secrets();
    assert_eq!(moto.current(name), document(&new.value).replace("1.50", "2"));
    assert!(!labels(name).iter().any(|labels| labels.contains("PENDING")), "{:?}", labels(name));
    assert_eq!(lab.run("key prod").expect(0).stdout.trim(), new.value);
}

#[test]
fn what_somebody_changes_during_the_staging_is_kept() {
    let moto = Moto::get();
    let front = before_put("slots/during", |moto| {
        let now = moto.current("slots/during").replace("1.50", "3");
        moto.overwrite("slots/during", &now);
    });
    let (lab, _, new) = staged(&front.base_url(), "slots/during#key");
    lab.run("promote prod").expect(0);
    assert_eq!(moto.current("slots/during"), document(&new.value).replace("1.50", "3"));
}

#[test]
fn drift_inside_the_window_is_mended_by_a_new_version() {
    let (moto, name) = (Moto::get(), "slots/drift");
    let (lab, old, new) = staged(&moto.url(), name);
    lab.run("promote prod").expect(0);
    moto.overwrite(name, &old.value);
    lab.advance_minutes(61);
    lab.run("finish prod").expect(11).says(&["aws-secrets-manager:slots/drift"]);
    let before = count(name);
    lab.run("promote prod").expect(0);
    assert_eq!((moto.current(name), count(name)), (new.value, before + 1));
    lab.run("finish prod").expect(10);
}

#[test]
fn a_version_that_was_current_before_is_never_made_current_again() {
    let (moto, name) = (Moto::get(), "slots/once");
    let (mut lab, old, new) = staged(&moto.url(), name);
    // AWSPENDING stays where it is.
    let front = between(|request, _| {
        let is_pending =
            request.body.contains("AWSPENDING") && operation(request) == "UpdateSecretVersionStage";
        is_pending.then(|| error(400, "ThrottlingException", "Rate exceeded"))
    });
    lab.use_aws(&front.base_url());
    lab.run("promote prod").expect(0);
    assert!(labels(name).contains(&"AWSCURRENT+AWSPENDING+rotate-slot-secondary".to_owned()));
    let before = moto.versions(name);
    moto.overwrite(name, &old.value);
    moto.overwrite(name, &format!("{}\n", old.value));
    moto.overwrite(name, &old.value);
    lab.use_aws(&moto.url());
    lab.run("promote prod").expect(0);
    let is_current = |(_, stages): &&(String, Vec<String>)| stages.contains(&"AWSCURRENT".to_owned());
    let current = moto.versions(name).iter().find(is_current).unwrap().0.clone();
    assert_eq!(moto.current(name), new.value);
    assert!(before.iter().all(|(id, _)| *id != current), "the label went back to {current}");
}

#[test]
fn a_new_value_that_is_in_the_secret_already_is_only_labelled() {
    let (moto, name) = (Moto::get(), "slots/pasted");
    let (lab, _) = adopted(&moto.url(), name);
    let new = lab.console_key("new");
    moto.overwrite(name, &new.value);
    let before = count(name);
    lab.run("stage prod --from file:new.key").expect(0);
    lab.run("promote prod").expect(0);
    assert_eq!((moto.current(name), count(name)), (new.value, before));
}

#[test]
fn replacing_a_staged_value_leaves_one_pending() {
    let (moto, name) = (Moto::get(), "slots/replace");
    let (lab, ..) = staged(&moto.url(), name);
    let other = lab.console_key("other");
    lab.run("stage prod --from file:other.key --replace").expect(0);
    assert_eq!(labels(name), ["AWSCURRENT+rotate-slot-primary", "AWSPENDING+rotate-slot-secondary"]);
    assert_eq!(under(name, "AWSPENDING"), other.value);
}

#[test]
fn an_emergency_moves_consumers_and_revokes() {
    let (moto, name) = (Moto::get(), "slots/emergency");
    let (lab, old) = adopted(&moto.url(), name);
    let new = lab.console_key("new");
    lab.run("revoke-now prod --replace-from file:new.key --reason leaked --yes").expect(0).without_secrets();
    assert_eq!((moto.current(name), lab.console_status(&old.id).as_str()), (new.value, "inactive"));
}

#[test]
fn keys_share_a_document_one_rotation_at_a_time() {
    let (moto, name) = (Moto::get(), "slots/shared");
    let mut lab = Lab::new();
    lab.use_aws(&moto.url());
    lab.configure(&["a", "b"].map(|key| slots_of(&lab, key, &format!("{name}#{key}"))).concat());
    let [a, b] = ["a", "b"].map(|key| lab.console_key(key).value);
    moto.create(name, &format!("{{\"a\":\"{a}\",\"b\":\"{b}\"}}"));
    for key in ["a", "b"] {
        lab.run(&format!("adopt {key} --from file:{key}.key")).expect(0);
    }
    let [new_a, new_b] = ["new-a", "new-b"].map(|name| lab.console_key(name).value);
    lab.run("stage a --from file:new-a.key").expect(0);
    lab.run("stage b --from file:new-b.key")
        .expect(5)
        .says(&["another key that shares the secret is being rotated"]);
    lab.run("promote a").expect(0);
    lab.run("stage b --from file:new-b.key").expect(0);
    lab.run("promote b").expect(0);
    assert_eq!(moto.current(name), format!("{{\"a\":\"{new_a}\",\"b\":\"{new_b}\"}}"));
    assert_eq!(lab.run("key a --slot primary").expect(0).stdout.trim(), a);
    assert_eq!(lab.run("key b --slot primary").expect(0).stdout.trim(), b);
}

#[test]
fn another_secret_under_the_same_name_is_a_hard_stop() {
    let (moto, name) = (Moto::get(), "slots/pinned");
    let (lab, old, _) = staged(&moto.url(), name);
    moto.call("DeleteSecret", json!({"SecretId": name, "ForceDeleteWithoutRecovery": true}));
    moto.create(name, &old.value);
    for command in ["promote prod", "abort prod", "key prod"] {
        let ran = lab.run(command).without_secrets();
        assert_ne!(ran.code, 0, "{ran:#?}");
        ran.says(&["arn:aws:secretsmanager", "nothing was changed"]);
    }
    assert_eq!(labels(name), ["AWSCURRENT"], "nothing was written to it");
}

#[test]
fn adopting_asks_that_consumers_read_the_value() {
    let moto = Moto::get();
    let lab = unadopted(&moto.url(), "slots/adopt");
    lab.console_key("old");
    let adopt = "adopt prod --from file:old.key";
    lab.run(adopt).expect(5).says(&["there is no secret slots/adopt", "create-secret"]);
    moto.create("slots/adopt", "placeholder");
    lab.run(adopt).expect(5).says(&["read another value", "--from aws-sm:slots/adopt"]);
    assert_eq!(labels("slots/adopt"), ["AWSCURRENT"]);
    moto.overwrite("slots/adopt", lab.read("old.key").trim());
    lab.run("adopt prod --from aws-sm:slots/adopt").expect(0);
}

#[test]
fn secrets_that_cannot_hold_slots_are_refused_and_nothing_is_left() {
    let moto = Moto::get();
    let refused = |secret: &str, spoil: &dyn Fn(&str), words: &[&str]| {
        let (lab, _) = adopted(&moto.url(), secret);
        let name = secret.split('#').next().unwrap();
        spoil(name);
        lab.console_key("new");
        let ran = lab.run("stage prod --from file:new.key").without_secrets();
        assert_eq!(ran.code, 5, "{ran:#?}");
        assert_eq!(lab.phase("prod"), "Idle");
        assert!(lab.status("prod")["interrupted"].is_null(), "{:#}", lab.status("prod"));
        ran.says(words);
    };
    refused(
        "slots/deleted",
        &|name| {
            moto.call("DeleteSecret", json!({"SecretId": name}));
        },
        &["scheduled for deletion", "restore-secret"],
    );
    refused(
        "slots/member#key",
        &|name| moto.overwrite(name, r#"{"other":"x"}"#),
        &["under the key `key`", "json_key"],
    );
    refused(
        "slots/stray",
        &|name| {
            let stray = "11111111-2222-3333-4444-666666666666";
            moto.call(
                "PutSecretValue",
                json!({"SecretId": name, "SecretString": "x", "ClientRequestToken": stray, "VersionStages": ["AWSPENDING"]}),
            );
        },
        &["somebody else is changing", "update-secret-version-stage --secret-id slots/stray"],
    );
}

#[test]
fn a_value_is_binary_or_rotated_by_aws() {
    let moto = Moto::get();
    for (name, fields, words) in [
        ("slots/lambda", json!({"RotationEnabled": true}), "cancel-rotate-secret --secret-id slots/lambda"),
        ("slots/owned", json!({"OwningService": "rds"}), "managed by rds"),
    ] {
        let front = between(move |request, moto| {
            (operation(request) == "DescribeSecret").then(|| {
                let mut answer = moto.call("DescribeSecret", json!({"SecretId": name}));
                answer.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
                double::http_answer(
                    200,
                    &[("content-type", "application/x-amz-json-1.1")],
                    &answer.to_string(),
                )
            })
        });
        let (mut lab, _) = adopted(&moto.url(), name);
        lab.use_aws(&front.base_url());
        lab.console_key("new");
        lab.run("stage prod --from file:new.key").expect(5).says(&[words]);
        assert_eq!(labels(name), ["AWSCURRENT+rotate-slot-primary"]);
    }
    moto.call("CreateSecret", json!({"Name": "slots/binary", "SecretBinary": "AAEC"}));
    let lab = unadopted(&moto.url(), "slots/binary");
    lab.console_key("old");
    lab.run("adopt prod --from file:old.key").expect(5).says(&["is binary"]);
}

#[test]
fn each_denied_action_is_named_and_leaves_no_half_state() {
    let moto = Moto::get();
    for action in ["DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"] {
        let name = format!("slots/denied/{action}");
        let (mut lab, old) = adopted(&moto.url(), &name);
        let new = lab.console_key("new");
        let front = between(move |request, _| {
            (operation(request) == action).then(|| error(400, "AccessDeniedException", "not authorized"))
        });
        lab.use_aws(&front.base_url());
        let denied = format!("denies secretsmanager:{action} on {name}");
        lab.run("stage prod --from file:new.key").without_secrets().says(&[&denied]);
        assert_eq!(moto.current(&name), old.value);
        lab.use_aws(&moto.url());
        lab.run("stage prod --from file:new.key").expect(0);
        lab.run("promote prod").expect(0);
        assert_eq!((moto.current(&name), count(&name)), (new.value, 2), "{action}");
    }
}

#[test]
fn what_aws_fails_at_is_made_up_for_by_the_same_command() {
    let moto = Moto::get();
    for (number, (status, code, message)) in [
        (400, "ThrottlingException", "Rate exceeded"),
        (500, "InternalServiceError", "oops"),
        (503, "ServiceUnavailable", "later"),
        (400, "ExpiredTokenException", "The security token is expired"),
        (400, "InvalidSignatureException", "Signature expired: 20260301 is now earlier than 20260302"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("slots/fails/{number}");
        let (mut lab, old, new) = staged(&moto.url(), &name);
        let front = between(move |_, _| Some(error(status, code, message)));
        lab.use_aws(&front.base_url());
        let ran = lab.run("promote prod").without_secrets();
        assert_ne!(ran.code, 0, "{code}");
        assert!(ran.stderr.contains("hint: "), "{code}: {ran:#?}");
        assert_eq!(moto.current(&name), old.value);
        lab.use_aws(&moto.url());
        lab.run("promote prod").expect(0);
        assert_eq!(moto.current(&name), new.value);
    }
}

#[test]
fn an_answer_that_is_lost_is_looked_for() {
    let moto = Moto::get();
    for lost in ["PutSecretValue", "UpdateSecretVersionStage"] {
        let name = format!("slots/lost/{lost}");
        let (mut lab, _) = adopted(&moto.url(), &name);
        let front = between(move |request, moto| {
            (operation(request) == lost).then(|| {
                let _ = double::pass_on(request, moto.address());
                error(503, "ServiceUnavailable", "try later")
            })
        });
        lab.use_aws(&front.base_url());
        let new = lab.console_key("new");
        lab.run("stage prod --from file:new.key").expect(0);
        lab.run("promote prod").expect(0);
        assert_eq!((moto.current(&name), count(&name)), (new.value, 2), "{lost}");
    }
}

/// From documentation: a token that comes again with another text is an error, and so is a label that is moved
/// from where it is not.
#[test]
fn a_version_that_holds_another_text_than_it_was_made_for_is_not_used() {
    let (moto, name) = (Moto::get(), "slots/token");
    let (mut lab, _) = adopted(&moto.url(), name);
    lab.console_key("new");
    let front = between(|request, moto| {
        (operation(request) == "UpdateSecretVersionStage").then(|| {
            // The process ends before the label, and somebody overwrites the version.
            let ids: Vec<_> = moto.versions("slots/token").into_iter().map(|(id, _)| id).collect();
            let token = ids.iter().find(|id| id.starts_with("rotate-")).unwrap();
            moto.call(
                "PutSecretValue",
                json!({"SecretId": "slots/token", "SecretString": "theirs", "ClientRequestToken": token, "VersionStages": ["AWSPENDING"]}),
            );
            error(503, "ServiceUnavailable", "try later")
        })
    });
    lab.use_aws(&front.base_url());
    lab.run("stage prod --from file:new.key").expect(5);
    lab.use_aws(&moto.url());
    lab.run("stage prod --from file:new.key").expect(5).says(&["holds another text than it was made for"]);
}

#[test]
fn without_a_region_or_a_network_nothing_is_changed() {
    let (moto, name) = (Moto::get(), "slots/nowhere");
    let (mut lab, old, _) = staged(&moto.url(), name);
    lab.unset("AWS_REGION");
    lab.run("promote prod").expect(5).says(&["no AWS region is known"]);
    lab.use_aws("http://127.0.0.1:9");
    lab.run("promote prod").without_secrets().says(&["AWS did not answer"]);
    lab.run("key prod").expect(5).says(&["AWS did not answer"]);
    assert_eq!((moto.current(name), lab.phase("prod")), (old.value, "SecondaryStaged".to_owned()));
}
