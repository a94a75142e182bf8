//! Agents that read the secret by `boto3` through a whole rotation, each with a cache of its own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rotate::clock::Clock;

use crate::lab::Lab;
use crate::lab::moto::{self, Moto, REGION};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/aws/agent.py");

struct Agent {
    child: Child,
    tell: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Agent {
    fn start(lab: &Lab, secret_id: &str, cache_seconds: u32) -> Self {
        let provider = lab.sandbox.base_url().replace("http://", "");
        let mut child = Command::new(moto::python())
            .arg(PROGRAM)
            .args([secret_id, &provider, &cache_seconds.to_string()])
            .env_clear()
            .envs([("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "example")])
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_ENDPOINT_URL", Moto::get().url())
            .env("HOME", lab.path("home"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { tell: child.stdin.take(), child, answers }
    }

    /// The status of one request at this time of the lab's clock.
    fn ask(&mut self, lab: &Lab) -> u16 {
        let now = lab.clock.now().wall.as_second();
        writeln!(self.tell.as_ref().unwrap(), "{now}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().parse().unwrap_or_else(|_| panic!("the agent said {line:?}"))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.tell.take();
        let _ = self.child.wait();
    }
}

/// A whole rotation, in which `each` is called after every command and every minute of the window.
fn rotate_whole(lab: &Lab, mut each: impl FnMut(&str)) {
    each("adopted");
    lab.console_key("new");
    lab.run("stage prod --from file:new.key").expect(0);
    each("staged");
    lab.run("promote prod").expect(0);
    lab.work_with("prod");
    each("promoted");
    for _ in 0..61 {
        lab.advance_minutes(1);
        each("in the window");
    }
    lab.run("finish prod").expect(0);
    each("finished");
    lab.advance_minutes(1);
    each("a minute later");
}

fn lab_with_slots(secret_id: &str) -> Lab {
    let mut lab = Lab::new();
    lab.use_aws(&Moto::get().url());
    let slots = format!(
        "probe_attempts = 1\nslots = {{ type = \"aws-secrets-manager\", secret_id = \"{secret_id}\", refresh = \"5m\" }}"
    );
    lab.configure(&lab.key_with("prod", &slots, &[]));
    let old = lab.console_key("old");
    Moto::get().create(secret_id, &old.value);
    lab.run("adopt prod --from file:old.key").expect(0);
    lab
}

fn lab_with_target(secret_id: &str) -> Lab {
    let mut lab = Lab::new();
    lab.use_aws(&Moto::get().url());
    lab.configure_secrets(&[secret_id]);
    let old = lab.adopted();
    Moto::get().create(secret_id, &old.value);
    lab
}

#[test]
fn whoever_reads_anew_in_time_is_never_refused_and_whoever_does_not_is() {
    for (secret_id, lab) in [
        ("agents/slots", lab_with_slots("agents/slots")),
        ("agents/target", lab_with_target("agents/target")),
    ] {
        let mut as_configured = Agent::start(&lab, secret_id, 2);
        let mut at_the_limit = Agent::start(&lab, secret_id, 300);
        let mut too_long = Agent::start(&lab, secret_id, 100_000);
        let mut refused = Vec::new();
        rotate_whole(&lab, |when| {
            assert_eq!(as_configured.ask(&lab), 200, "{secret_id}, {when}: a cache of 2 s");
            assert_eq!(at_the_limit.ask(&lab), 200, "{secret_id}, {when}: a cache of the configured refresh");
            if too_long.ask(&lab) != 200 {
                refused.push(when.to_owned());
            }
        });
        // It behaves as nobody configured it: what it does is a matter of evidence, not of the window.
        assert_eq!(refused, ["finished", "a minute later"], "{secret_id}");
    }
}
