//! Somebody or something between the calls.

use std::sync::Mutex;

use serde_json::json;

use crate::lab::Lab;
use crate::lab::double::{Double, Heard, http_answer};
use crate::lab::moto::Moto;

/// The operation that a request is, such as `PutSecretValue`.
pub fn operation(request: &Heard) -> &str {
    request.header("x-amz-target").and_then(|target| target.split('.').nth(1)).unwrap_or_default()
}

/// An error as AWS answers it.
pub fn error(status: u16, code: &str, message: &str) -> Vec<u8> {
    let body = json!({"__type": code, "message": message, "Message": message}).to_string();
    http_answer(status, &[("content-type", "application/x-amz-json-1.1")], &body)
}

/// Passes requests on to moto; once, before a version is put into this secret, something happens.
pub fn before_put(secret_id: &'static str, happening: impl Fn(&Moto) + Send + Sync + 'static) -> Double {
    let done = Mutex::new(false);
    between(move |request, moto| {
        let mut done = done.lock().unwrap();
        if operation(request) == "PutSecretValue" && request.body.contains(secret_id) && !*done {
            *done = true;
            happening(moto);
            // moto takes versions of deleted secrets; AWS documents that it does not.
            let described = moto.call("DescribeSecret", json!({"SecretId": secret_id}));
            if !described["DeletedDate"].is_null() {
                let message =
                    "You can't perform this operation on the secret because it was marked for deletion.";
                return Some(error(400, "InvalidRequestException", message));
            }
        }
        None
    })
}

/// Passes requests on to moto, unless there is another answer.
pub fn between(answer: impl Fn(&Heard, &'static Moto) -> Option<Vec<u8>> + Send + Sync + 'static) -> Double {
    let moto = Moto::get();
    Double::start(move |request| answer(request, moto).unwrap_or_else(|| forward(request, moto)))
}

fn forward(request: &Heard, moto: &Moto) -> Vec<u8> {
    crate::lab::double::pass_on(request, moto.address()).unwrap_or_default()
}

#[test]
fn what_somebody_else_wrote_meanwhile_is_kept() {
    let moto = Moto::get();
    moto.create("meanwhile", r#"{"key":"x","other":"old"}"#);
    let front = before_put("meanwhile", |moto| moto.overwrite("meanwhile", r#"{"key":"x","other":"new"}"#));
    let (lab, _, new) = Lab::with_secrets(&front.base_url(), &["meanwhile#key"]);
    lab.run("promote prod").expect(0).without_secrets();
    assert_eq!(moto.current("meanwhile"), format!(r#"{{"key":"{}","other":"new"}}"#, new.value));
}

#[test]
fn somebody_who_never_stops_writing_is_named_as_such() {
    let moto = Moto::get();
    moto.create("restless", r#"{"key":"x","n":0}"#);
    let front = between(|request, moto| {
        if operation(request) == "PutSecretValue" {
            let number = request.body.len();
            moto.overwrite("restless", &format!(r#"{{"key":"x","n":{number}}}"#));
        }
        None
    });
    let (lab, ..) = Lab::with_secrets(&front.base_url(), &["restless#key"]);
    lab.run("promote prod").expect(12).without_secrets().says(&["changed meanwhile", "nothing was lost"]);
    assert!(moto.current("restless").contains(r#""key":"x""#));
}

#[test]
fn an_answer_that_is_lost_after_the_move_is_no_failure() {
    for (number, lost) in ["PutSecretValue", "UpdateSecretVersionStage"].into_iter().enumerate() {
        let moto = Moto::get();
        let name = format!("lost/{number}");
        moto.create(&name, "placeholder");
        let front = between(move |request, moto| {
            (operation(request) == lost).then(|| {
                forward(request, moto);
                error(503, "ServiceUnavailable", "try later")
            })
        });
        let (lab, _, new) = Lab::with_secrets(&front.base_url(), &[&name]);
        lab.run("promote prod").expect(0).without_secrets();
        assert_eq!(moto.current(&name), new.value, "{lost}");
        assert_eq!(moto.versions(&name).len(), 2, "{lost}");
        let calls: Vec<_> = front.take().iter().map(|request| operation(request).to_owned()).collect();
        let repeats = calls.iter().filter(|call| *call == "PutSecretValue").count();
        assert_eq!(repeats, 1, "what changes something is tried once: {calls:?}");
    }
}

#[test]
fn a_move_that_fails_is_made_up_for_without_a_second_version() {
    let moto = Moto::get();
    moto.create("stuck", "placeholder");
    let front = between(|request, _| {
        let is_move = operation(request) == "UpdateSecretVersionStage";
        is_move.then(|| error(400, "ThrottlingException", "Rate exceeded"))
    });
    let (mut lab, _, new) = Lab::with_secrets(&front.base_url(), &["stuck"]);
    lab.run("promote prod")
        .expect(12)
        .without_secrets()
        .says(&["throttles secretsmanager:UpdateSecretVersion"]);
    assert_eq!(moto.current("stuck"), "placeholder");
    let pending = moto.versions("stuck");
    assert_eq!(pending.len(), 2);
    lab.use_aws(&moto.url());
    lab.run("promote prod").expect(0);
    assert_eq!(moto.current("stuck"), new.value);
    let ids = |versions: &[(String, Vec<String>)]| {
        let mut ids: Vec<_> = versions.iter().map(|(id, _)| id.clone()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&moto.versions("stuck")), ids(&pending));
}

#[test]
fn what_is_left_pending_does_not_stop_the_next_rotation() {
    let moto = Moto::get();
    moto.create("left", "placeholder");
    let front = between(|request, _| {
        let is_move = operation(request) == "UpdateSecretVersionStage";
        is_move.then(|| error(400, "AccessDeniedException", "no"))
    });
    let (mut lab, old, _) = Lab::with_secrets(&front.base_url(), &["left"]);
    moto.overwrite("left", &old.value);
    lab.run("promote prod").expect(12).says(&["denies secretsmanager:UpdateSecretVersionStage on left"]);
    lab.use_aws(&moto.url());
    lab.run("abort prod").expect(0);
    let next = lab.console_key("next");
    lab.run("stage prod --from file:next.key").expect(0);
    lab.run("promote prod").expect(0);
    assert_eq!(moto.current("left"), next.value);
}

#[test]
fn somebody_elses_pending_version_is_left_alone() {
    let moto = Moto::get();
    moto.create("stray", "placeholder");
    let stray = "11111111-2222-3333-4444-555555555555";
    let put = json!({"SecretId": "stray", "SecretString": "theirs", "ClientRequestToken": stray,
        "VersionStages": ["AWSPENDING"]});
    moto.call("PutSecretValue", put);
    let (lab, _, new) = Lab::with_secrets(&moto.url(), &["stray"]);
    let ran = lab.run("promote prod").without_secrets();
    assert_ne!(ran.code, 0);
    ran.says(&["somebody else is changing", stray, "--version-stage AWSPENDING --remove-from-version-id"]);
    assert_eq!(moto.current("stray"), "placeholder");
    let take_off = json!({"SecretId": "stray", "VersionStage": "AWSPENDING", "RemoveFromVersionId": stray});
    moto.call("UpdateSecretVersionStage", take_off);
    lab.run("promote prod").expect(0);
    assert_eq!(moto.current("stray"), new.value);
}

#[test]
fn a_promotion_that_pauses_before_it_reads_the_label_does_not_move_it_back() {
    let moto = Moto::get();
    moto.create("paused", "placeholder");
    let (mut lab, old, _) = Lab::with_secrets(&moto.url(), &["paused"]);
    let emergency = lab.command(&["revoke-now", "prod", "--suspect", "new", "--reason", "leaked", "--yes"]);
    let (emergency, state) = (Mutex::new(Some(emergency)), lab.path("state/prod.json"));
    // The emergency comes between the promotion's last look at the state and its first look at the label.
    let front = between(move |request, _| {
        let has_switched = std::fs::read_to_string(&state).unwrap().contains("write_targets");
        if has_switched && operation(request) == "DescribeSecret" {
            let command = emergency.lock().unwrap().take();
            assert!(command.is_none_or(|mut command| command.output().unwrap().status.success()));
        }
        None
    });
    lab.use_aws(&front.base_url());
    lab.run("promote prod").expect(4).without_secrets();
    let moves = |request: &&Heard| {
        operation(request) == "UpdateSecretVersionStage" && request.body.contains("AWSCURRENT")
    };
    assert_eq!(front.take().iter().filter(moves).count(), 0, "the label was moved back for a moment");
    assert_eq!(moto.current("paused"), old.value);
}
