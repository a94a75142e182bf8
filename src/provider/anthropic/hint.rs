//! Hints: the first 16 and the last 4 characters of a key, as `sk-ant-api03-R2D...igAA` (from
//! documentation: facts page, `partial_key_hint`).

use crate::secret::Secret;

/// Read leniently, for how much a hint shows may change; less than this proves too little.
const SHORTEST_START_CHARACTERS: usize = 8;
const SHORTEST_END_CHARACTERS: usize = 4;

/// What hints are documented to show of a key's beginning.
const START_CHARACTERS: usize = 16;

/// Whether the hint is one of this value.
pub(super) fn fits(hint: &str, value: &Secret) -> bool {
    let value = value.expose();
    hint.split_once("...").or_else(|| hint.split_once('…')).is_some_and(|(start, end)| {
        start.chars().count() >= SHORTEST_START_CHARACTERS
            && end.chars().count() >= SHORTEST_END_CHARACTERS
            && start.len() + end.len() <= value.len()
            && value.starts_with(start)
            && value.ends_with(end)
    })
}

/// The hint with no more of the key than hints are documented to show.
pub(super) fn shortened(hint: &str) -> String {
    let Some((start, end)) = hint.split_once("...").or_else(|| hint.split_once('…')) else {
        return String::new();
    };
    let start: String = start.chars().take(START_CHARACTERS).collect();
    let skipped = end.chars().count().saturating_sub(SHORTEST_END_CHARACTERS);
    let end: String = end.chars().skip(skipped).collect();
    format!("{start}...{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_fits_the_value_it_was_made_of_and_no_other() {
        let value = Secret::from_text("sk-ant-api03-R2D2C3POxxxxxxxxxxxxxxxxigAA".into()).unwrap();
        let cases = [
            ("sk-ant-api03-R2D...igAA", true),
            ("sk-ant-api03-R2D…igAA", true),
            ("sk-ant-api03-R2D2C3PO...xigAA", true),
            ("sk-ant-a...igAA", true),
            ("sk-ant-...igAA", false),
            ("sk-ant-api03-R2D...gAA", false),
            ("sk-ant-api03-R3D...igAA", false),
            ("sk-ant-api03-R2D...igAB", false),
            ("sk-ant-api03-R2D", false),
            ("......", false),
            ("...", false),
            ("", false),
        ];
        for (hint, expected) in cases {
            assert_eq!(fits(hint, &value), expected, "{hint}");
        }
    }

    #[test]
    fn a_hint_that_shows_too_much_is_shortened() {
        for (hint, expected) in [
            ("sk-ant-api03-R2D...igAA", "sk-ant-api03-R2D...igAA"),
            ("sk-ant-api03-R2D2C3PO...xxxxigAA", "sk-ant-api03-R2D...igAA"),
            ("sk-ant-api03-R2D2C3POigAA", ""),
        ] {
            assert_eq!(shortened(hint), expected);
        }
    }

    #[test]
    fn start_and_end_do_not_overlap() {
        let value = Secret::from_text("sk-ant-api03".into()).unwrap();
        assert!(!fits("sk-ant-api...api03", &value));
    }
}
