//! How much the sandbox serves, and how much the drill's agents ask of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Effort;
use crate::lab::{self, ROTATE};
use crate::page::Row;

/// As many as the drill has agents by default.
const CONNECTIONS: usize = 6;
/// The most agents a drill may have.
const MOST_AGENTS: &str = "200";
/// Far from being the bottleneck: served at this multiple of what is asked.
const HEADROOM: f64 = 5.0;

pub struct Load {
    served: f64,
    asked: f64,
}

impl Load {
    pub fn row(&self) -> Row {
        Row {
            what: format!("requests the sandbox serves, {CONNECTIONS} connections"),
            measured: format!("{:.0} /s", self.served),
            against: format!("requests of a drill with {MOST_AGENTS} agents"),
            base: format!("{:.0} /s", self.asked),
            ratio: self.served / self.asked,
            goal: Some(HEADROOM),
            is_at_least: true,
        }
    }
}

pub fn measure(effort: &Effort) -> Load {
    eprintln!("sandbox: {} s of load", effort.load_seconds);
    let served = served(Duration::from_secs(effort.load_seconds));
    eprintln!("sandbox: a drill");
    Load { served, asked: asked() }
}

/// Requests a second that a sandbox in a process of its own answers when asked without a pause.
fn served(time: Duration) -> f64 {
    let (address, value, _sandbox) = start();
    let mut total = 0.0;
    std::thread::scope(|scope| {
        let loads: Vec<_> =
            (0..CONNECTIONS).map(|_| scope.spawn(|| requests(address, &value, time))).collect();
        for load in loads {
            total += load.join().expect("a connection's thread");
        }
    });
    total
}

/// The rate of one connection that asks, as the agents do, for models and messages in turn.
fn requests(address: SocketAddr, value: &str, time: Duration) -> f64 {
    let mut connection = Connection::open(address);
    let common = format!("host: {address}\r\nx-api-key: {value}\r\nanthropic-version: 2023-06-01\r\n");
    let body = "{\"model\":\"claude-haiku-4-5\",\"max_tokens\":16,\
                \"messages\":[{\"role\":\"user\",\"content\":\"what was my key again?\"}]}";
    let models = format!("GET /v1/models HTTP/1.1\r\n{common}\r\n");
    let messages = format!(
        "POST /v1/messages HTTP/1.1\r\n{common}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let begun = Instant::now();
    let mut count = 0.0;
    while begun.elapsed() < time {
        for request in [&models, &messages] {
            assert_eq!(connection.ask(request), 200, "the sandbox's answer");
            count += 1.0;
        }
    }
    count / begun.elapsed().as_secs_f64()
}

/// What the agents of a drill ask, by the drill's own count.
fn asked() -> f64 {
    let directory = std::env::temp_dir();
    let output = lab::command(&ROTATE, &directory)
        .args(["drill", "--json", "--job-seconds", "2", "--agents", MOST_AGENTS])
        .stderr(Stdio::null())
        .output()
        .expect("rotate runs");
    assert!(output.status.success(), "rotate drill: {}", output.status);
    let report: Value = serde_json::from_slice(&output.stdout).expect("the drill's document");
    let number = |name: &str| report[name].as_f64().unwrap_or_else(|| panic!("no `{name}` in {report}"));
    number("requests") / number("seconds")
}

/// A process that ends when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A sandbox in a process of its own, and the value of one of its keys.
fn start() -> (SocketAddr, String, Running) {
    let mut child = lab::command(&ROTATE, &std::env::temp_dir())
        .args(["sandbox", "--json", "--quiet"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("rotate runs");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("the sandbox's stdout");
    let running = Running(child);
    BufReader::new(stdout).read_line(&mut line).expect("the sandbox's document");
    let document: Value = serde_json::from_str(&line).expect("the sandbox's document is JSON");
    let base_url = document["base_url"].as_str().expect("a base URL");
    let address: SocketAddr = base_url.trim_start_matches("http://").parse().expect("the sandbox's address");
    let body = "{\"name\":\"load\"}";
    let mut connection = Connection::open(address);
    connection.ask(&format!(
        "POST /console/api_keys HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
    let created: Value = serde_json::from_slice(&connection.body).expect("the console's answer");
    let value = created["value"].as_str().expect("the new key's value").to_owned();
    (address, value, running)
}

/// One connection that is kept open.
struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
    /// The last answer's.
    body: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a connection to the sandbox");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        Self { stream, read: Vec::new(), body: Vec::new() }
    }

    /// Sends a request and reads the whole answer; gives its status.
    fn ask(&mut self, request: &str) -> u16 {
        self.stream.write_all(request.as_bytes()).expect("a request is sent");
        self.read.clear();
        loop {
            if let Some((status, head, length)) = whole(&self.read) {
                self.body = self.read[head..head + length].to_vec();
                return status;
            }
            let mut chunk = [0; 8192];
            let count = self.stream.read(&mut chunk).expect("an answer");
            assert!(count > 0, "the sandbox closed the connection");
            self.read.extend_from_slice(&chunk[..count]);
        }
    }
}

/// Status, length of the head and of the body, once all of an answer is there.
fn whole(bytes: &[u8]) -> Option<(u16, usize, usize)> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).expect("a head in ASCII").to_ascii_lowercase();
    let status = text.split(' ').nth(1)?.parse().ok()?;
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
    (bytes.len() >= head + length).then_some((status, head, length))
}
