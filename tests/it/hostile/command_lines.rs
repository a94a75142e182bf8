//! Wrong command lines, made from the definition of the right ones.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::Stdio;

use clap::error::ErrorKind;

use super::case;
use super::mutation::{ESCAPES, Random};
use super::tally::{self, COMMAND_LINES, COMMAND_LINES_AT_EXECUTABLE};
use super::terminal::assert_readable;
use crate::lab::Lab;
use crate::proof;

/// What a definition knows: words that mean something somewhere.
struct Vocabulary {
    commands: Vec<String>,
    options: Vec<String>,
    values: Vec<String>,
}

impl Vocabulary {
    fn of(definition: &clap::Command) -> Self {
        let mut words = Self { commands: Vec::new(), options: Vec::new(), values: Vec::new() };
        words.learn(definition);
        words
            .values
            .extend(["prod", "old", "file:new.key", "env:X", "-", "0", "1s", "text"].map(str::to_owned));
        words
    }

    fn learn(&mut self, command: &clap::Command) {
        for argument in command.get_arguments() {
            self.options.extend(argument.get_long().map(|long| format!("--{long}")));
            self.options.extend(argument.get_short().map(|short| format!("-{short}")));
            self.values
                .extend(argument.get_possible_values().iter().map(|value| value.get_name().to_owned()));
        }
        for below in command.get_subcommands() {
            self.commands.push(below.get_name().to_owned());
            self.learn(below);
        }
    }

    fn line(&self, random: &mut Random) -> Vec<OsString> {
        let mut line = vec![OsString::from("rotate")];
        if !random.one_in(10) {
            line.push(self.perhaps_misspelt(random, &self.commands));
        }
        for _ in 0..random.below(6) {
            let word = match random.below(8) {
                0 | 1 => self.perhaps_misspelt(random, &self.options),
                2 => random.pick(&self.options).into(),
                3 => self.perhaps_misspelt(random, &self.values),
                4 => {
                    let mut joined = OsString::from(random.pick(&self.options));
                    joined.push("=");
                    joined.push(odd_word(random));
                    joined
                }
                5 => line[line.len() - 1].clone(),
                _ => odd_word(random),
            };
            line.push(word);
        }
        line
    }

    fn perhaps_misspelt(&self, random: &mut Random, words: &[String]) -> OsString {
        let mut word = random.pick(words).clone().into_bytes();
        let at = random.below(word.len());
        match random.below(6) {
            0 => drop(word.remove(at)),
            1 => word.insert(at, word[at]),
            2 => word[at] = word[at].to_ascii_uppercase(),
            3 => word.truncate(at),
            _ => {}
        }
        OsString::from_vec(word)
    }
}

fn odd_word(random: &mut Random) -> OsString {
    // The system ends an argument at a NUL byte, so none has one.
    let without_nul =
        |bytes: Vec<u8>| OsString::from_vec(bytes.into_iter().filter(|byte| *byte != 0).collect());
    match random.below(8) {
        0 => {
            let length = random.below(40);
            without_nul(random.bytes(length))
        }
        1 => without_nul(random.pick(&ESCAPES).as_bytes().to_vec()),
        2 => "9".repeat(1 + random.below(400)).into(),
        3 => "x".repeat(20_000).into(),
        4 => OsStr::from_bytes(b"\xff\xfe\xf0\x28").to_owned(),
        _ => {
            let words = [
                "", "-", "--", "---", "-1", "=", "--=", "1e999", "0x10", "-vvvvv", "--json", "..", "/",
                "\u{fffd}", "%s%n", "$(id)",
            ];
            random.pick(&words).into()
        }
    }
}

#[test]
fn every_wrong_command_line_is_refused_in_words() {
    let definition = rotate::cli::definition();
    let vocabulary = Vocabulary::of(&definition);
    let mut wrong = 0;
    let cases = case::run("command lines", 10_000, |random| {
        let line = vocabulary.line(random);
        match definition.clone().try_get_matches_from(&line) {
            Ok(_) => {}
            Err(error) if is_help(&error) => assert_eq!(error.exit_code(), 0, "{line:?}"),
            Err(error) => {
                wrong += 1;
                assert_eq!(error.exit_code(), 2, "{line:?}");
                assert!(error.to_string().contains("--help"), "{line:?}: {error}");
            }
        }
    });
    assert!(wrong > 8_000, "{wrong} of {cases} were wrong");
    tally::counted(COMMAND_LINES, cases);
}

fn is_help(error: &clap::Error) -> bool {
    matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)
}

/// Commands that would go on for long, or do something beside the lab, where a line happens to be right.
const NOT_RUN: [&str; 6] = ["sandbox", "drill", "exec", "man", "finish", "completions"];

#[test]
fn every_wrong_command_line_ends_the_executable_with_a_hint() {
    let definition = rotate::cli::definition();
    let vocabulary = Vocabulary::of(&definition);
    let lab = Lab::new();
    lab.adopted();
    // Nobody answers there, at once.
    lab.configure_at("http://127.0.0.1:1", "", &lab.key("prod"));
    let cases = case::run("command lines at the executable", proof::size(400, 10_000), |random| {
        let line = vocabulary.line(random);
        let parsed = definition.clone().try_get_matches_from(&line);
        if parsed
            .as_ref()
            .is_ok_and(|matches| NOT_RUN.contains(&matches.subcommand_name().unwrap_or_default()))
        {
            return;
        }
        let mut command = lab.command(&[]);
        let ran = lab.finish_command(command.args(&line[1..]).stdin(Stdio::null()));
        let all = format!("{}{}", ran.stdout, ran.stderr);
        assert_readable(&ran, &format!("{line:?}"));
        match parsed {
            Err(error) if is_help(&error) => assert_eq!(ran.code, 0, "{line:?}: {ran:#?}"),
            Err(_) => assert_eq!(ran.code, 2, "{line:?}: {ran:#?}"),
            Ok(_) => assert!([0, 2, 3, 4, 5, 6, 13, 20, 21, 30].contains(&ran.code), "{line:?}: {ran:#?}"),
        }
        let has_hint = all.contains("hint") || all.contains("--help");
        assert!(ran.code == 0 || has_hint, "{line:?}: {ran:#?}");
    });
    tally::counted(COMMAND_LINES_AT_EXECUTABLE, cases);
}
