//! Mail, by SMTP to a server that takes it on.

mod message;
mod server;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{Extension, MailParameter};

use super::address::Allowed;
use super::{Alert, Receiver, Undelivered};
use crate::http::clean;
use crate::readable::is_readable;
use crate::secret::Secret;
use server::{Server, Trust, certificate_flaw, reason_of};

pub struct Settings {
    /// `smtps://USER@HOST` or `smtp://USER@HOST`, with the port where it is not 465 or 587.
    pub url: Secret,
    /// The user's password.
    pub secret: Option<Secret>,
    pub from: String,
    /// At least one mailbox.
    pub to: Vec<String>,
    /// Certificates that are trusted instead of the system's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// Whether a server that offers no TLS is spoken to all the same.
    pub allow_plain: bool,
    pub allowed: Allowed,
    pub timeout: Duration,
}

/// Sends an alert to everybody in `to`, as one mail. All mails about the same thing stand in one thread, and the same
/// delivery has the same `Message-ID` in every try, by which many programs drop the second.
///
/// Without TLS nothing is sent, unless `allow_plain` is set, or the server is on this machine and `ca_file` is not set.
/// It was taken when the server has taken it for somebody in `to`; addresses that it refuses are logged.
///
/// # Caveats
/// - While a delivery lasts, lettre has a copy of the password, which it does not wipe.
pub struct EmailReceiver {
    server: Server,
    password: Option<Secret>,
    from: Mailbox,
    to: Vec<Mailbox>,
    timeout: Duration,
}

impl EmailReceiver {
    /// Connects to nothing. Reads `ca_file`.
    ///
    /// # Errors
    /// The address, a mailbox or the certificates are not usable, or user and password are not both there.
    pub fn new(settings: Settings) -> Result<Self, Undelivered> {
        let trust = Trust::new(settings.ca_file.as_deref())?;
        let server = Server::new(&settings.url, settings.allowed, trust, settings.allow_plain)?;
        match (server.user(), &settings.secret) {
            (None, Some(_)) => Err(Undelivered::lasting(
                "there is a password for the mail server, and no user",
                "put the user into the address that `url` points at: smtps://USER@HOST",
            )),
            (Some(_), None) => Err(Undelivered::lasting(
                "there is a user for the mail server, and no password",
                "have `secret` point at the user's password, or take the user out of the address",
            )),
            _ => Ok(()),
        }?;
        let to = settings.to.iter().map(|text| mailbox(text)).collect::<Result<Vec<_>, _>>()?;
        if to.is_empty() {
            return Err(Undelivered::lasting("the mail would go to nobody", "name somebody in `to`"));
        }
        let from = mailbox(&settings.from)?;
        Ok(Self { server, password: settings.secret, from, to, timeout: settings.timeout })
    }

    async fn send(&self, mail: &[u8]) -> Result<(), Undelivered> {
        let mut connection = self.server.connect(self.timeout).await?;
        self.log_in(&mut connection).await?;
        let from = self.from.email.clone();
        let is_ascii = self.to.iter().chain([&self.from]).all(|mailbox| mailbox.email.to_string().is_ascii());
        let takes_more = connection.server_info().supports_feature(Extension::SmtpUtfEight);
        let options = if !is_ascii && takes_more { vec![MailParameter::SmtpUtfEight] } else { Vec::new() };
        connection.command(Mail::new(Some(from), options)).await.map_err(|error| {
            self.failure("the sender", &error, "check that this user may send as the address in `from`")
        })?;
        self.name_recipients(&mut connection).await?;
        let sent = |error: SmtpError| self.failure("the mail", &error, "see why the server refuses it");
        connection.command(Data).await.map_err(sent)?;
        connection.message(mail).await.map_err(sent)?;
        // It is taken; how the goodbye ends does not matter.
        let _ = connection.quit().await;
        Ok(())
    }

    async fn log_in(&self, connection: &mut AsyncSmtpConnection) -> Result<(), Undelivered> {
        let (Some(user), Some(password)) = (self.server.user(), &self.password) else { return Ok(()) };
        let credentials = Credentials::new(user.to_owned(), password.expose().to_owned());
        match connection.auth(DEFAULT_MECHANISMS, &credentials).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_client() => Err(Undelivered::lasting(
                format!("{} offers no log-in by a password on this connection", self.server.host()),
                "use the port for submission, 465 (smtps://) or 587; or take user and `secret` away, if none is wanted",
            )),
            Err(error) => Err(self.failure(
                "user and password",
                &error,
                "check the user in the address and the password that `secret` points at; many providers want an \
                 app password here, not the one of the account",
            )),
        }
    }

    /// One address that is gone must not keep an alert from the others.
    async fn name_recipients(&self, connection: &mut AsyncSmtpConnection) -> Result<(), Undelivered> {
        let mut refusals = Vec::new();
        for to in &self.to {
            let Err(error) = connection.command(Rcpt::new(to.email.clone(), Vec::new())).await else {
                continue;
            };
            let refused = self.failure(
                &format!("the address {}", clean(to.email.as_ref(), &[])),
                &error,
                "check the addresses in `to`, and that this server takes mail for them",
            );
            if error.status().is_none() {
                return Err(refused);
            }
            refusals.push(refused);
        }
        if refusals.len() < self.to.len() {
            refusals.iter().for_each(|refused| tracing::warn!("{refused}"));
            return Ok(());
        }
        connection.abort().await;
        // One that may pass is worth another try.
        let passing = refusals.iter().position(|refused| refused.remedy.is_empty());
        Err(refusals.swap_remove(passing.unwrap_or(0)))
    }

    /// What the server makes of `what` that it was told. A 4xx passes by itself (RFC 5321, section 4.2.1).
    fn failure(&self, what: &str, error: &SmtpError, remedy: &str) -> Undelivered {
        let host = self.server.host();
        let said = reason_of(error, self.password.iter());
        let said = if said.is_empty() { said } else { format!(": {said}") };
        match error.status() {
            Some(code) if error.is_transient() => {
                Undelivered::passing(format!("{host} answered {code} to {what}{said}"))
            }
            Some(code) => Undelivered::lasting(format!("{host} refused {what} with {code}{said}"), remedy),
            None if certificate_flaw(error).is_some() || error.is_client() => {
                Undelivered::lasting(format!("{host} could not be told {what}{said}"), remedy)
            }
            None => Undelivered::passing(format!("{host} could not be told {what}{said}")),
        }
    }
}

#[async_trait(?Send)]
impl Receiver for EmailReceiver {
    async fn deliver(&self, alert: &Alert, delivery: &str, now: Timestamp) -> Result<(), Undelivered> {
        let mail = message::compose(alert, delivery, now, &self.from, &self.to)?;
        match tokio::time::timeout(self.timeout, self.send(&mail)).await {
            Ok(sent) => sent,
            Err(_) => Err(Undelivered::passing(format!(
                "{} did not take the mail within {:?}",
                self.server.host(),
                self.timeout
            ))),
        }
    }
}

fn mailbox(text: &str) -> Result<Mailbox, Undelivered> {
    let is_one_line = text.chars().all(is_readable);
    text.parse().ok().filter(|_| is_one_line).ok_or_else(|| {
        Undelivered::lasting(
            format!("`{}` is no mail address", clean(text, &[])),
            "write an address such as oncall@example.com, or one with a name: On call <oncall@example.com>",
        )
    })
}
