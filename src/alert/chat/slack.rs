//! What Slack's incoming webhooks take, and how they refuse.

use serde_json::{Value, json};

use crate::alert::address::Address;
use crate::alert::{Alert, Undelivered, error, text};
use crate::http::Answer;

/// "For best results, limit the number of characters in the text field to 4,000" (Slack, "chat.postMessage").
const LONGEST_CHARACTERS: usize = 4000;

pub(super) fn message(alert: &Alert) -> Value {
    json!({
        "text": escaped(&text::lines(alert).join("\n")),
        // Neither markup, nor mentions by name, nor previews of what looks like a link.
        "mrkdwn": false,
        "parse": "none",
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

/// The three characters that are control characters to Slack; without `<` there is no `<!channel>` either (Slack,
/// "Formatting text for app surfaces", escaping text).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut left = LONGEST_CHARACTERS - 1;
    for character in text.chars() {
        let mut buffer = [0; 4];
        let shown = match character {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            other => other.encode_utf8(&mut buffer),
        };
        let Some(rest) = left.checked_sub(shown.chars().count()) else {
            escaped.push('…');
            break;
        };
        left = rest;
        escaped.push_str(shown);
    }
    escaped
}

/// 200 and the text `ok` say that it was taken; every other answer has a word for its reason (Slack, "Sending messages
/// using incoming webhooks", handling errors; changelog of 2016-05-17).
pub(super) fn judge(answer: &Answer, address: &Address) -> Result<(), Undelivered> {
    let word = String::from_utf8_lossy(&answer.body);
    let word = word.trim();
    if answer.status == 200 && word == "ok" {
        return Ok(());
    }
    if answer.status == 200 {
        return Err(Undelivered::lasting(
            format!("{} answered 200, but not as Slack's incoming webhooks do", address.host()),
            "check that `url` points at the address of an incoming webhook, https://hooks.slack.com/services/…",
        ));
    }
    let remedy = match word {
        "no_service" | "no_service_id" | "no_active_hooks" | "invalid_token" => {
            "the webhook was deleted or switched off, or its address is not whole: make a new one in the settings of \
             your Slack app, and put its address where `url` points"
        }
        "no_team" | "team_disabled" => {
            "the workspace is gone or disabled: make a webhook in another, and put its address where `url` points"
        }
        "channel_not_found" | "user_not_found" => {
            "the channel is gone: make a webhook for another, and put its address where `url` points"
        }
        "channel_is_archived" => "the channel is archived: bring it back, or make a webhook for another",
        "action_prohibited" | "posting_to_general_channel_denied" => {
            "an administrator has restricted who may post there: have it allowed, or make a webhook for another channel"
        }
        "invalid_payload" | "no_text" | "missing_text_or_fallback_or_attachments" => {
            "this is a defect: report it with the output of the same command under -v"
        }
        _ => return Err(error::refused(answer, address, &[])),
    };
    Err(Undelivered::lasting(format!("{} answered {}: {word}", address.host(), answer.status), remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_slack_are_escaped() {
        let text = "a & b <!channel> <@U123> <https://evil|click> &amp;";
        assert_eq!(
            escaped(text),
            "a &amp; b &lt;!channel&gt; &lt;@U123&gt; &lt;https://evil|click&gt; &amp;amp;"
        );
    }

    #[test]
    fn the_cut_leaves_no_half_of_an_escape() {
        for padding in 0..6 {
            let text = format!("{}{}", "x".repeat(padding), "&".repeat(LONGEST_CHARACTERS));
            let cut = escaped(&text);
            assert!(cut.chars().count() <= LONGEST_CHARACTERS, "{padding}");
            assert!(cut.ends_with("&amp;…"), "{padding}: {}", &cut[cut.len() - 20..]);
        }
        let whole = "x".repeat(LONGEST_CHARACTERS - 1);
        assert_eq!(escaped(&whole), whole);
    }
}
