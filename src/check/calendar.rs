//! Due dates as a calendar file (RFC 5545), for people's calendars.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::due::{Due, Why};

/// A line of content is at most so long, line end excluded (RFC 5545, section 3.1).
const LINE_BYTES: usize = 75;

/// A calendar with a day of each due date, and alarms as long before it as the reminders say.
pub fn calendar(due: &[(Due, Vec<Duration>)], now: Timestamp) -> String {
    let mut text = String::new();
    let mut line = |content: &str| fold(content, &mut text);
    line("BEGIN:VCALENDAR");
    line("VERSION:2.0");
    line(concat!("PRODID:-//rotate//rotate ", env!("CARGO_PKG_VERSION"), "//EN"));
    line("METHOD:PUBLISH");
    for (due, remind) in due {
        let day = due.due_at.to_zoned(TimeZone::UTC).date();
        line("BEGIN:VEVENT");
        // The same for the same rotation in every file, so that a calendar moves the day and adds none.
        line(&format!("UID:{}-{}@rotate", due.key, due.active_since.as_second()));
        line(&format!("DTSTAMP:{}", now.strftime("%Y%m%dT%H%M%SZ")));
        line(&format!("DTSTART;VALUE=DATE:{}", day.strftime("%Y%m%d")));
        line(&format!("SUMMARY:{}", escaped(&format!("rotate {}", due.key))));
        let because = match due.why {
            Why::Policy => "the policy asks for it",
            Why::Expiry => "the provider lets the credential expire",
        };
        line(&format!("DESCRIPTION:{}", escaped(&format!("{because}. First: {}", due.next))));
        line("TRANSP:TRANSPARENT");
        for ahead in remind {
            line("BEGIN:VALARM");
            line("ACTION:DISPLAY");
            line(&format!("DESCRIPTION:{}", escaped(&format!("rotate {}", due.key))));
            line(&format!("TRIGGER:-PT{}S", ahead.as_secs()));
            line("END:VALARM");
        }
        line("END:VEVENT");
    }
    line("END:VCALENDAR");
    text
}

/// TEXT of RFC 5545, section 3.3.11.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,").replace('\n', "\\n")
}

/// Lines are folded at 75 bytes, never inside a character, and end with CRLF.
fn fold(content: &str, text: &mut String) {
    let mut length = 0;
    for character in content.chars() {
        if length + character.len_utf8() > LINE_BYTES {
            text.push_str("\r\n ");
            length = 1;
        }
        text.push(character);
        length += character.len_utf8();
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_folded_between_characters_and_nothing_is_lost() {
        let content = format!("SUMMARY:{}", "ä€🙂".repeat(40));
        let mut text = String::new();
        fold(&content, &mut text);
        assert!(text.split("\r\n").all(|line| line.len() <= LINE_BYTES), "{text}");
        assert_eq!(text.replace("\r\n ", "").trim_end(), content);
    }

    #[test]
    fn what_means_something_in_a_calendar_is_escaped() {
        assert_eq!(escaped("a;b,c\\d\ne"), "a\\;b\\,c\\\\d\\ne");
    }
}
