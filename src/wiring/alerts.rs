//! From settings to those who take alerts.

use std::io;

use super::{Surroundings, secret_variables};
use crate::alert::address::Allowed;
use crate::alert::chat::{self, ChatReceiver, Platform};
use crate::alert::command::{self, CommandReceiver};
use crate::alert::desk::Subscriber;
use crate::alert::email::{self, EmailReceiver};
use crate::alert::healthchecks::{self, HealthchecksReceiver};
use crate::alert::pagerduty::{self, PagerDutyReceiver};
use crate::alert::webhook::{self, WebhookReceiver};
use crate::alert::{Receiver, Undelivered};
use crate::config::{AlertSettings, Config, Origin, ReceiverSettings, SecretReference};
use crate::secret::Secret;

/// Who hears of what. Monitors that wait for a sign of life hear of nothing else.
pub fn subscribers(config: &Config) -> Vec<Subscriber> {
    let hears = |settings: &&AlertSettings| !matches!(settings.kind, ReceiverSettings::Healthchecks { .. });
    config
        .alerts
        .iter()
        .filter(hears)
        .map(|settings| Subscriber {
            name: settings.name.clone(),
            route: settings.route.clone(),
            repeat: settings.repeat,
        })
        .collect()
}

/// The receiver of this name; `None` where the configuration has none. Its references are resolved here, which may take
/// a while and must not happen inside a runtime.
pub fn receiver(
    config: &Config,
    name: &str,
    surroundings: &Surroundings<'_>,
) -> Option<Result<Box<dyn Receiver>, Undelivered>> {
    let settings = config.alerts.iter().find(|settings| settings.name == name)?;
    Some(Maker { config, settings, surroundings }.receiver())
}

/// The monitors that wait for a sign of life, by name.
pub fn monitors(
    config: &Config,
    surroundings: &Surroundings<'_>,
) -> Vec<(String, Result<HealthchecksReceiver, Undelivered>)> {
    let monitor = |settings: &AlertSettings| match &settings.kind {
        ReceiverSettings::Healthchecks { url } => {
            let monitor = Maker { config, settings, surroundings }.healthchecks(url);
            Some((settings.name.clone(), monitor))
        }
        _ => None,
    };
    config.alerts.iter().filter_map(monitor).collect()
}

struct Maker<'a> {
    config: &'a Config,
    settings: &'a AlertSettings,
    surroundings: &'a Surroundings<'a>,
}

impl Maker<'_> {
    fn receiver(&self) -> Result<Box<dyn Receiver>, Undelivered> {
        let timeout = self.settings.timeout;
        let allowed = self.allowed();
        Ok(match &self.settings.kind {
            ReceiverSettings::Slack { url } => Box::new(self.chat(Platform::Slack, url)?),
            ReceiverSettings::Discord { url } => Box::new(self.chat(Platform::Discord, url)?),
            ReceiverSettings::PagerDuty { secret, url } => {
                let url = url.as_ref().map(|url| self.resolved("url", url)).transpose()?;
                let routing_key = self.resolved("secret", secret)?;
                Box::new(PagerDutyReceiver::new(pagerduty::Settings { routing_key, url, allowed, timeout })?)
            }
            ReceiverSettings::Email { url, secret, from, to, ca_file, allow_plain } => {
                Box::new(EmailReceiver::new(email::Settings {
                    url: self.resolved("url", url)?,
                    secret: secret.as_ref().map(|secret| self.resolved("secret", secret)).transpose()?,
                    from: from.clone(),
                    to: to.clone(),
                    ca_file: ca_file.clone(),
                    allow_plain: *allow_plain,
                    allowed,
                    timeout,
                })?)
            }
            ReceiverSettings::Webhook { url, secret } => Box::new(WebhookReceiver::new(webhook::Settings {
                url: self.resolved("url", url)?,
                secret: secret.as_ref().map(|secret| self.resolved("secret", secret)).transpose()?,
                allowed,
                timeout,
            })?),
            ReceiverSettings::Command { command } => Box::new(CommandReceiver::new(command::Settings {
                command: command.clone(),
                timeout,
                removed_variables: secret_variables(self.config, &[]),
            })),
            ReceiverSettings::Healthchecks { url } => Box::new(self.healthchecks(url)?),
        })
    }

    fn chat(&self, platform: Platform, url: &SecretReference) -> Result<ChatReceiver, Undelivered> {
        let url = self.resolved("url", url)?;
        let Self { settings, .. } = self;
        ChatReceiver::new(chat::Settings {
            platform,
            url,
            allowed: self.allowed(),
            timeout: settings.timeout,
        })
    }

    fn healthchecks(&self, url: &SecretReference) -> Result<HealthchecksReceiver, Undelivered> {
        let url = self.resolved("url", url)?;
        let Self { settings, .. } = self;
        HealthchecksReceiver::new(healthchecks::Settings {
            url,
            allowed: self.allowed(),
            timeout: settings.timeout,
        })
    }

    fn allowed(&self) -> Allowed {
        Allowed { loopback: self.settings.allow_loopback, link_local: self.settings.allow_link_local }
    }

    fn resolved(&self, field: &str, reference: &SecretReference) -> Result<Secret, Undelivered> {
        let of = format!("alerts.{}.{field}", self.settings.name);
        let resolved =
            reference.resolve(Origin::Configuration(&of), self.surroundings.environment, &mut io::empty());
        resolved.map_err(|failure| Undelivered::lasting(failure.to_string(), failure.hint))
    }
}
