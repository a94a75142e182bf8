//! Who issues keys: the port, and one file per provider.

pub mod anthropic;
pub mod aws_iam;
pub mod gate;
pub mod probe;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::rotation::credential::{
    Capabilities, Identity, KeyStatus, LastUse, ListedKey, ProviderKeyId, UsageBucket, Verdict,
};
use crate::secret::Secret;

/// An issuer of credentials.
///
/// # Guarantees
/// - `probe_once` makes one real call with the credential itself. It answers `Accepted` only for a
///   well-formed success of the provider's own, `Rejected` only for its definite refusal of this
///   credential, and `Unknown` for everything else: no connection, time-outs, throttling, HTML,
///   redirects, bodies that make no sense.
/// - `revoke`, `reactivate` and `delete` name exactly one key by id and may be repeated.
/// - Text in answers is stripped of control characters and of the secrets that were sent.
///
/// # Assumptions
/// The caller proves by [`Provider::identify`] which id is a credential's own before it revokes, and
/// probes afterwards: a success of `revoke` is no proof (providers lag).
///
/// # Caveats
/// What an adapter cannot do is missing from [`Provider::capabilities`] and answers
/// [`Outcome::Refused`] when called all the same.
///
/// # Errors
/// Never by `Err`: every call has one of three outcomes, and after [`Outcome::Unknown`] the caller
/// looks before it acts again.
#[async_trait(?Send)]
pub trait Provider {
    /// As `rotate.toml` spells it.
    fn name(&self) -> &'static str;

    fn capabilities(&self) -> Capabilities;

    /// What lists and disables keys for us, for people.
    fn administrator(&self) -> &'static str {
        "the admin key"
    }

    /// The console page where a person creates and disables keys.
    fn console_page(&self) -> String;

    /// Whether a value looks like this provider's credential of the kind that jobs use.
    ///
    /// # Errors
    /// What it is instead, and what to do.
    fn check_shape(&self, value: &Secret) -> Result<(), WrongKind>;

    /// A remark about a value that was rejected, such as a length that no real key has.
    fn shape_remark(&self, value: &Secret) -> Option<String>;

    /// The last characters of a value, as consoles show them; few enough that nobody could use them.
    fn last4(&self, value: &Secret) -> String {
        value.last4()
    }

    /// One live ping.
    async fn probe_once(&self, value: &Secret) -> Ping;

    /// Which provider key the value is.
    async fn identify(&self, value: &Secret) -> Identity;

    /// The provider's record of one key: `Done(None)` where the id does not exist.
    async fn key_status(&self, id: &ProviderKeyId) -> Outcome<Option<KeyStatus>>;

    /// Makes the key unusable, in a way that [`Provider::reactivate`] can take back where that is
    /// among the capabilities.
    async fn revoke(&self, id: &ProviderKeyId) -> Outcome<()>;

    async fn reactivate(&self, id: &ProviderKeyId) -> Outcome<()>;

    /// Deletes or archives the key for good.
    async fn delete(&self, id: &ProviderKeyId) -> Outcome<()>;

    /// How a person deletes a key that is none of ours to delete, for people.
    fn removal(&self, id: &ProviderKeyId) -> String {
        format!("delete {id} at {}", self.console_page())
    }

    /// Makes one more key for the same owner. The value is told here and never again; after
    /// [`Outcome::Unknown`] a key may exist whose value nobody has: [`Provider::list`] shows it.
    async fn mint(&self) -> Outcome<Minted> {
        Outcome::Refused(format!("{} makes no keys by API", self.name()))
    }

    /// Every key of the owner for whom [`Provider::mint`] makes keys, whatever its status.
    async fn list(&self) -> Outcome<Listing> {
        Outcome::Refused(format!("{} lists no keys", self.name()))
    }

    /// When the key was last used, where the provider tells; `Done(None)`: never, as far as it knows.
    async fn last_used(&self, id: &ProviderKeyId) -> Outcome<Option<LastUse>> {
        let _ = id;
        Outcome::Refused(format!("{} tells no last-used times", self.name()))
    }

    /// How much each of these keys was used from one moment to another (`None`: to now), by the provider's report: every bucket with
    /// use that the span touches, none without. The report lags; what it does not tell yet is not here.
    async fn usage(
        &self,
        ids: &[ProviderKeyId],
        from: Timestamp,
        until: Option<Timestamp>,
    ) -> Outcome<Vec<UsageBucket>> {
        let _ = (ids, from, until);
        Outcome::Refused(format!("{} reports no usage", self.name()))
    }
}

/// The three outcomes of every call that leaves the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    Done(T),
    /// Definitely not done, and repeating it as it is will not help.
    Refused(String),
    /// Perhaps done: look before acting again.
    Unknown(String),
}

/// A key that was just made.
#[derive(Debug)]
pub struct Minted {
    pub id: ProviderKeyId,
    pub value: Secret,
}

/// The keys of an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    pub keys: Vec<ListedKey>,
    /// The provider's clock, from the answer's `Date` header: the one that tells when each key was made.
    pub date: Option<Timestamp>,
}

/// The answer to one live ping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    pub verdict: Verdict,
    /// For people: what the provider said, safe to print.
    pub detail: String,
    /// The provider's clock, from the answer's `Date` header.
    pub date: Option<Timestamp>,
    /// How long the provider asked to wait before the next call.
    pub retry_after_seconds: Option<u64>,
    /// Which workspace the credential belongs to, where the answer says so.
    pub workspace: Option<String>,
}

/// A value that is some other kind of thing than the credential jobs use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct WrongKind {
    pub what: String,
    pub remedy: String,
}
