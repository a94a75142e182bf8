//! Healthchecks' Pinging API, from its documentation ("Pinging API").

use rotate::alert::healthchecks::{HealthchecksReceiver, Pulse, Settings};
use rotate::alert::{Receiver, Severity, Undelivered};

use super::{CANARY, DELIVERY, HERE, TIMEOUT, address, alert, lasting, now, only, passing, secret};
use crate::lab::double::{Double, http_answer};

fn receiver(double: &Double) -> HealthchecksReceiver {
    HealthchecksReceiver::new(Settings { url: address(double), allowed: HERE, timeout: TIMEOUT }).unwrap()
}

async fn answered(status: u16, body: &str) -> Result<(), Undelivered> {
    let body = body.to_owned();
    let double = Double::start(move |_| http_answer(status, &[], &body));
    receiver(&double).deliver(&alert(), DELIVERY, now()).await
}

#[tokio::test]
async fn an_alert_turns_the_check_red_and_its_end_green() {
    let double = Double::start(|_| http_answer(200, &[], "OK"));
    let receiver = receiver(&double);
    let mut news = alert();
    news.severity = Severity::Info;
    for (alert, end) in [
        (alert(), "/fail"),
        (alert().resolved(now()), ""),
        (news.clone(), "/log"),
        (news.resolved(now()), "/log"),
    ] {
        receiver.deliver(&alert, DELIVERY, now()).await.unwrap();
        let heard = only(&double);
        assert_eq!((heard.method.as_str(), heard.path.clone()), ("POST", format!("/services/{CANARY}{end}")));
        assert!(heard.body.starts_with(&alert.headline()), "{}", heard.body);
        assert_eq!(heard.header("content-type"), Some("text/plain; charset=utf-8"));
    }
}

#[tokio::test]
async fn a_run_is_told_from_its_start() {
    let double = Double::start(|_| http_answer(200, &[], "OK"));
    let receiver = receiver(&double);
    for (pulse, end, body) in [
        (Pulse::Start, "/start", ""),
        (Pulse::Success, "", ""),
        (Pulse::Fail("2 findings".to_owned()), "/fail", "2 findings"),
    ] {
        receiver.pulse(pulse).await.unwrap();
        let heard = only(&double);
        assert_eq!((heard.path, heard.body.as_str()), (format!("/services/{CANARY}{end}"), body));
    }
    receiver.pulse(Pulse::Fail("ü".repeat(100_000))).await.unwrap();
    assert!(only(&double).body.len() <= 10_000);
}

#[tokio::test]
async fn an_address_may_end_in_a_slash_or_a_query() {
    let double = Double::start(|_| http_answer(201, &[], "Created"));
    for (end, path) in [("/", "/key/slug/fail"), ("?create=1", "/key/slug/fail?create=1")] {
        let url = secret(&format!("{}/key/slug{end}", double.base_url()));
        let settings = Settings { url, allowed: HERE, timeout: TIMEOUT };
        HealthchecksReceiver::new(settings).unwrap().deliver(&alert(), DELIVERY, now()).await.unwrap();
        assert_eq!(only(&double).path, path);
    }
}

#[tokio::test]
async fn an_answer_of_200_is_read() {
    // From documentation: a UUID that is not known, and pings that come too often, are answered with 200.
    answered(200, "OK").await.unwrap();
    answered(201, "Created").await.unwrap();
    lasting(answered(200, "OK (not found)").await, &["knows no check", "ping URL"]);
    passing(answered(200, "OK (rate limited)").await, &["too many"]);
    lasting(answered(200, "<html>Sign in to the guest network").await, &["a page", "ping URL"]);
    lasting(answered(200, &"x".repeat(5000)).await, &["a page"]);
}

#[tokio::test]
async fn refusals_are_told() {
    // From documentation.
    lasting(answered(404, "not found").await, &["404", "not found", "`url`"]);
    lasting(answered(409, "ambiguous slug").await, &["409", "ambiguous slug"]);
    lasting(answered(400, "invalid url format").await, &["400", "invalid url format"]);
    passing(answered(429, "rate limit exceeded").await, &["429", "rate limit exceeded"]);
}
