//! The documents tell the truth: commands run, links lead somewhere, tables and references are those of
//! the program.
//!
//! Every ```console block of a page with stories (README, runbook, guides) is run in a [`Lab`]: lines that
//! begin with `$ ` are commands, the lines under one are output that it must print, in this order, where
//! `…` stands for anything and lines may be left out. HTML comments steer it:
//!
//! | comment | meaning |
//! |---|---|
//! | `test: story PHASE [OPTION]…` | a new lab with the key `prod-publish` that far along: `configured`, `adopted`, `staged`, `promoted`, `finished`; options: `without-admin-key`, `env-slots` |
//! | `test: config` | the next ```toml block becomes the lab's configuration |
//! | `test: console NAME` | a person creates a key at the console; `NAME.key` holds it |
//! | `test: disable NAME` | a person disables it there |
//! | `test: answer NAME` | the value of `NAME.key` is what the next command's hidden prompt gets |
//! | `test: advance 61m` | time passes |
//! | `test: exit 10` | what the next command exits with, where it is not 0 |
//! | `test: sh SCRIPT` | something happens off the page |
//! | `test: skip REASON` | the next ```console block is not run |
//!
//! Lines that begin with `cargo` or `./scripts/` are only checked to name what exists.

mod markdown;
mod reference;
mod story;

use std::path::{Path, PathBuf};

use rotate::exit::ExitCode;

use self::markdown::Page;
use crate::lab::Lab;

/// The codes that a person has to act on, each with its section in the runbook.
const NEEDS_A_PERSON: [ExitCode; 12] = [
    ExitCode::Usage,
    ExitCode::Configuration,
    ExitCode::Locked,
    ExitCode::State,
    ExitCode::WrongPhase,
    ExitCode::Wait,
    ExitCode::Evidence,
    ExitCode::Partial,
    ExitCode::Person,
    ExitCode::Rejected,
    ExitCode::Unreachable,
    ExitCode::Interrupted,
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every page of the project, in a stable order.
fn pages() -> Vec<Page> {
    let mut paths: Vec<_> =
        ["README.md", "runbook.md", "CHANGELOG.md", "SECURITY.md"].map(PathBuf::from).into();
    collect(Path::new("docs"), &mut paths);
    paths.sort();
    paths.iter().map(|path| Page::read(&root(), path)).collect()
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(root().join(directory)).unwrap() {
        let entry = entry.unwrap();
        let path = directory.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
}

fn page(name: &str) -> Page {
    Page::read(&root(), Path::new(name))
}

#[test]
fn the_readme_runs() {
    assert!(story::run(&page("README.md")) > 5);
}

#[test]
fn the_runbook_runs() {
    assert!(story::run(&page("runbook.md")) > 20);
}

#[test]
fn every_other_page_runs() {
    for page in pages() {
        if !["README.md", "runbook.md"].contains(&page.name.as_str()) {
            story::run(&page);
        }
    }
}

#[test]
fn no_command_hides_in_another_kind_of_block() {
    for page in pages() {
        for (language, line, _) in page.fences() {
            let known = ["console", "toml", "text", "json", "ini", "markdown"];
            assert!(known.contains(&language), "{}:{line}: a block of kind `{language}`", page.name);
        }
    }
}

#[test]
fn inline_commands_exist() {
    for page in pages() {
        for (line, code) in page.inline_code() {
            let words: Vec<_> = code.split_whitespace().collect();
            if words.len() > 1 && words[0] == "rotate" && words[1] != "…" {
                story::check_words(&words[1..]).unwrap_or_else(|problem| {
                    panic!("{}:{line}: `{code}`: {problem}", page.name);
                });
            }
        }
    }
}

#[test]
fn links_lead_somewhere() {
    let mut count = 0;
    for page in pages() {
        for (line, target) in page.links() {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = match file {
                "" => PathBuf::from(&page.name),
                file => Path::new(&page.name).parent().unwrap().join(file),
            };
            assert!(root().join(&path).exists(), "{}:{line}: `{target}` leads nowhere", page.name);
            if !anchor.is_empty() {
                let anchors = Page::read(&root(), &path).anchors();
                let found = anchors.iter().any(|known| known == anchor);
                assert!(found, "{}:{line}: no heading `#{anchor}`: {anchors:?}", page.name);
            }
        }
    }
    assert!(count > 30, "only {count} links were seen");
}

#[test]
fn sections_that_the_program_names_are_in_the_runbook() {
    let headings = page("runbook.md").headings();
    let mut named = Vec::new();
    sections_in(&root().join("src"), &mut named);
    assert!(named.len() > 5, "{named:?}");
    for (file, section) in named {
        assert!(headings.contains(&section), "{file} names the section \"{section}\": {headings:?}");
    }
}

/// What stands in quotes after `section` in messages that name the runbook, also across line ends.
fn sections_in(directory: &Path, named: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sections_in(&path, named);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let joined: String = text.split("\\\n").map(str::trim_start).collect();
        for after in joined.split("runbook.md, section \\\"").skip(1) {
            let section = after.split("\\\"").next().unwrap().to_owned();
            named.push((path.display().to_string(), section));
        }
    }
}

#[test]
fn the_readme_has_every_exit_code() {
    let readme = page("README.md");
    let rows = readme.table_rows();
    for code in ExitCode::ALL {
        let number = code.number().to_string();
        let row = rows.iter().find(|row| row.len() == 2 && row[0] == number);
        let row = row.unwrap_or_else(|| panic!("README.md has no row for exit {number}"));
        assert_eq!(row[1], code.next_move(), "the row of exit {number}");
    }
}

#[test]
fn the_runbook_has_a_section_for_every_code_that_needs_a_person() {
    let headings = page("runbook.md").headings();
    for code in NEEDS_A_PERSON {
        let heading = format!("Exit {}", code.number());
        assert!(headings.contains(&heading), "{heading} is missing: {headings:?}");
    }
    assert_eq!(headings[1], "Emergency", "the emergency comes right after the title");
}

#[test]
fn the_help_has_every_exit_code() {
    let help = rotate::cli::definition().get_after_long_help().unwrap().to_string();
    let rows: Vec<_> = help.lines().filter_map(|line| line.trim_start().split_once("  ")).collect();
    for code in ExitCode::ALL {
        let number = code.number().to_string();
        let row = rows.iter().find(|row| row.0 == number).unwrap_or_else(|| panic!("{number}: {help}"));
        assert_eq!(row.1, code.next_move());
    }
}

#[test]
fn the_command_reference_is_current() {
    reference::check("docs/reference/commands.md", &reference::commands());
}

#[test]
fn the_exit_code_reference_is_current() {
    reference::check("docs/reference/exit-codes.md", &reference::exit_codes(&NEEDS_A_PERSON));
}

#[test]
fn configuration_examples_load() {
    let mut count = 0;
    for page in pages() {
        for (language, line, text) in page.fences() {
            if language == "toml" && text.contains("[keys.") {
                let lab = story::lab_for_configuration(&text);
                let ran = lab.run("ledger");
                assert_eq!(ran.code, 0, "{}:{line}:\n{}", page.name, ran.stderr);
                count += 1;
            }
        }
    }
    assert!(count > 5, "only {count} examples were seen");
}

#[test]
fn man_pages_name_every_command() {
    let lab = Lab::bare(Default::default());
    lab.run("man pages").expect(0);
    let whole = lab.read("pages/rotate.1");
    for command in rotate::cli::definition().get_subcommands() {
        let name = command.get_name();
        let page = lab.read(&format!("pages/rotate-{name}.1"));
        let about = command.get_about().unwrap().to_string();
        let opening: String = about.split(['`', '-', '\'']).next().unwrap().to_owned();
        assert!(page.contains(&opening), "rotate-{name}.1 lacks `{opening}`");
        assert!(whole.contains(&name.replace('-', "\\-")), "rotate.1 lacks {name}");
    }
    for code in ExitCode::ALL {
        assert!(whole.contains(code.next_move().split(['`', '-', ':']).next().unwrap()), "{code:?}");
    }
}

#[test]
fn completions_name_every_command() {
    let lab = Lab::bare(Default::default());
    for shell in ["bash", "zsh", "fish"] {
        let script = lab.run(&format!("completions {shell}")).expect(0).stdout;
        for command in rotate::cli::definition().get_subcommands() {
            assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
        }
        assert!(script.contains("accept-outage"), "{shell}");
    }
}

#[test]
fn licences_are_whole() {
    let mit = std::fs::read_to_string(root().join("LICENSE-MIT")).unwrap();
    assert!(mit.contains("The rotate contributors") && mit.contains("WITHOUT WARRANTY OF ANY KIND"));
    let apache = std::fs::read_to_string(root().join("LICENSE-APACHE")).unwrap();
    assert!(apache.contains("9. Accepting Warranty") && apache.contains("The rotate contributors"));
}
