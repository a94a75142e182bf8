//! One variable with different values in different places.

use super::finding::{Finding, Id, Severity};
use super::mend::replace;
use super::seen::{Assignment, Place, Record, Seen};
use super::watched::{self, Holds, Provider};

/// Where a key is compared with its state, that says which of its values is right; here are the others.
pub(super) fn differing(seen: &Seen, relevant: &[Provider]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in names(seen, relevant) {
        let all: Vec<_> =
            seen.assignments.iter().filter(|one| one.variable == name && !one.value.is_empty()).collect();
        let Some((first, rest)) = all.split_first() else { continue };
        // Two in one file are that file's own trouble.
        let others: Vec<_> = rest
            .iter()
            .filter(|one| one.place.path() != first.place.path() && !one.value.same_as(&first.value))
            .collect();
        let Some(other) = others.last() else { continue };
        let places: Vec<_> =
            std::iter::once(first).chain(others.iter().copied()).map(|one| told(one)).collect();
        findings.push(Finding::new(
            Id::DifferingValues,
            Severity::Warning,
            format!("{name} is {}", places.join(", and ")),
            why(&first.place, &other.place),
            format!("where it is wrong, {}", replace(seen, other)),
        ));
    }
    findings
}

fn names<'s>(seen: &'s Seen, relevant: &[Provider]) -> Vec<&'s str> {
    let of_key = seen.key.as_ref().map(|key| key.provider);
    let is_secret = |name: &str| watched::holds(name, of_key) != Holds::Setting;
    let counts = |name: &str| watched::provider(name).is_none_or(|provider| relevant.contains(&provider));
    let mut names: Vec<&str> = seen.assignments.iter().map(|one| one.variable.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| is_secret(name) && counts(name) && !is_compared(seen, name));
    names
}

fn is_compared(seen: &Seen, name: &str) -> bool {
    seen.key.as_ref().is_some_and(|key| {
        matches!(key.record, Record::Known(_)) && key.carriers.iter().flatten().any(|carrier| carrier == name)
    })
}

fn told(one: &Assignment) -> String {
    format!("{} {}", one.value.shown(), one.place.shown())
}

fn why(first: &Place, other: &Place) -> &'static str {
    match (first, other) {
        (Place::Environment, Place::ClaudeSettings { .. }) => {
            "Claude Code is believed to take what its settings say, and every other program what the environment says"
        }
        (Place::Environment, _) => {
            "a program that is started here takes what the environment says and leaves the file alone; one that is \
             started elsewhere takes the file's"
        }
        _ => "each program takes the one of the file that it reads",
    }
}
