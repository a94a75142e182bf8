//! Through AWS Secrets Manager, by a stand-in for it on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rotate::sandbox::RunningSandbox;

use crate::lab::{self, Labs, ROTATE};
use crate::moto::{Moto, Wire};
use crate::page::Row;
use crate::peers::program;
use crate::start::{hyperfine, row};
use crate::{Effort, median};

/// How many keys are promoted together.
const TOGETHER: usize = 50;
/// What a call to AWS costs on the way, within a region.
const DELAY: Duration = Duration::from_millis(20);
/// A run through the stand-in takes ten times as long as one that stays in the process.
const FEWER: u32 = 10;

pub fn measure(labs: &Labs, effort: &Effort) -> Vec<Row> {
    let moto = Moto::start();
    let mut rows = reading(labs, &moto, effort);
    rows.push(promoting(labs, &moto, effort));
    rows.push(together(labs, &moto));
    rows
}

/// One configuration with so many keys, each with slots in a secret of its own.
struct Office {
    directory: PathBuf,
    sandbox: RunningSandbox,
    /// Between the program and the sandbox.
    provider: Wire,
    names: Vec<String>,
    endpoint_url: String,
}

impl Office {
    fn open(labs: &Labs, name: &str, moto: &Moto, endpoint_url: String, keys: usize) -> Self {
        let sandbox = lab::sandbox();
        let directory = labs.scratch(name);
        let names: Vec<_> = (1..=keys).map(|number| format!("{name}-{number:03}")).collect();
        let address = sandbox.base_url().trim_start_matches("http://").parse().expect("an address");
        let provider = Wire::to(address, Duration::ZERO);
        let mut text = format!(
            "state = \"state\"\n\n[providers.anthropic]\nbase_url = \"{}\"\n\n[defaults]\nprobe_attempts = 1\n",
            provider.url()
        );
        for name in &names {
            text.push_str(&format!(
                "\n[keys.{name}]\nprovider = \"anthropic\"\nslots = {{ type = \"aws-secrets-manager\", secret_id = \
                 \"{name}\", refresh = \"5m\" }}\n"
            ));
        }
        fs::write(directory.join("rotate.toml"), text).expect("rotate.toml");
        let office = Self { directory, sandbox, provider, names, endpoint_url };
        for name in &office.names {
            let value = office.new_value(name);
            moto.create(name, &value);
            office.rotate(&["adopt", name, "--from", "file:value"]);
        }
        office
    }

    fn new_value(&self, name: &str) -> String {
        let (_, value) = self.sandbox.create_key(name, None).expect("a key at the console");
        fs::write(self.directory.join("value"), value.expose()).expect("the value's file");
        value.expose().to_owned()
    }

    fn stage(&self, name: &str) {
        self.new_value(name);
        self.rotate(&["stage", name, "--from", "file:value"]);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = lab::command(&ROTATE, &self.directory);
        command.args(arguments).arg("--quiet").stdout(Stdio::null());
        for (name, value) in environment(&self.endpoint_url) {
            command.env(name, value);
        }
        command
    }

    fn rotate(&self, arguments: &[&str]) {
        let status = self.command(arguments).status().expect("rotate runs");
        assert!(status.success(), "rotate {arguments:?}: {status}");
    }
}

fn environment(endpoint_url: &str) -> [(&'static str, String); 5] {
    [
        // The aws CLI and boto3 read this one.
        ("AWS_DEFAULT_REGION", "eu-central-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "example".to_owned()),
        ("AWS_REGION", "eu-central-1".to_owned()),
        ("AWS_ENDPOINT_URL", endpoint_url.to_owned()),
    ]
}

/// `rotate key` beside the bare SDK, and beside other programs that read a secret.
fn reading(labs: &Labs, moto: &Moto, effort: &Effort) -> Vec<Row> {
    let office = Office::open(labs, "reading", moto, format!("http://{}", moto.address()), 1);
    let secret = &office.names[0];
    // Where secretspec looks.
    moto.create("secretspec/bench/default/KEY", "sk-ant-api03-placeholder");
    let mut commands = vec![format!("{} key {secret}", *ROTATE), format!("{} {secret}", bare_sdk())];
    let peers = peers(&office.directory, secret);
    commands.extend(peers.iter().map(|(_, command)| command.clone()));
    let mut rounds = Vec::new();
    for round in 1..=effort.rounds {
        eprintln!("through AWS: round {round} of {}", effort.rounds);
        effort.patience.wait();
        let environment = environment(&office.endpoint_url);
        rounds.push(hyperfine(&office.directory, &commands, effort.runs_a_round / FEWER, &environment));
    }
    let key = "`rotate key` through Secrets Manager";
    let mut rows = vec![row(key, &rounds, 0, "the same call by a bare SDK program", 1, Some(1.5))];
    for (index, (name, _)) in peers.iter().enumerate() {
        rows.push(row(name, &rounds, index + 2, key, 0, None));
    }
    rows
}

fn bare_sdk() -> String {
    std::env::var("BARE_SDK").expect("BARE_SDK names the program (./scripts/bench builds it)")
}

/// Programs that ./scripts/peers installs, with what makes each print the secret.
fn peers(directory: &Path, secret: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut add = |name: &str, command: Option<String>| {
        found.extend(command.map(|command| (format!("{name}, the same secret"), command)));
    };
    fs::write(
        directory.join("fnox.toml"),
        format!(
            "[providers.aws]\ntype = \"aws-sm\"\nregion = \"eu-central-1\"\n\n[secrets.KEY]\nprovider = \"aws\"\nvalue \
             = \"{secret}\"\n"
        ),
    )
    .expect("fnox.toml");
    add("fnox", program("bin/fnox").map(|fnox| format!("{fnox} get KEY")));
    fs::write(
        directory.join("secretspec.toml"),
        "[project]\nname = \"bench\"\nrevision = \"1.0\"\n\n[profiles.default]\nKEY = { description = \"a key\" }\n",
    )
    .expect("secretspec.toml");
    add(
        "secretspec",
        program("bin/secretspec").map(|secretspec| {
            format!("{secretspec} get KEY --provider awssm://eu-central-1 --profile default")
        }),
    );
    fs::write(
        directory.join("read.py"),
        format!(
            "import boto3\nprint(boto3.client('secretsmanager').get_secret_value(SecretId='{secret}', \
             VersionStage='AWSCURRENT')['SecretString'])\n"
        ),
    )
    .expect("read.py");
    add("boto3", program("python/bin/python").map(|python| format!("{python} read.py")));
    add(
        "aws CLI",
        program("python/bin/aws").map(|aws| {
            format!(
                "{aws} secretsmanager get-secret-value --secret-id {secret} --version-stage AWSCURRENT --query \
                 SecretString --output text"
            )
        }),
    );
    found
}

/// The wall time of `promote` beside the sum of its calls, as timed on the wire.
fn promoting(labs: &Labs, moto: &Moto, effort: &Effort) -> Row {
    let wire = Wire::to(moto.address(), Duration::ZERO);
    let mut ratios = Vec::new();
    let (mut walls, mut sums) = (Vec::new(), Vec::new());
    let mut calls = (0, 0);
    for round in 1..=effort.rounds {
        eprintln!("promoting: round {round} of {}", effort.rounds);
        let office = Office::open(labs, &format!("promoting-{round}"), moto, wire.url(), 1);
        let name = &office.names[0];
        office.stage(name);
        effort.patience.wait();
        wire.take();
        office.provider.take();
        let begun = Instant::now();
        office.rotate(&["promote", name]);
        let wall = begun.elapsed().as_secs_f64();
        let (aws, provider) = (wire.take(), office.provider.take());
        let seconds = aws.seconds + provider.seconds;
        calls = (aws.calls, provider.calls);
        ratios.push(wall / seconds);
        walls.push(wall);
        sums.push(seconds);
    }
    Row {
        what: "`rotate promote`, slots in Secrets Manager".to_owned(),
        measured: format!("{:.1} ms", 1000.0 * median(walls)),
        against: format!("the sum of its calls: {} to AWS, {} to the provider", calls.0, calls.1),
        base: format!("{:.1} ms", 1000.0 * median(sums)),
        ratio: median(ratios),
        goal: Some(1.2),
        is_at_least: false,
    }
}

/// Many keys promoted at the same time beside one after the other.
fn together(labs: &Labs, moto: &Moto) -> Row {
    let wire = Wire::to(moto.address(), DELAY);
    let office = Office::open(labs, "together", moto, format!("http://{}", moto.address()), 2 * TOGETHER);
    let office = Office { endpoint_url: wire.url(), ..office };
    for name in &office.names {
        office.stage(name);
    }
    let (serial, parallel) = office.names.split_at(TOGETHER);
    eprintln!("{TOGETHER} keys: one after the other");
    let begun = Instant::now();
    for name in serial {
        office.rotate(&["promote", name]);
    }
    let one_by_one = begun.elapsed().as_secs_f64();
    eprintln!("{TOGETHER} keys: together");
    let begun = Instant::now();
    let running: Vec<_> = parallel
        .iter()
        .map(|name| office.command(&["promote", name]).spawn().expect("rotate runs"))
        .collect();
    for mut child in running {
        let status = child.wait().expect("rotate ends");
        assert!(status.success(), "rotate promote: {status}");
    }
    let all_at_once = begun.elapsed().as_secs_f64();
    Row {
        what: format!("{TOGETHER} keys promoted together, calls of {} ms more", DELAY.as_millis()),
        measured: format!("{all_at_once:.2} s"),
        against: "the same, one after the other".to_owned(),
        base: format!("{one_by_one:.2} s"),
        ratio: all_at_once / one_by_one,
        goal: None,
        is_at_least: false,
    }
}
