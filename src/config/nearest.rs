//! The known name a mistyped one was probably meant to be.

/// The known name closest to `name`, letter case aside; `None` where nothing is close enough to guess.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let name = name.to_lowercase();
    let tolerance = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A remedy for an unknown name: the nearest known one, or all of them.
pub(super) fn suggestion(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposed_missing_and_differently_cased_letters_are_found() {
        let known = ["grace", "probe", "purpose"];
        for (typed, expected) in [
            ("grcae", Some("grace")),
            ("prob", Some("probe")),
            ("Purpose", Some("purpose")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), expected, "{typed}");
        }
    }
}
