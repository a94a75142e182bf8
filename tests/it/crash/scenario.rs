//! One command, killed at each of its crash points, and what must be true then and afterwards.

use std::collections::BTreeMap;

use rotate::store::{Journal as _, JournalFile};
use serde_json::Value;

use crate::lab::double::{Double, Heard};
use crate::lab::snapshot::Snapshot;
use crate::lab::{ConsoleKey, Lab, Ran, value_in};

/// More crash points than any command passes.
const POINTS_LIMIT: u32 = 60;

/// What else an operator may run after a crash.
const OTHERS: [&str; 8] = [
    "promote prod",
    "finish prod",
    "abort prod",
    "undo prod",
    "stage prod --from file:other.key",
    "revoke-now prod --suspect old --reason leaked --yes",
    "revoke-now prod --suspect new --reason leaked --yes",
    "revoke-now prod --suspect all --replace-from file:other.key --reason leaked --yes",
];

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

    fn verb(&self) -> &str {
        self.command.split(' ').next().unwrap()
    }
}

/// Everything that an undisturbed run leaves and a resumed one must leave too.
#[derive(Debug, PartialEq)]
struct End {
    status: Value,
    targets: [String; 2],
    served: Option<String>,
    slots: BTreeMap<String, String>,
    console: BTreeMap<String, String>,
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

    /// The state file; null before there is one.
    fn state(&self) -> Value {
        let text = std::fs::read_to_string(self.lab.path("state/prod.json"));
        text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
    }

    fn end(&self) -> End {
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
        }
    }

    /// The changes of keys that the provider was asked for: (path, body).
    pub fn changes(&self) -> Vec<(String, String)> {
        let change = |heard: Heard| {
            let is_change = heard.method == "POST" && heard.path.contains("/organizations/api_keys/");
            is_change.then_some((heard.path, heard.body))
        };
        self.front.take().into_iter().filter_map(change).collect()
    }

    fn generation(&self) -> u64 {
        self.state()["generation"].as_u64().unwrap_or(0)
    }
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

/// A bench that is put back to the start before every case, anew where that is not possible.
struct Start<'s> {
    scenario: &'s Scenario,
    bench: Bench,
    snapshot: Snapshot,
}

impl<'s> Start<'s> {
    fn new(scenario: &'s Scenario) -> Self {
        let bench = Bench::prepared(scenario);
        let snapshot = bench.lab.snapshot();
        Self { scenario, bench, snapshot }
    }

    fn again(&mut self) -> &Bench {
        if self.bench.lab.console_list().values().any(|status| status == "archived") {
            *self = Self::new(self.scenario);
        } else {
            self.bench.lab.restore(&self.snapshot);
        }
        self.bench.front.take();
        &self.bench
    }
}

/// Kills the command at every crash point. Each time: consumers are served, `status` tells how to go on,
/// and the same command comes to the same end.
pub fn converges(scenario: &Scenario) {
    let mut start = Start::new(scenario);
    let bench = &start.bench;
    let before = bench.generation();
    bench.run(scenario.command).expect(scenario.exit);
    let (undisturbed, changes) = (bench.end(), bench.changes());
    let last = bench.generation();
    let mut survived = false;
    for point in 1..POINTS_LIMIT {
        let bench = start.again();
        let ran = bench.run_until(scenario.command, point);
        if ran.code != -1 {
            ran.expect(scenario.exit);
            survived = true;
            break;
        }
        let when =
            format!("`{}` killed: {}", scenario.command, ran.stderr.lines().last().unwrap_or_default());
        if scenario.served {
            bench.assert_served(&when);
        }
        assert_told(bench, scenario, &when, before, last, &ran.stderr);
        let all_committed = bench.generation() == last;
        let again = bench.run(scenario.command);
        // A finished emergency is not begun again, and says so.
        let over = all_committed && again.code == 6 && again.stderr.contains("is over");
        assert!(again.code == scenario.exit || over, "{when}: {again:#?}");
        assert_eq!(bench.end(), undisturbed, "{when}");
        let mut found = bench.changes();
        if !all_committed {
            found.dedup_by(|one, other| one == other && one.1.contains("\"active\""));
            assert_eq!(found, changes, "{when}: the provider was asked for something else, or twice");
        }
        bench.assert_chain(&when);
    }
    assert!(survived, "more than {POINTS_LIMIT} crash points");
}

/// `status` works, and between the first commit and the last it names the command that resumes.
fn assert_told(bench: &Bench, scenario: &Scenario, when: &str, before: u64, last: u64, stderr: &str) {
    let status = bench.lab.status("prod");
    let generation = status["generation"].as_u64().unwrap_or(0);
    let resume = format!("rotate {} prod", scenario.verb());
    if generation > before && generation < last {
        let next = status["next"].as_str().unwrap();
        assert!(next.starts_with(&resume), "{when}: {status:#}");
    }
    if stderr.contains("the effect") && scenario.verb() != "adopt" {
        let told = status["interrupted"]["resume"].as_str().unwrap_or_default();
        assert!(told.starts_with(&resume), "{when}: {status:#}");
        assert!(bench.run("status prod").stdout.contains("resume with `rotate "), "{when}");
    }
}

/// Kills the command at every crash point and then runs each other command: consumers stay served, and
/// a command that is refused names one that is not.
pub fn others_do_no_harm(scenario: &Scenario) {
    let mut start = Start::new(scenario);
    for point in 1..POINTS_LIMIT {
        let bench = start.again();
        let ran = bench.run_until(scenario.command, point);
        if ran.code != -1 {
            return;
        }
        // At the other points the world is as it was at the point before.
        let moments = ["between journal and state", "after the state", "after the effect"];
        if !moments.iter().any(|moment| ran.stderr.trim_end().ends_with(moment)) {
            continue;
        }
        let crashed = bench.lab.snapshot();
        for other in OTHERS {
            bench.lab.restore(&crashed);
            let when = format!(
                "`{}` killed: {}; then `{other}`",
                scenario.command,
                ran.stderr.lines().last().unwrap_or_default()
            );
            let after = bench.run_words_json(other);
            let value_is_gone = after.code == 5 && after.stdout.contains("is not at hand");
            assert!(value_is_gone || [0, 2, 6, 10, 12, 20].contains(&after.code), "{when}: {after:#?}");
            bench.assert_served(&when);
            bench.assert_chain(&when);
            if after.code == 6 {
                assert_leads_on(bench, scenario, &after, &when);
            }
        }
    }
    panic!("more than {POINTS_LIMIT} crash points");
}

impl Bench {
    fn run_words_json(&self, command: &str) -> Ran {
        self.run(&format!("{command} --json"))
    }
}

/// A refusal names a command that the phase does not refuse.
fn assert_leads_on(bench: &Bench, scenario: &Scenario, refused: &Ran, when: &str) {
    let error = refused.json()["error"].clone();
    let hint = error["hint"].as_str().unwrap();
    let named = hint.split('`').find_map(|text| text.strip_prefix("rotate ")).unwrap_or_default();
    let verb = named.split(' ').next().unwrap_or_default();
    let command = match verb {
        _ if verb == scenario.verb() => scenario.command.to_owned(),
        "adopt" => "adopt prod --from file:old.key".to_owned(),
        "stage" if hint.contains("--replace") => "stage prod --replace --from file:spare.key".to_owned(),
        "stage" => "stage prod --from file:spare.key".to_owned(),
        "revoke-now" => "revoke-now prod --reason leaked --yes".to_owned(),
        "promote" | "finish" | "abort" | "undo" | "status" => format!("{verb} prod"),
        _ => panic!("{when}: names no command: {error:#}"),
    };
    if verb == "status" {
        return;
    }
    let planned = bench.run(&format!("{command} --dry-run --json"));
    assert_ne!(planned.code, 6, "{when}: {error:#}\nnames a command that is refused too: {planned:#?}");
}
