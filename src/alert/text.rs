//! An alert as plain lines, for people; each receiver escapes them for its own format.

use super::Alert;
use crate::readable;

/// Longer lines are cut: a receiver has limits, and a person stops reading.
const LONGEST_LINE_CHARACTERS: usize = 700;

/// The headline, what to do next, and what the alert is about, a line each. No line is empty, and none has a control
/// character.
pub(super) fn lines(alert: &Alert) -> Vec<String> {
    let mut lines = vec![headline(alert)];
    if !alert.hint.is_empty() {
        lines.push(line(&format!("next: {}", alert.hint)));
    }
    if alert.keys.len() > 1 {
        lines.push(line(&format!("keys: {}", alert.keys.join(", "))));
    }
    if let Some(environment) = &alert.environment {
        lines.push(line(&format!("environment: {environment}")));
    }
    if let Some(rotation) = &alert.rotation_id {
        lines.push(line(&format!("rotation: {rotation}")));
    }
    lines.push(format!("event: {} at {}", alert.event, alert.occurred_at));
    lines
}

/// The first line alone.
pub(super) fn headline(alert: &Alert) -> String {
    line(&alert.headline())
}

fn line(text: &str) -> String {
    let one_line = text.replace(char::is_whitespace, " ");
    readable::line(&cut(&one_line, LONGEST_LINE_CHARACTERS), usize::MAX)
}

/// No more than so many characters, the last of them `…` where something was left out.
pub(super) fn cut(text: &str, limit_characters: usize) -> String {
    match text.char_indices().nth(limit_characters) {
        None => text.to_owned(),
        Some(_) => text.chars().take(limit_characters.saturating_sub(1)).chain(['…']).collect(),
    }
}
