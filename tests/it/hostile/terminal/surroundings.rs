//! rotate.toml, variables and paths.

use super::{assert_fit, assert_readable};
use crate::hostile::mutation::ESCAPES;
use crate::hostile::tally::{self, FIELDS};
use crate::lab::Lab;

/// As TOML spells it in a basic string.
fn spelled(text: &str) -> String {
    let escaped: String = text.chars().map(|character| format!("\\U{:08X}", u32::from(character))).collect();
    format!("\"{escaped}\"")
}

#[test]
fn names_of_the_configuration_do_not_reach_the_terminal_as_they_are() {
    let lab = Lab::new();
    lab.promoted();
    let good = lab.read("rotate.toml");
    let long = "y".repeat(1 << 20);
    let mut cases = 0;
    for text in ESCAPES.into_iter().chain([long.as_str()]) {
        let odd = spelled(text);
        let in_key = |line: String| good.replace("[keys.prod]\n", &format!("[keys.prod]\n{line}\n"));
        for changed in [
            good.replace("keys.prod", &format!("keys.{odd}")),
            format!("{odd} = 1\n{good}"),
            format!("{good}\n[{odd}]\nx = 1\n"),
            format!("{good}\n[{odd}.{odd}]\n"),
            in_key(format!("{odd} = {odd}")),
            in_key(format!("purpose = {odd}")),
            in_key(format!("owner = {odd}")),
            in_key(format!("probe = {odd}")),
            in_key(format!("primary_env = {odd}")),
            in_key(format!("slots = {{ type = {odd} }}")),
            in_key(format!("require = [{odd}]")),
            in_key(format!("usage_lag = {odd}")),
            good.replace("\"anthropic\"", &odd),
            good.replace("\"app.env\"", &odd),
            good.replace("\"dotenv\"", &odd),
            good.replace("\"file:admin.key\"", &odd),
            good.replace("state = \"state\"", &format!("state = {odd}")),
            // As they are, in a comment and where a value should be.
            format!("# {text}\n{good}"),
            good.replace("\"60m\"", text),
        ] {
            lab.write("rotate.toml", &changed);
            for command in ["status", "ledger --json", "promote prod", "stage prod -vvv --from file:new.key"]
            {
                assert_fit(&lab.run(command), &format!("{command}, {}", &changed[..changed.len().min(300)]));
                cases += 1;
            }
        }
    }
    tally::counted(FIELDS, cases);
}

/// Whoever sets these is the operator: a text of theirs may stand in several lines.
#[test]
fn variables_and_paths_do_not_reach_the_terminal_as_they_are() {
    for text in ESCAPES {
        let text = text.replace('\0', "");
        let mut lab = Lab::new();
        lab.adopted();
        let directory = format!("odd{}", text.replace('/', ""));
        std::fs::create_dir(lab.path(&directory)).unwrap();
        for name in ["USER", "LOGNAME", "SUDO_USER", "TERM", "LANG", "COLUMNS", "NO_COLOR"] {
            lab.set(name, text.clone());
        }
        lab.console_key("new");
        lab.run("stage prod --from file:new.key").expect(0);
        for command in ["history", "history --json", "status", "--help", "lease acquire", "lease list"] {
            assert_readable(&lab.run(command), &format!("{command} of {text:?}"));
        }
        for name in ["ROTATE_CONFIG", "ROTATE_STATE", "HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
            lab.set(name, text.clone());
            for command in ["status", "--help", "promote prod", "stage prod --from env:X --json"] {
                assert_readable(&lab.run(command), &format!("{name}, {command} of {text:?}"));
            }
            lab.unset(name);
        }
        for words in [["--config", &text, "status"], ["--state", &text, "status"], ["status", "--", &text]] {
            assert_readable(&lab.run_words(&words), &format!("{words:?}"));
        }
        let mut here = lab.command(&["status"]);
        assert_readable(&lab.finish_command(here.current_dir(lab.path(&directory))), &directory);
    }
}

#[test]
fn what_the_journal_keeps_for_others_is_short_and_readable() {
    let lab = Lab::new();
    lab.adopted();
    lab.console_key("new");
    let long = "because ".repeat(100);
    for text in ESCAPES.map(|text| text.replace('\0', "")).iter().chain([&long]) {
        for option in ["--ticket", "--reason"] {
            let ran = lab.run_words(&["stage", "prod", "--from", "file:new.key", option, text]);
            assert_readable(&ran, text);
            assert_eq!(ran.code, 2, "{ran:#?}");
        }
    }
    assert_eq!(lab.phase("prod"), "Idle");
    lab.run("stage prod --from file:new.key --ticket OPS-1 --reason vierteljährlich").expect(0);
}
