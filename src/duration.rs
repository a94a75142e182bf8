//! Durations as `rotate.toml` spells them, and as people read them.

use std::time::Duration;

/// Nothing here is longer; it keeps every later sum of times far from overflow.
const LONGEST_DAYS: u64 = 3650;

/// Unit names with their lengths in milliseconds, longest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Why a text is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotADuration {
    #[error("it is empty")]
    Empty,
    #[error("a number with its unit is expected")]
    NoNumber,
    #[error("the unit is missing")]
    NoUnit,
    #[error("the unit is unknown")]
    UnknownUnit,
    #[error("its units do not go from long to short, each at most once")]
    Order,
    #[error("it is longer than ten years")]
    TooLong,
}

impl NotADuration {
    /// What to write instead.
    pub fn remedy(self) -> &'static str {
        match self {
            NotADuration::TooLong => "write at most \"3650d\"",
            _ => "write whole numbers with units d, h, m, s or ms, such as \"45m\", \"1h30m\" or \"90d\"",
        }
    }
}

/// Parses `45m`, `36h`, `90d`, `500ms`, `1h30m`, `0s`: whole numbers, each with its unit, no spaces.
///
/// # Errors
/// [`NotADuration`], which does not repeat the text.
pub fn parse(text: &str) -> Result<Duration, NotADuration> {
    if text.is_empty() {
        return Err(NotADuration::Empty);
    }
    let mut rest = text;
    let mut milliseconds: u64 = 0;
    let mut shorter_than = u64::MAX;
    while !rest.is_empty() {
        let (number, after) = split_where(rest, |c| !c.is_ascii_digit());
        let (unit, after) = split_where(after, |c| !c.is_ascii_alphabetic());
        if number.is_empty() {
            return Err(NotADuration::NoNumber);
        }
        if unit.is_empty() {
            return Err(NotADuration::NoUnit);
        }
        let length = UNITS.iter().find(|(name, _)| *name == unit).ok_or(NotADuration::UnknownUnit)?.1;
        if length >= shorter_than {
            return Err(NotADuration::Order);
        }
        let number: u64 = number.parse().map_err(|_| NotADuration::TooLong)?;
        milliseconds = number
            .checked_mul(length)
            .and_then(|part| milliseconds.checked_add(part))
            .filter(|sum| *sum <= LONGEST_DAYS * UNITS[0].1)
            .ok_or(NotADuration::TooLong)?;
        shorter_than = length;
        rest = after;
    }
    Ok(Duration::from_millis(milliseconds))
}

fn split_where(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

/// A number of seconds for people: `1h 30m`, `90d`, `0s`.
pub fn friendly(seconds: u64) -> String {
    in_words(seconds, 0)
}

/// As [`friendly`], with the milliseconds where there are some: `1s 500ms`.
pub fn friendly_duration(duration: Duration) -> String {
    in_words(duration.as_secs(), duration.subsec_millis())
}

/// As the configuration spells it: `1h30m`.
pub(crate) fn spelled(duration: Duration) -> String {
    friendly_duration(duration).replace(' ', "")
}

fn in_words(seconds: u64, milliseconds: u32) -> String {
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(milliseconds), "ms"),
    ];
    let words: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect();
    if words.is_empty() { "0s".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        for (text, milliseconds) in [
            ("45m", 2_700_000),
            ("36h", 129_600_000),
            ("90d", 7_776_000_000),
            ("1s", 1000),
            ("500ms", 500),
            ("1h30m", 5_400_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("0s", 0),
            ("007s", 7000),
            ("3650d", 315_360_000_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for (text, expected) in [
            ("", NotADuration::Empty),
            ("45", NotADuration::NoUnit),
            ("1h30", NotADuration::NoUnit),
            ("m", NotADuration::NoNumber),
            ("-5m", NotADuration::NoNumber),
            (" 5m", NotADuration::NoNumber),
            ("5m ", NotADuration::NoNumber),
            ("1h 30m", NotADuration::NoNumber),
            ("5 m", NotADuration::NoUnit),
            ("1.5h", NotADuration::NoUnit),
            ("5M", NotADuration::UnknownUnit),
            ("2w", NotADuration::UnknownUnit),
            ("45min", NotADuration::UnknownUnit),
            ("٣m", NotADuration::NoNumber),
            ("30m1h", NotADuration::Order),
            ("1m1m", NotADuration::Order),
            ("3651d", NotADuration::TooLong),
            ("99999999999999999999d", NotADuration::TooLong),
            ("18446744073709551615d", NotADuration::TooLong),
        ] {
            assert_eq!(parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn friendly_text_leaves_out_what_is_zero() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (5400, "1h 30m"),
            (7_776_000, "90d"),
            (86_401, "1d 1s"),
            (u64::MAX, "213503982334601d 7h 15s"),
        ] {
            assert_eq!(friendly(seconds), text);
        }
        assert_eq!(friendly_duration(Duration::from_millis(1500)), "1s 500ms");
    }

    #[test]
    fn what_is_spelled_is_parsed_again() {
        for milliseconds in [0, 1, 500, 61_000, 5_400_000, 93_784_005] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(parse(&spelled(duration)), Ok(duration));
        }
    }
}
