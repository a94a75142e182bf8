//! A real mail server, aiosmtpd, which ./scripts/receivers installs with its certificates.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

pub const USER: &str = "alerts@example.com";
pub const PASSWORD: &str = "canary-password-CANARY";

/// How the server wants to be spoken to.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// Without TLS, which it does not know.
    Plain,
    /// STARTTLS, and a log-in only after it.
    StartTls,
    /// TLS from the start.
    Tls,
}

/// One server, which ends with the test: at the latest when the pipe to it closes.
pub struct MailServer {
    pub port: u16,
    child: Child,
    _stdin: ChildStdin,
    events: BufReader<ChildStdout>,
}

impl MailServer {
    pub fn start(mode: Mode) -> Self {
        let mode = match mode {
            Mode::Plain => "plain",
            Mode::StartTls => "starttls",
            Mode::Tls => "tls",
        };
        let python = installed("bin/python");
        assert!(python.exists(), "{} is missing: ./scripts/test installs it", python.display());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/receivers/mail_server.py");
        let mut child = Command::new(python)
            .arg(script)
            .args([mode, USER, PASSWORD])
            .args([installed("server.pem"), installed("server.key")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut events = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        events.read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("the mail server did not start: {line}"));
        Self { port, child, _stdin: stdin, events }
    }

    /// The next mail that it took: `from`, `to`, `data`, `is_encrypted`, `user`.
    pub fn mail(&mut self) -> Value {
        let mut line = String::new();
        self.events.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// Ends it, and fails the test if it had taken anything that the test did not ask for.
    pub fn took_nothing_more(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut line = String::new();
        self.events.read_line(&mut line).unwrap();
        assert_eq!(line, "");
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The authority that issued the server's certificate for `localhost`.
pub fn authority() -> PathBuf {
    installed("authority.pem")
}

/// Beside the build, where ./scripts/test puts it.
pub fn installed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("receivers").join(name)
}
