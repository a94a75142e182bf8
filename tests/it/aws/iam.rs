//! Whole rotations of IAM access keys, made by AWS itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::lab::Lab;
use crate::lab::double::{Double, pass_on};
use crate::lab::iam::{self, AccessKey, User, action, refusal, slow_to_learn, strict};
use crate::lab::moto::Moto;

const DOTENV: &str =
    "[[keys.prod.targets]]\ntype = \"dotenv\"\npath = \"app.env\"\nvariable = \"AWS_KEY\"\nrefresh = \"5m\"";

pub struct Bench {
    pub lab: Lab,
    user: User,
    old: AccessKey,
    door: Double,
}

pub fn adopted(name: &str, door: impl FnOnce(&Lab) -> Double) -> Bench {
    let user = User::create(name);
    let mut lab = Lab::new();
    let door = door(&lab);
    lab.write("app.env", "AWS_KEY=placeholder\n");
    let old = lab.for_user(&user, &door.base_url(), "", DOTENV);
    lab.run("adopt prod --from file:old.key").expect(0);
    Bench { lab, user, old, door }
}

fn open_door(lab: &Lab) -> Double {
    strict(lab, |_| None)
}

impl Bench {
    /// The keys that are not the first one.
    fn new_keys(&self) -> Vec<(String, String)> {
        self.user.keys().into_iter().filter(|(id, _)| *id != self.old.id).collect()
    }

    pub fn new_id(&self) -> String {
        let [(id, _)] = &self.new_keys()[..] else { panic!("{:?}", self.new_keys()) };
        id.clone()
    }
}

#[test]
fn a_rotation_from_stage_to_purge() {
    let bench = adopted("whole", open_door);
    let Bench { lab, user, old, .. } = &bench;
    let staged = lab.run("stage prod").expect(0);
    let new = bench.new_id();
    assert!(!format!("{staged:?}").contains(&old.secret));
    staged.says(&[&format!("the provider made the key {new}"), "staged"]);
    let status = lab.status("prod");
    assert_eq!(status["staged"]["provider_key_id"], json!(new));
    assert_eq!(status["staged"]["last4"], json!(new[new.len() - 4..]), "of the id, never of the secret");
    assert_eq!(lab.run("key prod").expect(0).stdout.trim(), old.value());

    lab.run("stage prod").expect(0).says(&["nothing was left to do"]);
    assert_eq!(user.keys().len(), 2, "a second run makes no second key");
    lab.run("promote prod").expect(0);
    iam::work(lab, &bench.door);
    assert!(lab.read("app.env").contains(&format!("AWS_KEY={new}:")));
    assert!(lab.run("key prod").expect(0).stdout.starts_with(&new));
    lab.run("finish prod").expect(10);
    lab.advance_minutes(61);
    let finished = lab.run("finish prod --json").expect(0).json();
    let row = finished["evidence"].as_array().unwrap().iter().find(|row| row["item"] == "last_used").unwrap();
    assert_eq!(row["verdict"], "met", "{row}");
    assert_eq!((user.status(&old.id), user.status(&new)), ("Inactive".to_owned(), "Active".to_owned()));

    lab.run("undo prod").expect(0);
    assert_eq!(user.status(&old.id), "Active");
    lab.advance_minutes(61);
    lab.run("finish prod").expect(0);
    lab.run("purge prod --yes").expect(0);
    assert_eq!(user.keys(), [(new, "Active".to_owned())]);
    lab.run("history --verify").expect(0);
}

#[test]
fn both_halves_reach_a_secret_and_a_file_together() {
    let user = User::create("halves");
    let mut lab = Lab::new();
    let door = open_door(&lab);
    let pair = "{ access_key_id = \"AWS_ACCESS_KEY_ID\", secret_access_key = \"AWS_SECRET_ACCESS_KEY\" }";
    let slots = format!(
        "slots = {{ type = \"aws-secrets-manager\", secret_id = \"halves\", json_keys = {pair}, refresh = \"5m\" }}"
    );
    let target = format!(
        "[[keys.prod.targets]]\ntype = \"dotenv\"\npath = \"app.env\"\nvariables = {pair}\nrefresh = \"5m\""
    );
    let old = lab.for_user(&user, &door.base_url(), &slots, &target);
    lab.write("app.env", "AWS_ACCESS_KEY_ID=x\nAWS_SECRET_ACCESS_KEY=y\nOTHER=z\n");
    let document = |id: &str, secret: &str| {
        format!("{{\"AWS_ACCESS_KEY_ID\": \"{id}\", \"n\": 1.50, \"AWS_SECRET_ACCESS_KEY\": \"{secret}\"}}")
    };
    Moto::get().create("halves", &document(&old.id, &old.secret));
    lab.run("adopt prod --from file:old.key").expect(0);
    lab.run("stage prod").expect(0);
    assert_eq!(Moto::get().current("halves"), document(&old.id, &old.secret));
    lab.run("promote prod").expect(0);
    let value = lab.run("key prod").expect(0).stdout;
    let (id, secret) = value.trim().split_once(':').unwrap();
    assert_ne!(id, old.id);
    assert_eq!(Moto::get().current("halves"), document(id, secret));
    let file = format!("AWS_ACCESS_KEY_ID={id}\nAWS_SECRET_ACCESS_KEY={secret}\nOTHER=z\n");
    assert_eq!(lab.read("app.env"), file);
    iam::work(&lab, &door);
    lab.advance_minutes(61);
    lab.run("finish prod").expect(0);
    assert_eq!(user.status(&old.id), "Inactive");
}

#[test]
fn no_secret_of_a_key_is_shown_or_written_but_to_slot_and_target() {
    let bench = adopted("canary", open_door);
    bench.lab.run("stage prod").expect(0);
    let value = bench.lab.read("state/slots/prod.secondary");
    let secret = value.trim().split_once(':').unwrap().1.to_owned();
    let shown = bench.lab.run("promote prod -vvv").expect(0);
    let all = [
        format!("{shown:?}"),
        bench.lab.read("state/prod.json"),
        bench.lab.read("state/journal/prod.jsonl"),
        format!("{:?}", bench.lab.run("status prod --json")),
        format!("{:?}", bench.lab.run("history prod --json")),
    ];
    for text in all {
        assert!(!text.contains(&secret), "the secret is in {text}");
        assert!(!text.contains(&secret[secret.len() - 4..]), "the end of the secret is in {text}");
    }
}

#[test]
fn a_new_key_that_aws_does_not_know_everywhere_yet_is_waited_for() {
    let mut bench = adopted("eventually", open_door);
    let door = slow_to_learn(&bench.lab, 5, bench.old.id.clone());
    bench.lab.use_aws(&door.base_url());
    bench.lab.run("stage prod").expect(0);
    assert_eq!(bench.user.keys().len(), 2);
}

#[test]
fn killed_at_any_point_of_a_stage_the_next_one_leaves_two_keys_and_no_orphan() {
    for at in 1..40 {
        let bench = adopted(&format!("killed-{at}"), open_door);
        let mut killed = bench.lab.command(&["stage", "prod"]);
        killed.env("ROTATE_TEST_CRASH_AT", at.to_string());
        let is_over = bench.lab.finish_command(&mut killed).code == 0;
        assert_eq!(bench.lab.run("key prod").expect(0).stdout.trim(), bench.old.value());
        bench.lab.run("stage prod").expect(0);
        let staged = bench.lab.status("prod")["staged"]["provider_key_id"].clone();
        assert_eq!(json!(bench.new_id()), staged, "killed at {at}");
        bench.lab.run("promote prod").expect(0);
        if is_over {
            assert!(at > 6, "a stage has only {at} points");
            return;
        }
    }
    panic!("a stage has more points than were looked at");
}

#[test]
fn killed_at_any_point_of_a_stage_an_abort_leaves_one_key() {
    for at in 1..40 {
        let bench = adopted(&format!("aborted-{at}"), open_door);
        let mut killed = bench.lab.command(&["stage", "prod"]);
        killed.env("ROTATE_TEST_CRASH_AT", at.to_string());
        let is_over = bench.lab.finish_command(&mut killed).code == 0;
        let aborted = bench.lab.run("abort prod");
        assert!([0, 6].contains(&aborted.code), "killed at {at}: {aborted:#?}");
        assert_eq!(bench.user.keys(), [(bench.old.id.clone(), "Active".to_owned())], "killed at {at}");
        if is_over {
            return;
        }
    }
    panic!("a stage has more points than were looked at");
}

#[test]
fn an_answer_that_is_lost_after_the_key_was_made_leaves_no_orphan() {
    let mut bench = adopted("lost-answer", open_door);
    let lost = Mutex::new(false);
    let door = strict(&bench.lab, move |request| {
        let mut lost = lost.lock().unwrap();
        if action(request) != "CreateAccessKey" || *lost {
            return None;
        }
        *lost = true;
        let _ = pass_on(request, Moto::get().address());
        Some(refusal(503, "ServiceUnavailable", "try later"))
    });
    bench.lab.use_aws(&door.base_url());
    bench.lab.run("stage prod").expect(0).says(&["which nobody had"]);
    assert_eq!(json!(bench.new_id()), bench.lab.status("prod")["staged"]["provider_key_id"]);
}

#[test]
fn where_there_are_two_already_they_are_explained() {
    let bench = adopted("full", open_door);
    let other = bench.user.create_key();
    let ran = bench.lab.run("stage prod").expect(13).without_secrets();
    ran.says(&[
        "has 2 keys, and aws-iam allows no more at a time",
        &format!("{}: the active one, active, made", bench.old.id),
        &format!("{}: not known here", other.id),
        &format!("aws iam delete-access-key --user-name full --access-key-id {}", other.id),
    ]);
    assert_eq!(bench.user.keys().len(), 2);
    assert!(bench.lab.status("prod")["interrupted"].is_null());
}

#[test]
fn the_one_of_the_last_rotation_makes_room_after_its_time() {
    let bench = adopted("quarterly", open_door);
    let lab = &bench.lab;
    for command in ["stage prod", "promote prod"] {
        lab.run(command).expect(0);
    }
    iam::work(lab, &bench.door);
    lab.advance_minutes(61);
    lab.run("finish prod").expect(0);
    lab.run("stage prod").expect(13).says(&["revoked by the last rotation", "rotate purge prod"]);
    lab.advance_minutes(8 * 24 * 60);
    lab.run("stage prod").expect(0);
    assert_eq!(bench.user.status(&bench.old.id), "gone");
    assert_eq!(bench.user.keys().len(), 2);
}

#[test]
fn a_staged_key_that_is_dropped_is_deleted() {
    let bench = adopted("dropped", open_door);
    bench.lab.run("stage prod").expect(0);
    let first = bench.new_id();
    bench.lab.run("stage prod --replace").expect(0);
    assert_eq!(bench.user.status(&first), "gone");
    bench.lab.run("abort prod").expect(0);
    assert_eq!(bench.user.keys(), [(bench.old.id.clone(), "Active".to_owned())]);
}

#[test]
fn in_an_emergency_a_staged_key_takes_over() {
    let bench = adopted("emergency", open_door);
    bench.lab.run("revoke-now prod --reason leaked --yes").expect(2).says(&["rotate stage prod"]);
    assert_eq!(bench.user.status(&bench.old.id), "Active");
    bench.lab.run("stage prod").expect(0);
    bench.lab.run("revoke-now prod --reason leaked --yes").expect(0);
    assert_eq!(bench.user.status(&bench.old.id), "Inactive");
    assert!(bench.lab.read("app.env").contains(&bench.new_id()));
}

#[test]
fn a_value_of_another_user_is_refused() {
    let bench = adopted("parity", open_door);
    let stranger = User::create("parity-stranger").create_key();
    bench.lab.write("theirs.key", &stranger.value());
    bench.lab.run("stage prod --from file:theirs.key").expect(13).without_secrets();
    assert_eq!(bench.lab.phase("prod"), "Idle");
}

#[test]
fn a_value_of_another_kind_is_named() {
    let bench = adopted("kinds", open_door);
    for (value, word) in [
        (bench.old.id.clone(), "without its secret"),
        (bench.old.value().replace("AKIA", "ASIA"), "temporary"),
        ("sk-ant-api03-x".to_owned(), "another provider"),
    ] {
        bench.lab.write("odd.key", &value);
        bench.lab.run("stage prod --from file:odd.key").expect(2).says(&[word]);
    }
}

#[test]
fn the_old_key_in_use_after_the_window_is_evidence() {
    let user = User::create("evidence");
    // From documentation: what GetAccessKeyLastUsed answers of a key in use.
    let (service, at) = ("s3", "2026-03-01T12:58:00Z");
    let mut lab = Lab::new();
    let door = strict(&lab, move |request| {
        (action(request) == "GetAccessKeyLastUsed").then(|| {
            let body = format!(
                "<GetAccessKeyLastUsedResponse><GetAccessKeyLastUsedResult><UserName>evidence</UserName><AccessKeyLastUsed>\
                 <LastUsedDate>{at}</LastUsedDate><ServiceName>{service}</ServiceName><Region>eu-central-1</Region>\
                 </AccessKeyLastUsed></GetAccessKeyLastUsedResult></GetAccessKeyLastUsedResponse>"
            );
            crate::lab::double::http_answer(200, &[("content-type", "text/xml")], &body)
        })
    });
    let old = lab.for_user(&user, &door.base_url(), "", "");
    lab.run("adopt prod --from file:old.key").expect(0);
    lab.run("stage prod").expect(0);
    lab.run("promote prod").expect(0);
    lab.advance_minutes(61);
    let ran = lab.run("finish prod").expect(11);
    ran.says(&["last_used", "s3 in eu-central-1", "somebody still uses it"]);
    assert_eq!(user.status(&old.id), "Active");
    lab.run("finish prod --accept-unknown last_used").expect(11);
    assert_eq!(user.status(&old.id), "Active", "a use is no unknown that could be accepted");
}

/// From documentation: what AWS answers to a ping, and what is made of it.
#[test]
fn only_a_definite_refusal_is_taken_for_one() {
    for (number, (status, code, message, exit)) in [
        (403, "InvalidClientTokenId", "The security token included in the request is invalid.", 20),
        (403, "SignatureDoesNotMatch", "The request signature we calculated does not match", 20),
        (403, "SignatureDoesNotMatch", "Signature expired: 20260301 is now earlier than 20260302", 21),
        (403, "RequestExpired", "Request has expired", 21),
        (400, "Throttling", "Rate exceeded", 21),
        (403, "AccessDenied", "not authorized", 21),
        (503, "ServiceUnavailable", "later", 21),
        (200, "no error at all", "<html>", 21),
    ]
    .into_iter()
    .enumerate()
    {
        let user = User::create(&format!("verdict-{number}"));
        let mut lab = Lab::new();
        let door = strict(&lab, move |request| {
            (action(request) == "GetCallerIdentity").then(|| refusal(status, code, message))
        });
        lab.for_user(&user, &door.base_url(), "", "");
        let ran = lab.run("adopt prod --from file:old.key").without_secrets();
        assert_eq!(ran.code, exit, "{code} {message}: {ran:#?}");
    }
}

#[test]
fn each_denied_action_is_named() {
    for (denied, command, code) in [
        ("ListAccessKeys", "stage prod", 21),
        ("CreateAccessKey", "stage prod", 13),
        ("UpdateAccessKey", "finish prod", 13),
        ("GetAccessKeyLastUsed", "finish prod", 11),
    ] {
        let is_denied = Arc::new(AtomicBool::new(false));
        let switch = Arc::clone(&is_denied);
        let bench = adopted(&format!("denied-{denied}"), move |lab| {
            strict(lab, move |request| {
                let refused = action(request) == denied && switch.load(Ordering::SeqCst);
                refused.then(|| refusal(403, "AccessDenied", "is not authorized to perform"))
            })
        });
        if command == "finish prod" {
            bench.lab.run("stage prod").expect(0);
            bench.lab.run("promote prod").expect(0);
            iam::work(&bench.lab, &bench.door);
            bench.lab.advance_minutes(61);
        }
        is_denied.store(true, Ordering::SeqCst);
        let ran = bench.lab.run(command).without_secrets();
        assert_eq!(ran.code, code, "{ran:#?}");
        ran.says(&[&format!("denies iam:{denied} on denied-{denied}")]);
        assert_eq!(bench.user.status(&bench.old.id), "Active");
        is_denied.store(false, Ordering::SeqCst);
        // For a while our own ping hides what others do.
        bench.lab.advance_minutes(30);
        if denied == "GetAccessKeyLastUsed" {
            // Our own ping hid the use that could not be asked for.
            bench.lab.run(command).expect(11).says(&["no use of the new credential"]);
            iam::work(&bench.lab, &bench.door);
        }
        bench.lab.run(command).expect(0);
    }
}

#[test]
fn a_key_that_a_person_made_after_a_failed_stage_is_taken_and_not_deleted() {
    let is_down = Arc::new(AtomicBool::new(true));
    let switch = Arc::clone(&is_down);
    let bench = adopted("by-hand", move |lab| {
        strict(lab, move |request| {
            let fails = action(request) == "CreateAccessKey" && switch.load(Ordering::SeqCst);
            fails.then(|| refusal(500, "ServiceFailure", "An internal error occurred"))
        })
    });
    bench.lab.run("stage prod").expect(21);
    is_down.store(false, Ordering::SeqCst);
    let by_hand = bench.user.create_key();
    bench.lab.write("hand.key", &by_hand.value());
    bench.lab.run("stage prod --from file:hand.key").expect(0);
    assert_eq!(bench.user.status(&by_hand.id), "Active");
    bench.lab.run("promote prod").expect(0);
}

/// From documentation: a failure of IAM's own, after which a key may turn up late.
#[test]
fn a_key_that_turns_up_late_is_known_for_what_it_is() {
    let made = Arc::new(Mutex::new(String::new()));
    let is_shown = Arc::new(AtomicBool::new(false));
    let (keep, shown) = (Arc::clone(&made), Arc::clone(&is_shown));
    let failed = AtomicBool::new(false);
    let bench = adopted("late", move |lab| {
        strict(lab, move |request| {
            if action(request) == "CreateAccessKey" && !failed.swap(true, Ordering::SeqCst) {
                let answer = pass_on(request, Moto::get().address()).unwrap();
                let text = String::from_utf8(answer).unwrap();
                let id = text.split("<AccessKeyId>").nth(1).unwrap().split('<').next().unwrap();
                *keep.lock().unwrap() = id.to_owned();
                return Some(refusal(500, "ServiceFailure", "An internal error occurred"));
            }
            if action(request) == "CreateAccessKey" && !shown.load(Ordering::SeqCst) {
                return Some(refusal(409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2"));
            }
            if action(request) == "ListAccessKeys" && !shown.load(Ordering::SeqCst) {
                let answer = pass_on(request, Moto::get().address()).unwrap();
                let text = String::from_utf8(answer).unwrap();
                let hidden = keep.lock().unwrap().clone();
                let mut members = text.split("<member>");
                let mut body = members.next().unwrap().split("\r\n\r\n").nth(1).unwrap().to_owned();
                for member in members {
                    let (own, after) = member.split_once("</member>").unwrap();
                    let is_hidden = !hidden.is_empty() && own.contains(&hidden);
                    let own = if is_hidden { String::new() } else { format!("<member>{own}</member>") };
                    body.push_str(&format!("{own}{after}"));
                }
                return Some(crate::lab::double::http_answer(200, &[("content-type", "text/xml")], &body));
            }
            None
        })
    });
    bench.lab.run("stage prod").expect(13).says(&["allows no more"]);
    assert!(!bench.lab.status("prod")["interrupted"].is_null(), "what was begun is not forgotten");
    is_shown.store(true, Ordering::SeqCst);
    bench.lab.run("stage prod").expect(0).says(&["which nobody had"]);
    assert_eq!(bench.user.status(&made.lock().unwrap()), "gone");
}

#[test]
fn a_key_of_somebody_elses_is_let_be_by_an_abort() {
    let bench = adopted("strange", open_door);
    let mut killed = bench.lab.command(&["stage", "prod"]);
    killed.env("ROTATE_TEST_CRASH_AT", "4");
    assert_ne!(bench.lab.finish_command(&mut killed).code, 0);
    bench.lab.advance_minutes(60);
    let theirs = bench.user.create_key();
    bench.lab.run("stage prod").expect(13).says(&["or of somebody else", "rotate abort prod"]);
    bench.lab.run("abort prod").expect(0);
    assert_eq!(bench.user.status(&theirs.id), "Active");
    assert!(bench.lab.status("prod")["interrupted"].is_null());
}

#[test]
fn a_finish_that_failed_after_its_ping_is_not_held_up_by_it() {
    let fails = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&fails);
    let bench = adopted("own-ping", move |lab| {
        strict(lab, move |request| {
            let fails = action(request) == "ListAccessKeys" && switch.load(Ordering::SeqCst);
            fails.then(|| refusal(503, "ServiceUnavailable", "later"))
        })
    });
    for command in ["stage prod", "promote prod"] {
        bench.lab.run(command).expect(0);
    }
    iam::work(&bench.lab, &bench.door);
    bench.lab.advance_minutes(61);
    fails.store(true, Ordering::SeqCst);
    bench.lab.run("finish prod").expect(21);
    fails.store(false, Ordering::SeqCst);
    bench.lab.advance_minutes(60);
    bench.lab.run("finish prod").expect(0);
    assert_eq!(bench.user.status(&bench.old.id), "Inactive");
}

/// One late use: somebody is looked for; when the key was quiet for as long as a job may take, `finish` goes on.
#[test]
fn a_late_use_blocks_until_the_key_was_quiet_for_the_length_of_a_job() {
    let bench = adopted("late-use", open_door);
    let lab = &bench.lab;
    lab.run("stage prod").expect(0);
    let old = lab.run("key prod").expect(0).stdout;
    lab.run("promote prod").expect(0);
    iam::work(lab, &bench.door);
    lab.advance_minutes(65);
    iam::work_with(&old, &bench.door);
    lab.advance_minutes(1);
    lab.run("finish prod").expect(11).says(&["somebody still uses it", "enough when there is none until"]);
    assert_eq!(bench.user.status(&bench.old.id), "Active");
    lab.advance_minutes(40);
    lab.run("finish prod").expect(11);
    lab.advance_minutes(40);
    lab.run("finish prod").expect(0);
    assert_eq!(bench.user.status(&bench.old.id), "Inactive");
}
