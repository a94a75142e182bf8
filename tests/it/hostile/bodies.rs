//! Answers and outputs without an end: cut off, in little memory, and taken for what they are.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use super::tally::{self, FIELDS};
use super::terminal::assert_fit;
use crate::lab::{Lab, Ran};

/// More than the program takes up otherwise, and far less than what is sent.
const MEMORY_KILOBYTES: u32 = 300_000;

/// A server that begins an answer like this and then repeats the rest until nobody listens.
fn endless(head: &'static str, rest: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(head.as_bytes());
                let piece = rest.repeat(1 + (64 << 10) / rest.len());
                while stream.write_all(piece.as_bytes()).is_ok() {}
            });
        }
    });
    url
}

fn run_in_little_memory(lab: &Lab, arguments: &str) -> Ran {
    let rotate = lab.command(&arguments.split_whitespace().collect::<Vec<_>>());
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -v {MEMORY_KILOBYTES}; exec \"$@\""), "sh"]);
    limited.arg(rotate.get_program()).args(rotate.get_args()).current_dir(lab.path("")).env_clear();
    limited.envs(rotate.get_envs().filter_map(|(name, value)| Some((name, value?))));
    lab.finish_command(limited.stdin(Stdio::null()))
}

#[test]
fn an_answer_without_an_end_is_cut_off_and_proves_nothing() {
    let lab = Lab::new();
    lab.adopted();
    lab.console_key("new");
    let json = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"data\":[";
    let mut cases = 0;
    for (head, rest) in [
        (json, "{\"id\":\"x\"},"),
        (json, " "),
        (json, "["),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "10000\r\n"),
        (
            "HTTP/1.1 401 No\r\n\r\n{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"",
            "key ",
        ),
        ("HTTP/1.1 200 OK\r\nx-long: ", "long "),
        ("HTTP/1.1 200 OK\r\n", "x-many: headers\r\n"),
        ("HTTP/1.1 200 ", "reason "),
        ("", "no HTTP at all \u{1b}[2J"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999\r\n\r\n", "x"),
        ("HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"),
    ] {
        let key = lab.key_with("prod", "probe_attempts = 1", &[]);
        lab.configure_at(&endless(head, rest), "admin_key = \"file:admin.key\"", &key);
        lab.write("rotate.toml", &lab.read("rotate.toml").replace("\"5s\"", "\"1s\""));
        for talk in ["", " --json", " -vvv"] {
            let ran = run_in_little_memory(&lab, &format!("stage prod --from file:new.key{talk}"));
            assert_eq!(ran.code, 21, "{head:?} {rest:?}: {ran:#?}");
            assert_fit(&ran, head);
            cases += 1;
        }
    }
    assert_eq!(lab.phase("prod"), "Idle");
    tally::counted(FIELDS, cases);
}

#[test]
fn a_programs_output_without_an_end_is_cut_off_and_proves_nothing() {
    let lab = Lab::new();
    let loud = "yes \"$(printf '\\033[2J\\033]52;c;aGk=\\007loud\\r')\"";
    let (both, short) =
        (lab.script("both", &format!("{loud} >&2 & {loud}; true")), lab.script("short", "cat >/dev/null"));
    let target = |command: &str, read_back: &str| {
        format!(
            "type = \"command\"\nname = \"loud\"\ntimeout = \"2s\"\ncommand = [\"{command}\"]\nread_back = [\"{read_back}\"]"
        )
    };
    lab.configure(&lab.key_with("prod", "probe_attempts = 1", &[&target(&both, &short)]));
    lab.staged();
    let start = lab.snapshot();
    let mut cases = 0;
    for (command, read_back) in [(&both, &short), (&short, &both)] {
        lab.configure(&lab.key_with("prod", "probe_attempts = 1", &[&target(command, read_back)]));
        let ran = run_in_little_memory(&lab, "promote prod");
        assert!([12, 21].contains(&ran.code), "{ran:#?}");
        assert_fit(&ran, command);
        for command in ["status prod", "history", "history --json"] {
            assert_fit(&lab.run(command), command);
            cases += 1;
        }
        lab.restore(&start);
        cases += 1;
    }
    lab.configure(&lab.key("prod"));
    for reference in [format!("command:{both}"), "file:/dev/zero".to_owned(), "file:/dev/urandom".to_owned()]
    {
        let ran = run_in_little_memory(&lab, &format!("stage prod --replace --from {reference}"));
        assert!([2, 20, 21].contains(&ran.code), "{reference}: {ran:#?}");
        assert_fit(&ran, &reference);
        cases += 1;
    }
    tally::counted(FIELDS, cases);
}
