//! What providers and the things in front of them answer instead of a verdict. The answers are from
//! documentation (facts page); nothing was called live.

use std::sync::{Arc, Mutex, mpsc};

use crate::lab::Lab;
use crate::lab::double::{Double, http_answer};

const JSON: (&str, &str) = ("content-type", "application/json");

/// A provider whose next answers are what the test says.
struct Moody {
    double: Double,
    mood: Arc<Mutex<Vec<u8>>>,
}

impl Moody {
    fn new() -> Self {
        let mood = Arc::new(Mutex::new(friendly()));
        let next = Arc::clone(&mood);
        let double = Double::start(move |_| next.lock().unwrap().clone());
        Self { double, mood }
    }

    fn answers(&self, bytes: Vec<u8>) {
        *self.mood.lock().unwrap() = bytes;
    }
}

fn friendly() -> Vec<u8> {
    http_answer(200, &[JSON], r#"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#)
}

fn error(status: u16, headers: &[(&str, &str)], kind: &str, message: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":"req_1"}}"#
    );
    http_answer(status, &[headers, &[JSON]].concat(), &body)
}

/// Each row of the table: the answer, the exit code of a command that needs a verdict, what is said.
fn rows() -> Vec<(Vec<u8>, i32, &'static str)> {
    let html = ("content-type", "text/html; charset=utf-8");
    vec![
        (error(401, &[], "authentication_error", "invalid x-api-key"), 20, "refuses the credential (401)"),
        (error(402, &[], "billing_error", "pay first"), 21, "billing (402)"),
        (error(403, &[], "permission_error", "no"), 21, "(403)"),
        (error(429, &[("retry-after", "7")], "rate_limit_error", "slow"), 21, "asked to wait 7 s"),
        (error(429, &[], "rate_limit_error", "cap"), 21, "named no time to wait"),
        (error(529, &[], "overloaded_error", "Overloaded"), 21, "overloaded (529)"),
        (error(500, &[], "api_error", "oops"), 21, "failing (500)"),
        (
            http_answer(200, &[html], "<html><h1>Welcome to Free WiFi</h1>"),
            21,
            "not the provider's (text/html)",
        ),
        (http_answer(200, &[JSON], "{\"hello\":"), 21, "not the provider's (application/json)"),
        (http_answer(401, &[html], "<h1>Log in to the proxy</h1>"), 21, "not the provider's (text/html)"),
        (
            http_answer(302, &[("location", "http://elsewhere.invalid/x")], ""),
            21,
            "a redirect (302) to elsewhere",
        ),
        (Vec::new(), 21, "closed the connection"),
        (b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(), 21, "failed"),
    ]
}

/// A lab whose provider is the double, with `old` adopted and `new` staged, without an admin key.
fn staged_at(double: &Double) -> Lab {
    let lab = Lab::new();
    lab.configure_at(&double.base_url(), "", &lab.key("prod"));
    lab.staged();
    lab
}

#[test]
fn a_candidate_is_stored_only_on_the_providers_own_word() {
    let moody = Moody::new();
    let lab = staged_at(&moody.double);
    lab.run("abort prod").expect(0);
    for (bytes, code, said) in rows() {
        moody.answers(bytes);
        lab.refused("stage prod --from file:new.key", code).says(&[said, "status: "]);
        assert_eq!(lab.phase("prod"), "Idle");
        let document = lab.refused("stage prod --from file:new.key --json", code).json();
        let kind = if code == 20 { "rejected" } else { "unreachable" };
        assert_eq!(document["error"]["kind"], kind);
    }
}

#[test]
fn nothing_is_adopted_without_a_verdict() {
    let moody = Moody::new();
    let lab = Lab::new();
    lab.configure_at(&moody.double.base_url(), "", &lab.key("prod"));
    lab.console_key("old");
    for (bytes, code, said) in rows() {
        moody.answers(bytes);
        lab.refused("adopt prod --from file:old.key", code).says(&[said]);
        assert_eq!(lab.phase("prod"), "null");
    }
}

#[test]
fn nobody_is_moved_without_a_verdict() {
    let moody = Moody::new();
    let lab = staged_at(&moody.double);
    for (bytes, code, said) in rows() {
        moody.answers(bytes);
        lab.refused("promote prod", code).says(&[said]);
        assert_eq!(lab.phase("prod"), "SecondaryStaged");
    }
    moody.answers(friendly());
    lab.run("promote prod").expect(0);
}

#[test]
fn nothing_is_revoked_without_a_verdict_on_the_active_one() {
    let moody = Moody::new();
    let lab = staged_at(&moody.double);
    lab.run("promote prod").expect(0);
    lab.advance_minutes(61);
    for (bytes, code, said) in rows() {
        moody.answers(bytes);
        // Unknown blocks as evidence; only the provider's own refusal is a verdict.
        let code = if code == 20 { 20 } else { 11 };
        let ran = lab.refused("finish prod", code);
        if code == 11 {
            ran.says(&["active is unknown", said]);
        }
        assert_eq!(lab.phase("prod"), "GraceWindow");
    }
}

#[test]
fn a_redirect_is_not_followed_with_the_key() {
    let thief = Double::start(|_| friendly());
    let location = format!("{}/v1/models?limit=1", thief.base_url());
    let moody = Moody::new();
    let lab = staged_at(&moody.double);
    for status in [301, 302, 303, 307, 308] {
        moody.answers(http_answer(status, &[("location", &location)], ""));
        lab.refused("promote prod", 21).says(&["never followed", "base_url"]);
    }
    assert!(thief.take().is_empty(), "the key went to another host");
}

#[test]
fn no_answer_is_no_verdict_and_ends_by_the_time_limit() {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let silent = Double::start(move |_| {
        // Ends when the test drops its end.
        let _ = held.lock().unwrap().recv();
        Vec::new()
    });
    let lab = Lab::new();
    lab.adopted();
    lab.console_key("new");
    let table = lab.key("prod").replace("longest_job", "probe_attempts = 1\nlongest_job");
    lab.configure_at(&silent.base_url(), "", &table);
    lab.write("rotate.toml", &lab.read("rotate.toml").replace("timeout = \"5s\"", "timeout = \"300ms\""));
    lab.refused("stage prod --from file:new.key", 21).says(&["gave no whole answer within 300ms"]);
    drop(release);
}

#[test]
fn nobody_at_the_address_is_no_verdict() {
    let lab = Lab::new();
    lab.adopted();
    lab.console_key("new");
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    lab.configure_at(&format!("http://{gone}"), "", &lab.key("prod"));
    lab.refused("stage prod --from file:new.key", 21).says(&["could not connect to 127.0.0.1"]);
}

#[test]
fn an_answer_that_echoes_the_key_or_paints_the_terminal_is_not_repeated() {
    let moody = Moody::new();
    let lab = staged_at(&moody.double);
    let value = lab.read("new.key");
    let message = format!("bad key {} \\u001b[31mred\\u001b[0m", value.trim());
    moody.answers(error(401, &[], "authentication_error", &message));
    let ran = lab.refused("promote prod", 20).says(&["[redacted]"]);
    assert!(!ran.stderr.contains('\u{1b}'), "{ran:#?}");
    lab.refused("promote prod -vvv", 20);
}

#[test]
fn one_flaw_among_good_answers_does_not_stop_a_rotation() {
    let lab = Lab::new();
    lab.adopted();
    lab.console_key("new");
    lab.sandbox
        .update_settings(|settings| {
            settings.faults.overloaded = 0.15;
            settings.faults.rate_limited = 0.15;
        })
        .unwrap();
    let staged = (0..10).any(|_| lab.run("stage prod --from file:new.key").code == 0);
    assert!(staged, "no attempt of ten got through");
}
