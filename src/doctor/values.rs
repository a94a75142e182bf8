//! What is to be said of every single value: whether it is whole, and of the right kind.

use super::finding::{Finding, Id, Severity};
use super::kinds;
use super::mend;
use super::seen::{Assignment, Place, Seen};
use super::value::Oddity;
use super::watched::{self, Holds, Provider};

/// Every value of the providers that count, and the key's own.
pub(super) fn findings(seen: &Seen, relevant: &[Provider]) -> Vec<Finding> {
    let counts = |one: &&Assignment| {
        watched::provider(&one.variable).is_none_or(|provider| relevant.contains(&provider))
    };
    let mut findings: Vec<_> =
        seen.assignments.iter().filter(counts).filter_map(|one| of_value(seen, one)).collect();
    findings.extend(assigned_twice(seen, relevant));
    findings
}

fn of_value(seen: &Seen, assignment: &Assignment) -> Option<Finding> {
    let of_key = seen.key.as_ref().map(|key| key.provider);
    let holds = watched::holds(&assignment.variable, of_key);
    let oddity = match holds {
        Holds::Setting => setting_oddity(assignment),
        _ => assignment.value.oddity(),
    };
    match oddity {
        Some(Oddity::Empty) if holds == Holds::Setting => Some(empty_address(assignment)),
        Some(oddity) => Some(odd(seen, assignment, oddity)),
        None => kinds::finding(seen, assignment, holds),
    }
}

/// A setting may be anything but wrapped in what no program takes away. An empty one counts as unset, but for an
/// address: some SDKs then ask a server without a name (Anthropic's SDK for Python, its client).
fn setting_oddity(assignment: &Assignment) -> Option<Oddity> {
    if assignment.variable == "ANTHROPIC_CUSTOM_HEADERS" {
        return None;
    }
    match assignment.value.form()? {
        Oddity::Empty => (assignment.variable == "ANTHROPIC_BASE_URL").then_some(Oddity::Empty),
        Oddity::InnerSpace | Oddity::SeveralLines => None,
        oddity => Some(oddity),
    }
}

fn empty_address(assignment: &Assignment) -> Finding {
    Finding::new(
        Id::EmptyValue,
        Severity::Warning,
        format!("{}: it is empty", assignment.title()),
        "some SDKs take it for unset, and others for the address of a server without a name: every request fails",
        mend::remove(assignment),
    )
}

fn odd(seen: &Seen, assignment: &Assignment, oddity: Oddity) -> Finding {
    let is_covering = oddity == Oddity::Empty && covers_a_file(seen, assignment);
    let severity = match oddity {
        Oddity::Empty if !is_covering => Severity::Warning,
        _ => Severity::Critical,
    };
    let hint = match oddity {
        Oddity::Empty if is_carrier(seen, assignment) => mend::replace(seen, assignment),
        Oddity::Empty => mend::remove(assignment),
        oddity => mend::clean(seen, assignment, oddity),
    };
    let shown = match oddity {
        Oddity::Empty => "it is empty".to_owned(),
        Oddity::Placeholder | Oddity::Unexpanded => "it is no key".to_owned(),
        _ => assignment.value.shown(),
    };
    let seen = format!("{}: {shown}", assignment.title());
    Finding::new(oddity.id(), severity, seen, why(oddity, is_covering), hint)
}

/// A variable that is set to nothing is set: a dotenv file does not fill it.
fn covers_a_file(seen: &Seen, assignment: &Assignment) -> bool {
    let is_file = |place: &Place| matches!(place, Place::EnvFile { .. });
    assignment.place == Place::Environment
        && seen
            .assignments
            .iter()
            .any(|one| one.variable == assignment.variable && is_file(&one.place) && !one.value.is_empty())
}

fn is_carrier(seen: &Seen, assignment: &Assignment) -> bool {
    let mut carriers = seen.key.iter().flat_map(|key| key.carriers.iter().flatten());
    carriers.any(|name| *name == assignment.variable)
}

fn why(oddity: Oddity, is_covering: bool) -> &'static str {
    match oddity {
        Oddity::Empty if is_covering => {
            "it is set, to nothing: programs that read the dotenv file leave it as it is, and have no key"
        }
        Oddity::Empty => {
            "present is not the same as valid: some programs take it for unset, others send an empty key and get a 401"
        }
        Oddity::Quoted => "the quotes are sent as a part of the key, and it is refused with 401",
        Oddity::TrailingNewline => {
            "a line end cannot stand in a header: some programs refuse to send it, others are refused with 401"
        }
        Oddity::SurroundingSpace => {
            "the white space is sent as a part of the key by some programs, and by others not"
        }
        Oddity::InnerSpace => "no key has white space in it: it is two values, or was broken while copying",
        Oddity::SeveralLines => "a key is one line, and a line end cannot stand in a header",
        Oddity::Control => "a control character cannot stand in a header; it came with a paste",
        Oddity::NotText => "no key has such bytes: the value was broken on its way, or is another encoding's",
        Oddity::Placeholder => {
            "it is what an example or a template has in the key's place: requests are refused with 401"
        }
        Oddity::Unexpanded => {
            "it is a reference to the value and not the value: whatever should have resolved it did not run"
        }
        Oddity::PastedTwice => "the key is there twice in a row, and the whole is refused with 401",
    }
}

/// Parsers disagree on which of two assignments counts; also where both say the same, the next change may miss one.
fn assigned_twice(seen: &Seen, relevant: &[Provider]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, one) in seen.assignments.iter().enumerate() {
        let (Some(path), true) = (one.place.path(), is_line(&one.place)) else { continue };
        if watched::provider(&one.variable).is_some_and(|provider| !relevant.contains(&provider)) {
            continue;
        }
        let is_same_spot =
            |other: &&Assignment| other.variable == one.variable && other.place.path() == Some(path);
        if seen.assignments[..at].iter().any(|other| is_same_spot(&other)) {
            continue;
        }
        let all: Vec<_> = seen.assignments[at..].iter().filter(is_same_spot).collect();
        if all.len() < 2 {
            continue;
        }
        let differ = all[1..].iter().any(|other| !other.value.same_as(&one.value));
        let lines: Vec<_> =
            all.iter().filter_map(|one| line(&one.place)).map(|line| line.to_string()).collect();
        let last = all.last().and_then(|one| line(&one.place));
        findings.push(Finding::new(
            Id::AssignedTwice,
            if differ { Severity::Critical } else { Severity::Warning },
            format!("{} on the lines {} of {path}", one.variable, lines.join(", ")),
            match differ {
                true => "with different values: most programs take the last, some the first",
                false => "with the same value, so nothing fails until somebody changes one of them",
            },
            format!("keep one of the lines: {}", mend::edit(path, last)),
        ));
    }
    findings
}

fn is_line(place: &Place) -> bool {
    line(place).is_some()
}

fn line(place: &Place) -> Option<usize> {
    match place {
        Place::EnvFile { line, .. } | Place::TargetFile { line, .. } => Some(*line),
        Place::Environment | Place::ClaudeSettings { .. } => None,
    }
}
