//! The last door before a stream: whoever wrote it, what leaves is there to be read.
//!
//! Foreign text is cleaned where it comes in. What was recorded, configured or typed by somebody else passes here
//! all the same: nothing in it moves the cursor, changes the terminal, reorders or hides text, or has no end.

use super::paint::{CODES, Paint};
use crate::readable::is_readable;

/// A longer line is cut: nobody reads it, and it pushes the rest off the screen.
const LINE_CHARACTERS: usize = 8 * 1024;

/// Lines of text for a terminal: no control character but line ends and tabs, and no line without an end. Where
/// the stream is painted, its own colours stay.
pub fn lines(text: &str, paint: Paint) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    let mut column = 0;
    while let Some(character) = rest.chars().next() {
        if let Some(code) = colour(rest).filter(|_| paint.0) {
            // Also in a line that was cut: else its colour would run on.
            plain.push_str(code);
            rest = &rest[code.len()..];
            continue;
        }
        rest = &rest[character.len_utf8()..];
        match character {
            '\n' => {
                plain.push('\n');
                column = 0;
                continue;
            }
            _ if character != '\t' && !is_readable(character) => continue,
            _ if column < LINE_CHARACTERS => plain.push(character),
            _ if column == LINE_CHARACTERS => plain.push('…'),
            _ => {}
        }
        column += 1;
    }
    plain
}

/// The same on one line, unpainted: for a text that somebody else may have chosen, inside a line of ours.
pub fn one_line(text: &str) -> String {
    lines(&text.replace(['\n', '\r'], " "), Paint(false))
}

/// A JSON document that says the same and holds no character that a terminal would obey: those stand in strings
/// only, and are escaped there.
pub fn json(document: &str) -> String {
    let mut plain = String::with_capacity(document.len());
    for character in document.chars() {
        if character == '\n' || is_readable(character) {
            plain.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                plain.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    plain
}

fn colour(text: &str) -> Option<&str> {
    let code = text.strip_prefix("\u{1b}[")?;
    let end = code.find('m')?;
    CODES.contains(&&code[..end]).then(|| &text[..end + 3])
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}]52;c;aGk=\u{7}b\u{1b}[2J\u{9b}31m\rc\u{202e}d\u{8}\u{200b}\u{7f}e\tf";

    #[test]
    fn what_a_terminal_would_obey_is_gone() {
        assert_eq!(lines(HOSTILE, Paint(false)), "a]52;c;aGk=b[2J31mcde\tf");
        assert_eq!(one_line("a\nb\r\nc"), "a b  c");
        assert_eq!(lines("two\nlines\n", Paint(false)), "two\nlines\n");
    }

    #[test]
    fn own_colours_stay_where_the_stream_is_painted() {
        let painted = Paint(true).red("bad");
        assert_eq!(lines(&painted, Paint(true)), painted);
        assert_eq!(lines(&painted, Paint(false)), "[1;31mbad[0m");
        assert_eq!(lines("\u{1b}[8mhidden", Paint(true)), "[8mhidden");
    }

    #[test]
    fn a_line_without_an_end_is_cut_and_the_next_one_is_not() {
        let text = format!("{}\nnext\n", "ü".repeat(1 << 20));
        let cut = lines(&text, Paint(false));
        assert_eq!(cut.chars().count(), LINE_CHARACTERS + 1 + "\nnext\n".len());
        assert!(cut.ends_with("…\nnext\n"));
    }

    #[test]
    fn a_json_document_keeps_its_meaning() {
        let value = serde_json::json!({ "text": format!("{HOSTILE}\u{e0001}\n\"\\") });
        let plain = json(&value.to_string());
        assert!(plain.chars().all(is_readable), "{plain:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&plain).unwrap(), value);
    }
}
