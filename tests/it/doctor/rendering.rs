//! What people get to read.

use std::collections::BTreeSet;

use rotate::doctor::Id;

use super::environment::{Environment, expected, folder, names};

/// Environments with a file `shown`; under `UPDATE_DOCS=1` it is written anew.
#[test]
fn people_read_what_is_shown_for_an_environment() {
    let mut count = 0;
    for name in names() {
        let path = folder(&name).join("shown");
        if !path.exists() {
            continue;
        }
        let environment = Environment::new(&name);
        let shown = environment.lab.normal(&environment.run("").stdout);
        if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
            std::fs::write(&path, &shown).unwrap();
        }
        assert_eq!(shown, std::fs::read_to_string(&path).unwrap(), "{name}");
        count += 1;
    }
    assert!(count >= 6, "{count}");
}

#[test]
fn the_guide_lists_every_finding_with_its_meaning() {
    let guide = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides/doctor.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let listed: Vec<_> =
        guide.lines().filter(|line| line.starts_with("| `") && line.matches('|').count() == 3).collect();
    let rows: Vec<_> = Id::ALL.iter().map(|id| format!("| `{}` | {} |", id.name(), id.meaning())).collect();
    assert_eq!(listed, rows);
}

#[test]
fn every_finding_is_found_in_some_environment() {
    let found: BTreeSet<_> = names()
        .iter()
        .flat_map(|name| expected(name))
        .filter_map(|line| line.split_once(' ').map(|(_, id)| id.to_owned()))
        .collect();
    let missing: Vec<_> = Id::ALL.iter().map(|id| id.name()).filter(|name| !found.contains(*name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}
