//! Running a job: beside a bare program that sets a variable, and beside other programs that run commands with secrets.

use std::fs;
use std::path::Path;

use crate::Effort;
use crate::lab::{self, Labs, ROTATE};
use crate::page::Row;
use crate::peers::program;
use crate::start::{compile, hyperfine, row};

/// The least that the job's start costs: the variable, fork, exec and wait.
const BARE: &str = r#"fn main() {
    let mut words = std::env::args().skip(1);
    let mut command = std::process::Command::new(words.next().expect("a command"));
    let status = command.args(words).env("ANTHROPIC_API_KEY", "placeholder").status().expect("it starts");
    std::process::exit(status.code().unwrap_or(128));
}
"#;
/// Programs that take a tenth of a second to start are run less often.
const FEWER: u32 = 6;

pub fn measure(labs: &Labs, effort: &Effort) -> Vec<Row> {
    let directory = labs.one();
    let bare = compile(&labs.scratch("bare"), "bare", BARE);
    let of_job = format!("exec {} -- true", lab::key(1));
    let own = [format!("{bare} true"), format!("{} {of_job}", *ROTATE)];
    let peers = peers(&directory);
    let others: Vec<String> = own.iter().chain(peers.iter().map(|(_, command)| command)).cloned().collect();
    let (mut own_rounds, mut rounds) = (Vec::new(), Vec::new());
    for round in 1..=effort.rounds {
        eprintln!("jobs: round {round} of {}", effort.rounds);
        effort.patience.wait();
        own_rounds.push(hyperfine(&directory, &own, effort.runs_a_round, &[]));
        effort.patience.wait();
        rounds.push(hyperfine(&directory, &others, effort.runs_a_round / FEWER, &[]));
    }
    let what = "`rotate exec KEY -- true`";
    let mut rows =
        vec![row(what, &own_rounds, 1, "a bare program that sets a variable and runs `true`", 0, Some(2.0))];
    for (index, (name, _)) in peers.iter().enumerate() {
        rows.push(row(name, &rounds, index + 2, what, 1, None));
    }
    rows
}

/// Programs that ./scripts/peers installs, with what makes each run `true` with a secret, or hand one out.
fn peers(directory: &Path) -> Vec<(String, String)> {
    let write = |name: &str, text: &str| fs::write(directory.join(name), text).expect("a peer's file");
    write("peer.env", "KEY=placeholder\n");
    write("fnox.toml", "[secrets.KEY]\ndefault = \"placeholder\"\n");
    write(
        "secretspec.toml",
        "[project]\nname = \"bench\"\nrevision = \"1.0\"\n\n[profiles.default]\nKEY = { description = \"a key\" }\n",
    );
    write("aws-config", "[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = placeholder\n");
    let mut found = Vec::new();
    let mut add = |name: &str, path: &str, words: &str| {
        found.extend(program(path).map(|program| (name.to_owned(), words.replace("PROGRAM", &program))));
    };
    add("`fnox exec -- true`", "bin/fnox", "PROGRAM exec -- true");
    add(
        "`secretspec run -- true`, from a dotenv file",
        "bin/secretspec",
        "PROGRAM run --provider dotenv:peer.env --profile default -- true",
    );
    add("`dotenvx run -- true`", "node/node_modules/.bin/dotenvx", "PROGRAM run --quiet -f peer.env -- true");
    add(
        "`aws configure get`, which runs nothing",
        "python/bin/aws",
        "env AWS_CONFIG_FILE=aws-config PROGRAM configure get aws_access_key_id",
    );
    found
}
