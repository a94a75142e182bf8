//! What of a failed program's stderr may be shown: its last line, without the value in any common disguise.

use crate::readable::is_readable;
use crate::secret::Secret;

const LONGEST_CHARACTERS: usize = 200;

/// Parts of the value at least this long are hidden: programs shorten what they complain about.
const SHORTEST_PART_BYTES: usize = 8;

const HIDDEN: &str = "[redacted]";

/// The last line of `stderr` that holds anything: without control characters, at most 200 characters, and
/// without the value, parts of it of 8 bytes or more, and those same in base64, hex and percent encoding.
pub(super) fn of(stderr: &[u8], value: &Secret) -> String {
    let text = String::from_utf8_lossy(stderr);
    let plain = without_controls(&text);
    let last = plain.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    let hidden = hide(last, &disguises(value));
    if hidden.chars().count() <= LONGEST_CHARACTERS {
        return hidden;
    }
    hidden.chars().take(LONGEST_CHARACTERS - 1).chain(['…']).collect()
}

/// Drops terminal sequences whole, and every other character that moves the cursor or hides text. Without
/// this a value with a colour change in its middle would pass unrecognised.
fn without_controls(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\u{1b}' if rest.next_if_eq(&'[').is_some() => {
                // Up to the final byte of a control sequence (ECMA-48, section 5.4).
                rest.by_ref().find(|next| ('@'..='~').contains(next));
            }
            // A bare carriage return starts a line over; both halves are lines here.
            '\n' | '\r' => plain.push('\n'),
            '\t' => plain.push(' '),
            _ if is_readable(character) => plain.push(character),
            _ => {}
        }
    }
    plain
}

/// `text` with every run of bytes hidden that is a disguise or a long enough part of one.
fn hide(text: &str, disguises: &[Vec<u8>]) -> String {
    let bytes = text.as_bytes();
    let mut is_hidden = vec![false; bytes.len()];
    for disguise in disguises {
        let part = SHORTEST_PART_BYTES.min(disguise.len());
        if part == 0 {
            continue;
        }
        for (at, window) in bytes.windows(part).enumerate() {
            if disguise.windows(part).any(|part| part == window) {
                is_hidden[at..at + part].fill(true);
            }
        }
    }
    let mut shown = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        match (is_hidden[at], at > 0 && is_hidden[at - 1]) {
            (false, _) => shown.push(character),
            (true, false) => shown.push_str(HIDDEN),
            (true, true) => {}
        }
    }
    shown
}

fn disguises(value: &Secret) -> Vec<Vec<u8>> {
    let value = value.expose().as_bytes();
    let mut disguises = vec![value.to_vec()];
    let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
    disguises.push(hex.to_ascii_uppercase().into_bytes());
    disguises.push(hex.into_bytes());
    disguises.push(percent(value));
    for alphabet in [b"+/", b"-_"] {
        // The same bytes look different at each of three offsets into a longer text.
        disguises.extend((0..3).map(|offset| base64(value, offset, *alphabet)));
    }
    disguises
}

fn percent(value: &[u8]) -> Vec<u8> {
    let escape = |byte: &u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => vec![*byte],
        _ => format!("%{byte:02X}").into_bytes(),
    };
    value.iter().flat_map(escape).collect()
}

/// The base64 digits (RFC 4648) that depend on `value` alone when `offset` unknown bytes stand before it
/// and unknown ones after it. The last two digits of the alphabet are given.
fn base64(value: &[u8], offset: usize, last_digits: [u8; 2]) -> Vec<u8> {
    let alphabet: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(last_digits).collect();
    let bit = |at: usize| value.get(at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1));
    let first = (6 - offset * 8 % 6) % 6;
    (first..=(value.len() * 8).saturating_sub(6))
        .step_by(6)
        .filter_map(|start| alphabet.get((0..6).fold(0, |digit, at| digit << 1 | bit(start + at))).copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "sk-ant-api03-Zq8vT1mW4yR7uE2o-9AAA";

    fn shown(stderr: &str) -> String {
        of(stderr.as_bytes(), &Secret::from_text(VALUE.to_owned()).unwrap())
    }

    #[test]
    fn the_last_line_with_text_is_shown() {
        assert_eq!(shown("first\nno such secret\n\n  \n"), "no such secret");
        assert_eq!(shown(""), "");
        assert_eq!(shown(&"x".repeat(500)).chars().count(), LONGEST_CHARACTERS);
    }

    #[test]
    fn the_value_and_its_parts_are_hidden() {
        assert_eq!(shown(&format!("bad key {VALUE}!")), "bad key [redacted]!");
        assert_eq!(shown("bad key sk-ant-api03-Zq8v…"), "bad key [redacted]…");
        assert_eq!(shown("ends in yR7uE2o-9AAA."), "ends in [redacted].");
        assert_eq!(shown("bad \x1b[31mkey\x1b[0m sk-ant-ap\x1b[1mi03-Zq8vT1m"), "bad key [redacted]");
    }

    #[test]
    fn disguises_are_hidden() {
        // `printf 'user:%s' VALUE | base64`, and the same after one and two more bytes.
        for line in [
            "dXNlcjpzay1hbnQtYXBpMDMtWnE4dlQxbVc0eVI3dUUyby05QUFB",
            "eHVzZXI6c2stYW50LWFwaTAzLVpxOHZUMW1XNHlSN3VFMm8tOUFBQQ==",
            "eHh1c2VyOnNrLWFudC1hcGkwMy1acTh2VDFtVzR5Ujd1RTJvLTlBQUE=",
        ] {
            let shown = shown(line);
            assert!(shown.contains(HIDDEN) && shown.len() < HIDDEN.len() + 14, "{shown}");
        }
        let hex: String = VALUE.bytes().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(shown(&hex), HIDDEN);
    }
}
