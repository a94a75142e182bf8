//! A webhook: its document, its headers, its signature.

use rotate::alert::webhook::{Settings, WebhookReceiver};
use rotate::alert::{Receiver, signature};
use serde_json::{Value, json};

use super::{CANARY, DELIVERY, HERE, TIMEOUT, address, alert, now, only, secret};
use crate::lab::double::{Double, http_answer};

fn receiver(double: &Double, key: Option<&str>) -> WebhookReceiver {
    let settings =
        Settings { url: address(double), secret: key.map(secret), allowed: HERE, timeout: TIMEOUT };
    WebhookReceiver::new(settings).unwrap()
}

#[tokio::test]
async fn a_delivery_is_a_signed_document() {
    let double = Double::start(|_| http_answer(204, &[], ""));
    let receiver = receiver(&double, Some("whsec_0123456789abcdef"));
    receiver.deliver(&alert(), DELIVERY, now()).await.unwrap();
    let heard = only(&double);
    assert_eq!(
        (heard.method.as_str(), heard.path.as_str()),
        ("POST", format!("/services/{CANARY}").as_str())
    );
    assert_eq!(heard.header("rotate-delivery"), Some(DELIVERY));
    assert_eq!(heard.header("content-type"), Some("application/json"));
    let document: Value = serde_json::from_str(&heard.body).unwrap();
    let expected = json!({
        "schema_version": 1, "event": "rejected", "severity": "critical", "key": "prod-publish",
        "keys": ["prod-publish"], "environment": "production",
        "summary": "the provider rejects the active credential", "hint": "rotate status prod-publish",
        "rotation_id": "r-20260301", "dedup_key": "rejected/prod-publish",
        "occurred_at": "2026-03-01T12:00:00Z", "status": "firing",
    });
    assert_eq!(document, expected);
    let sent = heard.header("rotate-signature").unwrap();
    assert!(sent.starts_with(&format!("t={},v1=", now().as_second())), "{sent}");
    let key = secret("whsec_0123456789abcdef");
    signature::verify(&key, sent, heard.body.as_bytes(), now(), signature::TOLERANCE).unwrap();
}

#[tokio::test]
async fn a_repetition_and_the_end_have_the_same_key() {
    let double = Double::start(|_| http_answer(200, &[], "whatever, in any words"));
    let receiver = receiver(&double, None);
    let firing = alert();
    for alert in [&firing, &firing, &firing.resolved(now())] {
        receiver.deliver(alert, DELIVERY, now()).await.unwrap();
    }
    let heard = double.take();
    let documents: Vec<Value> =
        heard.iter().map(|heard| serde_json::from_str(&heard.body).unwrap()).collect();
    assert_eq!(documents[0], documents[1]);
    assert_eq!(documents[2]["dedup_key"], documents[0]["dedup_key"]);
    assert_eq!(documents[2]["status"], "resolved");
    assert_eq!(documents[2]["occurred_at"], "2026-03-01T12:00:05Z");
    // Nothing is signed without a secret, rather than under an empty one.
    assert!(heard.iter().all(|heard| heard.header("rotate-signature").is_none()));
}

#[tokio::test]
async fn an_alert_about_several_keys_has_no_single_one() {
    let double = Double::start(|_| http_answer(200, &[], ""));
    let mut alert = alert();
    alert.keys.push("staging".to_owned());
    receiver(&double, None).deliver(&alert, DELIVERY, now()).await.unwrap();
    let document: Value = serde_json::from_str(&only(&double).body).unwrap();
    assert_eq!((&document["key"], &document["keys"]), (&Value::Null, &json!(["prod-publish", "staging"])));
}
