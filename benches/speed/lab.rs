//! Real configurations with really adopted keys.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use rotate::clock;
use rotate::sandbox::{RunningSandbox, Sandbox, SandboxSettings};
use tempfile::TempDir;

/// The executable that is measured. `ROTATE` names it, because the one that cargo builds beside a
/// benchmark has the features that the tests' dependencies ask for, and is not the one that ships.
pub static ROTATE: LazyLock<String> =
    LazyLock::new(|| std::env::var("ROTATE").unwrap_or_else(|_| env!("CARGO_BIN_EXE_rotate").to_owned()));

/// How many keys the large lab has.
pub const MANY: usize = 100;

/// Two directories with `rotate.toml` and state, on the disk that the build is on.
pub struct Labs {
    root: TempDir,
}

impl Labs {
    pub fn new() -> Self {
        let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory below target/");
        let labs = Self { root };
        let sandbox = sandbox();
        build(&labs.one(), &sandbox, 1);
        build(&labs.many(), &sandbox, MANY);
        labs
    }

    /// The directory of the configuration with one key.
    pub fn one(&self) -> PathBuf {
        self.root.path().join("one")
    }

    /// The directory of the configuration with [`MANY`] keys.
    pub fn many(&self) -> PathBuf {
        self.root.path().join("many")
    }

    /// A directory for other files, on the same disk.
    pub fn scratch(&self, name: &str) -> PathBuf {
        let path = self.root.path().join(name);
        std::fs::create_dir(&path).expect("a scratch directory");
        path
    }
}

/// A provider on a free port, whose keys are the same in every run.
pub fn sandbox() -> RunningSandbox {
    let address = "127.0.0.1:0".parse().expect("an address");
    Sandbox::start(address, clock::from_environment, SandboxSettings::default(), Some(1))
        .expect("the sandbox starts")
}

/// The name of the key with a number.
pub fn key(number: usize) -> String {
    format!("key-{number:03}")
}

/// A command in a lab, without what a developer's own shell says about `rotate`.
pub fn command(program: &str, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory).stdin(Stdio::null());
    for name in ["ROTATE_CONFIG", "ROTATE_STATE", "NO_COLOR"] {
        command.env_remove(name);
    }
    command
}

pub fn build(directory: &Path, sandbox: &RunningSandbox, keys: usize) {
    std::fs::create_dir(directory).expect("a lab's directory");
    let mut text = format!(
        "state = \"state\"\n\n[providers.anthropic]\nbase_url = \"{}\"\n\n[defaults]\nprobe_interval = \"0s\"\n",
        sandbox.base_url()
    );
    for name in (1..=keys).map(key) {
        let _ = write!(
            text,
            "\n[keys.{name}]\nprovider = \"anthropic\"\nowner = \"platform team\"\npurpose = \"jobs of {name}\"\n\n\
             [[keys.{name}.targets]]\ntype = \"dotenv\"\npath = \"{name}.env\"\nvariable = \"ANTHROPIC_API_KEY\"\nrefresh = \"5m\"\n"
        );
    }
    std::fs::write(directory.join("rotate.toml"), text).expect("rotate.toml");
    for name in (1..=keys).map(key) {
        let (_, value) = sandbox.create_key(&name, None).expect("a key at the console");
        std::fs::write(directory.join("value"), value.expose()).expect("the value's file");
        let adopt = command(&ROTATE, directory)
            .args(["adopt", &name, "--quiet", "--from", "file:value"])
            .stdout(Stdio::null())
            .status()
            .expect("rotate runs");
        assert!(adopt.success(), "rotate adopt {name}: {adopt}");
    }
}
