//! An example of the guide, running; and a door before the sandbox that notes what agents send.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::lab::Lab;
use crate::lab::double::{Double, pass_on};

/// What every message of the sandbox says.
pub const ANSWER: &str = "This is the sandbox; no model was asked.";

pub const LANGUAGES: [Language; 2] = [Language::Python, Language::Node];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Python,
    Node,
}

/// A program that answers a line by a line.
pub struct Agent {
    child: Child,
    tell: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Agent {
    /// Starts the guide's agent, whose requests go through this door.
    pub fn start(lab: &Lab, door: &Door, language: Language, arguments: &str) -> Self {
        let mut command = match language {
            Language::Python => {
                let mut command = command(lab, &installed("bin/python"));
                command.arg(example("agent.py"));
                command
            }
            Language::Node => {
                // Node looks for modules beside the program.
                std::fs::copy(example("agent.mjs"), lab.path("agent.mjs")).unwrap();
                let modules = lab.path("node_modules");
                if !modules.is_symlink() {
                    std::os::unix::fs::symlink(installed("node_modules"), modules).unwrap();
                }
                let mut command = command(lab, Path::new("node"));
                command.arg("agent.mjs");
                command
            }
        };
        command.args(arguments.split_whitespace()).env("ANTHROPIC_BASE_URL", door.double.base_url());
        // The only version that the sandbox speaks; newer SDKs ask for newer ones.
        Self::spawn(command)
    }

    pub fn spawn(mut command: Command) -> Self {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { tell: child.stdin.take(), child, answers }
    }

    /// The answer to one line; empty where the agent has ended.
    pub fn ask(&mut self, question: &str) -> String {
        // An agent that has ended reads nothing.
        let _ = writeln!(self.tell.as_ref().unwrap(), "{question}");
        let mut line = String::new();
        if self.answers.read_line(&mut line).unwrap() == 0 {
            eprint!("{question}: {}", std::io::read_to_string(self.child.stderr.take().unwrap()).unwrap());
        }
        line.trim().to_owned()
    }

    /// Its exit code, once it has ended by itself.
    pub fn ended(mut self) -> Option<i32> {
        let mut rest = String::new();
        self.answers.read_to_string(&mut rest).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.tell.take();
        let _ = self.child.wait();
    }
}

/// A program that runs in the lab, with the `rotate` of this build on its path.
pub fn command(lab: &Lab, program: &Path) -> Command {
    let rotate = lab.command(&[]);
    let directory = Path::new(rotate.get_program()).parent().unwrap().display().to_string();
    let mut command = Command::new(program);
    command.current_dir(lab.path(".")).env_clear();
    command.envs(rotate.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", format!("{directory}:{}", std::env::var("PATH").unwrap()));
    command
}

/// A file of the guide.
pub fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples").join(name)
}

fn installed(name: &str) -> PathBuf {
    // Beside the build, where ./scripts/test puts it.
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("consumers").join(name);
    assert!(path.exists(), "{} is missing: ./scripts/test installs it", path.display());
    path
}

/// One request of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it asked.
    pub question: String,
    pub key: String,
    pub status: u16,
}

/// Passes requests on to the sandbox, and notes them with their answers.
pub struct Door {
    double: Double,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Door {
    pub fn before(lab: &Lab) -> Self {
        let sandbox = lab.sandbox.address();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let double = Double::start(move |request| {
            let answer = pass_on(request, sandbox).unwrap_or_default();
            let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
            let bearer = request.header("authorization").and_then(|text| text.strip_prefix("Bearer "));
            let key = request.header("x-api-key").or(bearer).unwrap_or_default();
            let status =
                String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|text| text.parse().ok());
            noted.lock().unwrap().push(Seen {
                question: body["messages"][0]["content"].as_str().unwrap_or_default().to_owned(),
                key: key.to_owned(),
                status: status.unwrap_or(0),
            });
            answer
        });
        Self { double, seen }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}
