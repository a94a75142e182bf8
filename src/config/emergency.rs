//! Reading one key out of a file whose other keys' tables are not even TOML.

use toml::de::DeTable;

use super::known;

/// The text without the tables of other keys and without unknown top-level tables, line for line, so
/// that line numbers stay right.
///
/// A table ends where the next header begins; a header that cannot be read is kept, and so still
/// fails: it could be a target of the key that is wanted.
pub(super) fn without_other_keys(text: &str, name: &str) -> String {
    without_tables(text, |first, second| match first {
        "keys" => second.is_some_and(|second| second != name),
        first => !known::TOP_LEVEL.contains(&first),
    })
}

/// The text without receivers of alerts, likewise: an emergency is not stopped by how it would be told.
pub(super) fn without_alerts(text: &str) -> String {
    without_tables(text, |first, _| first == "alerts")
}

/// `is_foreign` is asked for the first two names of a header.
fn without_tables(text: &str, is_foreign: impl Fn(&str, Option<&str>) -> bool) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut dropping = false;
    for line in text.split_inclusive('\n') {
        if let Some(foreign) = of_header(line, &is_foreign) {
            dropping = foreign;
        }
        kept.push_str(if dropping { "\n" } else { line });
    }
    kept
}

/// What is said of a header's first two names; `None` where the line is no header.
fn of_header(line: &str, is_foreign: impl Fn(&str, Option<&str>) -> bool) -> Option<bool> {
    if !line.trim_start().starts_with('[') {
        return None;
    }
    let parsed = DeTable::parse(line).ok()?;
    let (first, inner) = parsed.get_ref().iter().next()?;
    let second = inner.get_ref().as_table().and_then(|tables| tables.keys().next());
    Some(is_foreign(first.get_ref(), second.map(|second| second.get_ref().as_ref())))
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
    fn only_the_lines_of_receivers_are_blanked() {
        let text = "state = 1\n[alerts.a]\nurl = \"open\n[keys.b]\nz = 1\n[alerts]\n[alerts.c]\nx";
        assert_eq!(without_alerts(text), "state = 1\n\n\n[keys.b]\nz = 1\n\n\n\n");
    }

    #[test]
    fn a_broken_header_is_kept() {
        let text = "[keys.b]\n[[keys.b.targets]\npath = 1\n";
        assert_eq!(without_other_keys(text, "b"), text);
    }
}
