//! What Discord's webhooks take, and how they refuse.

use serde_json::{Value, json};

use crate::alert::address::Address;
use crate::alert::{Alert, Undelivered, error, text};
use crate::http::Answer;

/// "The message contents (up to 2000 characters)" (Discord, "Webhook Resource", Execute Webhook). Counted in UTF-16 units,
/// the strictest way to count.
const LONGEST_UNITS: usize = 2000;

/// No previews of what looks like a link (Discord, "Message Resource", message flags: SUPPRESS_EMBEDS).
const SUPPRESS_EMBEDS: u32 = 1 << 2;

pub(super) fn message(alert: &Alert) -> Value {
    json!({
        "content": escaped(&text::lines(alert).join("\n")),
        // Whatever the text says, it mentions nobody: not everyone, no role, no user.
        "allowed_mentions": { "parse": [] },
        "flags": SUPPRESS_EMBEDS,
    })
}

/// Markdown, mentions and links of the form `<…>` and `[…](…)` as the characters that they are.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut left = LONGEST_UNITS - 1;
    for character in text.chars() {
        let is_markup = matches!(
            character,
            '\\' | '*' | '_' | '~' | '`' | '|' | '<' | '>' | '[' | ']' | '(' | ')' | '#' | '@' | '-' | '+'
        );
        let Some(rest) = left.checked_sub(character.len_utf16() + usize::from(is_markup)) else {
            escaped.push('…');
            break;
        };
        left = rest;
        if is_markup {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// With `wait=true`, 200 and the message say that it was saved; 204 is the answer without `wait`. Refusals have a JSON
/// document with a code (Discord, "Opcodes and Status Codes", JSON error codes).
pub(super) fn judge(answer: &Answer, address: &Address) -> Result<(), Undelivered> {
    let document = answer.json().unwrap_or_default();
    match answer.status {
        204 => return Ok(()),
        200 if document.get("id").is_some() => return Ok(()),
        200..=299 => {
            return Err(Undelivered::lasting(
                format!("{} answered {}, but not as Discord's webhooks do", address.host(), answer.status),
                "check that `url` points at the address of a webhook, https://discord.com/api/webhooks/…",
            ));
        }
        429 => return Err(limited(answer, address, &document)),
        _ => {}
    }
    let remedy = match document.get("code").and_then(Value::as_u64) {
        Some(10015) => {
            "the webhook was deleted: make a new one in the channel's settings, Integrations, and put its address where \
             `url` points"
        }
        Some(50027) => {
            "the webhook's address is not whole, or it was made anew: copy it again to where `url` points"
        }
        Some(10003) => {
            "the channel is gone: make a webhook for another, and put its address where `url` points"
        }
        Some(220_001) => {
            "the webhook is one of a forum: add ?thread_id=ID of one of its posts to the address"
        }
        Some(50006 | 50035) => "this is a defect: report it with the output of the same command under -v",
        _ => return Err(error::refused(answer, address, &[])),
    };
    let said = error::said(answer, address, &[]);
    Err(Undelivered::lasting(format!("{} answered {}: {said}", address.host(), answer.status), remedy))
}

/// `retry_after` is in seconds with a fraction (Discord, "Rate Limits"); the header has it where the answer comes from
/// somebody in between.
fn limited(answer: &Answer, address: &Address, document: &Value) -> Undelivered {
    let in_body = document.get("retry_after").and_then(Value::as_f64).map(f64::ceil);
    // From a float, `as` stays within the bounds of the type.
    let seconds = in_body.map(|seconds| seconds as u64).or_else(|| answer.retry_after_seconds());
    let said = error::said(answer, address, &[]);
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    error::passing(format!("{} answered 429{said}", address.host()), seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped() {
        assert_eq!(escaped("prod_publish *now* @everyone"), "prod\\_publish \\*now\\* \\@everyone");
        assert_eq!(
            escaped("<@1> [a](https://evil) `x` ||y|| ~~z~~"),
            concat!("\\<\\@1\\> \\[a\\]\\(https://evil\\) ", "\\`x\\` \\|\\|y\\|\\| \\~\\~z\\~\\~")
        );
        assert_eq!(escaped("# a \\ b"), "\\# a \\\\ b");
    }

    #[test]
    fn the_cut_leaves_no_half_of_an_escape_or_a_character() {
        for text in [
            "*".repeat(3000),
            format!("x{}", "*".repeat(3000)),
            "😀".repeat(3000),
            format!("x{}", "😀".repeat(3000)),
        ] {
            let cut = escaped(&text);
            assert!(cut.encode_utf16().count() <= LONGEST_UNITS);
            assert!(cut.ends_with("\\*…") || cut.ends_with("😀…"), "{}", &cut[cut.len() - 12..]);
        }
        let whole = "x".repeat(LONGEST_UNITS - 1);
        assert_eq!(escaped(&whole), whole);
    }
}
