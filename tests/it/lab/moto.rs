//! moto, a stand-in for AWS: one server for the whole run of the tests, asked over plain HTTP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Lab;

pub const REGION: &str = "eu-central-1";

/// The server. Secrets of all tests live side by side, so each test names its own.
pub struct Moto {
    address: SocketAddr,
    /// The shell around the server ends it when this pipe closes: at the latest with this process.
    _child: Child,
    _pipe: ChildStdin,
}

impl Moto {
    /// The one server; starts it when it is first asked for.
    pub fn get() -> &'static Moto {
        static MOTO: OnceLock<Moto> = OnceLock::new();
        MOTO.get_or_init(Moto::start)
    }

    fn start() -> Moto {
        let program = program();
        assert!(program.exists(), "{} is missing: ./scripts/test installs it", program.display());
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let script = "\"$0\" -H 127.0.0.1 -p \"$1\" >/dev/null 2>&1 & read _; kill $!";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .arg(program)
            .arg(address.port().to_string())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let pipe = child.stdin.take().unwrap();
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "moto does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Moto { address, _child: child, _pipe: pipe }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// One call that must succeed.
    #[track_caller]
    pub fn call(&self, operation: &str, input: Value) -> Value {
        let (status, answer) = self.ask(operation, &input);
        assert!(status == "200", "{operation}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    /// Whether one call is refused.
    pub fn refuses(&self, operation: &str, input: Value) -> bool {
        self.ask(operation, &input).0.starts_with('4')
    }

    fn ask(&self, operation: &str, input: &Value) -> (String, String) {
        let body = input.to_string();
        let scope = format!("x/20260101/{REGION}/secretsmanager/aws4_request");
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(
            stream,
            "POST / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/x-amz-json-1.1\r\n\
             x-amz-target: secretsmanager.{operation}\r\n\
             authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=x\r\n\
             content-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap_or_default().to_owned(), body.to_owned())
    }

    #[track_caller]
    pub fn create(&self, name: &str, text: &str) {
        self.call("CreateSecret", json!({"Name": name, "SecretString": text}));
    }

    /// Somebody else puts a new current value there. In steps: moto leaves AWSCURRENT on two versions when
    /// one is put under it.
    #[track_caller]
    pub fn overwrite(&self, name: &str, text: &str) {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let theirs = format!("00000000-0000-0000-0000-{:012}", COUNT.fetch_add(1, Ordering::SeqCst));
        let is_current = |stages: &Vec<String>| stages.iter().any(|stage| stage == "AWSCURRENT");
        let before = self.versions(name).into_iter().find(|(_, stages)| is_current(stages)).unwrap().0;
        let stages = ["THEIRS"];
        self.call(
            "PutSecretValue",
            json!({"SecretId": name, "SecretString": text, "ClientRequestToken": theirs, "VersionStages": stages}),
        );
        self.call(
            "UpdateSecretVersionStage",
            json!({"SecretId": name, "VersionStage": "AWSCURRENT", "RemoveFromVersionId": before,
                "MoveToVersionId": theirs}),
        );
    }

    /// What consumers read.
    #[track_caller]
    pub fn current(&self, name: &str) -> String {
        let input = json!({"SecretId": name, "VersionStage": "AWSCURRENT"});
        self.call("GetSecretValue", input)["SecretString"].as_str().unwrap().to_owned()
    }

    /// Version ids with their labels.
    #[track_caller]
    pub fn versions(&self, name: &str) -> Vec<(String, Vec<String>)> {
        let described = self.call("DescribeSecret", json!({"SecretId": name}));
        let versions = described["VersionIdsToStages"].as_object().unwrap().clone();
        versions.into_iter().map(|(id, stages)| (id, serde_json::from_value(stages).unwrap())).collect()
    }
}

fn program() -> PathBuf {
    installed("moto_server")
}

/// A Python that has `boto3`.
pub fn python() -> PathBuf {
    installed("python")
}

fn installed(program: &str) -> PathBuf {
    // Beside the build, where ./scripts/test puts it.
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("moto/bin").join(program)
}

impl Lab {
    /// Gives later runs the environment of somebody who uses AWS, at this endpoint.
    pub fn use_aws(&mut self, endpoint_url: &str) {
        self.set("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE");
        self.set("AWS_SECRET_ACCESS_KEY", "example");
        self.set("AWS_REGION", REGION);
        self.set("AWS_ENDPOINT_URL", endpoint_url);
    }

    /// Configures the key `prod` with these secrets as targets: a name, or a name and `#` and a JSON key.
    pub fn configure_secrets(&self, secrets: &[&str]) {
        let target = |secret: &&str| {
            let (secret_id, json_key) = secret.split_once('#').unwrap_or((secret, ""));
            let json_key =
                if json_key.is_empty() { String::new() } else { format!("json_key = \"{json_key}\"\n") };
            format!("type = \"aws-secrets-manager\"\nsecret_id = \"{secret_id}\"\n{json_key}refresh = \"5m\"")
        };
        let targets: Vec<_> = secrets.iter().map(target).collect();
        let targets: Vec<_> = targets.iter().map(String::as_str).collect();
        self.configure(&self.key_with("prod", "probe_attempts = 1", &targets));
    }

    /// A lab whose key `prod` was adopted and has a staged successor, with these secrets as targets.
    pub fn with_secrets(
        endpoint_url: &str,
        secrets: &[&str],
    ) -> (Self, super::ConsoleKey, super::ConsoleKey) {
        let mut lab = Lab::new();
        lab.use_aws(endpoint_url);
        lab.configure_secrets(secrets);
        let (old, new) = lab.staged();
        (lab, old, new)
    }
}
