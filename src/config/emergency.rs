//! Reading one key out of a file whose other keys' tables are not even TOML.

use toml::de::DeTable;

use super::known;

/// The text without the tables of other keys and without unknown top-level tables, line for line, so
/// that line numbers stay right.
///
/// A table ends where the next header begins; a header that cannot be read is kept, and so still
/// fails: it could be a target of the key that is wanted.
pub(super) fn without_other_keys(text: &str, name: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut dropping = false;
    for line in text.split_inclusive('\n') {
        if let Some(foreign) = is_foreign_header(line, name) {
            dropping = foreign;
        }
        kept.push_str(if dropping { "\n" } else { line });
    }
    kept
}

/// Whether a line is a header of a table that does not concern the key; `None` where it is no header.
fn is_foreign_header(line: &str, name: &str) -> Option<bool> {
    if !line.trim_start().starts_with('[') {
        return None;
    }
    let parsed = DeTable::parse(line).ok()?;
    let (first, inner) = parsed.get_ref().iter().next()?;
    if first.get_ref() != "keys" {
        return Some(!known::TOP_LEVEL.contains(&first.get_ref().as_ref()));
    }
    let second = inner.get_ref().as_table().and_then(|keys| keys.keys().next());
    Some(second.is_some_and(|second| second.get_ref() != name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_of_other_keys_are_blanked() {
        let before = "state = \"/s\"\n";
        let other = "[keys.a]\nx = \"open\n[[keys.a.targets]]\ny\n";
        let own = "[keys.b]\nz = 1\n[[keys.\"b\".targets]]\nt = [\n1]\n";
        let later = "[later]\n!\n";
        let after = "[defaults]\ng = 1";
        let text = [before, other, own, later, after].concat();
        let expected = [before, "\n\n\n\n", own, "\n\n", after].concat();
        assert_eq!(without_other_keys(&text, "b"), expected);
    }

    #[test]
    fn a_broken_header_is_kept() {
        let text = "[keys.b]\n[[keys.b.targets]\npath = 1\n";
        assert_eq!(without_other_keys(text, "b"), text);
    }
}
