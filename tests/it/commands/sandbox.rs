//! `rotate sandbox`

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::lab::Lab;

/// A running `rotate sandbox --json` and its document.
fn start(lab: &Lab, arguments: &[&str]) -> (Child, Value) {
    let mut words = vec!["sandbox", "--json"];
    words.extend(arguments);
    let mut command = lab.command(&words);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

fn create_key(base_url: &str, name: &str) -> String {
    let address = base_url.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let body = format!("{{\"name\":\"{name}\"}}");
    write!(
        stream,
        "POST /console/api_keys HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let document: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    document["value"].as_str().unwrap().to_owned()
}

fn interrupt(child: &mut Child) -> i32 {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    child.wait().unwrap().code().unwrap_or(-1)
}

#[test]
fn it_prints_its_address_and_admin_key_and_ends_by_ctrl_c() {
    let lab = Lab::new();
    let (mut child, document) = start(&lab, &[]);
    assert_eq!(document["schema_version"], 1);
    let base_url = document["base_url"].as_str().unwrap();
    assert!(base_url.starts_with("http://127.0.0.1:"), "{document}");
    assert!(document["admin_key"].as_str().unwrap().starts_with("sk-ant-admin01-"));

    lab.write("admin.key", document["admin_key"].as_str().unwrap());
    lab.write("first.key", &create_key(base_url, "first"));
    lab.configure_at(base_url, "admin_key = \"file:admin.key\"", &lab.key("prod"));
    lab.run("adopt prod --from file:first.key").expect(0);
    assert_eq!(interrupt(&mut child), 0, "Ctrl-C is its ordinary end");
}

#[test]
fn one_seed_gives_the_same_keys() {
    let lab = Lab::new();
    let admin_key = || {
        let (mut child, document) = start(&lab, &["--seed", "7"]);
        interrupt(&mut child);
        document["admin_key"].clone()
    };
    assert_eq!(admin_key(), admin_key());
}

#[test]
fn it_listens_on_the_loopback_only() {
    let lab = Lab::new();
    lab.refused("sandbox --listen 0.0.0.0:0", 2).says(&["not the loopback"]);
}

#[test]
fn a_port_that_is_taken_and_settings_that_make_no_sense_are_refused() {
    let lab = Lab::new();
    let taken = lab.sandbox.address().to_string();
    lab.refused(&format!("sandbox --listen {taken}"), 2).says(&["choose another port"]);
    lab.refused("sandbox --fault overlaoded=0.1", 2).says(&["overloaded"]);
    lab.refused("sandbox --fault overloaded=1.5", 2).says(&["between 0 and 1"]);
    lab.run("sandbox --fault overloaded").expect(2).says(&["FAULT=RATE"]);
    lab.run("sandbox --latency soon").expect(2);
}
