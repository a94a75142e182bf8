//! Receivers of alerts, over real HTTP and SMTP on loopback, and as real programs. What platforms answer is written from
//! their documentation; none of it was compared with the live service.

mod answers;
mod chat;
mod command;
mod email;
mod guard;
mod healthchecks;
mod mail_server;
mod pagerduty;
mod signature;
mod webhook;

use std::time::Duration;

use jiff::Timestamp;
use rotate::alert::address::Allowed;
use rotate::alert::{Alert, Kind, Severity, Status, Undelivered};
use rotate::secret::Secret;

use crate::lab::double::{Double, Heard};

/// What no message may show: it stands in every address and every secret.
const CANARY: &str = "T0CANARY/B0CANARY/canaryCANARYcanary";

const HERE: Allowed = Allowed { loopback: true, link_local: false };
const TIMEOUT: Duration = Duration::from_secs(5);
const DELIVERY: &str = "d-7/on-call/1";

fn now() -> Timestamp {
    "2026-03-01T12:00:05Z".parse().unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::from_text(text.to_owned()).unwrap()
}

/// The address of a receiver on a double, with a token in it.
fn address(double: &Double) -> Secret {
    secret(&format!("{}/services/{CANARY}", double.base_url()))
}

fn alert() -> Alert {
    Alert {
        event: Kind::Rejected,
        severity: Severity::Critical,
        keys: vec!["prod-publish".to_owned()],
        environment: Some("production".to_owned()),
        summary: "the provider rejects the active credential".to_owned(),
        hint: "rotate status prod-publish".to_owned(),
        rotation_id: Some("r-20260301".to_owned()),
        dedup_key: "rejected/prod-publish".to_owned(),
        occurred_at: "2026-03-01T12:00:00Z".parse().unwrap(),
        status: Status::Firing,
        step: 0,
    }
}

/// The one request that a double heard.
#[track_caller]
fn only(double: &Double) -> Heard {
    let mut heard = double.take();
    assert_eq!(heard.len(), 1, "{heard:#?}");
    heard.remove(0)
}

/// What a person is told, after a look at whether it may be told.
#[track_caller]
fn told(error: &Undelivered) -> String {
    let said = format!("{error} | {}", error.remedy);
    let leaks = said.contains("CANARY") || said.contains("canary");
    assert!(!leaks && !said.chars().any(char::is_control), "{said:?}");
    assert!(said.len() < 1000, "{said}");
    said
}

/// A failure that somebody has to mend, told with these words.
#[track_caller]
fn lasting(outcome: Result<(), Undelivered>, words: &[&str]) {
    let error = outcome.unwrap_err();
    let said = told(&error);
    assert!(!error.remedy.is_empty(), "nobody is told what to do: {said}");
    assert_eq!(error.retry_after_seconds, None, "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is missing in: {said}");
    }
}

/// A failure that may pass by itself, told with these words; how long the receiver asks to be left alone.
#[track_caller]
fn passing(outcome: Result<(), Undelivered>, words: &[&str]) -> Option<u64> {
    let error = outcome.unwrap_err();
    let said = told(&error);
    assert_eq!(error.remedy, "", "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is missing in: {said}");
    }
    error.retry_after_seconds
}
