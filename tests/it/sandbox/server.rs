//! The server itself: who may ask, when it is, how it starts and stops.

use std::io::{Read, Write};
use std::net::TcpStream;

use rotate::exit::ExitCode;
use rotate::sandbox::{Faults, Sandbox, SandboxSettings};
use serde_json::Value;

use super::lab::{Lab, assert_error, send};

#[tokio::test]
async fn a_page_in_a_browser_gets_nothing() {
    let lab = Lab::new();
    let (_, value) = lab.create("publish");
    for path in
        ["/v1/models", "/v1/organizations/api_keys", "/console/api_keys", "/sandbox/settings", "/elsewhere"]
    {
        let ask =
            || lab.request("GET", path).header("x-api-key", &value).header("anthropic-version", "2023-06-01");
        assert_error(&send(ask().header("host", "evil.example")).await.unwrap(), 403, "permission_error");
        assert_error(
            &send(ask().header("origin", "https://evil.example")).await.unwrap(),
            403,
            "permission_error",
        );
    }
    let create =
        lab.request("POST", "/console/api_keys").header("host", "evil.example:80").body(r#"{"name":"x"}"#);
    assert_error(&send(create).await.unwrap(), 403, "permission_error");
    let listed = lab.plain("GET", "/console/api_keys", Value::Null).await;
    assert_eq!(listed.body["data"].as_array().unwrap().len(), 1, "nothing was created");
    let named = lab.request("GET", "/console/api_keys").header("host", "localhost:1");
    assert_eq!(send(named).await.unwrap().status, 200);

    for raw in [
        "GET /console/api_keys HTTP/1.1\r\nconnection: close\r\n\r\n",
        "GET /console/api_keys HTTP/1.0\r\n\r\n",
        "GET http://evil.example/console/api_keys HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        "GET /console/api_keys HTTP/1.1\r\nhost: localhost\r\nhost: a.example\r\nconnection: close\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(lab.sandbox.address()).unwrap();
        stream.write_all(raw.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 403 "), "{raw}\n{answer}");
    }
}

#[tokio::test]
async fn every_answer_is_dated_by_the_sandbox_clock() {
    let lab = Lab::new();
    let (_, value) = lab.create("publish");
    assert_eq!(lab.get(&value, "/v1/models").await.header("date"), Some("Sun, 01 Mar 2026 12:00:00 GMT"));
    lab.advance(-86_400_000);
    assert_eq!(lab.get("wrong", "/v1/models").await.header("date"), Some("Sat, 28 Feb 2026 12:00:00 GMT"));
    lab.faults(Faults { garbage: 1.0, ..Faults::default() });
    assert_eq!(lab.get(&value, "/v1/models").await.header("date"), Some("Sat, 28 Feb 2026 12:00:00 GMT"));
}

#[test]
fn only_the_loopback_is_listened_on() {
    let start = |listen: &str, settings| {
        Sandbox::start(listen.parse().unwrap(), rotate::clock::from_environment, settings, Some(1))
    };
    for listen in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"] {
        let failure = start(listen, SandboxSettings::default()).map(|_| ()).unwrap_err();
        assert_eq!(failure.exit, ExitCode::Usage);
        assert!(failure.hint.contains("127.0.0.1"), "{}", failure.hint);
    }
    let running = start("127.0.0.1:0", SandboxSettings::default()).unwrap();
    let taken = start(&running.address().to_string(), SandboxSettings::default()).map(|_| ()).unwrap_err();
    assert_eq!(taken.exit, ExitCode::Usage);
    let faults = Faults { closed: 2.0, ..Faults::default() };
    let settings = SandboxSettings { faults, ..SandboxSettings::default() };
    assert_eq!(start("127.0.0.1:0", settings).map(|_| ()).unwrap_err().exit, ExitCode::Usage);
    let address = running.address();
    running.stop().unwrap();
    assert!(TcpStream::connect(address).is_err(), "stopped means stopped");
}

#[tokio::test]
async fn one_seed_gives_one_sandbox_and_serving_ends_when_told() {
    let (one, other) = (Lab::new(), Lab::new());
    assert_eq!(one.admin_key(), other.admin_key());
    assert_eq!(one.create("publish"), other.create("publish"));
    let Lab { sandbox, .. } = one;
    let address = sandbox.address();
    sandbox.serve_until(async {}).await.unwrap();
    assert!(TcpStream::connect(address).is_err());
}
