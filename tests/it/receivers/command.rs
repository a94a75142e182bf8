//! A program as a receiver.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use rotate::alert::command::{CommandReceiver, Settings};
use rotate::alert::{Receiver, Undelivered};
use serde_json::Value;

use super::{CANARY, DELIVERY, alert, lasting, now, passing};

struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Runs a shell script with these arguments as a receiver.
    async fn deliver(&self, script: &str, arguments: &[&str]) -> Result<(), Undelivered> {
        let program = self.path("tell");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = vec![program];
        command.extend(arguments.iter().map(|&argument| argument.to_owned()));
        deliver(command, Duration::from_secs(20)).await
    }
}

async fn deliver(command: Vec<String>, timeout: Duration) -> Result<(), Undelivered> {
    let variables = [
        ("PATH", std::env::var("PATH").unwrap()),
        ("ANTHROPIC_ADMIN_KEY", CANARY.to_owned()),
        ("ROTATE_DELIVERY", "of somebody else".to_owned()),
        ("HOME", "/nowhere".to_owned()),
    ];
    let environment = move || {
        variables.iter().map(|(name, value)| (OsString::from(*name), OsString::from(value))).collect()
    };
    let removed_variables = vec!["ANTHROPIC_ADMIN_KEY".to_owned()];
    let receiver = CommandReceiver::new(Settings { command, timeout, removed_variables });
    receiver.with_environment(environment).deliver(&alert(), DELIVERY, now()).await
}

#[tokio::test]
async fn a_program_gets_the_document_and_no_key() {
    let bench = Bench::new();
    let out = bench.path("out");
    let script = "cat > \"$1\"; env > \"$1.env\"; printf '%s' \"$2\" > \"$1.second\"";
    bench.deliver(script, &[&out, "$(touch /tmp/never); a b"]).await.unwrap();
    let text = bench.read("out");
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document, alert().document());
    assert!(text.ends_with("}\n") && text.lines().count() == 1, "{text:?}");
    let environment = bench.read("out.env");
    assert!(environment.contains("ROTATE_DELIVERY=d-7/on-call/1\n"), "{environment}");
    assert_eq!(environment.matches("ROTATE_DELIVERY").count(), 1, "{environment}");
    assert!(environment.contains("HOME=/nowhere\n"), "{environment}");
    assert!(!environment.contains("CANARY"), "{environment}");
    assert_eq!(bench.read("out.second"), "$(touch /tmp/never); a b");
}

#[tokio::test]
async fn a_program_that_does_not_read_is_believed() {
    Bench::new().deliver("exit 0", &[]).await.unwrap();
}

#[tokio::test]
async fn a_program_that_fails_says_why_by_its_last_line() {
    let bench = Bench::new();
    let script =
        "echo first >&2; printf 'no \\033[31mroute\\033[0m to pager\\n\\n' >&2; echo printed; exit 3";
    let outcome = bench.deliver(script, &[]).await;
    let error = outcome.clone().unwrap_err();
    lasting(outcome, &["exit status: 3", "saying: no route to pager", "by hand"]);
    assert!(!error.to_string().contains("first") && !error.to_string().contains("printed"), "{error}");
    lasting(bench.deliver("kill -KILL $$", &[]).await, &["signal: 9"]);
    passing(bench.deliver("echo later >&2; exit 75", &[]).await, &["exit status: 75", "later"]);
}

#[tokio::test]
async fn a_program_that_hangs_is_killed_with_what_it_started() {
    let bench = Bench::new();
    let (began, mark) = (Instant::now(), bench.path("mark"));
    let script = format!("(sleep 2; touch {mark}) & sleep 60");
    let command = vec!["/bin/sh".to_owned(), "-c".to_owned(), script];
    passing(deliver(command, Duration::from_millis(300)).await, &["killed after 0.3 s"]);
    assert!(began.elapsed() < Duration::from_secs(20));
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(!std::path::Path::new(&mark).exists(), "a child of it went on");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told() {
    let bench = Bench::new();
    std::fs::write(bench.path("not-executable"), "").unwrap();
    for program in [bench.path("missing"), bench.path("not-executable"), bench.path("")] {
        lasting(deliver(vec![program], Duration::from_secs(5)).await, &["cannot run", "`command`"]);
    }
}
