//! What every receiver over HTTP makes of answers that are none, too much, hostile or a refusal.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use rotate::alert::Receiver;
use rotate::alert::chat::{self, ChatReceiver, Platform};
use rotate::alert::healthchecks::{self, HealthchecksReceiver};
use rotate::alert::pagerduty::{self, PagerDutyReceiver};
use rotate::alert::webhook::{self, WebhookReceiver};

use super::{CANARY, DELIVERY, HERE, alert, lasting, now, passing, secret};
use crate::lab::double::{Double, http_answer};

const TIMEOUT: Duration = Duration::from_secs(2);

/// One receiver of each type, all at this address.
fn receivers(base: &str) -> Vec<(&'static str, Box<dyn Receiver>)> {
    let (allowed, timeout) = (HERE, TIMEOUT);
    let url = || secret(&format!("{base}/services/{CANARY}"));
    let chat = |platform| {
        let settings = chat::Settings { platform, url: url(), allowed, timeout };
        Box::new(ChatReceiver::new(settings).unwrap())
    };
    let webhook = webhook::Settings { url: url(), secret: Some(secret(CANARY)), allowed, timeout };
    let pagerduty = pagerduty::Settings { routing_key: secret(CANARY), url: Some(url()), allowed, timeout };
    let healthchecks = healthchecks::Settings { url: url(), allowed, timeout };
    vec![
        ("slack", chat(Platform::Slack)),
        ("discord", chat(Platform::Discord)),
        ("webhook", Box::new(WebhookReceiver::new(webhook).unwrap())),
        ("pagerduty", Box::new(PagerDutyReceiver::new(pagerduty).unwrap())),
        ("healthchecks", Box::new(HealthchecksReceiver::new(healthchecks).unwrap())),
    ]
}

/// Delivers to each type; `check` judges what comes of it.
async fn each(base: &str, check: impl Fn(&str, Result<(), rotate::alert::Undelivered>)) {
    for (name, receiver) in receivers(base) {
        check(name, receiver.deliver(&alert(), DELIVERY, now()).await);
    }
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let elsewhere = Double::start(|_| http_answer(200, &[], "ok"));
    let target = format!("{}/take?it={CANARY}", elsewhere.base_url());
    for status in [301, 302, 303, 307, 308] {
        let location = target.clone();
        let double = Double::start(move |_| http_answer(status, &[("location", &location)], ""));
        let host = elsewhere.base_url().replace("http://", "redirects to ");
        each(&double.base_url(), |_, outcome| {
            lasting(outcome, &[&host, "not followed", "where `url` points"])
        })
        .await;
        assert_eq!(double.take().len(), 5);
    }
    assert!(elsewhere.take().is_empty());
}

#[tokio::test]
async fn a_receiver_that_is_busy_or_broken_is_tried_again_when_it_says() {
    for (status, header, seconds) in [
        (429, "30", Some(30)),
        (503, "7", Some(7)),
        (500, "soon", None),
        (502, "99999999999", Some(24 * 60 * 60)),
        (408, "1", Some(1)),
        (425, "1", Some(1)),
    ] {
        let double = Double::start(move |_| http_answer(status, &[("retry-after", header)], "<html>busy"));
        let code = format!("answered {status}");
        each(&double.base_url(), |name, outcome| assert_eq!(passing(outcome, &[&code]), seconds, "{name}"))
            .await;
    }
}

#[tokio::test]
async fn other_refusals_name_what_to_mend() {
    for (status, words) in
        [(400, "check"), (401, "check"), (403, "check"), (404, "url"), (410, "url"), (418, "check")]
    {
        let double = Double::start(move |_| http_answer(status, &[], ""));
        let code = format!("answered {status}");
        each(&double.base_url(), |_, outcome| lasting(outcome, &[&code, words])).await;
    }
}

#[tokio::test]
async fn megabytes_are_not_read() {
    let double = Double::start(|_| http_answer(200, &[], &"ok ".repeat(1024 * 1024)));
    each(&double.base_url(), |_, outcome| lasting(outcome, &["more than 1 MiB", "check"])).await;
}

#[tokio::test]
async fn escapes_and_echoes_do_not_reach_the_terminal() {
    // The address and the secrets come back, torn apart by an escape and in pieces.
    let double = Double::start(|request| {
        let (start, end) = request.path.split_at(request.path.len() / 2);
        let body = format!(
            "\x1b[2J\x1b]0;owned\x07bad\r\n token {CANARY} at {start}\x1b[31m{end}, {}\u{202e}",
            &CANARY[9..]
        );
        http_answer(400, &[], &body)
    });
    each(&double.base_url(), |_, outcome| lasting(outcome, &["bad token [redacted]"])).await;
    let double = Double::start(|_| {
        http_answer(
            400,
            &[],
            &format!("{{\"message\":\"no \\u001b[1m{CANARY}\",\"errors\":[\"worse\\u0007\"]}}"),
        )
    });
    each(&double.base_url(), |_, outcome| lasting(outcome, &["no [redacted]; worse"])).await;
}

#[tokio::test]
async fn a_connection_that_drops_may_pass() {
    let double = Double::start(|_| Vec::new());
    each(&double.base_url(), |_, outcome| {
        assert_eq!(passing(outcome, &["closed the connection"]), None);
    })
    .await;
    let double = Double::start(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nok".to_vec());
    each(&double.base_url(), |_, outcome| {
        passing(outcome, &["closed the connection"]);
    })
    .await;
    let double = Double::start(|_| b"SSH-2.0-OpenSSH_9.2\r\n".to_vec());
    each(&double.base_url(), |_, outcome| {
        passing(outcome, &["exchange"]);
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_is_not_there_may_come_back() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    each(&format!("http://{nobody}"), |_, outcome| {
        passing(outcome, &["could not connect to 127.0.0.1:"]);
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_says_nothing_is_left_at_the_limit() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = secret(&format!("http://{}/{CANARY}", silent.local_addr().unwrap()));
    let settings =
        webhook::Settings { url, secret: None, allowed: HERE, timeout: Duration::from_millis(200) };
    let began = Instant::now();
    let outcome = WebhookReceiver::new(settings).unwrap().deliver(&alert(), DELIVERY, now()).await;
    passing(outcome, &["no whole answer within 200ms"]);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_gets_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = [0; 4096];
        let length = stream.read(&mut heard).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        heard[..length].to_vec()
    });
    let url = secret(&format!("https://localhost:{port}/{CANARY}"));
    let settings = webhook::Settings { url, secret: None, allowed: HERE, timeout: TIMEOUT };
    let outcome = WebhookReceiver::new(settings).unwrap().deliver(&alert(), DELIVERY, now()).await;
    passing(outcome, &["could not connect to localhost"]);
    let heard = String::from_utf8_lossy(&server.join().unwrap()).into_owned();
    assert!(!heard.contains("CANARY") && !heard.contains("prod-publish"), "{heard}");
}

/// What is logged under `-vvv` while something runs.
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_names_the_host_and_no_path() {
    let lines = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let writer = {
        let lines = std::sync::Arc::clone(&lines);
        move || Log(std::sync::Arc::clone(&lines))
    };
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(writer).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let double = Double::start(|_| http_answer(500, &[], "no"));
    each(&double.base_url(), |_, _| {}).await;
    // A test beside this one may have met these lines first, and had them switched off for want of a reader.
    tracing::callsite::rebuild_interest_cache();
    each(&double.base_url(), |_, _| {}).await;
    let log = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
    assert!(log.contains("a secret path) on 127.0.0.1:"), "{log}");
    assert!(!log.contains("CANARY") && !log.contains("services"), "{log}");
}
