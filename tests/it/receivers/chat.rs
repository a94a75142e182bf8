//! Slack and Discord: what they are sent, and what they say. Answers from documentation (Slack, "Sending messages using
//! incoming webhooks"; Discord, "Webhook Resource", "Opcodes and Status Codes", "Rate Limits").

use rotate::alert::chat::{ChatReceiver, Platform, Settings};
use rotate::alert::{Alert, Receiver, Undelivered};
use serde_json::{Value, json};

use super::{DELIVERY, HERE, TIMEOUT, address, alert, lasting, now, only, passing};
use crate::lab::double::{Double, http_answer};

async fn deliver(platform: Platform, double: &Double, alert: &Alert) -> Result<(), Undelivered> {
    let settings = Settings { platform, url: address(double), allowed: HERE, timeout: TIMEOUT };
    ChatReceiver::new(settings).unwrap().deliver(alert, DELIVERY, now()).await
}

/// Delivers to a platform that answers so.
async fn answered(platform: Platform, status: u16, body: &str) -> Result<(), Undelivered> {
    let body = body.to_owned();
    let double = Double::start(move |_| http_answer(status, &[], &body));
    deliver(platform, &double, &alert()).await
}

/// An alert whose texts try to be more than text.
fn hostile() -> Alert {
    let mut alert = alert();
    alert.summary =
        "<!channel> @everyone <@U1> *bold* & [a](https://evil.example)\u{1b}[31m\nnew line".to_owned();
    alert.environment = Some("<!here>\u{202e}".to_owned());
    alert
}

#[tokio::test]
async fn slack_gets_plain_text_that_mentions_nobody() {
    let double = Double::start(|_| http_answer(200, &[], "ok"));
    deliver(Platform::Slack, &double, &alert()).await.unwrap();
    let heard = only(&double);
    assert_eq!(heard.header("content-type"), Some("application/json"));
    let sent: Value = serde_json::from_str(&heard.body).unwrap();
    let text = "CRITICAL prod-publish: the provider rejects the active credential\n\
                next: rotate status prod-publish\n\
                environment: production\n\
                rotation: r-20260301\n\
                event: rejected at 2026-03-01T12:00:00Z";
    assert_eq!(sent["text"], text);
    for (field, value) in [
        ("mrkdwn", json!(false)),
        ("link_names", json!(false)),
        ("parse", json!("none")),
        ("unfurl_links", json!(false)),
    ] {
        assert_eq!(sent[field], value, "{field}");
    }
    deliver(Platform::Slack, &double, &hostile()).await.unwrap();
    let sent: Value = serde_json::from_str(&only(&double).body).unwrap();
    let text = sent["text"].as_str().unwrap();
    assert!(!text.contains('<') && !text.contains('>') && !text.contains('\u{1b}'), "{text}");
    assert!(text.contains("&lt;!channel&gt; @everyone &lt;@U1&gt; *bold* &amp; ["), "{text}");
    assert_eq!(text.lines().count(), 5, "a summary stays one line: {text}");
}

#[tokio::test]
async fn slack_has_taken_what_it_answers_with_ok() {
    answered(Platform::Slack, 200, "ok").await.unwrap();
    answered(Platform::Slack, 200, "ok\n").await.unwrap();
    for body in ["", "<html>Sign in to the guest network", "{\"ok\":false,\"error\":\"x\"}"] {
        lasting(answered(Platform::Slack, 200, body).await, &["not as Slack", "incoming webhook"]);
    }
}

#[tokio::test]
async fn slacks_refusals_say_what_to_do() {
    // From documentation.
    for (status, body, words) in [
        (404, "no_service", "make a new one"),
        (403, "invalid_token", "make a new one"),
        (404, "no_active_hooks", "make a new one"),
        (404, "no_team", "workspace"),
        (403, "team_disabled", "workspace"),
        (404, "channel_not_found", "channel is gone"),
        (410, "channel_is_archived", "bring it back"),
        (403, "action_prohibited", "administrator"),
        (403, "posting_to_general_channel_denied", "administrator"),
        (400, "invalid_payload", "defect"),
        (400, "user_not_found", "channel is gone"),
        (404, "no_such_word_yet", "nobody listens"),
    ] {
        lasting(answered(Platform::Slack, status, body).await, &[&status.to_string(), body, words]);
    }
    assert_eq!(passing(answered(Platform::Slack, 500, "rollup_error").await, &["500", "rollup_error"]), None);
    let double = Double::start(|_| {
        http_answer(429, &[("retry-after", "30")], "{\"ok\":false,\"error\":\"rate_limited\"}")
    });
    let outcome = deliver(Platform::Slack, &double, &alert()).await;
    assert_eq!(passing(outcome, &["429", "rate_limited"]), Some(30));
}

#[tokio::test]
async fn discord_gets_plain_text_that_mentions_nobody() {
    let double = Double::start(|_| http_answer(200, &[], "{\"id\":\"1\"}"));
    deliver(Platform::Discord, &double, &hostile()).await.unwrap();
    let heard = only(&double);
    assert!(
        heard.path.ends_with("?wait=true"),
        "Discord would answer before it has saved it: {}",
        heard.path
    );
    let sent: Value = serde_json::from_str(&heard.body).unwrap();
    assert_eq!(sent["allowed_mentions"], json!({"parse": []}));
    assert_eq!(sent["flags"], 4);
    let text = sent["content"].as_str().unwrap();
    assert!(
        text.contains(
            "\\<!channel\\> \\@everyone \\<\\@U1\\> \\*bold\\* & \\[a\\]\\(https://evil.example\\)"
        ),
        "{text}"
    );
    assert!(text.contains("rotate status prod\\-publish"), "{text}");
    assert_eq!(text.lines().count(), 5, "{text}");
}

#[tokio::test]
async fn discord_has_taken_what_it_has_saved() {
    answered(Platform::Discord, 200, "{\"id\":\"1\",\"content\":\"…\"}").await.unwrap();
    answered(Platform::Discord, 204, "").await.unwrap();
    for body in ["", "<html>Sign in to the guest network", "{}"] {
        lasting(answered(Platform::Discord, 200, body).await, &["not as Discord", "webhook"]);
    }
}

#[tokio::test]
async fn discords_refusals_say_what_to_do() {
    // From documentation.
    for (status, code, message, words) in [
        (404, 10015, "Unknown Webhook", "make a new one"),
        (401, 50027, "Invalid Webhook Token", "copy it again"),
        (404, 10003, "Unknown Channel", "channel is gone"),
        (400, 50006, "Cannot send an empty message", "defect"),
        (400, 50035, "Invalid Form Body", "defect"),
        (400, 220001, "Webhooks posted to forum channels must have a thread_name or thread_id", "thread_id"),
        (400, 1, "Something new", "check"),
        (403, 40333, "internal network error", "check"),
    ] {
        let body = json!({"message": message, "code": code}).to_string();
        lasting(answered(Platform::Discord, status, &body).await, &[&status.to_string(), message, words]);
    }
    let limited = "{\"message\":\"You are being rate limited.\",\"retry_after\":64.57,\"global\":false}";
    let outcome = answered(Platform::Discord, 429, limited).await;
    assert_eq!(passing(outcome, &["429", "You are being rate limited."]), Some(65));
    for (absurd, seconds) in [("-5", Some(0)), ("1e300", Some(24 * 60 * 60)), ("\"soon\"", None)] {
        let body = format!("{{\"retry_after\":{absurd}}}");
        assert_eq!(passing(answered(Platform::Discord, 429, &body).await, &[]), seconds, "{absurd}");
    }
    // Somebody in between, who speaks no JSON.
    let double = Double::start(|_| http_answer(429, &[("retry-after", "12")], "<html>error 1015</html>"));
    assert_eq!(passing(deliver(Platform::Discord, &double, &alert()).await, &["429"]), Some(12));
}

#[tokio::test]
async fn a_long_alert_is_cut_to_what_the_platform_takes() {
    let mut alert = alert();
    alert.keys = (0..1000).map(|number| format!("key_{number}")).collect();
    alert.summary = "&<>".repeat(5000);
    for (platform, field, limit) in [(Platform::Slack, "text", 4000), (Platform::Discord, "content", 2000)] {
        let double = Double::start(|_| http_answer(204, &[], ""));
        let _ = deliver(platform, &double, &alert).await;
        let sent: Value = serde_json::from_str(&only(&double).body).unwrap();
        let text = sent[field].as_str().unwrap();
        assert!(text.chars().count() <= limit, "{platform:?}: {}", text.chars().count());
        assert!(text.starts_with("CRITICAL 1000 keys"), "{text}");
    }
}
