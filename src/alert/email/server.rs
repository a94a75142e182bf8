//! The mail server: its address, how far it is trusted, and a connection to it.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;

use crate::alert::Undelivered;
use crate::alert::address::{Allowed, forbidden, not_a_url, parse};
use crate::http::clean;
use crate::http::guard::{Refused, Special, look_up, special};
use crate::secret::Secret;

const EXAMPLE: &str = "smtps://USER@HOST or smtp://USER@HOST:587";

/// Ports for submission with TLS from the start, and by STARTTLS (RFC 8314, section 3; RFC 6409, section 3.1).
const ENCRYPTED_PORT: u16 = 465;
const SUBMISSION_PORT: u16 = 587;

/// Whose certificates are believed.
pub(super) struct Trust(Option<Certificate>);

impl Trust {
    /// That of the system or, where there is a file, that of the file alone.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Self, Undelivered> {
        let Some(path) = ca_file else { return Ok(Self(None)) };
        let unusable = |reason: String| {
            Undelivered::lasting(
                format!("the certificates in {} are not usable: {}", path.display(), clean(&reason, &[])),
                "have `ca_file` name a file of certificates in PEM, beginning with -----BEGIN CERTIFICATE-----",
            )
        };
        let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
        // A file without one would leave nobody to believe, which every server would then be told.
        if !pem.windows(BEGINNING.len()).any(|window| window == BEGINNING) {
            return Err(unusable("there is none".to_owned()));
        }
        Certificate::from_pem(&pem)
            .map(|certificate| Self(Some(certificate)))
            .map_err(|error| unusable(error.to_string()))
    }
}

const BEGINNING: &[u8] = b"-----BEGIN CERTIFICATE-----";

pub(super) struct Server {
    /// Without brackets.
    host: String,
    port: u16,
    user: Option<String>,
    is_encrypted: bool,
    allowed: Allowed,
    trust: Trust,
    allow_plain: bool,
}

impl Server {
    pub(super) fn new(
        url: &Secret,
        allowed: Allowed,
        trust: Trust,
        allow_plain: bool,
    ) -> Result<Self, Undelivered> {
        let url = parse(url, EXAMPLE)?;
        let is_encrypted = match url.scheme() {
            "smtps" => true,
            "smtp" => false,
            _ => return Err(not_a_url(EXAMPLE)),
        };
        if url.password().is_some() {
            return Err(Undelivered::lasting(
                "the mail server's address has a password in it",
                "take it out, and have `secret` point at it",
            ));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err(not_a_url(EXAMPLE));
        }
        allowed
            .permits_host(&url)
            .map_err(|special| forbidden(url.host_str().unwrap_or_default(), special))?;
        let host = url.host_str().unwrap_or_default();
        let port = url.port().unwrap_or(if is_encrypted { ENCRYPTED_PORT } else { SUBMISSION_PORT });
        let user = Some(url.username()).filter(|user| !user.is_empty());
        let user = user.map(|user| decoded(user).ok_or_else(|| not_a_url(EXAMPLE))).transpose()?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port, user, is_encrypted, allowed, trust, allow_plain })
    }

    /// As messages name it.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// A connection that the server has greeted, encrypted unless it need not be.
    pub(super) async fn connect(&self, limit: Duration) -> Result<AsyncSmtpConnection, Undelivered> {
        let found = look_up(&self.host, self.port, self.allowed).await;
        let addresses = found.map_err(|error| match Refused::within(&error) {
            Some(Refused(special)) => forbidden(&self.host, *special),
            None => Undelivered::passing(format!(
                "could not find {}: {}",
                self.host,
                clean(&error.to_string(), &[])
            )),
        })?;
        let mut failure = Undelivered::passing(format!("{} has no address", self.host));
        for address in addresses {
            match self.open(address, limit).await {
                Ok(connection) => return Ok(connection),
                // What somebody has to mend says more than that another address was not there.
                Err(error) if failure.remedy.is_empty() => failure = error,
                Err(_) => {}
            }
        }
        Err(failure)
    }

    async fn open(&self, address: SocketAddr, limit: Duration) -> Result<AsyncSmtpConnection, Undelivered> {
        let name = own_name();
        let tls = if self.is_encrypted { Some(self.tls()?) } else { None };
        let failure = |error: SmtpError| self.unconnected(&error);
        let mut connection = AsyncSmtpConnection::connect_tokio1(address, Some(limit), &name, tls, None)
            .await
            .map_err(failure)?;
        // What goes to this machine is seen by nobody on the way. Mail programs there have certificates that nobody
        // issued, so TLS is asked of them only where their issuer is named.
        let is_private = special(address.ip()) == Some(Special::Loopback) && self.trust.0.is_none();
        if self.is_encrypted || is_private {
            return Ok(connection);
        }
        if connection.can_starttls() {
            connection.starttls(self.tls()?, &name).await.map_err(failure)?;
            return Ok(connection);
        }
        if self.allow_plain {
            return Ok(connection);
        }
        connection.abort().await;
        Err(Undelivered::lasting(
            format!("{} offers no TLS on port {}: alerts would go there in clear text", self.host, self.port),
            "use smtps:// or the port where the server offers STARTTLS, or set allow_plain = true, if everybody on the \
             way may read them",
        ))
    }

    fn tls(&self) -> Result<TlsParameters, Undelivered> {
        let builder = TlsParameters::builder(self.host.clone());
        let builder = match &self.trust.0 {
            Some(certificate) => {
                builder.certificate_store(CertificateStore::None).add_root_certificate(certificate.clone())
            }
            None => builder,
        };
        builder.build().map_err(|error| {
            Undelivered::lasting(
                format!("no TLS connection can be checked: {}", reason_of(&error, [])),
                "install the system's CA certificates, or name a file of them as `ca_file`",
            )
        })
    }

    fn unconnected(&self, error: &SmtpError) -> Undelivered {
        if let Some(flaw) = certificate_flaw(error) {
            return Undelivered::lasting(
                format!("{} has a certificate that is not trusted: {flaw}", self.host),
                "use the name that its certificate was made for; a certificate authority of your own is named by `ca_file`",
            );
        }
        let (host, port) = (&self.host, self.port);
        let reason = reason_of(error, []);
        match error.status() {
            Some(code) if error.is_permanent() => Undelivered::lasting(
                format!("{host} turned the connection away with {code}: {reason}"),
                "ask the server's administrator why; the port for mail programs is 465 or 587",
            ),
            Some(code) => Undelivered::passing(format!(
                "{host} turned the connection away for now with {code}: {reason}"
            )),
            None => Undelivered::passing(format!("could not connect to {host} on port {port}: {reason}")),
        }
    }
}

/// What is wrong with the server's certificate, where that is the reason.
pub(super) fn certificate_flaw(error: &SmtpError) -> Option<String> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::InvalidCertificate(flaw)) = tls {
            return Some(clean(&flaw.to_string(), &[]));
        }
        next = error.source();
    }
    None
}

/// The innermost reason, clean; what the server said where it said something.
pub(super) fn reason_of<'s>(error: &SmtpError, secrets: impl IntoIterator<Item = &'s Secret>) -> String {
    let mut reason: &dyn Error = error;
    while let Some(inner) = reason.source() {
        reason = inner;
    }
    clean(&reason.to_string(), &secrets.into_iter().collect::<Vec<_>>())
}

/// This machine's name, where it can stand in a greeting.
fn own_name() -> ClientId {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    match !name.is_empty() && name.len() <= 253 && name.chars().all(is_plain) {
        true => ClientId::Domain(name.into_owned()),
        false => ClientId::default(),
    }
}

/// A user's name as it was before it was written into a URL, where it is text.
fn decoded(user: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(user.len());
    let mut rest = user.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok().filter(|user| !user.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Allowed = Allowed { loopback: true, link_local: false };

    fn server(url: &str, allowed: Allowed) -> Result<Server, Undelivered> {
        Server::new(&Secret::from_text(url.to_owned()).unwrap(), allowed, Trust(None), false)
    }

    #[test]
    fn an_address_is_taken_apart() {
        let cases = [
            ("smtps://mail.example.com", "mail.example.com", 465, None, true),
            ("smtp://mail.example.com", "mail.example.com", 587, None, false),
            ("smtp://me@mail.example.com:25/", "mail.example.com", 25, Some("me"), false),
            (
                "smtps://me%40example.com@mail.example.com:2465",
                "mail.example.com",
                2465,
                Some("me@example.com"),
                true,
            ),
            ("smtp://[::1]:2525", "::1", 2525, None, false),
        ];
        for (url, host, port, user, is_encrypted) in cases {
            let server = server(url, HERE).unwrap_or_else(|error| panic!("{url}: {error}"));
            let found = (server.host(), server.port, server.user(), server.is_encrypted);
            assert_eq!(found, (host, port, user, is_encrypted), "{url}");
        }
    }

    #[test]
    fn other_addresses_are_refused_without_being_repeated() {
        let cases = [
            ("https://canary.example.com", "smtps://USER@HOST"),
            ("smtp:canary", "smtps://USER@HOST"),
            ("smtp://", "smtps://USER@HOST"),
            ("smtp://mail.example.com/canary", "smtps://USER@HOST"),
            ("smtp://mail.example.com?auth=canary", "smtps://USER@HOST"),
            ("smtp://me:canary@mail.example.com", "`secret`"),
            ("smtp://a%0d%0acanary@mail.example.com", "smtps://USER@HOST"),
            ("smtp://169.254.169.254", "allow_link_local"),
        ];
        for (url, words) in cases {
            let error = server(url, HERE).map(|_| ()).unwrap_err();
            let said = format!("{error} {}", error.remedy);
            assert!(said.contains(words) && !said.contains("canary"), "{url}: {said}");
        }
        let error = server("smtp://127.0.0.1", Allowed::default()).map(|_| ()).unwrap_err();
        assert!(error.remedy.contains("allow_loopback"), "{error}");
    }
}
