//! A job that goes on while a test does something.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::lab::moto::Moto;
use crate::lab::{ConsoleKey, Lab, Ran};

const PATIENCE: Duration = Duration::from_secs(30);

/// Polls for what real processes must reach.
#[track_caller]
pub fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !reached() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// Waits until nothing of the key holds a lease, also no process that a killed job left behind.
#[track_caller]
pub fn until_no_lease(lab: &Lab) {
    until("no lease is left", || {
        lab.run("lease list prod").expect(0);
        leases(lab).is_empty()
    });
}

/// One `rotate exec` under way; its output goes to files of the lab.
pub struct Running<'a> {
    lab: &'a Lab,
    child: Child,
}

impl<'a> Running<'a> {
    /// `options` are split at white space; `script` is the job, for sh.
    pub fn start(lab: &'a Lab, options: &str, script: &str) -> Self {
        Self::start_command(lab, &mut exec(lab, options, script))
    }

    pub fn start_command(lab: &'a Lab, command: &mut Command) -> Self {
        let file = |name: &str| File::create(lab.path(name)).unwrap();
        let child = command.stdin(Stdio::null()).stdout(file("exec.out")).stderr(file("exec.err"));
        Self { lab, child: child.spawn().unwrap() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn send(&self, signal: Signal) {
        send(self.child.id(), signal);
    }

    /// Waits until the job has written this into a file of the lab.
    #[track_caller]
    pub fn until_file(&self, name: &str, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !std::fs::read_to_string(self.lab.path(name)).is_ok_and(|found| found.contains(text)) {
            assert!(Instant::now() < deadline, "never: `{text}` in {name}; {}", self.so_far());
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    fn so_far(&self) -> String {
        format!("stdout: {}\nstderr: {}", self.lab.read("exec.out"), self.lab.read("exec.err"))
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn ends(mut self) -> Ran {
        let deadline = Instant::now() + PATIENCE;
        while !self.has_ended() {
            assert!(Instant::now() < deadline, "never: the end; {}", self.so_far());
            std::thread::sleep(Duration::from_millis(3));
        }
        let status = self.child.wait().unwrap();
        Ran {
            code: status.code().unwrap_or(-1),
            stdout: self.lab.read("exec.out"),
            stderr: self.lab.read("exec.err"),
        }
    }
}

impl Drop for Running<'_> {
    /// A test that fails leaves no job behind.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for process in leases(self.lab).iter().flat_map(members) {
            let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
            let _ = pid.map(|pid| kill_process(pid, Signal::KILL));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command for a job of `prod`. Whoever runs the tests may ignore signals, as a shell does for what it starts in
/// the background; the job is not to inherit that.
pub fn exec(lab: &Lab, options: &str, script: &str) -> Command {
    let mut words = vec!["exec", "prod"];
    words.extend(options.split_whitespace());
    words.extend(["--", "sh", "-c", script]);
    let rotate = lab.command(&words);
    let mut command = Command::new("env");
    command.arg("--default-signal").arg(rotate.get_program()).args(rotate.get_args());
    command.current_dir(lab.path("")).env_clear();
    command.envs(rotate.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// A lab whose key `prod` was adopted and has its slots in this secret: reading them takes a network.
pub fn with_slots_in(secret: &str) -> (Lab, ConsoleKey) {
    let mut lab = Lab::new();
    lab.use_aws(&Moto::get().url());
    let slots = format!(
        "probe_attempts = 1\nslots = {{ type = \"aws-secrets-manager\", secret_id = \"{secret}\", refresh = \"5m\" }}"
    );
    lab.configure(&lab.key_with("prod", &slots, &[]));
    let old = lab.console_key("old");
    Moto::get().create(secret, &old.value);
    lab.run("adopt prod --from file:old.key").expect(0);
    (lab, old)
}

/// Runs a job of `prod` to its end.
pub fn run(lab: &Lab, options: &str, script: &str) -> Ran {
    lab.finish_command(exec(lab, options, script).stdin(Stdio::null()))
}

pub fn send(process: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// The records of leases of `prod`.
pub fn leases(lab: &Lab) -> Vec<Value> {
    let Ok(entries) = std::fs::read_dir(lab.path("state/leases/prod")) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let records = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    // A lease may end between the listing and the look.
    records
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .map(|text| serde_json::from_str(&text).unwrap())
        .collect()
}

/// What each lease is on.
pub fn leased(lab: &Lab) -> Vec<String> {
    leases(lab).iter().map(|lease| lease["fingerprint"].as_str().unwrap().to_owned()).collect()
}

/// The processes that a lease lasts with.
pub fn members(lease: &Value) -> Vec<u64> {
    lease["members"].as_array().unwrap().iter().map(|member| member["pid"].as_u64().unwrap()).collect()
}
