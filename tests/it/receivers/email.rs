//! Mail, to a real server: encrypted or refused, logged in, one thread, and nothing smuggled into it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use rotate::alert::address::Allowed;
use rotate::alert::email::{EmailReceiver, Settings};
use rotate::alert::{Alert, Receiver, Undelivered};
use serde_json::Value;

use super::mail_server::{MailServer, Mode, PASSWORD, USER, authority};
use super::{DELIVERY, HERE, TIMEOUT, alert, lasting, now, passing, secret, told};

/// What most tests want: STARTTLS or TLS, logged in, an authority of one's own.
struct Post {
    url: String,
    password: Option<&'static str>,
    from: &'static str,
    to: Vec<&'static str>,
    ca_file: Option<PathBuf>,
    allow_plain: bool,
    allowed: Allowed,
    timeout: Duration,
}

impl Post {
    fn to(scheme: &str, server: &MailServer) -> Self {
        Self {
            url: format!("{scheme}://alerts%40example.com@localhost:{}", server.port),
            password: Some(PASSWORD),
            from: "rotate <rotate@example.com>",
            to: vec!["On call <oncall@example.com>"],
            ca_file: Some(authority()),
            allow_plain: false,
            allowed: HERE,
            timeout: TIMEOUT,
        }
    }

    /// The same without user and password.
    fn anonymous(scheme: &str, server: &MailServer) -> Self {
        let url = format!("{scheme}://localhost:{}", server.port);
        Self { url, password: None, ..Self::to(scheme, server) }
    }

    fn receiver(&self) -> Result<EmailReceiver, Undelivered> {
        EmailReceiver::new(Settings {
            url: secret(&self.url),
            secret: self.password.map(secret),
            from: self.from.to_owned(),
            to: self.to.iter().map(|&to| to.to_owned()).collect(),
            ca_file: self.ca_file.clone(),
            allow_plain: self.allow_plain,
            allowed: self.allowed,
            timeout: self.timeout,
        })
    }

    async fn deliver(&self, alert: &Alert) -> Result<(), Undelivered> {
        self.receiver()?.deliver(alert, DELIVERY, now()).await
    }
}

/// The lines of a mail's header that begin so, unfolded.
fn header(mail: &Value, name: &str) -> Vec<String> {
    let data = mail["data"].as_str().unwrap();
    let (head, _) = data.split_once("\r\n\r\n").unwrap();
    let unfolded = head.replace("\r\n ", " ");
    let lines = unfolded.split("\r\n").filter_map(|line| line.split_once(": "));
    lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).collect()
}

fn body(mail: &Value) -> String {
    mail["data"].as_str().unwrap().split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn a_mail_goes_encrypted_and_logged_in() {
    for (mode, scheme) in [(Mode::StartTls, "smtp"), (Mode::Tls, "smtps")] {
        let mut server = MailServer::start(mode);
        Post::to(scheme, &server)
            .deliver(&alert())
            .await
            .unwrap_or_else(|error| panic!("{mode:?}: {}", told(&error)));
        let mail = server.mail();
        assert_eq!(mail["is_encrypted"], true, "{mode:?}");
        assert_eq!(mail["user"], USER);
        assert_eq!(
            (&mail["from"], &mail["to"][0]),
            (&"rotate@example.com".into(), &"oncall@example.com".into())
        );
        let subject = "CRITICAL prod-publish: the provider rejects the active credential";
        assert_eq!(header(&mail, "subject"), [subject]);
        assert_eq!(header(&mail, "auto-submitted"), ["auto-generated"]);
        assert_eq!(header(&mail, "date"), ["Sun, 01 Mar 2026 12:00:05 +0000"]);
        let body = body(&mail);
        assert!(body.contains("next: rotate status prod-publish\r\n"), "{body}");
        assert!(body.contains("rotation: r-20260301\r\n"), "{body}");
        server.took_nothing_more();
    }
}

#[tokio::test]
async fn one_thing_is_one_thread_and_a_retry_is_the_same_mail() {
    let mut server = MailServer::start(Mode::Plain);
    let post = Post { ca_file: None, ..Post::anonymous("smtp", &server) };
    let receiver = post.receiver().unwrap();
    let mut other = alert();
    other.dedup_key = "rejected/other".to_owned();
    for (alert, delivery) in
        [(alert(), "d-1"), (alert(), "d-1"), (alert().resolved(now()), "d-2"), (other, "d-3")]
    {
        receiver.deliver(&alert, delivery, now()).await.unwrap();
    }
    let mails: Vec<Value> = (0..4).map(|_| server.mail()).collect();
    let ids: Vec<_> = mails.iter().map(|mail| header(mail, "message-id")).collect();
    let threads: Vec<_> = mails.iter().map(|mail| header(mail, "references")).collect();
    assert!(ids[0][0].starts_with('<') && ids[0][0].ends_with("@example.com>"), "{ids:?}");
    assert!(ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
    assert!(threads[0] == threads[1] && threads[1] == threads[2] && threads[2] != threads[3], "{threads:?}");
    assert_eq!(header(&mails[2], "in-reply-to"), threads[2]);
    assert!(header(&mails[2], "subject")[0].starts_with("RESOLVED prod-publish"));
}

#[tokio::test]
async fn nothing_in_an_alert_becomes_a_header_or_ends_the_mail() {
    let mut server = MailServer::start(Mode::Plain);
    let post = Post { ca_file: None, ..Post::anonymous("smtp", &server) };
    let mut alert = alert();
    alert.summary = "bad\r\nBcc: thief@example.com\r\n\r\n.\r\nQUIT ümlaut".to_owned();
    alert.hint = ".\r\n.\r\nMAIL FROM:<x@example.com>".to_owned();
    alert.dedup_key = "k>\r\nBcc: thief@example.com".to_owned();
    post.receiver().unwrap().deliver(&alert, "d\r\nBcc: thief@example.com", now()).await.unwrap();
    let mail = server.mail();
    assert_eq!(header(&mail, "bcc"), [""; 0]);
    assert_eq!(mail["to"].as_array().unwrap().len(), 1);
    assert_eq!(header(&mail, "subject").len(), 1);
    let data = mail["data"].as_str().unwrap();
    assert!(data.is_ascii() && data.lines().all(|line| line.len() <= 998), "{data}");
    server.took_nothing_more();
}

#[tokio::test]
async fn a_server_without_tls_is_refused_unless_that_is_allowed() {
    let mut server = MailServer::start(Mode::Plain);
    let refused = Post::to("smtp", &server);
    lasting(refused.deliver(&alert()).await, &["offers no TLS", "clear text", "allow_plain"]);
    let allowed = Post { allow_plain: true, ..Post::to("smtp", &server) };
    allowed.deliver(&alert()).await.unwrap();
    let mail = server.mail();
    assert_eq!((&mail["is_encrypted"], &mail["user"]), (&false.into(), &USER.into()));
    // On this machine nobody listens in, so it needs TLS only where an authority is named.
    let local = Post { ca_file: None, ..Post::to("smtp", &server) };
    local.deliver(&alert()).await.unwrap();
    assert_eq!(server.mail()["is_encrypted"], false);
    server.took_nothing_more();
}

#[tokio::test]
async fn a_server_with_tls_is_encrypted_also_where_plain_is_allowed() {
    let mut server = MailServer::start(Mode::StartTls);
    let post = Post { allow_plain: true, ..Post::to("smtp", &server) };
    post.deliver(&alert()).await.unwrap();
    assert_eq!(server.mail()["is_encrypted"], true);
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_ends_it_before_anything_is_said() {
    for (mode, scheme) in [(Mode::StartTls, "smtp"), (Mode::Tls, "smtps")] {
        let server = MailServer::start(mode);
        // The certificate is for `localhost`, not for the address.
        let url = Post::to(scheme, &server).url.replace("localhost", "127.0.0.1");
        let by_address = Post { url, allow_plain: true, ..Post::to(scheme, &server) };
        lasting(by_address.deliver(&alert()).await, &["a certificate that is not trusted", "`ca_file`"]);
        server.took_nothing_more();
    }
    // Nobody whom the system trusts issued it.
    let server = MailServer::start(Mode::Tls);
    let by_system = Post { ca_file: None, ..Post::to("smtps", &server) };
    lasting(by_system.deliver(&alert()).await, &["a certificate that is not trusted", "`ca_file`"]);
    server.took_nothing_more();
}

#[tokio::test]
async fn a_wrong_password_is_told() {
    let server = MailServer::start(Mode::StartTls);
    let post = Post { password: Some("canary-wrong-CANARY"), ..Post::to("smtp", &server) };
    lasting(post.deliver(&alert()).await, &["refused user and password with 535", "app password"]);
    server.took_nothing_more();
}

#[tokio::test]
async fn a_recipient_that_is_gone_does_not_keep_the_mail_from_the_others() {
    let mut server = MailServer::start(Mode::StartTls);
    let to = vec!["gone@example.com", "oncall@example.com", "busy@example.com"];
    Post { to, ..Post::to("smtp", &server) }.deliver(&alert()).await.unwrap();
    assert_eq!(server.mail()["to"], serde_json::json!(["oncall@example.com"]));

    let gone = Post { to: vec!["gone@example.com"], ..Post::to("smtp", &server) };
    lasting(gone.deliver(&alert()).await, &["gone@example.com", "550", "no such user here", "`to`"]);
    let busy = Post { to: vec!["gone@example.com", "busy@example.com"], ..Post::to("smtp", &server) };
    assert_eq!(passing(busy.deliver(&alert()).await, &["busy@example.com", "451", "try again later"]), None);
    server.took_nothing_more();
}

#[tokio::test]
async fn a_sender_that_is_refused_is_told_in_clean_words() {
    let server = MailServer::start(Mode::StartTls);
    let post = Post { from: "rotate@elsewhere.example", ..Post::to("smtp", &server) };
    lasting(post.deliver(&alert()).await, &["refused the sender with 550", "not your address", "`from`"]);
    server.took_nothing_more();
}

#[tokio::test]
async fn what_cannot_work_is_told_before_anybody_is_called() {
    let server = MailServer::start(Mode::Plain);
    let settings = || Post::to("smtp", &server);
    let anonymous = Post::anonymous("smtp", &server).url;
    let junk = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(junk.path(), "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
    let empty = tempfile::NamedTempFile::new().unwrap();
    for (post, words) in [
        (Post { password: None, ..settings() }, "have `secret` point"),
        (Post { url: anonymous, ..settings() }, "smtps://USER@HOST"),
        (Post { url: format!("smtp://user:{PASSWORD}@localhost"), ..settings() }, "has a password in it"),
        (Post { url: "https://localhost/canary".to_owned(), ..settings() }, "smtps://USER@HOST"),
        (Post { to: vec![], ..settings() }, "name somebody"),
        (Post { to: vec!["nobody"], ..settings() }, "no mail address"),
        (Post { from: "x\r\nBcc: a@example.com", ..settings() }, "no mail address"),
        (Post { ca_file: Some("/nowhere/ca.pem".into()), ..settings() }, "`ca_file`"),
        (Post { ca_file: Some(junk.path().into()), ..settings() }, "`ca_file`"),
        (Post { ca_file: Some(empty.path().into()), ..settings() }, "there is none"),
        (
            Post {
                allowed: Allowed::default(),
                url: "smtp://[::1]".to_owned(),
                password: None,
                ..settings()
            },
            "allow_loopback",
        ),
    ] {
        lasting(post.receiver().map(|_| ()), &[words]);
    }
    server.took_nothing_more();
}

/// A server that greets a client with these bytes and then says nothing.
fn odd_server(greeting: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(greeting);
        let _ = BufReader::new(stream).read_line(&mut String::new());
    });
    port
}

#[tokio::test]
async fn odd_servers_are_left_alone() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = MailServer::start(Mode::Plain);
    let post = |port| Post {
        url: format!("smtp://127.0.0.1:{port}"),
        ca_file: None,
        timeout: Duration::from_millis(500),
        ..Post::anonymous("smtp", &server)
    };
    passing(post(nobody).deliver(&alert()).await, &["could not connect to 127.0.0.1"]);
    passing(post(odd_server(b"")).deliver(&alert()).await, &["within 500ms"]);
    passing(post(odd_server(b"421 4.3.2 \x1b[2Jclosing\r\n")).deliver(&alert()).await, &["421", "closing"]);
    lasting(post(odd_server(b"554 5.7.1 go away\r\n")).deliver(&alert()).await, &["554", "go away"]);
    passing(
        post(odd_server(b"HTTP/1.1 400 Bad Request\r\n\r\n")).deliver(&alert()).await,
        &["could not connect"],
    );
}
