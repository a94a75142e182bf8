//! Which room of the house may use which: reads the imports of the source and fails when a door opens
//! the wrong way. Also the manners that a reader can check line by line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What each room may use of the crate beside itself. Whoever adds a door says here why it opens that way.
const DOORS: &[(&str, &[&str])] = &[
    // The core, pure: nothing but the fingerprint (see the test below).
    ("rotation", &["secret"]),
    // Leaves: they know nothing of keys' lives. `clock` makes the core's time stamps.
    ("secret", &[]),
    ("exit", &[]),
    ("error", &["exit"]),
    ("duration", &[]),
    ("durable", &[]),
    ("file_lock", &[]),
    ("crash", &[]),
    ("telemetry", &[]),
    ("random", &[]),
    ("readable", &[]),
    ("severity", &[]),
    ("program", &[]),
    ("clock", &["rotation"]),
    ("http", &["error", "exit", "secret", "readable"]),
    // The SDK behind one door; `http` cleans foreign text.
    ("aws", &["secret", "http", "crash"]),
    // Ports and their adapters.
    ("provider", &["rotation", "secret", "error", "exit", "clock", "http", "crash", "aws"]),
    ("slots", &["rotation", "secret", "error", "exit", "durable", "crash", "aws"]),
    // `aws`: a target that is a secret in AWS.
    (
        "target",
        &[
            "rotation",
            "secret",
            "error",
            "exit",
            "durable",
            "file_lock",
            "crash",
            "aws",
            "readable",
            "program",
        ],
    ),
    ("store", &["rotation", "secret", "error", "exit", "clock", "durable", "file_lock", "crash", "readable"]),
    // Running jobs and the records of what they hold.
    ("lease", &["rotation", "secret", "error", "exit", "clock", "random", "readable", "store"]),
    // Who is told, and what is on its way to them. Receivers are reached over HTTP and by programs; `store` for the journal
    // that is told of, and for files that are safe.
    (
        "alert",
        &[
            "http",
            "program",
            "secret",
            "readable",
            "store",
            "rotation",
            "error",
            "clock",
            "durable",
            "file_lock",
        ],
    ),
    // What is known of keys before anything is asked; it names items of evidence, slots, and kinds of alerts (of `alert`
    // nothing else, see the test below).
    ("config", &["rotation", "secret", "error", "exit", "duration", "readable", "alert"]),
    // The loopback provider is a program of its own: it shares no code with what it tests but leaves.
    ("sandbox", &["secret", "error", "exit", "clock"]),
    // The driver: ports and the core.
    (
        "workflow",
        &[
            "rotation", "provider", "slots", "target", "store", "secret", "error", "exit", "clock", "crash",
            "duration", "lease",
        ],
    ),
    // Looks at keys through ports, and tells through `alert`.
    (
        "check",
        &[
            "alert", "provider", "slots", "target", "store", "rotation", "clock", "duration", "durable",
            "severity",
        ],
    ),
    // A look at an environment: the variables that `config` knows how to ask for, what `provider` knows of shapes, and a
    // key's own places through ports. It changes nothing, so it has no door to what does.
    (
        "doctor",
        &[
            "workflow", "config", "provider", "slots", "target", "store", "rotation", "secret", "error",
            "readable", "severity",
        ],
    ),
    // `check`, `doctor`: their reports, as those of `workflow`.
    ("ui", &["workflow", "check", "doctor", "rotation", "error", "exit", "duration", "readable"]),
    // One job from start to end: its credential through ports, its lease, and the words that `workflow` has for a
    // value in an environment.
    (
        "job",
        &[
            "workflow", "lease", "provider", "slots", "store", "rotation", "secret", "error", "exit",
            "clock", "duration",
        ],
    ),
    // The one place that puts adapters into ports.
    (
        "wiring",
        &[
            "config",
            "provider",
            "slots",
            "target",
            "store",
            "workflow",
            "rotation",
            "secret",
            "error",
            "clock",
            "http",
            "aws",
            "lease",
            "random",
            "alert",
            "check",
            "exit",
            "file_lock",
            "readable",
        ],
    ),
    // A whole rotation on the sandbox, with agents that work: everything but the command line.
    (
        "drill",
        &[
            "workflow", "wiring", "lease", "config", "sandbox", "slots", "store", "rotation", "secret",
            "error", "exit", "clock", "http", "durable",
        ],
    ),
    // Thin: types of arguments, one call, a report. `slots` and `store` as ports, for readers; `lease` for what a
    // holder does with its own.
    (
        "cli",
        &[
            "workflow",
            "ui",
            "config",
            "wiring",
            "doctor",
            "drill",
            "sandbox",
            "slots",
            "store",
            "lease",
            "job",
            "alert",
            "check",
            "durable",
            "random",
            "rotation",
            "secret",
            "error",
            "exit",
            "clock",
            "duration",
            "telemetry",
            "readable",
        ],
    ),
    ("lib", &[]),
    ("main", &[]),
];

/// What only `wiring` and the adapter's own room may name.
const ADAPTERS: &[(&str, &str)] = &[
    ("Anthropic", "provider"),
    ("FileSlots", "slots"),
    ("EnvSlots", "slots"),
    ("DotenvTarget", "target"),
    ("FileTarget", "target"),
    ("CommandTarget", "target"),
    ("AwsSecretsManagerTarget", "target"),
    ("JsonFileStore", "store"),
    ("JournalFile", "store"),
    ("SpoolFile", "store"),
    ("OperationLockFiles", "store"),
    ("ChatReceiver", "alert"),
    ("CommandReceiver", "alert"),
    ("EmailReceiver", "alert"),
    ("HealthchecksReceiver", "alert"),
    ("PagerDutyReceiver", "alert"),
    ("WebhookReceiver", "alert"),
];

/// Who else names an adapter, and why that is no door.
const ADAPTER_EXCEPTIONS: &[(&str, &str)] = &[];

const LINES_LIMIT: usize = 500;

struct Source {
    /// Below `src`.
    path: PathBuf,
    /// Without tests, comments and literals.
    code: String,
    whole: String,
}

impl Source {
    fn room(&self) -> String {
        let first = self.path.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        first.trim_end_matches(".rs").to_owned()
    }

    /// Every `crate::first::rest…` in the code, use groups spelled out.
    fn imports(&self) -> BTreeSet<Vec<String>> {
        let mut found = BTreeSet::new();
        for (at, _) in self.code.match_indices("crate::") {
            let is_word = self.code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
            if !is_word {
                spell_out(&self.code[at + "crate::".len()..], &[], &mut found);
            }
        }
        found
    }
}

/// Follows one path, into its groups.
fn spell_out(text: &str, before: &[String], found: &mut BTreeSet<Vec<String>>) {
    let text = text.trim_start();
    if let Some(group) = text.strip_prefix('{') {
        let mut depth = 0;
        let mut start = 0;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    spell_out(&group[start..at], before, found);
                    return;
                }
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    spell_out(&group[start..at], before, found);
                    start = at + 1;
                }
                _ => {}
            }
        }
        return;
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    if end == 0 {
        return;
    }
    let mut path = before.to_vec();
    path.push(text[..end].to_owned());
    match text[end..].strip_prefix("::") {
        Some(rest) => spell_out(rest, &path, found),
        None => {
            found.insert(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let whole = std::fs::read_to_string(&path).unwrap();
                let is_test = path.file_name().is_some_and(|name| name == "tests.rs");
                let code = if is_test { String::new() } else { bare(&whole) };
                found.push(Source { path: path.strip_prefix(&root).unwrap().to_owned(), code, whole });
            }
        }
    }
    assert!(found.len() > 50, "the source was not found");
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// The code without its test module, comments and text literals.
fn bare(whole: &str) -> String {
    let code = whole.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    // A quote in a character literal opens nothing.
    let code = code.replace("'\"'", "").replace("'\\\"'", "").replace("b'\"'", "");
    let mut in_text = false;
    let lines = code.lines().map(|line| {
        let mut kept = String::new();
        let mut characters = line.chars().peekable();
        while let Some(c) = characters.next() {
            match c {
                '\\' if in_text => {
                    characters.next();
                }
                '"' => in_text = !in_text,
                '/' if !in_text && characters.peek() == Some(&'/') => break,
                c if !in_text => kept.push(c),
                _ => {}
            }
        }
        kept
    });
    let bare = lines.collect::<Vec<_>>().join("\n");
    assert!(!in_text, "this reader lost its way in:\n{whole}");
    bare
}

#[track_caller]
fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_door_opens_one_way() {
    let mut complaints = Vec::new();
    for source in sources() {
        let room = source.room();
        let Some((_, doors)) = DOORS.iter().find(|(name, _)| *name == room) else {
            complaints.push(format!("{}: the room `{room}` is not in DOORS", source.path.display()));
            continue;
        };
        for import in source.imports() {
            let used = &import[0];
            if *used != room && !doors.contains(&used.as_str()) {
                complaints.push(format!(
                    "{}: `{room}` uses crate::{}",
                    source.path.display(),
                    import.join("::")
                ));
            }
        }
    }
    none(complaints);
}

#[test]
fn no_two_rooms_use_each_other() {
    let opens = |from: &str, to: &str| DOORS.iter().any(|(room, doors)| *room == from && doors.contains(&to));
    for (room, doors) in DOORS {
        for used in *doors {
            assert!(!opens(used, room), "{room} and {used} use each other");
        }
    }
}

#[test]
fn the_core_knows_of_secrets_their_fingerprint_and_no_more() {
    none(more_than("rotation", "secret", &["Fingerprint"]));
}

#[test]
fn the_configuration_knows_of_alerts_their_kinds_and_routes_and_no_more() {
    none(more_than("config", "alert", &["kind", "route"]));
}

/// What a room imports of another besides these.
fn more_than(room: &str, used: &str, only: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources().into_iter().filter(|source| source.room() == room) {
        for import in source.imports() {
            if import[0] == used && !import.get(1).is_some_and(|name| only.contains(&name.as_str())) {
                complaints.push(format!("{}: crate::{}", source.path.display(), import.join("::")));
            }
        }
    }
    complaints
}

#[test]
fn the_core_is_pure() {
    let impure = [
        "std::fs",
        "std::io",
        "std::env",
        "std::net",
        "std::process",
        "std::time",
        "tokio",
        "async ",
        "Timestamp::now",
        "getrandom",
        "println!",
        "static mut",
        "RefCell",
        "Mutex",
        "Atomic",
    ];
    let mut complaints = Vec::new();
    for source in sources().into_iter().filter(|source| source.room() == "rotation") {
        for word in impure.iter().filter(|word| source.code.contains(**word)) {
            complaints.push(format!("{}: {word}", source.path.display()));
        }
    }
    none(complaints);
}

#[test]
fn only_wiring_names_an_adapter() {
    let mut complaints = Vec::new();
    for source in sources() {
        let path = source.path.display().to_string();
        for (adapter, home) in ADAPTERS {
            let is_named =
                source.code.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == *adapter);
            let room = source.room();
            let may =
                room == *home || room == "wiring" || ADAPTER_EXCEPTIONS.contains(&(path.as_str(), adapter));
            // A provider's name in the configuration is a word, not the adapter.
            let is_config = room == "config" && *adapter == "Anthropic";
            if is_named && !may && !is_config {
                complaints.push(format!("{path} names {adapter}"));
            }
        }
    }
    none(complaints);
}

#[test]
fn no_file_is_a_drawer_and_none_is_too_long() {
    let mut complaints = Vec::new();
    for source in sources() {
        let path = source.path.display();
        for part in source.path.components() {
            let name = part.as_os_str().to_string_lossy();
            let name = name.trim_end_matches(".rs");
            if ["util", "utils", "helper", "helpers", "common", "manager", "misc"].contains(&name) {
                complaints.push(format!("{path}: `{name}` says nothing"));
            }
        }
        let lines = source.whole.lines().count();
        if lines > LINES_LIMIT {
            complaints.push(format!("{path} has {lines} lines"));
        }
    }
    none(complaints);
}

#[test]
fn nothing_gives_up_in_the_middle_of_a_rotation() {
    let words = [
        ".unwrap()",
        ".unwrap_err()",
        ".expect(",
        ".expect_err(",
        "panic!",
        "todo!",
        "unimplemented!",
        "unreachable!",
        "dbg!",
        "unsafe ",
    ];
    let mut complaints = Vec::new();
    for source in sources() {
        for (line, number) in source.code.lines().zip(1..) {
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                complaints.push(format!("{}:{number}: {word}", source.path.display()));
            }
        }
    }
    none(complaints);
    let lib = sources().into_iter().find(|source| source.path == Path::new("lib.rs")).unwrap();
    assert!(lib.code.contains("#![forbid(unsafe_code)]"));
}
