//! Where a receiver may be: judged by the address that is connected to.

use std::io::ErrorKind;
use std::net::TcpListener;

use rotate::alert::Receiver;
use rotate::alert::address::Allowed;
use rotate::alert::email::{self, EmailReceiver};
use rotate::alert::webhook::{self, WebhookReceiver};
use rotate::http::guard::{Special, look_up};
use rotate::http::{Client, HttpError, Request};

use super::{DELIVERY, HERE, TIMEOUT, alert, lasting, now, secret};
use crate::lab::double::{Double, http_answer};

const NOWHERE: Allowed = Allowed { loopback: false, link_local: false };

/// A port on this machine that tells whether anybody came.
struct Door(TcpListener);

impl Door {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    #[track_caller]
    fn nobody_came(&self) {
        assert_eq!(self.0.accept().map(|_| ()).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

#[tokio::test]
async fn a_guarded_client_connects_to_no_spelling_of_this_machine() {
    let door = Door::open();
    let client = Client::guarded(TIMEOUT, NOWHERE).unwrap();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "0.0.0.0",
        "0",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "127.0.0.1.",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{}/", door.port());
            match client.send(Request::get(&url)).await {
                Err(HttpError::Forbidden { special, .. }) => assert_eq!(special, Special::Loopback, "{url}"),
                Err(HttpError::CouldNotConnect { .. }) if host == "localhost." => {} // not every resolver knows it
                other => panic!("{url}: {other:?}"),
            }
        }
    }
    door.nobody_came();
}

#[tokio::test]
async fn a_guarded_client_connects_to_no_metadata_service() {
    let client = Client::guarded(TIMEOUT, HERE).unwrap();
    for host in ["169.254.169.254", "2852039166", "[fe80::1]", "[::ffff:169.254.169.254]", "[fd00:ec2::254]"]
    {
        let answered = client.send(Request::get(format!("http://{host}/latest/meta-data/"))).await;
        let forbidden = HttpError::Forbidden { host: String::new(), special: Special::LinkLocal };
        match answered {
            Err(HttpError::Forbidden { special, .. }) => assert_eq!(special, Special::LinkLocal, "{host}"),
            other => panic!("{host}: {other:?}, not {forbidden:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_allowed_is_reached_by_address_and_by_name() {
    let double = Double::start(|_| http_answer(200, &[], "ok"));
    let client = Client::guarded(TIMEOUT, HERE).unwrap();
    for host in ["127.0.0.1", "localhost", "127.1"] {
        let url = double.base_url().replace("127.0.0.1", host);
        assert_eq!(client.send(Request::get(&url)).await.unwrap().status, 200, "{host}");
    }
    // A client that is not guarded goes where it is told, as it always did.
    let url = double.base_url().replace("127.0.0.1", "localhost");
    assert_eq!(Client::new(TIMEOUT).unwrap().send(Request::get(&url)).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_name_that_leads_here_is_refused_when_it_is_looked_up() {
    let door = Door::open();
    let url = secret(&format!("https://localhost:{}/hook", door.port()));
    let settings = webhook::Settings { url, secret: None, allowed: NOWHERE, timeout: TIMEOUT };
    // As a name it passes; a look at it would have to be repeated for every connection.
    let receiver = WebhookReceiver::new(settings).unwrap();
    lasting(
        receiver.deliver(&alert(), DELIVERY, now()).await,
        &["localhost", "this machine", "allow_loopback = true"],
    );
    door.nobody_came();
}

#[tokio::test]
async fn mail_goes_to_allowed_addresses_only() {
    let door = Door::open();
    // `127.1` and the number are names to a URL that is not one of HTTP, and addresses to the system.
    for host in ["localhost", "127.1", "2130706433", "0.0.0.0"] {
        for scheme in ["smtp", "smtps"] {
            let settings = email::Settings {
                url: secret(&format!("{scheme}://{host}:{}", door.port())),
                secret: None,
                from: "rotate@example.com".to_owned(),
                to: vec!["oncall@example.com".to_owned()],
                ca_file: None,
                allow_plain: true,
                allowed: NOWHERE,
                timeout: TIMEOUT,
            };
            let outcome = match EmailReceiver::new(settings) {
                Ok(receiver) => receiver.deliver(&alert(), DELIVERY, now()).await,
                Err(error) => Err(error),
            };
            lasting(outcome, &["this machine", "allow_loopback = true"]);
        }
    }
    door.nobody_came();
}

#[tokio::test]
async fn a_look_up_keeps_what_is_allowed() {
    assert!(look_up("127.0.0.1", 7, HERE).await.unwrap().iter().all(|address| address.port() == 7));
    assert!(look_up("localhost", 7, NOWHERE).await.is_err());
    assert!(look_up("169.254.169.254", 7, HERE).await.is_err());
    let public = look_up("192.0.2.1", 7, NOWHERE).await.unwrap();
    assert_eq!(public, ["192.0.2.1:7".parse().unwrap()]);
}
