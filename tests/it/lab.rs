//! A hermetic place to run the real executable: its own directory, environment, clock and sandbox.

pub mod double;
pub mod iam;
pub mod inbox;
pub mod moto;
pub mod snapshot;
pub mod strace;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rotate::clock::simulated::SimulatedClock;
use rotate::sandbox::{RunningSandbox, Sandbox, SandboxSettings};
use rotate::secret::Fingerprint;
use serde_json::Value;
use tempfile::TempDir;

/// 2026-03-01T12:00:00Z.
const START_MILLISECONDS: i64 = 1_772_366_400_000;

/// One key at the sandbox's console.
pub struct ConsoleKey {
    pub id: String,
    pub value: String,
}

impl ConsoleKey {
    pub fn fingerprint(&self) -> String {
        Fingerprint::of(self.value.as_bytes()).to_string()
    }
}

/// A directory, a clock and a sandbox for one test. Nothing in it waits for real time.
pub struct Lab {
    directory: TempDir,
    pub sandbox: RunningSandbox,
    pub clock: SimulatedClock,
    variables: BTreeMap<OsString, OsString>,
}

/// What a run of the executable left.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The document on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON document on stdout: {error}\n{self:#?}"))
    }

    /// Fails the test where either stream shows a key.
    #[track_caller]
    pub fn without_secrets(self) -> Self {
        assert!(!shows_a_key(&self.stdout) && !shows_a_key(&self.stderr), "a key is shown: {self:#?}");
        self
    }

    /// Fails the test unless the output has all of these words, on whichever stream.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        for word in words {
            assert!(all.contains(word), "`{word}` is not said:\n{all}");
        }
        self
    }

    /// Fails the test with everything that was printed, unless the exit code is this one.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

impl Lab {
    /// A lab with `rotate.toml` for the key `prod`: file slots, a dotenv target, an admin key.
    pub fn new() -> Self {
        let lab = Self::bare(SandboxSettings::default());
        lab.write("app.env", "# my app\nFOO=bar\nexport ANTHROPIC_API_KEY=\"placeholder\"\n");
        lab.configure(&lab.key("prod"));
        lab
    }

    /// A lab without configuration.
    pub fn bare(settings: SandboxSettings) -> Self {
        // Closed to others, as a home directory is, whatever the umask.
        let private = std::fs::Permissions::from_mode(0o700);
        let directory = tempfile::Builder::new().permissions(private).tempdir().unwrap();
        let clock_path = directory.path().join("clock");
        std::fs::write(&clock_path, format!("{START_MILLISECONDS} boot-one 1000000")).unwrap();
        let clock = SimulatedClock::new(clock_path.clone());
        let sandbox_clock = clock.clone();
        let sandbox = Sandbox::start(
            "127.0.0.1:0".parse().unwrap(),
            move || Box::new(sandbox_clock.clone()),
            settings,
            Some(1),
        )
        .unwrap();
        let mut lab = Self { directory, sandbox, clock, variables: BTreeMap::new() };
        for name in ["home", "tmp"] {
            std::fs::create_dir(lab.path(name)).unwrap();
        }
        lab.write("admin.key", lab.sandbox.admin_key().expose());
        let (home, tmp) = (lab.path("home"), lab.path("tmp"));
        lab.set("HOME", home);
        lab.set("TMPDIR", tmp);
        lab.set("PATH", std::env::var_os("PATH").unwrap_or_default());
        lab.set("USER", "operator");
        // No test asks the machine it runs on for AWS credentials.
        lab.set("AWS_EC2_METADATA_DISABLED", "true");
        lab.set("ROTATE_TEST_CLOCK", clock_path);
        lab.set("ROTATE_TEST_SEED", "1");
        lab
    }

    /// A path in the lab's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Sets a variable for every later run.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables.insert(name.into(), value.into());
    }

    pub fn unset(&mut self, name: &str) {
        self.variables.remove(&OsString::from(name));
    }

    /// Writes `rotate.toml`: the provider's section, then the given tables of keys.
    pub fn configure(&self, keys: &str) {
        self.configure_with("admin_key = \"file:admin.key\"\n", keys);
    }

    /// The same with other lines in the provider's section.
    pub fn configure_with(&self, provider: &str, keys: &str) {
        self.configure_at(&self.sandbox.base_url(), provider, keys);
    }

    /// The same with another server in the provider's place.
    pub fn configure_at(&self, base_url: &str, provider: &str, keys: &str) {
        self.write(
            "rotate.toml",
            &format!("state = \"state\"\n\n[providers.anthropic]\nbase_url = \"{base_url}\"\ntimeout = \"5s\"\n{provider}\n{keys}"),
        );
    }

    /// Adds a webhook called `name` to `rotate.toml`, which takes what goes to this inbox, with these lines of settings.
    pub fn subscribe(&self, name: &str, inbox: &inbox::Inbox, lines: &str) {
        self.write(&format!("{name}.url"), &inbox.url());
        let table = format!(
            "\n[alerts.{name}]\ntype = \"webhook\"\nurl = \"file:{name}.url\"\nallow_loopback = true\n{lines}\n"
        );
        self.write("rotate.toml", &format!("{}{table}", self.read("rotate.toml")));
    }

    /// The table of one key, with these lines of settings and these target tables after them.
    pub fn key_with(&self, name: &str, lines: &str, targets: &[&str]) -> String {
        let targets: String =
            targets.iter().map(|target| format!("\n[[keys.{name}.targets]]\n{target}\n")).collect();
        format!(
            "[keys.{name}]\nprovider = \"anthropic\"\nlongest_job = \"45m\"\ngrace = \"60m\"\n{lines}\n{targets}"
        )
    }

    /// Writes an executable shell script; its absolute path.
    pub fn script(&self, name: &str, body: &str) -> String {
        self.write(name, &format!("#!/bin/sh\n{body}\n"));
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        self.path(name).display().to_string()
    }

    /// Everything that a refused command leaves alone: state, journal, slots, files of consumers, and
    /// what the console says of every key.
    pub fn standing(&self) -> BTreeMap<String, String> {
        let mut standing = BTreeMap::new();
        collect(self.directory.path(), &mut standing);
        standing.insert("console".to_owned(), self.http("GET", "/console/api_keys", ""));
        standing
    }

    /// Runs a command that must end with this exit code, a hint and no secret in its output, and must
    /// leave everything as it was.
    #[track_caller]
    pub fn refused(&self, arguments: &str, code: i32) -> Ran {
        let words: Vec<_> = arguments.split_whitespace().collect();
        self.refused_command(self.command(&words).stdin(Stdio::null()), code)
    }

    /// The same with text on stdin.
    #[track_caller]
    pub fn refused_with_input(&self, arguments: &str, input: &[u8], code: i32) -> Ran {
        self.write_bytes("home/input", input);
        let words: Vec<_> = arguments.split_whitespace().collect();
        let file = std::fs::File::open(self.path("home/input")).unwrap();
        self.refused_command(self.command(&words).stdin(file), code)
    }

    /// The same for a command that was prepared by hand.
    #[track_caller]
    pub fn refused_command(&self, command: &mut Command, code: i32) -> Ran {
        let before = self.standing();
        let ran = self.finish_command(command).expect(code);
        assert_eq!(before, self.standing(), "something was changed: {ran:#?}");
        assert!(ran.stderr.contains("hint: ") || ran.stdout.contains("\"hint\":"), "no hint: {ran:#?}");
        ran.without_secrets()
    }

    pub fn write_bytes(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// The table of one key with a dotenv target in `app.env`.
    pub fn key(&self, name: &str) -> String {
        format!(
            "[keys.{name}]\nprovider = \"anthropic\"\nlongest_job = \"45m\"\ngrace = \"60m\"\n\n\
             [[keys.{name}.targets]]\ntype = \"dotenv\"\npath = \"app.env\"\nvariable = \"ANTHROPIC_API_KEY\"\nrefresh = \"5m\"\n"
        )
    }

    /// Creates a key at the console and puts its value into `<name>.key`.
    pub fn console_key(&self, name: &str) -> ConsoleKey {
        let (id, value) = self.sandbox.create_key(name, None).unwrap();
        self.write(&format!("{name}.key"), &format!("{}\n", value.expose()));
        ConsoleKey { id, value: value.expose().to_owned() }
    }

    /// Adopts a new console key called `old` as `prod`.
    pub fn adopted(&self) -> ConsoleKey {
        let old = self.console_key("old");
        self.run("adopt prod --from file:old.key").expect(0);
        old
    }

    /// The same, and its consumer reads it from `app.env` already.
    pub fn at_work(&self) -> ConsoleKey {
        let old = self.adopted();
        self.write("app.env", &format!("ANTHROPIC_API_KEY={}\n", old.value));
        old
    }

    /// Adopts a new console key that expires at this time as `prod`.
    pub fn adopted_until(&self, expires_at: &str) {
        let request = format!(r#"{{"name":"short","expires_at":"{expires_at}"}}"#);
        let made: Value = serde_json::from_str(&self.http("POST", "/console/api_keys", &request)).unwrap();
        self.write("short.key", made["value"].as_str().unwrap());
        self.run("adopt prod --from file:short.key").expect(0);
    }

    /// Adopts `old` and stages `new`.
    pub fn staged(&self) -> (ConsoleKey, ConsoleKey) {
        let old = self.adopted();
        let new = self.console_key("new");
        self.run("stage prod --from file:new.key --ticket OPS-1").expect(0);
        (old, new)
    }

    /// Adopts `old`, stages and promotes `new`, which a consumer then uses.
    pub fn promoted(&self) -> (ConsoleKey, ConsoleKey) {
        let keys = self.staged();
        self.run("promote prod").expect(0);
        self.work(&keys.1.value);
        keys
    }

    /// A whole rotation from `old` to `new`.
    pub fn finished(&self) -> (ConsoleKey, ConsoleKey) {
        let keys = self.promoted();
        self.advance_minutes(61);
        self.run("finish prod").expect(0);
        keys
    }

    /// A lab with slots in variables, where `old` is retiring and `new` active, and their values; only `old` is at hand.
    pub fn with_an_old_environment() -> (Self, ConsoleKey, ConsoleKey) {
        let mut lab = Self::new();
        lab.configure(&lab.key_with("prod", "slots = { type = \"env\" }", &[]));
        let (old, new) = (lab.console_key("old"), lab.console_key("new"));
        lab.set("PROD_PRIMARY", &old.value);
        lab.set("PROD_SECONDARY", &new.value);
        for command in ["adopt", "stage", "promote"] {
            lab.run(&format!("{command} prod")).expect(0);
        }
        lab.unset("PROD_SECONDARY");
        (lab, old, new)
    }

    pub fn advance_minutes(&self, minutes: u64) {
        self.clock.advance(Duration::from_secs(minutes * 60));
    }

    /// Runs `rotate` with arguments that are split at white space.
    pub fn run(&self, arguments: &str) -> Ran {
        self.run_words(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    pub fn run_words(&self, arguments: &[&str]) -> Ran {
        self.finish_command(self.command(arguments).stdin(Stdio::null()))
    }

    /// Runs with text on stdin.
    pub fn run_with_input(&self, arguments: &str, input: &[u8]) -> Ran {
        let mut child =
            self.spawn(self.command(&arguments.split_whitespace().collect::<Vec<_>>()).stdin(Stdio::piped()));
        child.stdin.take().unwrap().write_all(input).unwrap();
        ran(child)
    }

    /// The command, ready to be changed further.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("rotate"));
        command.args(arguments).current_dir(self.directory.path()).env_clear().envs(&self.variables);
        command
    }

    pub fn finish_command(&self, command: &mut Command) -> Ran {
        ran(self.spawn(command))
    }

    fn spawn(&self, command: &mut Command) -> Child {
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// `status --json` of one key.
    pub fn status(&self, key: &str) -> Value {
        self.run_words(&["status", key, "--json"]).expect(0).json()["keys"][0].clone()
    }

    pub fn phase(&self, key: &str) -> String {
        self.status(key)["phase"].as_str().unwrap_or("null").to_owned()
    }

    /// What the sandbox's console says of a key: `active`, `inactive`, `archived`.
    pub fn console_status(&self, id: &str) -> String {
        let list = self.console_list();
        list.get(id).unwrap_or_else(|| panic!("no {id} in {list:?}")).clone()
    }

    /// Every key at the sandbox's console by id, with its status.
    pub fn console_list(&self) -> BTreeMap<String, String> {
        let text = self.http("GET", "/console/api_keys", "");
        let list: Value = serde_json::from_str(&text).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        list["data"].as_array().unwrap().iter().map(|key| (text(&key["id"]), text(&key["status"]))).collect()
    }

    /// Sets a key's status by hand at the console.
    pub fn console_set(&self, id: &str, status: &str) {
        self.http("POST", &format!("/console/api_keys/{id}"), &format!("{{\"status\":\"{status}\"}}"));
    }

    /// One plain HTTP request to the sandbox; the body of the answer.
    pub fn http(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = std::net::TcpStream::connect(self.sandbox.address()).unwrap();
        let host = self.sandbox.address();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// Whether the sandbox accepts a value right now.
    pub fn accepts(&self, value: &str) -> bool {
        self.ask(value, "GET", "/v1/models?limit=1", "").starts_with("HTTP/1.1 200")
    }

    /// What a consumer does: one message, which the usage report tells of.
    #[track_caller]
    pub fn work(&self, value: &str) {
        let message =
            r#"{"model":"claude-haiku-4-5","max_tokens":8,"messages":[{"role":"user","content":"work"}]}"#;
        let answer = self.ask(value, "POST", "/v1/messages", message);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// What a consumer of a key does: it asks for the value and works with it.
    #[track_caller]
    pub fn work_with(&self, key: &str) {
        self.work(self.run_words(&["key", key]).expect(0).stdout.trim_end());
    }

    /// One request with a key; the whole answer.
    fn ask(&self, value: &str, method: &str, path: &str, body: &str) -> String {
        let mut stream = std::net::TcpStream::connect(self.sandbox.address()).unwrap();
        let host = self.sandbox.address();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nx-api-key: {value}\r\n\
             anthropic-version: 2023-06-01\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
        answer
    }

    /// The value that `app.env` holds.
    pub fn env_value(&self) -> String {
        value_in(&self.path("app.env"))
    }

    /// Output with everything that changes from run to run replaced, for snapshots.
    pub fn normal(&self, text: &str) -> String {
        text.replace(&self.directory.path().display().to_string(), "$LAB")
            .replace(&self.sandbox.base_url(), "$SANDBOX")
    }
}

/// Whether a text holds more of a key than its kind and a few characters.
pub fn shows_a_key(text: &str) -> bool {
    ["sk-ant-api03-", "sk-ant-admin01-"].iter().any(|start| {
        text.match_indices(start).any(|(at, _)| {
            let rest = text[at + start.len()..].chars();
            rest.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).count() > 3
        })
    })
}

/// Files by path, but for locks, the spool's room, the clock and what is a test's own.
fn collect(directory: &Path, standing: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_symlink() {
            standing.insert(path.display().to_string(), format!("{:?}", std::fs::read_link(&path)));
        } else if path.is_dir() {
            if !["home", "tmp", "spool"].contains(&name.as_str()) {
                collect(&path, standing);
            }
        } else if !name.ends_with(".lock") && !name.ends_with(".commit") && !name.starts_with("clock") {
            let bytes = std::fs::read(&path).unwrap();
            standing.insert(path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}

/// The value of ANTHROPIC_API_KEY in a dotenv file.
pub fn value_in(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find(|line| line.contains("ANTHROPIC_API_KEY=")).unwrap();
    line.split_once('=').unwrap().1.trim_matches('"').to_owned()
}

fn ran(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
