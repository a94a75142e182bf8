//! One command and where it starts from, on a bench that is put back to the start as often as it is wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rotate::store::journal::Entry;
use rotate::store::{Journal as _, JournalFile};
use serde_json::Value;

use crate::lab::double::{Double, Heard};
use crate::lab::snapshot::Snapshot;
use crate::lab::{ConsoleKey, Lab, Ran, value_in};

/// A lab in which a command can be killed.
pub struct Bench {
    pub lab: Lab,
    front: Double,
    pub old: ConsoleKey,
}

/// A command and where it starts from.
pub struct Scenario {
    pub prepare: fn(&Bench),
    pub command: &'static str,
    pub exit: i32,
    /// Whether consumers hold an accepted key throughout.
    pub served: bool,
}

impl Scenario {
    pub fn new(command: &'static str, prepare: fn(&Bench)) -> Self {
        Self { prepare, command, exit: 0, served: true }
    }

    pub fn ends_with(self, exit: i32) -> Self {
        Self { exit, ..self }
    }

    pub fn with_outage(self) -> Self {
        Self { served: false, ..self }
    }

    pub fn verb(&self) -> &str {
        self.command.split(' ').next().unwrap()
    }
}

/// Everything that an undisturbed run leaves and a resumed one must leave too.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    status: Value,
    targets: [String; 2],
    served: Option<String>,
    slots: BTreeMap<String, String>,
    console: BTreeMap<String, String>,
    /// Temporary files of killed runs.
    leftovers: Vec<PathBuf>,
}

impl End {
    /// The same whatever stands there in `status` and in the slots' files.
    pub fn without(&self, status: &[&str], slots: bool) -> Self {
        let mut end = self.clone();
        for pointer in status {
            if let Some(value) = end.status.pointer_mut(pointer) {
                *value = Value::Null;
            }
        }
        if slots {
            end.slots.clear();
        }
        end
    }
}

impl Bench {
    pub fn new() -> Self {
        let lab = Lab::new();
        let front = Double::in_front_of(lab.sandbox.address());
        let old = lab.console_key("old");
        for name in ["new", "other", "spare"] {
            lab.console_key(name);
        }
        lab.write("app.env", &format!("ANTHROPIC_API_KEY={}\n", old.value));
        lab.write("app.key", &format!("{}\n", old.value));
        let keys = format!(
            "{}probe_attempts = 1\n\n[[keys.prod.targets]]\ntype = \"dotenv\"\npath = \"app.env\"\n\
             variable = \"ANTHROPIC_API_KEY\"\n\n[[keys.prod.targets]]\ntype = \"file\"\npath = \"app.key\"\n",
            "[keys.prod]\nprovider = \"anthropic\"\nlongest_job = \"45m\"\ngrace = \"60m\"\n"
        );
        lab.configure_at(&front.base_url(), "admin_key = \"file:admin.key\"\n", &keys);
        Self { lab, front, old }
    }

    pub fn prepared(scenario: &Scenario) -> Self {
        let bench = Self::new();
        (scenario.prepare)(&bench);
        bench.front.take();
        bench
    }

    pub fn run(&self, command: &str) -> Ran {
        self.lab.run(command)
    }

    /// Runs a command that dies at a crash point, or ends if it has not got as many.
    pub fn run_until(&self, command: &str, point: u32) -> Ran {
        let words: Vec<_> = command.split_whitespace().collect();
        let mut child = self.lab.command(&words);
        child.env("ROTATE_TEST_CRASH_AT", point.to_string()).stdin(std::process::Stdio::null());
        self.lab.finish_command(&mut child)
    }

    /// Adopts `old`.
    pub fn adopt(&self) {
        self.run("adopt prod --from file:old.key").expect(0);
    }

    /// Adopts `old`, stages `new`.
    pub fn stage(&self) {
        self.adopt();
        self.run("stage prod --from file:new.key").expect(0);
    }

    /// Up to the open grace window.
    pub fn promote(&self) {
        self.stage();
        self.run("promote prod").expect(0);
        self.lab.work_with("prod");
    }

    /// Promoted with the targets still to be written: a `promote` that was killed.
    pub fn promote_partly(&self) {
        self.stage();
        assert_eq!(self.run_until("promote prod", 3).code, -1);
        assert_eq!(self.lab.phase("prod"), "Promoted");
    }

    /// Up to the end of the grace window.
    pub fn wait(&self) {
        self.promote();
        self.lab.advance_minutes(61);
    }

    /// A whole rotation.
    pub fn finish(&self) {
        self.wait();
        self.run("finish prod").expect(0);
    }

    fn targets(&self) -> [String; 2] {
        [value_in(&self.lab.path("app.env")), self.lab.read("app.key").trim().to_owned()]
    }

    /// That every consumer holds a key that the provider accepts, at this moment.
    pub fn assert_served(&self, when: &str) {
        for value in self.targets() {
            assert!(self.lab.accepts(&value), "{when}: a target holds a key that is refused");
        }
        let key = self.run("key prod");
        if key.code == 6 {
            assert_eq!(self.state(), Value::Null, "{when}: {key:#?}");
            return;
        }
        assert_eq!(key.code, 0, "{when}: {key:#?}");
        assert!(self.lab.accepts(key.stdout.trim()), "{when}: `rotate key` gives a key that is refused");
    }

    /// That the journal's chain holds and knows the entry that the state remembers.
    pub fn assert_chain(&self, when: &str) {
        let remembered = serde_json::from_value(self.state()["journal"].clone()).ok();
        let found = JournalFile::new(&self.lab.path("state"), "prod").verify(remembered.as_ref()).unwrap();
        assert!(found.problems.is_empty(), "{when}: {found:?}");
    }

    /// Everything that the journal tells.
    pub fn journal(&self) -> Vec<Entry> {
        JournalFile::new(&self.lab.path("state"), "prod").entries().unwrap()
    }

    /// That this is how everything stands; only what differs is shown.
    #[track_caller]
    pub fn assert_ends(&self, expected: &End, when: &str) {
        assert_alike(&self.end(), expected, when);
    }

    /// The state file; null before there is one.
    pub fn state(&self) -> Value {
        let text = std::fs::read_to_string(self.lab.path("state/prod.json"));
        text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
    }

    pub fn end(&self) -> End {
        let mut status = self.lab.status("prod");
        forget_times(&mut status);
        let directory = std::fs::read_dir(self.lab.path("state/slots"));
        let slots = directory.map_or_else(
            |_| BTreeMap::new(),
            |entries| {
                entries
                    .map(|entry| entry.unwrap())
                    .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
                    .map(|(name, path)| (name, std::fs::read_to_string(path).unwrap()))
                    .collect()
            },
        );
        let key = self.run("key prod");
        End {
            status,
            targets: self.targets(),
            served: (key.code == 0).then_some(key.stdout),
            slots,
            console: self.lab.console_list(),
            leftovers: leftovers(&self.lab.path(".")),
        }
    }

    /// The changes of keys that the provider was asked for: (path, body).
    pub fn changes(&self) -> Vec<(String, String)> {
        self.front.settle();
        let change = |heard: Heard| {
            let is_change = heard.method == "POST" && heard.path.contains("/organizations/api_keys/");
            is_change.then_some((heard.path, heard.body))
        };
        self.front.take().into_iter().filter_map(change).collect()
    }

    pub fn generation(&self) -> u64 {
        self.state()["generation"].as_u64().unwrap_or(0)
    }
}

#[track_caller]
pub fn assert_alike(found: &End, expected: &End, when: &str) {
    let none = serde_json::Map::new();
    let status = |end: &End| end.status.as_object().unwrap_or(&none).clone();
    let (one, other) = (status(found), status(expected));
    let names: BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let differ: Vec<_> = names
        .into_iter()
        .filter(|name| one.get(*name) != other.get(*name))
        .map(|name| format!("{name}: {:?}, expected {:?}", one.get(name), other.get(name)))
        .collect();
    assert!(differ.is_empty(), "{when}: {}", differ.join("\n"));
    assert_eq!(found.targets, expected.targets, "{when}");
    assert_eq!(found.served, expected.served, "{when}");
    assert_eq!(found.slots, expected.slots, "{when}");
    assert_eq!(found.console, expected.console, "{when}");
    assert_eq!(found.leftovers, expected.leftovers, "{when}");
    assert_eq!(found, expected, "{when}");
}

fn leftovers(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let (below, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_left = |path: &PathBuf| path.to_string_lossy().contains(".rotate-");
    files.into_iter().filter(is_left).chain(below.iter().flat_map(|below| leftovers(below))).collect()
}

/// What differs from run to run without meaning anything.
fn forget_times(status: &mut Value) {
    let object = status.as_object_mut().unwrap();
    for name in ["generation", "due_at", "rotation"] {
        object.remove(name);
    }
    for (outer, inner) in [
        ("grace", ["opened_at", "not_before", "remaining_seconds"].as_slice()),
        ("revoked", &["revoked_at", "undo_until"]),
    ] {
        if let Some(object) = object.get_mut(outer).and_then(Value::as_object_mut) {
            for name in inner {
                object.remove(*name);
            }
        }
    }
}

/// What a command comes to when nothing disturbs it.
pub struct Undisturbed {
    pub end: End,
    pub changes: Vec<(String, String)>,
    /// The generation before it and after it.
    pub before: u64,
    pub last: u64,
}

/// A bench that is put back to the start before every case.
pub struct Start<'s> {
    scenario: &'s Scenario,
    pub bench: Bench,
    snapshot: Snapshot,
}

impl<'s> Start<'s> {
    pub fn new(scenario: &'s Scenario) -> Self {
        let bench = Bench::prepared(scenario);
        let snapshot = bench.lab.snapshot();
        Self { scenario, bench, snapshot }
    }

    pub fn again(&self) -> &Bench {
        self.bench.lab.restore(&self.snapshot);
        self.bench.front.take();
        &self.bench
    }

    pub fn undisturbed(&self) -> Undisturbed {
        let bench = self.again();
        let before = bench.generation();
        bench.run(self.scenario.command).expect(self.scenario.exit);
        Undisturbed { end: bench.end(), changes: bench.changes(), before, last: bench.generation() }
    }
}
