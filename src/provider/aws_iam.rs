//! AWS IAM: access keys of one user, which come in pairs of id and secret, two at a time.
//!
//! A credential is the pair as one value, `ACCESS_KEY_ID:SECRET_ACCESS_KEY`: the halves are of no use apart.
//! Its provider key id is the access key id. Whoever administers is found by the SDK's own chain; the ping is
//! made with the credential itself, by the one call that needs no permission.

pub mod shape;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use super::{Listing, Minted, Outcome, Ping, Provider, WrongKind};
use crate::aws::iam::{KEYS_LIMIT, LastUsed};
use crate::aws::sts::{Said, Whose};
use crate::aws::{AwsError, Fault, Iam, Settings, Sts, connect_iam};
use crate::http::clean;
use crate::rotation::credential::{
    Capabilities, Identity, KeyStatus, LastUse, LastUseSeen, ListedKey, ProviderKey, ProviderKeyId, Verdict,
};
use crate::secret::Secret;

/// The service of a ping, and of `aws sts get-caller-identity` in any script.
const PROBED_SERVICE: &str = "sts";

/// The adapter for the access keys of one user.
///
/// # Caveats
/// - IAM is eventually consistent: a key that was just made is refused for some seconds, and one that was just
///   disabled goes on for a while. The caller asks several times.
/// - A probe is a use: it shows in the key's last use, as a use of STS.
pub struct AwsIam {
    user: String,
    settings: Settings,
    clients: OnceCell<(Iam, Sts)>,
}

impl AwsIam {
    /// Connects to nothing yet.
    pub fn new(user: String, settings: Settings) -> Self {
        Self { user, settings, clients: OnceCell::new() }
    }

    async fn iam(&self) -> &Iam {
        &self.clients().await.0
    }

    async fn clients(&self) -> &(Iam, Sts) {
        self.clients.get_or_init(|| connect_iam(&self.settings)).await
    }

    async fn set_active(&self, id: &ProviderKeyId, is_active: bool) -> Outcome<()> {
        outcome(self.iam().await.set_active(&self.user, &id.0, is_active).await)
    }

    async fn last_use(&self, id: &str) -> Result<Option<LastUse>, AwsError> {
        Ok(self.iam().await.last_used(&self.user, id).await?.map(told))
    }
}

#[async_trait(?Send)]
impl Provider for AwsIam {
    fn name(&self) -> &'static str {
        "aws-iam"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            mint: true,
            revoke: true,
            reactivate: true,
            delete: true,
            last_used: true,
            usage: false,
            probe_tokens: 0,
            keys_limit: Some(KEYS_LIMIT),
        }
    }

    fn administrator(&self) -> &'static str {
        "the AWS credentials that rotate uses"
    }

    fn console_page(&self) -> String {
        format!(
            "https://console.aws.amazon.com/iam/home#/users/details/{}?section=security_credentials",
            self.user
        )
    }

    fn check_shape(&self, value: &Secret) -> Result<(), WrongKind> {
        shape::pair(value).map(|_| ())
    }

    fn shape_remark(&self, value: &Secret) -> Option<String> {
        shape::remark(value)
    }

    /// Of the id, as the console shows it; nothing of the secret.
    fn last4(&self, value: &Secret) -> String {
        match shape::pair(value) {
            Ok(pair) => pair.id[pair.id.len() - 4..].to_owned(),
            Err(_) => String::new(),
        }
    }

    async fn probe_once(&self, value: &Secret) -> Ping {
        let said = match shape::pair(value) {
            Ok(pair) => self.clients().await.1.whose(pair.id, pair.secret).await,
            Err(wrong) => return Ping { verdict: Verdict::Rejected, ..silent(wrong.what) },
        };
        judged(said)
    }

    /// The id is in the value. That it is a key of the very user, in the account of whoever administers, is
    /// proven by that user's list.
    async fn identify(&self, value: &Secret) -> Identity {
        let Ok(pair) = shape::pair(value) else { return Identity::NotFound };
        let listed = match self.iam().await.list(&self.user).await {
            Ok(listed) => listed,
            Err(error) => return Identity::Unknown(spoken(&error)),
        };
        match listed.into_iter().find(|key| key.id == pair.id) {
            Some(key) => Identity::Proven(ProviderKey {
                name: format!("access key of {}", self.user),
                status: status(key.is_active),
                workspace: None,
                expires_at: None,
                hint: key.id.clone(),
                id: ProviderKeyId(key.id),
            }),
            None => Identity::NotFound,
        }
    }

    async fn key_status(&self, id: &ProviderKeyId) -> Outcome<Option<KeyStatus>> {
        let listed = self.iam().await.list(&self.user).await;
        outcome(
            listed.map(|listed| listed.iter().find(|key| key.id == id.0).map(|key| status(key.is_active))),
        )
    }

    async fn revoke(&self, id: &ProviderKeyId) -> Outcome<()> {
        self.set_active(id, false).await
    }

    async fn reactivate(&self, id: &ProviderKeyId) -> Outcome<()> {
        self.set_active(id, true).await
    }

    async fn delete(&self, id: &ProviderKeyId) -> Outcome<()> {
        outcome(self.iam().await.delete(&self.user, &id.0).await)
    }

    fn removal(&self, id: &ProviderKeyId) -> String {
        format!("`aws iam delete-access-key --user-name {} --access-key-id {id}`", self.user)
    }

    async fn mint(&self) -> Outcome<Minted> {
        let made = match self.iam().await.create(&self.user).await {
            Ok(made) => made,
            Err(error) => return outcome(Err(error)),
        };
        let text = Zeroizing::new([made.id.as_str(), ":", made.secret.as_str()].concat());
        match Secret::from_bytes(text.as_bytes().to_vec()) {
            Ok(value) => Outcome::Done(Minted { id: ProviderKeyId(made.id), value }),
            // The key exists, and its value is of no use: the next look finds it.
            Err(malformed) => Outcome::Unknown(format!("AWS made a key that is none: {malformed}")),
        }
    }

    async fn list(&self) -> Outcome<Listing> {
        let listed = match self.iam().await.list(&self.user).await {
            Ok(listed) => listed,
            Err(error) => return outcome(Err(error)),
        };
        let mut keys = Vec::new();
        for key in listed {
            let last_use = match self.last_use(&key.id).await {
                Ok(None) => LastUseSeen::Never,
                Ok(Some(used)) => LastUseSeen::At(used),
                Err(error) => LastUseSeen::Unknown(spoken(&error)),
            };
            let status = status(key.is_active);
            keys.push(ListedKey { id: ProviderKeyId(key.id), status, created_at: key.created_at, last_use });
        }
        Outcome::Done(Listing { keys, date: self.iam().await.date().and_then(|date| moment(&date)) })
    }

    async fn last_used(&self, id: &ProviderKeyId) -> Outcome<Option<LastUse>> {
        outcome(self.last_use(&id.0).await)
    }
}

fn status(is_active: bool) -> KeyStatus {
    if is_active { KeyStatus::Active } else { KeyStatus::Inactive }
}

fn told(used: LastUsed) -> LastUse {
    LastUse {
        at: used.at,
        by: clean(&format!("{} in {}", used.service, used.region), &[]),
        may_be_a_probe: used.service == PROBED_SERVICE,
    }
}

/// The three outcomes: only what AWS definitely said no to is refused.
fn outcome<T>(result: Result<T, AwsError>) -> Outcome<T> {
    match result {
        Ok(done) => Outcome::Done(done),
        Err(error) if error.fault == Fault::Passing => Outcome::Unknown(spoken(&error)),
        Err(error) => Outcome::Refused(spoken(&error)),
    }
}

fn spoken(error: &AwsError) -> String {
    format!("{}; {}", error.message, error.remedy)
}

fn moment(date: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(date).ok()
}

fn judged(said: Said) -> Ping {
    let headers = Ping {
        date: said.date.and_then(|date| moment(&date)),
        retry_after_seconds: said.retry_after.and_then(|seconds| seconds.trim().parse().ok()),
        ..silent(String::new())
    };
    match said.verdict {
        Whose::Of { arn } => {
            let arn = clean(&arn, &[]);
            Ping {
                verdict: Verdict::Accepted,
                detail: format!("AWS knows it as {arn}"),
                workspace: Some(arn),
                ..headers
            }
        }
        Whose::Nobodys(code) => Ping {
            verdict: Verdict::Rejected,
            detail: format!("AWS refuses it ({})", clean(&code, &[])),
            ..headers
        },
        Whose::Unknown(error) => Ping { detail: spoken(&error), ..headers },
    }
}

fn silent(detail: String) -> Ping {
    Ping { verdict: Verdict::Unknown, detail, date: None, retry_after_seconds: None, workspace: None }
}
