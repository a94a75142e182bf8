//! Runs the commands of a page, as the comments in it say.

use std::collections::VecDeque;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::markdown::{Item, Page};
use crate::lab::Lab;

const KEY: &str = "prod-publish";

/// What a page calls a place, and where that is in a lab.
const PLACES: [(&str, &str); 3] =
    [("/var/lib/rotate", "state"), ("/etc/rotate/rotate.toml", "rotate.toml"), ("/srv/publish", "publish")];

/// Runs every story of a page; the number of commands that ran.
pub fn run(page: &Page) -> usize {
    let mut teller = Teller::default();
    for item in &page.items {
        match item {
            Item::Directive { line, text } => teller.directive(&at(page, *line), text),
            Item::Fence { language, line, lines } if language == "console" => {
                if let Some(reason) = teller.skip.take() {
                    assert!(reason.len() > 10, "{}: skipped without a reason", at(page, *line));
                } else {
                    teller.block(&at(page, *line), lines);
                }
            }
            Item::Fence { language, lines, .. } if language == "toml" && teller.takes_config => {
                teller.takes_config = false;
                let lab = teller.lab.as_ref().expect("a story");
                lab.write("rotate.toml", &placed(lab, &configuration(lab, &lines.join("\n"))));
            }
            _ => {}
        }
    }
    teller.ran
}

fn at(page: &Page, line: usize) -> String {
    format!("{}:{line}", page.name)
}

#[derive(Default)]
struct Teller {
    lab: Option<Lab>,
    /// What later commands expect.
    exit: Option<i32>,
    answer: Option<String>,
    skip: Option<String>,
    takes_config: bool,
    ran: usize,
    ids: std::collections::BTreeMap<String, String>,
}

impl Teller {
    fn lab(&self, place: &str) -> &Lab {
        self.lab.as_ref().unwrap_or_else(|| panic!("{place}: no story has begun"))
    }

    fn directive(&mut self, place: &str, text: &str) {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match word {
            "story" => self.begin(rest),
            "config" => self.takes_config = true,
            "console" => {
                let key = self.lab(place).console_key(rest);
                self.ids.insert(rest.to_owned(), key.id);
            }
            "disable" => self.lab(place).console_set(&self.ids[rest], "inactive"),
            "answer" => self.answer = Some(rest.to_owned()),
            "work" => self.lab(place).work_with(rest),
            "advance" => self.lab(place).clock.advance(duration(rest)),
            "exit" => self.exit = Some(rest.parse().unwrap()),
            "sh" => {
                let (code, output) = shell(self.lab(place), rest);
                assert_eq!(code, 0, "{place}: {rest}\n{output}");
            }
            "skip" => self.skip = Some(rest.to_owned()),
            other => panic!("{place}: no directive is called `{other}`"),
        }
    }

    fn begin(&mut self, words: &str) {
        let mut words = words.split_whitespace();
        let phase = words.next().unwrap_or_default();
        let options: Vec<_> = words.collect();
        let mut lab = fresh();
        let is_env = options.contains(&"env-slots");
        let slots = if is_env { "slots = { type = \"env\" }\n" } else { "" };
        let admin =
            if options.contains(&"without-admin-key") { "" } else { "admin_key = \"file:admin.key\"\n" };
        lab.configure_with(
            admin,
            &format!(
                "[keys.{KEY}]\nprovider = \"anthropic\"\nprimary_env = \"ANTHROPIC_API_KEY_PRIMARY\"\n\
                 secondary_env = \"ANTHROPIC_API_KEY_SECONDARY\"\n{slots}\n\
                 [[keys.{KEY}.targets]]\ntype = \"dotenv\"\npath = \"publish/.env\"\n\
                 variable = \"ANTHROPIC_API_KEY\"\nrefresh = \"10m\"\n"
            ),
        );
        self.ids.clear();
        let mut keep = |lab: &Lab, name: &str| {
            let key = lab.console_key(name);
            self.ids.insert(name.to_owned(), key.id.clone());
            key.value
        };
        let steps = ["configured", "adopted", "staged", "promoted", "finished"];
        let reached = steps.iter().position(|step| *step == phase);
        let reached = reached.unwrap_or_else(|| panic!("no story begins `{phase}`"));
        for step in &steps[..=reached] {
            match *step {
                "adopted" => {
                    let value = keep(&lab, "old");
                    if is_env {
                        lab.set("ANTHROPIC_API_KEY_PRIMARY", value);
                    }
                    lab.run(&format!("adopt {KEY} --from file:old.key")).expect(0);
                }
                "staged" => {
                    let value = keep(&lab, "new");
                    if is_env {
                        lab.set("ANTHROPIC_API_KEY_SECONDARY", value);
                    }
                    lab.run(&format!("stage {KEY} --from file:new.key --ticket OPS-1234")).expect(0);
                }
                "promoted" => {
                    lab.run(&format!("promote {KEY}")).expect(0);
                    lab.work_with(KEY);
                }
                "finished" => {
                    lab.advance_minutes(61);
                    lab.run(&format!("finish {KEY}")).expect(0);
                }
                _ => {}
            }
        }
        self.lab = Some(lab);
        (self.exit, self.answer, self.takes_config) = (None, None, false);
    }

    fn block(&mut self, place: &str, lines: &[String]) {
        let mut lines: VecDeque<_> = lines.iter().map(String::as_str).collect();
        while let Some(line) = lines.pop_front() {
            let mut command = match line.strip_prefix("$ ") {
                Some(command) => command.to_owned(),
                None => panic!("{place}: `{line}` stands before any command"),
            };
            while let Some(part) = command.strip_suffix('\\') {
                command = format!("{part}{}", lines.pop_front().unwrap().trim_start());
            }
            let mut expected = Vec::new();
            while let Some(output) = lines.pop_front_if(|line| !line.starts_with("$ ")) {
                expected.push(output);
            }
            self.command(place, &command, &expected);
        }
    }

    fn command(&mut self, place: &str, command: &str, expected: &[&str]) {
        if let Some(arguments) = command.strip_prefix("cargo run --release -- ") {
            let words: Vec<_> = arguments.split_whitespace().collect();
            check_words(&words).unwrap_or_else(|problem| panic!("{place}: {command}: {problem}"));
            return;
        }
        if command.starts_with("cargo ") {
            return;
        }
        if let Some(script) = command.strip_prefix("./scripts/") {
            let name = script.split_whitespace().next().unwrap();
            let path = super::root().join("scripts").join(name);
            assert!(is_executable(&path), "{place}: {} is no program", path.display());
            return;
        }
        let answered = self.answered(command);
        let code = self.exit.take().unwrap_or(0);
        let (found, output) = shell(self.lab(place), &answered);
        assert_eq!(found, code, "{place}: $ {answered}\n{output}");
        // The consumers of every story work on, with what they are given.
        if command.starts_with("rotate promote prod-publish") && found == 0 && !command.contains("dry-run") {
            self.lab(place).work_with(KEY);
        }
        self.ran += 1;
        let mut printed = output.lines();
        for line in expected.iter().filter(|line| !line.trim().is_empty() && line.trim() != "…") {
            assert!(
                printed.any(|found| fits(found.trim(), line.trim())),
                "{place}: $ {answered}\ndid not print (in this order): {line}\nbut:\n{output}"
            );
        }
    }

    /// The command with what a person would have typed at its prompts.
    fn answered(&mut self, command: &str) -> String {
        let mut command = command.to_owned();
        let destroys = ["rotate purge ", "rotate revoke-now "].iter().any(|name| command.starts_with(name));
        if let Some(name) = self.answer.take() {
            let flag = if destroys { "--replace-from" } else { "--from" };
            command.push_str(&format!(" {flag} file:{name}.key"));
        }
        if destroys && !command.contains("--yes") && !command.contains("--dry-run") {
            command.push_str(" --yes");
        }
        command
    }
}

/// A lab in which a shell finds `rotate`.
fn fresh() -> Lab {
    let mut lab = Lab::bare(Default::default());
    for directory in ["bin", "publish"] {
        std::fs::create_dir(lab.path(directory)).unwrap();
    }
    lab.write("publish/.env", "FOO=bar\nANTHROPIC_API_KEY=placeholder\n");
    std::os::unix::fs::symlink(assert_cmd::cargo::cargo_bin!("rotate"), lab.path("bin/rotate")).unwrap();
    let path = format!("{}:{}", lab.path("bin").display(), std::env::var("PATH").unwrap());
    lab.set("PATH", path);
    let admin_key = lab.sandbox.admin_key().expose().to_owned();
    lab.set("ANTHROPIC_ADMIN_KEY", admin_key);
    lab
}

/// A lab with a page's configuration.
pub fn lab_for_configuration(text: &str) -> Lab {
    let lab = fresh();
    lab.write("rotate.toml", &placed(&lab, &configuration(&lab, text)));
    lab
}

/// A page's configuration with the sandbox in the provider's place and the state in the lab.
fn configuration(lab: &Lab, text: &str) -> String {
    let base_url = format!("base_url = \"{}\"", lab.sandbox.base_url());
    let kept: Vec<_> = text.lines().filter(|line| !line.starts_with("base_url")).collect();
    let mut text = kept.join("\n");
    let header = "[providers.anthropic]";
    text = match text.contains(header) {
        true => text.replace(header, &format!("{header}\n{base_url}")),
        false => format!("{text}\n{header}\n{base_url}\n"),
    };
    if text.lines().any(|line| line.starts_with("state ")) {
        text
    } else {
        format!("state = \"state\"\n{text}")
    }
}

fn placed(lab: &Lab, text: &str) -> String {
    PLACES.iter().fold(text.to_owned(), |text, (shown, real)| {
        text.replace(shown, &lab.path(real).display().to_string())
    })
}

/// Runs a line in the lab's directory; its code and everything it printed, with the page's names.
fn shell(lab: &Lab, line: &str) -> (i32, String) {
    let line = placed(lab, line);
    let rotate = lab.command(&[]);
    let variables = rotate.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{line}")])
        .current_dir(lab.path(""))
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    for (shown, real) in PLACES {
        text = text.replace(&lab.path(real).display().to_string(), shown);
    }
    (output.status.code().unwrap_or(-1), text)
}

/// Whether a printed line is what a page shows, where `…` stands for anything.
fn fits(found: &str, shown: &str) -> bool {
    let mut parts = shown.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = found.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<_> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(begin) => rest = &rest[begin + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// That the first word is a command of the program and every option is one of its own.
pub fn check_words(words: &[&str]) -> Result<(), String> {
    let mut root = rotate::cli::definition();
    root.build();
    let long = |word: &str| word.trim_start_matches('[').trim_end_matches([']', '…']).to_owned();
    let name = words[0];
    let command = if name.starts_with('-') { Some(&root) } else { root.find_subcommand(name) };
    let command = command.ok_or(format!("no command is called `{name}`"))?;
    // `rotate lease renew`: the options are those of the inner command.
    let command = words.get(1).and_then(|word| command.find_subcommand(word)).unwrap_or(command);
    for word in words.iter().map(|word| long(word)).filter(|word| word.starts_with("--") && word.len() > 2) {
        let option = word.trim_start_matches("--").split('=').next().unwrap_or_default().to_owned();
        let known = command.get_arguments().any(|argument| argument.get_long() == Some(option.as_str()));
        if !known {
            return Err(format!("it has no option `--{option}`"));
        }
    }
    Ok(())
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

fn duration(text: &str) -> Duration {
    let (number, unit) = text.split_at(text.len() - 1);
    let number: u64 = number.parse().unwrap();
    let seconds = match unit {
        "s" => number,
        "m" => number * 60,
        "h" => number * 3600,
        "d" => number * 86_400,
        _ => panic!("no unit in `{text}`"),
    };
    Duration::from_secs(seconds)
}
