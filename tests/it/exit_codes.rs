//! The table of exit codes stands in one place; what people read says the same.

use std::collections::BTreeSet;
use std::path::Path;

use rotate::exit::ExitCode;

/// The rows `number  words` of the table in a text, in ascending order.
fn exit_codes(text: &str) -> Vec<(u8, String)> {
    let rows = text.lines().filter_map(|line| {
        let cells = line.trim().trim_start_matches('|').trim();
        let end = cells.find(|c: char| !c.is_ascii_digit())?;
        let number = cells[..end].parse().ok()?;
        let words = cells[end..].trim_start_matches([' ', '|']).trim_end_matches([' ', '|']);
        Some((number, words.split_whitespace().collect::<Vec<_>>().join(" ")))
    });
    rows.collect()
}

fn the_table() -> Vec<(u8, String)> {
    ExitCode::ALL.iter().map(|code| (code.number(), code.next_move().to_owned())).collect()
}

#[test]
fn the_help_tells_the_exit_codes_as_the_program_uses_them() {
    let help = std::process::Command::new(assert_cmd::cargo::cargo_bin!("rotate"))
        .arg("--help")
        .env("COLUMNS", "200")
        .output()
        .unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    let table = text.split("Exit codes").nth(1).unwrap();
    assert_eq!(exit_codes(table), the_table());
}

#[test]
fn the_man_page_tells_the_exit_codes_as_the_program_uses_them() {
    let directory = tempfile::tempdir().unwrap();
    let made = std::process::Command::new(assert_cmd::cargo::cargo_bin!("rotate"))
        .arg("man")
        .arg(directory.path())
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let page = std::fs::read_to_string(directory.path().join("rotate.1")).unwrap();
    let page = page.replace("\\-", "-").replace(".br\n", "").replace("\\*(Aq", "'");
    for (number, words) in the_table() {
        assert!(page.contains(&words), "{number} {words}");
    }
}

#[test]
fn the_readme_tells_the_exit_codes_as_the_program_uses_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text.split("\n## Exit codes").nth(1).expect("the README has a section `Exit codes`");
    let section = section.split("\n## ").next().unwrap();
    assert_eq!(exit_codes(section), the_table());
}

#[test]
fn the_numbers_of_exit_codes_never_change() {
    let numbers: Vec<_> = ExitCode::ALL.iter().map(|code| code.number()).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 10, 11, 12, 13, 20, 21, 30, 130]);
    let kinds: BTreeSet<_> = ExitCode::ALL.iter().map(|code| code.kind()).collect();
    assert_eq!(kinds.len(), numbers.len(), "two codes of one kind");
}
