//! Text that came from outside, made fit for a terminal, a log and the journal.

use crate::readable::is_readable;
use crate::secret::Secret;

/// Longer foreign text says nothing more to a person; it only pushes the rest off the screen.
const LIMIT_CHARACTERS: usize = 200;

/// No more than this is looked at, so that a hostile answer costs no time.
const LOOKED_AT_CHARACTERS: usize = 8 * 1024;

/// How the keys of most providers begin, and how much after it makes one of a word.
const KEY_START: &str = "sk-";
const KEY_CHARACTERS: usize = 16;

/// A run this long that also stands in a secret is taken for a piece of it.
const PIECE_CHARACTERS: usize = 8;

const REDACTED: &str = "[redacted]";

/// `text` on one line, without control characters, terminal escapes and characters that reorder or
/// hide text, without `secrets` and pieces of eight or more of their characters (some providers echo
/// parts of a key), without whatever looks like a key that was not sent, and at most 200 characters long.
pub fn clean(text: &str, secrets: &[&Secret]) -> String {
    let bounded: String = text.chars().take(LOOKED_AT_CHARACTERS).collect();
    let mut safe = secrets.iter().fold(bounded, |text, secret| secret.redact(&text));
    // Stripping joins what escapes had torn apart, so the pieces are looked for after it.
    safe = redact_keys(&one_line(&strip(&safe)));
    for secret in secrets {
        safe = redact_pieces(&safe, secret);
    }
    shorten(safe)
}

/// Drops escape sequences whole, and every other character that is not there to be read.
fn strip(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\u{1b}' => skip_escape(&mut rest),
            '\n' | '\r' | '\t' => kept.push(' '),
            _ if is_readable(character) => kept.push(character),
            _ => {}
        }
    }
    kept
}

/// Reads past what follows an ESC (ECMA-48: control sequences, control strings, two-character escapes).
fn skip_escape(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match rest.peek().copied() {
        Some('[') => {
            rest.next();
            while rest.next_if(|c| ('\u{20}'..='\u{3f}').contains(c)).is_some() {}
            let _ = rest.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(character) = rest.next() {
                if character == '\u{7}' || (character == '\u{1b}' && rest.next_if_eq(&'\\').is_some()) {
                    return;
                }
            }
        }
        Some('\u{30}'..='\u{7e}') => {
            rest.next();
        }
        _ => {}
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A provider may know other keys than the one that was sent.
fn redact_keys(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(KEY_START) {
        let (before, key) = rest.split_at(at);
        let is_of_a_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let end = key.find(|c| !is_of_a_key(c)).unwrap_or(key.len());
        safe.push_str(before);
        safe.push_str(if end < KEY_START.len() + KEY_CHARACTERS { &key[..end] } else { REDACTED });
        rest = &key[end..];
    }
    safe + rest
}

fn redact_pieces(text: &str, secret: &Secret) -> String {
    let value = secret.expose();
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut safe = String::with_capacity(text.len());
    let mut first = 0;
    while first + 1 < starts.len() {
        let longest = (first + PIECE_CHARACTERS..starts.len())
            .take_while(|&last| value.contains(&text[starts[first]..starts[last]]))
            .last();
        match longest {
            Some(last) => {
                safe.push_str(REDACTED);
                first = last;
            }
            None => {
                safe.push_str(&text[starts[first]..starts[first + 1]]);
                first += 1;
            }
        }
    }
    safe
}

fn shorten(text: String) -> String {
    match text.char_indices().nth(LIMIT_CHARACTERS) {
        None => text,
        Some(_) => text.chars().take(LIMIT_CHARACTERS - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::from_text(text.into()).unwrap()
    }

    #[test]
    fn escapes_and_controls_are_gone() {
        let cases = [
            ("plain text, ümläut", "plain text, ümläut"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://evil\u{1b}\\link", "link"),
            ("\u{1b}cclear", "clear"),
            ("a\u{9b}2Jb", "a2Jb"),
            ("a\0b\u{7}c\u{8}", "abc"),
            ("two\r\nlines\tand  gaps ", "two lines and gaps"),
            ("abc\u{202e}fed", "abcfed"),
            ("\u{1b}", ""),
            ("\u{1b}]never ends", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(clean(text, &[]), expected, "{text:?}");
        }
    }

    #[test]
    fn an_echoed_secret_and_its_pieces_are_gone() {
        let key = secret("sk-ant-api03-QwErTyUiOpAsDfGhJkLz-1234567890");
        let torn = "key sk-ant-api03-QwErTyUi\u{1b}[1mOpAsDfGhJkLz-1234567890 is bad";
        for text in [
            "key sk-ant-api03-QwErTyUiOpAsDfGhJkLz-1234567890 is bad",
            "key QwErTyUiOpAsDfGhJkLz is bad",
            torn,
        ] {
            assert_eq!(clean(text, &[&key]), "key [redacted] is bad", "{text:?}");
        }
        assert_eq!(clean("it ends in 7890", &[&key]), "it ends in 7890");
    }

    #[test]
    fn a_secret_at_the_edge_of_the_limit_leaves_no_part_behind() {
        let key = secret("sk-ant-api03-QwErTyUiOpAsDfGhJkLz-1234567890");
        let text = format!("{}{}", "x".repeat(190), key.expose());
        let cleaned = clean(&text, &[&key]);
        assert!(!cleaned.contains("sk-"), "{cleaned}");
        assert_eq!(cleaned.chars().count(), 200);
    }

    #[test]
    fn a_key_that_was_not_sent_is_gone_and_a_hint_of_one_is_not() {
        let text = "sk-ant-api03-QwErTyUiOpAsDfGh is sk-ant-api03-Qwe...90, (sk-proj-QwErTyUiOpAsDfGhJk)";
        assert_eq!(clean(text, &[]), "[redacted] is sk-ant-api03-Qwe...90, ([redacted])");
    }

    #[test]
    fn long_text_is_cut_at_200_characters() {
        let cleaned = clean(&"ü".repeat(100_000), &[]);
        assert_eq!(cleaned.chars().count(), 200);
        assert!(cleaned.ends_with('…'));
        assert_eq!(clean(&"ü".repeat(200), &[]).chars().count(), 200);
    }
}
