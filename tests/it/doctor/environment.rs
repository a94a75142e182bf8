//! One environment: a lab in which everything is as a folder says.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::values::Values;
use crate::lab::{Lab, Ran};

/// A lab and what is in it.
pub struct Environment {
    pub lab: Lab,
    pub values: Values,
    pub arguments: String,
}

/// The folders of all environments.
pub fn names() -> Vec<String> {
    let entries = std::fs::read_dir(root()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Lines such as `anthropic.sdk api_key` and `warning base_url_override`.
pub fn expected(name: &str) -> Vec<String> {
    std::fs::read_to_string(folder(name).join("expected")).unwrap().lines().map(str::to_owned).collect()
}

/// Where an environment is written down.
pub fn folder(name: &str) -> PathBuf {
    root().join(name)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/doctor/environments")
}

impl Environment {
    pub fn new(name: &str) -> Self {
        let folder = folder(name);
        let text = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap_or_default();
        let (mut lab, keys) = story(text("story").trim());
        let mut values = Values::new(keys);
        for (from, to) in [("home", "home"), ("work", "")] {
            copy(&folder.join(from), &lab.path(to), &mut values);
        }
        for line in text("env").lines().filter(|line| !line.starts_with('#')) {
            let (variable, value) = line.split_once('=').unwrap_or_else(|| panic!("{name}: {line}"));
            lab.set(variable, unescaped(&values.expand(value)));
        }
        Self { lab, values, arguments: text("arguments").trim().to_owned() }
    }

    /// Runs `rotate doctor` with the environment's arguments and more.
    pub fn run(&self, more: &str) -> Ran {
        self.lab.run(&format!("doctor {} {more}", self.arguments))
    }
}

/// A lab that far along, and the values of its keys. `promoted without FILE`: a file that is gone afterwards.
fn story(story: &str) -> (Lab, Vec<(&'static str, String)>) {
    let (phase, gone) = story.split_once(" without ").unwrap_or((story, ""));
    if phase.is_empty() {
        return (Lab::bare(Default::default()), Vec::new());
    }
    let lab = Lab::new();
    let mut keys = Vec::new();
    match phase {
        "configured" => {}
        "adopted" => keys.push(("old", lab.adopted().value)),
        "outage" => {
            keys.push(("old", lab.adopted().value));
            lab.run("revoke-now prod --reason leaked --accept-outage --yes").expect(0);
        }
        _ => {
            let (old, new) = match phase {
                "staged" => lab.staged(),
                "promoted" => lab.promoted(),
                "finished" => lab.finished(),
                "aborted" => {
                    let keys = lab.staged();
                    lab.run("abort prod").expect(0);
                    keys
                }
                other => panic!("no story is called `{other}`"),
            };
            keys.extend([("old", old.value), ("new", new.value)]);
        }
    }
    if !gone.is_empty() {
        std::fs::remove_file(lab.path(gone)).unwrap();
    }
    (lab, keys)
}

fn copy(from: &Path, to: &Path, values: &mut Values) {
    let Ok(entries) = std::fs::read_dir(from) else { return };
    std::fs::create_dir_all(to).unwrap();
    for entry in entries {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to, values);
        } else {
            std::fs::write(to, values.expand(&std::fs::read_to_string(from).unwrap())).unwrap();
        }
    }
}

/// Bytes of a value in which `\n`, `\r` and `\xNN` stand for what a line of a file cannot hold.
fn unescaped(text: &str) -> OsString {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (byte, length) = match after.as_bytes()[0] {
            b'n' => (b'\n', 1),
            b'r' => (b'\r', 1),
            b'x' => (u8::from_str_radix(&after[1..3], 16).unwrap(), 3),
            other => panic!("no escape is written \\{}", char::from(other)),
        };
        bytes.push(byte);
        rest = &after[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    OsString::from_vec(bytes)
}
