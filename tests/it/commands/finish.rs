//! `rotate finish`

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use rotate::sandbox::SandboxSettings;

use super::{dry_run, well_formed, without_admin_key};
use crate::lab::Lab;
use crate::lab::double::{Double, http_answer, pass_on};

#[test]
fn it_revokes_and_shows_the_evidence() {
    let lab = Lab::new();
    let (old, new) = lab.promoted();
    lab.advance_minutes(61);
    let ran = lab.run("finish prod").expect(0).without_secrets();
    insta::assert_snapshot!(lab.normal(&ran.stdout), @"
    prod: finished: the provider refuses the old credential, and the active one is accepted
       +  grace      met            the grace window is over
       +  targets    met            1 of 1 read back just now with the active fingerprint
       +  active     met            accepted by the provider just now
       +  leases     met            no job of this key runs under a lease
       +  usage      met            no use of the old credential since 2026-03-01T12:41:14Z; of the new
                                    one since 2026-03-01T12:01:00Z
       -  last_used  not_available  the provider tells no last-used time
      phase       Revoked
      active      eb693e331507777a …cVAA (secondary slot, apikey_01mVcbMakkHaGqtHTZb7Q1SJ)
      revoked     5d6c5ccba2a16148 …ArAA at 2026-03-01T13:01:14Z; `rotate undo prod` until 2026-03-08T13:01:14Z
      rotation    2026-03-01-327b87e0, ticket OPS-1
      due         2026-05-30T12:00:06Z
      next        rotate stage prod
    ");
    insta::assert_snapshot!(lab.normal(&ran.stderr), @"
    · probed eb693e331507777a: accepted (3 pings)
    · probed 5d6c5ccba2a16148: accepted (3 pings)
    · 5d6c5ccba2a16148 is the provider's apikey_01vrA4xLP3K9tEntsT33cA9M
    · eb693e331507777a is the provider's apikey_01mVcbMakkHaGqtHTZb7Q1SJ
    · probed 5d6c5ccba2a16148: rejected (3 pings)
    · probed eb693e331507777a: accepted (3 pings)
    · 5d6c5ccba2a16148 is refused by the provider, within a second of its revocation
    ");
    assert_eq!(lab.console_status(&old.id), "inactive");
    assert!(lab.accepts(&new.value));
}

#[test]
fn its_document_has_the_evidence_and_the_revoked_credential() {
    let lab = Lab::new();
    let (old, _) = lab.promoted();
    lab.advance_minutes(61);
    let document = lab.run("finish prod --json").expect(0).json();
    well_formed(&document);
    assert_eq!(document["phase"], "Revoked");
    assert_eq!(document["revoked"]["fingerprint"], old.fingerprint());
    assert_eq!(document["revoked"]["purged"], false);
    let items: Vec<_> = document["evidence"].as_array().unwrap().iter().map(|row| &row["item"]).collect();
    assert_eq!(items, ["grace", "targets", "active", "leases", "usage", "last_used"]);
    for row in document["evidence"].as_array().unwrap() {
        assert!(["met", "not_available"].contains(&row["verdict"].as_str().unwrap()), "{row}");
        assert!(row["detail"].is_string());
    }
}

#[test]
fn an_open_window_is_exit_10_with_the_time_and_the_evidence() {
    let lab = Lab::new();
    lab.promoted();
    let ran = lab.refused("finish prod", 10);
    insta::assert_snapshot!(lab.normal(&ran.stderr), @"
    · probed eb693e331507777a: accepted (3 pings)
    not yet: the grace window of `prod` is open for another 59m 58s
       x  grace      unmet          3598 s of the grace window remain
       +  targets    met            1 of 1 read back just now with the active fingerprint
       +  active     met            accepted by the provider just now
       +  leases     met            no job of this key runs under a lease
       ?  usage      unknown        the report lags by up to 900 s and must be quiet for 300 s of the
                                    window: enough at 2026-03-01T12:20:06Z
       -  last_used  not_available  the provider tells no last-used time
      status: eb693e331507777a (…cVAA) serves (secondary slot, phase GraceWindow); 5d6c5ccba2a16148 (…ArAA) is not revoked either
      hint: run `rotate finish prod` again after that, or `rotate finish prod --wait` now
    ");
    let document = lab.refused("finish prod --json", 10).json();
    well_formed(&document);
    assert_eq!(document["error"]["kind"], "wait");
    assert_eq!(document["error"]["exit_code"], 10);
    assert!(document["remaining_seconds"].as_u64().unwrap() > 3500);
    assert!(document["error"]["status"].as_str().unwrap().contains("serves"));
}

#[test]
fn dry_runs_list_their_steps_before_and_after_the_window() {
    let lab = Lab::new();
    lab.promoted();
    insta::assert_snapshot!(dry_run(&lab, "finish prod"), @"
    prod: nothing was changed; these steps would be taken if every check passes
      1. read every target back
      2. probe eb693e331507777a until the verdict settles
      3. ask for the provider's usage report
      4. look for running jobs that hold a credential
      5. wait: the grace window is open for another 1h
    ");
    lab.advance_minutes(61);
    insta::assert_snapshot!(dry_run(&lab, "finish prod"), @"
    prod: nothing was changed; these steps would be taken if every check passes
      1. read every target back
      2. probe eb693e331507777a until the verdict settles
      3. ask for the provider's usage report
      4. look for running jobs that hold a credential
      5. probe 5d6c5ccba2a16148 until the verdict settles
      6. ask the provider which key 5d6c5ccba2a16148 is
      7. ask the provider which key eb693e331507777a is
      8. revoke 5d6c5ccba2a16148
      9. probe 5d6c5ccba2a16148 until the provider refuses it
      10. record: the provider refuses the credential
      11. done: the phase is Revoked
    ");
}

#[test]
fn again_after_it_is_done_changes_nothing() {
    let lab = Lab::new();
    lab.finished();
    let before = lab.standing();
    lab.run("finish prod").expect(0);
    assert_eq!(lab.standing(), before);
}

#[test]
fn a_target_that_lost_the_value_is_unmet_evidence() {
    let lab = Lab::new();
    let (old, new) = lab.promoted();
    lab.advance_minutes(61);
    lab.write("app.env", &format!("ANTHROPIC_API_KEY={}\n", old.value));
    let document = lab.refused("finish prod --json", 11).json();
    assert_eq!(document["error"]["kind"], "evidence");
    assert_eq!(document["evidence"][1]["item"], "targets");
    assert_eq!(document["evidence"][1]["verdict"], "unmet");
    assert!(document["evidence"][1]["detail"].as_str().unwrap().contains(&old.fingerprint()));
    lab.refused("finish prod --accept-unknown targets", 11).says(&["not revoked"]);

    lab.run("promote prod").expect(0);
    assert_eq!(lab.env_value(), new.value);
    lab.refused("finish prod", 10);
    lab.advance_minutes(61);
    lab.run("finish prod").expect(0);
}

#[test]
fn evidence_that_is_unknown_blocks_until_it_is_accepted_by_name() {
    let lab = Lab::new();
    let (old, _) = lab.promoted();
    lab.advance_minutes(61);
    std::fs::remove_file(lab.path("app.env")).unwrap();
    lab.refused("finish prod", 11).says(&[
        "targets is unknown",
        "does not exist",
        "--accept-unknown targets",
    ]);
    lab.refused("finish prod --accept-unknown usage", 11);
    lab.run("finish prod --accept-unknown targets --accept-unknown usage").expect(0);
    assert!(!lab.accepts(&old.value));
}

#[test]
fn required_evidence_that_nobody_has_blocks() {
    let lab = Lab::new();
    lab.configure(&lab.key("prod").replace("longest_job", "require = [\"last_used\"]\nlongest_job"));
    lab.promoted();
    lab.advance_minutes(61);
    lab.refused("finish prod", 11).says(&["last_used is not_available", "--accept-unknown last_used"]);
    lab.run("finish prod --accept-unknown last_used").expect(0);
}

#[test]
fn a_dead_active_key_keeps_the_old_one_alive() {
    let lab = Lab::new();
    let (old, new) = lab.promoted();
    lab.advance_minutes(61);
    lab.console_set(&new.id, "inactive");
    lab.refused("finish prod", 20).says(&["the old one was not touched", "`rotate abort prod`"]);
    lab.run("abort prod").expect(0);
    assert_eq!(lab.env_value(), old.value);
    assert!(lab.accepts(&old.value));
}

#[test]
fn without_an_admin_key_a_person_disables_the_key_at_the_console() {
    let lab = without_admin_key();
    let (old, _) = lab.promoted();
    lab.advance_minutes(61);
    let ran = lab.refused("finish prod", 13);
    ran.says(&["https://platform.claude.com/settings/keys", &old.value[old.value.len() - 4..], "--wait"]);
    assert_eq!(lab.phase("prod"), "GraceWindow");

    lab.console_set(&old.id, "inactive");
    lab.run("finish prod").expect(0);
    assert_eq!(lab.phase("prod"), "Revoked");
    assert_eq!(
        lab.status("prod")["revoked"]["undo_until"],
        serde_json::Value::Null,
        "nobody can undo it here"
    );
    lab.refused("undo prod", 13).says(&["https://platform.claude.com/settings/keys"]);
    lab.refused("purge prod --yes", 13).says(&["https://platform.claude.com/settings/keys"]);
}

#[test]
fn a_waiting_finish_ends_when_the_person_has_done_it() {
    let lab = without_admin_key();
    let (old, _) = lab.promoted();
    let mut command = lab.command(&["finish", "prod", "--wait"]);
    let mut waiting =
        command.stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(waiting.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("by hand at https://platform.claude.com")));
    // It has looked again, more than once.
    assert_eq!(lines.by_ref().filter(|line| line.as_ref().unwrap().contains("probed")).take(8).count(), 8);
    lab.console_set(&old.id, "inactive");
    for line in lines {
        assert!(!line.unwrap().contains("by hand at"), "it is said once");
    }
    assert!(waiting.wait().unwrap().success());
    assert_eq!(lab.phase("prod"), "Revoked");
}

/// A `finish --wait` by the machine's own clock that has come to wait for a person, and its talk.
fn waiting_for_a_person(lab: &mut Lab) -> (Child, BufReader<ChildStderr>) {
    lab.unset("ROTATE_TEST_CLOCK");
    let target = "type = \"dotenv\"\npath = \"app.env\"\nvariable = \"ANTHROPIC_API_KEY\"";
    let lines = "probe_attempts = 1\nmanual_revoke_wait = \"0s\"\n";
    let key = lab.key_with("prod", lines, &[target]);
    lab.configure_with("", &key.replace("45m", "1s").replace("60m", "2s"));
    lab.promoted();
    // The provider's clock is the lab's, and is believed where it says less.
    lab.advance_minutes(1);
    let mut command = lab.command(&["finish", "prod", "--wait"]);
    let mut waiting =
        command.stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut stderr = BufReader::new(waiting.stderr.take().unwrap());
    let asks = |line: Result<String, _>| line.unwrap().contains("by hand at");
    assert!(stderr.by_ref().lines().any(asks), "it ended before it asked");
    (waiting, stderr)
}

#[test]
fn while_a_person_is_waited_for_an_abort_gets_through() {
    let mut lab = Lab::new();
    let (mut waiting, mut stderr) = waiting_for_a_person(&mut lab);
    lab.run("abort prod").expect(0);
    assert_eq!(lab.phase("prod"), "Idle");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(waiting.wait().unwrap().code(), Some(6), "{rest}");
    assert!(rest.contains("cannot finish `prod` in the phase Idle"), "{rest}");
}

#[test]
fn while_a_person_is_waited_for_an_emergency_gets_through() {
    let mut lab = Lab::new();
    let (mut waiting, _stderr) = waiting_for_a_person(&mut lab);
    lab.run("revoke-now prod --reason leaked --yes").expect(13);
    assert_eq!(lab.status("prod")["emergency"], true);
    waiting.kill().unwrap();
    waiting.wait().unwrap();
}

#[test]
fn waiting_looks_seldom_and_says_why_it_waits() {
    let lab = Lab::new();
    lab.promoted();
    let ran = lab.run("finish prod --wait").expect(0);
    let probes = ran.stderr.matches("probed").count();
    assert!(probes < 30, "an hour's log of {probes} probes");
    assert!(ran.stderr.contains("waiting: the grace window is open for another"), "{ran:#?}");
}

#[test]
fn a_dead_admin_key_revokes_nothing_and_is_named() {
    let lab = Lab::new();
    let (old, _) = lab.promoted();
    lab.advance_minutes(61);
    lab.write("admin.key", &format!("sk-ant-admin01-{}", "x".repeat(93)));
    lab.refused("finish prod", 11).says(&["the admin key was rejected", "admin_key"]);
    assert!(lab.accepts(&old.value));
}

#[test]
fn an_admin_key_that_is_missing_is_a_fault_of_the_configuration() {
    let lab = Lab::new();
    lab.promoted();
    lab.advance_minutes(61);
    std::fs::remove_file(lab.path("admin.key")).unwrap();
    lab.refused("finish prod", 3).says(&["providers.anthropic.admin_key"]);
}

#[test]
fn a_lagging_revocation_is_waited_out_and_reported() {
    let lab = Lab::new();
    let (old, new) = lab.promoted();
    lab.sandbox.update_settings(|settings| settings.revocation_lag_milliseconds = 90_000).unwrap();
    lab.advance_minutes(61);
    let ran = lab.run("finish prod").expect(0);
    let seconds = ran.stderr.split(" s after it was revoked").next().unwrap();
    let seconds: u64 = seconds.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((88..=100).contains(&seconds), "{ran:#?}");
    assert!(!lab.accepts(&old.value) && lab.accepts(&new.value));
}

#[test]
fn a_revocation_that_never_shows_is_taken_back() {
    let lab = Lab::new();
    let table = lab.key("prod").replace("longest_job", "revoke_timeout = \"60s\"\nlongest_job");
    lab.configure(&table);
    let (old, new) = lab.promoted();
    lab.sandbox.update_settings(|settings| settings.revocation_lag_milliseconds = 600_000).unwrap();
    lab.advance_minutes(61);
    let ran = lab.run("finish prod").expect(13).without_secrets();
    ran.says(&["taken back", "revoke_timeout", "runbook.md, section \"Exit 13\""]);
    assert_eq!(lab.console_status(&old.id), "active");
    assert!(lab.accepts(&old.value) && lab.accepts(&new.value));
    assert_eq!(lab.phase("prod"), "GraceWindow");
    assert_eq!(lab.status("prod")["interrupted"], serde_json::Value::Null);

    lab.sandbox.update_settings(|settings| settings.revocation_lag_milliseconds = 0).unwrap();
    lab.run("finish prod").expect(0);
    assert!(!lab.accepts(&old.value));
}

#[test]
fn a_revocation_after_which_the_active_one_is_refused_is_taken_back() {
    let lab = Lab::new();
    let (old, new) = lab.promoted();
    lab.advance_minutes(61);
    let (sandbox, active) = (lab.sandbox.address(), new.value.clone());
    let is_revoked = AtomicBool::new(false);
    // From documentation: what a provider answers to a key that is dead.
    let refusal = r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#;
    let provider = Double::start(move |heard| {
        let revokes =
            heard.method == "POST" && heard.path.contains("/api_keys/") && heard.body.contains("inactive");
        is_revoked.fetch_or(revokes, Ordering::SeqCst);
        if is_revoked.load(Ordering::SeqCst) && heard.header("x-api-key") == Some(&active) {
            return http_answer(401, &[("content-type", "application/json")], refusal);
        }
        pass_on(heard, sandbox).unwrap_or_default()
    });
    lab.configure_at(&provider.base_url(), "admin_key = \"file:admin.key\"\n", &lab.key("prod"));
    let ran = lab.run("finish prod").expect(13).without_secrets();
    ran.says(&["taken back", "the active credential was refused", "was not the old credential's own"]);
    assert_eq!(lab.console_status(&old.id), "active");
}

#[test]
fn a_lost_answer_to_the_revocation_converges() {
    let lab = Lab::new();
    let (old, _) = lab.promoted();
    lab.advance_minutes(61);
    let faults = |probability: f64| {
        move |settings: &mut SandboxSettings| {
            settings.fault_scope = rotate::sandbox::FaultScope::Admin;
            settings.faults.lost_answer = probability;
        }
    };
    // Reads are lost too, so the first run ends without knowing; it says so and keeps its intent.
    lab.sandbox.update_settings(faults(0.6)).unwrap();
    let mut codes = Vec::new();
    for _ in 0..12 {
        let ran = lab.run("finish prod").without_secrets();
        assert!([0, 21].contains(&ran.code), "{ran:#?}");
        codes.push(ran.code);
        if ran.code == 0 {
            break;
        }
    }
    lab.sandbox.update_settings(faults(0.0)).unwrap();
    lab.run("finish prod").expect(0);
    assert!(!lab.accepts(&old.value), "{codes:?}");
    let history = lab.run("history prod --json").expect(0).json();
    let revoked = history["entries"].as_array().unwrap().iter().filter(|entry| entry["event"] == "revoked");
    assert_eq!(revoked.count(), 1, "recorded once");
}

#[test]
fn a_console_that_revoked_the_old_key_early_is_taken_note_of() {
    let lab = Lab::new();
    let (old, _) = lab.promoted();
    lab.console_set(&old.id, "inactive");
    lab.refused("finish prod", 10);
    lab.advance_minutes(61);
    lab.run("finish prod").expect(0);
    assert_eq!(lab.phase("prod"), "Revoked");
}
