//! A stand-in for AWS, and the wire between it and the program: every call is timed there.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// moto, as `./scripts/moto` installs it; ended with this value.
pub struct Moto {
    address: SocketAddr,
    child: Child,
}

impl Moto {
    pub fn start() -> Self {
        let address = free_address();
        let child = Command::new(program())
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto starts (./scripts/moto installs it)");
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "moto does not start");
            thread::sleep(Duration::from_millis(50));
        }
        Self { address, child }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// One call to Secrets Manager.
    pub fn call(&self, operation: &str, input: &Value) {
        let body = input.to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-amz-json-1.1\r\nx-amz-target: \
             secretsmanager.{operation}\r\nauthorization: AWS4-HMAC-SHA256 \
             Credential=x/20260101/eu-central-1/secretsmanager/aws4_request, SignedHeaders=host, \
             Signature=x\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let answer = String::from_utf8(ask(self.address, request.as_bytes())).expect("text");
        assert!(answer.split(' ').nth(1) == Some("200"), "{operation}: {answer}");
    }

    pub fn create(&self, name: &str, text: &str) {
        self.call("CreateSecret", &json!({ "Name": name, "SecretString": text }));
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/").join("moto/bin/moto_server")
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

/// Passes requests on to a server, later by some time, and adds up how long each took to be answered.
pub struct Wire {
    address: SocketAddr,
    spent: Arc<Mutex<Spent>>,
}

/// What the calls came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    pub calls: u32,
    pub seconds: f64,
}

impl Wire {
    pub fn to(server: SocketAddr, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let spent = Arc::new(Mutex::new(Spent::default()));
        let sum = Arc::clone(&spent);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let sum = Arc::clone(&sum);
                thread::spawn(move || pass_on(client, server, delay, &sum));
            }
        });
        Self { address, spent }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the calls since the last time came to.
    pub fn take(&self) -> Spent {
        std::mem::take(&mut *self.spent.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn pass_on(mut client: TcpStream, server: SocketAddr, delay: Duration, sum: &Mutex<Spent>) {
    while let Some(request) = message(&mut client) {
        let begun = Instant::now();
        thread::sleep(delay);
        let answer = ask(server, &request);
        let seconds = begun.elapsed().as_secs_f64();
        {
            let mut spent = sum.lock().unwrap_or_else(PoisonError::into_inner);
            spent.calls += 1;
            spent.seconds += seconds;
        }
        if client.write_all(&answer).is_err() {
            return;
        }
    }
}

fn ask(server: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server).expect("the server is there");
    stream.write_all(request).expect("the request goes out");
    message(&mut stream).expect("the server answers")
}

/// One HTTP message whose length is told by `content-length`; `None` at the end of the connection.
fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        if let Some(length) = whole_length(&bytes)
            && bytes.len() >= length
        {
            return Some(bytes);
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}

fn whole_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let body = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    Some(head + body.unwrap_or(0))
}
