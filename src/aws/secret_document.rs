//! One secret, and what may be done to it so that its readers see the old text or the new one, whole.

use std::cell;

use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::content::{Content, is_same};
use super::error::{AwsError, Fault};
use super::secrets_manager::{CURRENT, Current, Described, PENDING, PREVIOUS, SecretsManager};
use super::{Settings, connect};
use crate::crash;
use crate::http::clean;
use crate::secret::Secret;

/// How version ids of this program's making begin. AWS wants 32 to 64 characters.
const TOKEN_START: &str = "rotate-";
/// Of the digest of the version below, and of the digest of everything that the version is for.
const BELOW_HEX_DIGITS: usize = 8;
const OWN_HEX_DIGITS: usize = 32;
/// How the labels begin that say which version holds which slot's value.
const SLOT_LABEL_START: &str = "rotate-slot-";

/// What consumers read from now on, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    pub version: String,
    /// The secret's ARN.
    pub place: Option<String>,
}

/// Which pending version may lose its label to a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// One of this key.
    OfThisKey,
    /// One of any key that shares the secret: its value stays under its slot's label, and its own promotion makes a
    /// new version. Consumers who must be moved do not wait for a neighbour.
    AnyOfOurs,
}

/// One secret whose text is a value, or a JSON document with the value in it.
///
/// # Guarantees
/// - Consumers' label, AWSCURRENT, is moved by compare-and-swap from the very version that was read. What
///   somebody else wrote meanwhile is read anew and kept; in a JSON document every byte but the value's own
///   stays.
/// - A version's id follows from what it is for, its value and the version before it: a second run after a
///   crash makes no second version.
/// - Going back to an older value is a new version like any other: moving the label back to a version that
///   bore it before would let a paused operator's late move succeed.
/// - After an error around a label, what happened is decided by looking.
///
/// # Caveats
/// Somebody who puts a version directly under AWSCURRENT in the moment between the check of the label and
/// its move is seen by AWS, not here; the move then fails, and [`SecretDocument::publish`] says so.
pub struct SecretDocument {
    secret_id: String,
    content: Content,
    settings: Settings,
    connection: OnceCell<SecretsManager>,
    pinned: cell::OnceCell<String>,
    has_slots: bool,
}

impl SecretDocument {
    /// Connects to nothing yet.
    pub fn new(secret_id: String, content: Content, settings: Settings) -> Self {
        let (connection, pinned) = (OnceCell::new(), cell::OnceCell::new());
        Self { secret_id, content, settings, connection, pinned, has_slots: false }
    }

    /// The same for a secret that holds both values of a key, each under a label of its own.
    pub fn with_slots(secret_id: String, content: Content, settings: Settings) -> Self {
        Self { has_slots: true, ..Self::new(secret_id, content, settings) }
    }

    pub fn secret_id(&self) -> &str {
        &self.secret_id
    }

    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Whether a version was made by this program.
    pub fn made_here(version_id: &str) -> bool {
        version_id.starts_with(TOKEN_START)
    }

    /// The label of the version with a slot's value. Keys that share a document have labels of their own.
    pub fn slot_label(&self, slot: &str) -> String {
        match self.content.part() {
            Some(part) => format!("{SLOT_LABEL_START}{slot}-{part}"),
            None => format!("{SLOT_LABEL_START}{slot}"),
        }
    }

    /// From now on every answer of another secret than this one, by its ARN, is refused.
    pub fn pin(&self, arn: &str) {
        // The first one holds: it is the one that was recorded.
        let _ = self.pinned.set(arn.to_owned());
    }

    /// What is known of the secret, where it may be written.
    ///
    /// # Errors
    /// [`AwsError`]; it is another one than was pinned, will be deleted, has no value, or is somebody else's to
    /// write.
    pub async fn describe(&self) -> Result<Described, AwsError> {
        let described = self.described().await?;
        self.check_described(&described)?;
        Ok(described)
    }

    /// The version that consumers read.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn current(&self) -> Result<Current, AwsError> {
        let current = self.connected().await?.current(&self.secret_id).await?;
        self.check_place(current.arn.as_deref())?;
        Ok(current)
    }

    /// The version that bears a label; `None` where none does.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn labelled(&self, label: &str) -> Result<Option<Current>, AwsError> {
        let labelled = self.connected().await?.labelled(&self.secret_id, label).await?;
        match &labelled {
            Some(labelled) => self.check_place(labelled.arn.as_deref())?,
            // Another secret lacks the label, too.
            None => self.check_place(self.described().await?.arn.as_deref())?,
        }
        Ok(labelled)
    }

    /// Makes the value what consumers read, and says in which version. `Ok(None)`: somebody else moved the
    /// label first, and nothing was lost.
    ///
    /// `fence` names a move of consumers, and is the same in every attempt at it: then a new version is made also
    /// where the value is there already, so that no move to another value that is still under way can succeed.
    /// `is_wanted` is asked between the look at the label and its move.
    ///
    /// # Errors
    /// [`AwsError`]; somebody has decided otherwise meanwhile, and the label was not moved.
    pub async fn publish(
        &self,
        value: &Secret,
        fence: Option<&str>,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Option<Published>, AwsError> {
        let before = self.describe().await?;
        let place = before.arn.clone();
        let current = self.current().await?;
        let purpose = fence.map_or("publish".to_owned(), |fence| format!("fence {fence}"));
        let changed = self.content.with_value(&self.secret_id, &current.text, value)?;
        let (text, is_there) = match changed {
            Some(text) => (text, false),
            None => (current.text.clone(), true),
        };
        let is_fenced = before
            .holder(PREVIOUS)
            .is_none_or(|previous| self.token(&purpose, value, previous, None) == current.version_id);
        if is_there && (fence.is_none() || (is_fenced && before.holder(PREVIOUS).is_some())) {
            self.leave_nothing_pending(&before).await;
            return Ok(Some(Published { version: current.version_id, place }));
        }
        let staged =
            if fence.is_none() { self.staged_version(&before, &current, &text).await? } else { None };
        let version = match staged {
            Some(staged) => staged,
            None => {
                // A fence follows from the version below alone, so that it is known again.
                let previous = before.holder(PREVIOUS).filter(|_| fence.is_none());
                let token = self.token(&purpose, value, &current.version_id, previous);
                self.put(&before, &token, &text, value, Over::AnyOfOurs).await?;
                token
            }
        };
        crash::point("a version is pending");
        if !is_wanted() {
            return Err(AwsError::new(
                Fault::Refused,
                format!(
                    "the secret {} was not written: another command decided otherwise meanwhile",
                    self.secret_id
                ),
                "look at `rotate status`",
            ));
        }
        if !self.move_label(CURRENT, Some(&current.version_id), Some(&version)).await? {
            return Ok(None);
        }
        crash::point("a version is current");
        tracing::info!("{}: version {version} is current", self.secret_id);
        // The label has done its work. Left behind, it would only make the next one look twice.
        if let Err(error) = self.move_label(PENDING, Some(&version), None).await {
            tracing::info!("{}: AWSPENDING stays on the current version: {error}", self.secret_id);
        }
        Ok(Some(Published { version, place }))
    }

    /// Takes AWSPENDING off a version of this key's: what it waited for has happened in another way.
    async fn leave_nothing_pending(&self, before: &Described) {
        let Some(pending) = before.holder(PENDING).filter(|pending| self.is_ours(before.labels(pending)))
        else {
            return;
        };
        if let Err(error) = self.move_label(PENDING, Some(pending), None).await {
            tracing::info!("{}: AWSPENDING stays on {pending}: {error}", self.secret_id);
        }
    }

    /// Adds a version with this text under AWSPENDING, or finds the one that an earlier run has added.
    ///
    /// # Errors
    /// [`AwsError`]; somebody else's pending version is in the way.
    pub async fn put(
        &self,
        before: &Described,
        token: &str,
        text: &str,
        value: &Secret,
        over: Over,
    ) -> Result<(), AwsError> {
        self.check_pending(before, over)?;
        if let Some(over) = before.holder(PENDING).filter(|holder| *holder != token) {
            self.move_label(PENDING, Some(over), None).await?;
            crash::point("nothing is pending");
        }
        let aws = self.connected().await?;
        if !before.versions.contains_key(token) {
            if let Err(error) = aws.put_pending(&self.secret_id, token, text, value).await {
                let now = aws.describe(&self.secret_id).await.map_err(|_| error.clone())?;
                if !now.versions.contains_key(token) {
                    return Err(error);
                }
            }
            return Ok(());
        }
        let there = aws.version(&self.secret_id, token).await?;
        if !is_same(&there.text, text) {
            return Err(AwsError::new(
                Fault::Refused,
                format!(
                    "the version {token} of the secret {} holds another text than it was made for",
                    self.secret_id
                ),
                "find out who wrote it (CloudTrail names them); then run the same command again",
            ));
        }
        if before.holder(PENDING) != Some(token) {
            self.move_label(PENDING, None, Some(token)).await?;
        }
        Ok(())
    }

    /// Moves, gives or takes a label. `Ok(false)`: somebody else moved it first.
    ///
    /// Before: the version that it goes to exists. After an error the description tells what happened: a
    /// request may have been carried out though its answer was an error.
    ///
    /// # Errors
    /// [`AwsError`]; then nothing was moved, or nobody can tell.
    pub async fn move_label(
        &self,
        label: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<bool, AwsError> {
        let aws = self.connected().await?;
        let Err(error) = aws.move_label(&self.secret_id, label, from, to).await else { return Ok(true) };
        let now = aws.describe(&self.secret_id).await.map_err(|_| error.clone())?;
        match now.holder(label) {
            holder if holder == to => Ok(true),
            holder if holder == from => Err(error),
            _ => Ok(false),
        }
    }

    /// The id of the version that is made for this purpose and value, on top of that version, which itself was put
    /// on top of another one.
    pub fn token(&self, purpose: &str, value: &Secret, below: &str, under: Option<&str>) -> String {
        let part = self.content.part().unwrap_or_default();
        let value = value.fingerprint().to_string();
        let parts = [&self.secret_id, &part, purpose, &value, below, under.unwrap_or_default()];
        format!("{}{}", made_on_top_of(below), &hex(&parts.join("\0"))[..OWN_HEX_DIGITS])
    }

    /// The ARN of the secret, by an answer about it.
    ///
    /// # Errors
    /// AWS did not tell it.
    pub fn place(&self, described: &Described) -> Result<String, AwsError> {
        described.arn.clone().ok_or_else(|| {
            AwsError::new(
                Fault::Passing,
                format!("AWS did not name the ARN of the secret {}", self.secret_id),
                "run the same command again; report it if it stays",
            )
        })
    }

    async fn connected(&self) -> Result<&SecretsManager, AwsError> {
        self.connection.get_or_try_init(|| connect(&self.settings)).await
    }

    async fn described(&self) -> Result<Described, AwsError> {
        self.connected().await?.describe(&self.secret_id).await
    }

    /// The version that a `stage` has made, where it is as the consumers' new text has to be, and was made on
    /// top of the one that is theirs now: so it never was theirs before.
    async fn staged_version(
        &self,
        before: &Described,
        current: &Current,
        text: &str,
    ) -> Result<Option<String>, AwsError> {
        let Some(staged) = before.holder(PENDING) else { return Ok(None) };
        let is_fresh = staged.starts_with(&made_on_top_of(&current.version_id));
        if !is_fresh || !self.is_ours(before.labels(staged)) {
            return Ok(None);
        }
        let version = self.connected().await?.version(&self.secret_id, staged).await?;
        Ok(is_same(&version.text, text).then(|| staged.to_owned()))
    }

    /// Whether a version bears a slot's label of this key.
    fn is_ours(&self, labels: &[String]) -> bool {
        let ours = ["primary", "secondary"].map(|slot| self.slot_label(slot));
        self.has_slots && labels.iter().any(|label| ours.contains(label))
    }

    fn check_place(&self, arn: Option<&str>) -> Result<(), AwsError> {
        match (self.pinned.get(), arn) {
            (Some(pinned), Some(arn)) if pinned != arn => Err(AwsError::new(
                Fault::Refused,
                format!(
                    "the secret {} is {} now, and this key's values lie in {pinned}; nothing was changed",
                    self.secret_id,
                    clean(arn, &[])
                ),
                "use the credentials, region and profile of that account (`aws sts get-caller-identity` names the \
                 one in use); if the secret was made anew on purpose, see runbook.md, section \"Exit 5\"",
            )),
            _ => Ok(()),
        }
    }

    fn check_described(&self, described: &Described) -> Result<(), AwsError> {
        self.check_place(described.arn.as_deref())?;
        let secret_id = &self.secret_id;
        if described.is_scheduled_for_deletion {
            return Err(AwsError::scheduled_for_deletion(secret_id));
        }
        if described.holder(CURRENT).is_none() {
            return Err(AwsError::no_current_version(secret_id));
        }
        if let Some(service) = &described.owning_service {
            return Err(AwsError::new(
                Fault::Refused,
                format!("the secret {secret_id} is managed by {}", clean(service, &[])),
                "name a secret of your own: only that service may write this one",
            ));
        }
        if described.is_rotated_by_aws {
            return Err(AwsError::new(
                Fault::Refused,
                format!("a rotation of AWS's own is configured for the secret {secret_id}"),
                format!(
                    "two programs must not rotate one secret: `aws secretsmanager cancel-rotate-secret \
                     --secret-id {secret_id}` ends AWS's"
                ),
            ));
        }
        Ok(())
    }

    /// Refuses a pending version that is neither over nor ours.
    fn check_pending(&self, described: &Described, over: Over) -> Result<(), AwsError> {
        let Some(version) = described.holder(PENDING) else { return Ok(()) };
        let labels = described.labels(version);
        let is_over = labels.iter().any(|label| label == CURRENT || label == PREVIOUS);
        let is_of_a_slot = labels.iter().any(|label| label.starts_with(SLOT_LABEL_START));
        let is_ours = self.is_ours(labels)
            || (version.starts_with(TOKEN_START) && (!is_of_a_slot || over == Over::AnyOfOurs));
        if is_over || is_ours {
            return Ok(());
        }
        let (secret_id, version) = (&self.secret_id, clean(version, &[]));
        let whose = if is_of_a_slot {
            "another key that shares the secret is being rotated"
        } else {
            "somebody else is changing the secret"
        };
        Err(AwsError::new(
            Fault::Refused,
            format!("{whose}: version {version} of {secret_id} bears AWSPENDING"),
            format!(
                "let that change end; if nobody owns it: `aws secretsmanager update-secret-version-stage \
                 --secret-id {secret_id} --version-stage AWSPENDING --remove-from-version-id {version}`"
            ),
        ))
    }
}

/// How the ids of versions begin that were made on top of this one.
fn made_on_top_of(below: &str) -> String {
    format!("{TOKEN_START}{}", &hex(below)[..BELOW_HEX_DIGITS])
}

fn hex(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
