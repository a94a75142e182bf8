//! Both values of a key in one secret of AWS Secrets Manager.

use std::rc::Rc;

use async_trait::async_trait;

use super::{Purpose, Seen, SlotError, Slots};
use crate::aws::secrets_manager::{CURRENT, Described, PENDING};
use crate::aws::{AwsError, Content, Fault, Over, SecretDocument};
use crate::crash;
use crate::rotation::credential::{Placement, SlotName};
use crate::secret::{Fingerprint, Secret};

/// Both values of a key in one secret, each in a version with a label of its own.
///
/// Consumers read the same secret, under AWSCURRENT: so these slots bring a target with them, the same
/// [`SecretDocument`], whose write moves that label. A staged value waits under AWSPENDING, where rotation by
/// AWS's own rules keeps it, too; the retiring one is left under AWSPREVIOUS. Its slot's label keeps it
/// readable when AWSPREVIOUS moves on.
///
/// A staged version is the current one with the value's own bytes replaced. Its id follows from rotation,
/// value and that current version, so that a stage which is run again after a crash finds it.
///
/// # Caveats
/// AWS keeps the text of a version until a while after its last label is gone: `erase` takes the labels, so
/// that nobody comes across the value, and cannot do more.
pub struct AwsSecretsManagerSlots {
    document: Rc<SecretDocument>,
}

impl AwsSecretsManagerSlots {
    /// Connects to nothing yet.
    pub fn new(document: Rc<SecretDocument>) -> Self {
        Self { document }
    }

    fn label(&self, slot: SlotName) -> String {
        self.document.slot_label(slot.name())
    }

    /// The version that consumers read bears the slot's label, too.
    async fn adopt(&self, slot: SlotName, value: &Secret, over: &Seen) -> Result<Placement, SlotError> {
        let before = self.document.describe().await?;
        self.check_seen(slot, &before, over)?;
        let current = self.document.current().await?;
        let secret_id = self.document.secret_id();
        if self.document.content().with_value(secret_id, &current.text, value)?.is_some() {
            return Err(AwsError::new(
                Fault::Named,
                format!("consumers of the secret {secret_id} read another value than the given one"),
                self.adoption(),
            )
            .into());
        }
        self.mark(slot, over, &current.version_id).await?;
        Ok(Placement { place: self.document.place(&before)?, version: Some(current.version_id) })
    }

    async fn stage(
        &self,
        slot: SlotName,
        value: &Secret,
        rotation_id: &str,
        over: &Seen,
    ) -> Result<Placement, SlotError> {
        let before = self.document.describe().await?;
        self.check_seen(slot, &before, over)?;
        let place = self.document.place(&before)?;
        let current = self.document.current().await?;
        let text = self.document.content().with_value(self.document.secret_id(), &current.text, value)?;
        let version = match text {
            // Somebody has put it there already.
            None => current.version_id,
            Some(text) => {
                let token = self.document.token(rotation_id, value, &current.version_id, None);
                let put = self.document.put(&before, &token, &text, value, Over::OfThisKey).await;
                put.map_err(|error| SlotError {
                    is_unfinished: error.fault == Fault::Passing,
                    ..error.into()
                })?;
                token
            }
        };
        crash::point("a version is staged");
        let marked = self.mark(slot, over, &version).await;
        marked.map_err(|error| SlotError { is_unfinished: true, ..error.into() })?;
        Ok(Placement { place, version: Some(version) })
    }

    /// That the slot is as it was seen. A write that is refused anyway need not come so far as to its last step, the move
    /// of the label, which is a compare-and-swap.
    fn check_seen(&self, slot: SlotName, now: &Described, over: &Seen) -> Result<(), SlotError> {
        if now.holder(&self.label(slot)) == over.name() {
            return Ok(());
        }
        Err(SlotError::changed(&self.location(slot)))
    }

    /// Gives a version the slot's label, from the version that was seen to bear it.
    async fn mark(&self, slot: SlotName, over: &Seen, version: &str) -> Result<(), AwsError> {
        let (label, holder) = (self.label(slot), over.name());
        if holder == Some(version) || self.document.move_label(&label, holder, Some(version)).await? {
            return Ok(());
        }
        Err(AwsError::new(
            Fault::Passing,
            format!("somebody else moved the label {label} of the secret {}", self.document.secret_id()),
            "run the same command again; two operators rotate one key only with one state directory",
        ))
    }

    async fn take_away(
        &self,
        slot: SlotName,
        fingerprint: Fingerprint,
        seen: &Seen,
    ) -> Result<(), SlotError> {
        let label = self.label(slot);
        let described = self.document.describe().await?;
        self.forget_pending(&described, fingerprint).await?;
        let Some(held) = self.document.labelled(&label).await? else { return Ok(()) };
        if !self.holds(&held.text, fingerprint)? {
            return Ok(());
        }
        let is_as_seen = Some(held.version_id.as_str()) == seen.name();
        if is_as_seen && self.document.move_label(&label, seen.name(), None).await? {
            return Ok(());
        }
        Err(SlotError::changed(&self.location(slot)))
    }

    /// A staging that was interrupted may have left the value under AWSPENDING before it had the slot's label.
    async fn forget_pending(&self, described: &Described, fingerprint: Fingerprint) -> Result<(), AwsError> {
        let Some(pending) = described.holder(PENDING).filter(|pending| SecretDocument::made_here(pending))
        else {
            return Ok(());
        };
        if described.labels(pending).iter().any(|label| label == CURRENT) {
            return Ok(());
        }
        let Some(held) = self.document.labelled(PENDING).await? else { return Ok(()) };
        if held.version_id == pending && self.holds(&held.text, fingerprint)? {
            self.document.move_label(PENDING, Some(pending), None).await?;
            crash::point("the value is not pending any more");
        }
        Ok(())
    }

    fn holds(&self, text: &str, fingerprint: Fingerprint) -> Result<bool, AwsError> {
        let value = self.document.content().value_in(self.document.secret_id(), text)?;
        Ok(Fingerprint::of(value.as_bytes()) == fingerprint)
    }

    /// How to adopt what consumers read.
    fn adoption(&self) -> String {
        let secret_id = self.document.secret_id();
        match self.document.content() {
            Content::Whole => format!("adopt what they use: `--from aws-sm:{secret_id}`"),
            Content::Member(key) => format!("adopt what they use: `--from aws-sm:{secret_id}#{key}`"),
            Content::Pair { .. } => {
                "adopt the pair that they use, as ACCESS_KEY_ID:SECRET_ACCESS_KEY".to_owned()
            }
        }
    }
}

#[async_trait(?Send)]
impl Slots for AwsSecretsManagerSlots {
    fn location(&self, slot: SlotName) -> String {
        format!("secret {} under the label {}", self.document.secret_id(), self.label(slot))
    }

    fn needs_runtime(&self) -> bool {
        true
    }

    fn pin(&self, place: &str) {
        self.document.pin(place);
    }

    async fn read(&self, slot: SlotName) -> Result<Option<Secret>, SlotError> {
        let Some(held) = self.document.labelled(&self.label(slot)).await? else { return Ok(None) };
        let value = self.document.content().value_in(self.document.secret_id(), &held.text)?;
        let value = Secret::from_bytes(value.as_bytes().to_vec()).map_err(|malformed| SlotError {
            message: format!("the {} holds no key: {malformed}", self.location(slot)),
            remedy: malformed.remedy().to_owned(),
            is_unfinished: false,
            source: None,
        })?;
        Ok(Some(value))
    }

    async fn look(&self, slot: SlotName) -> Result<Seen, SlotError> {
        let described = self.document.describe().await?;
        Ok(Seen::named(described.holder(&self.label(slot)).map(str::to_owned)))
    }

    async fn write(
        &self,
        slot: SlotName,
        value: &Secret,
        purpose: Purpose<'_>,
        over: &Seen,
    ) -> Result<Option<Placement>, SlotError> {
        crash::point("before a slot is written");
        match purpose {
            Purpose::Adopted => self.adopt(slot, value, over).await.map(Some),
            Purpose::Staged { rotation_id } => self.stage(slot, value, rotation_id, over).await.map(Some),
        }
    }

    async fn erase(&self, slot: SlotName, fingerprint: Fingerprint, seen: &Seen) -> Result<(), SlotError> {
        crash::point("before a slot is erased");
        self.take_away(slot, fingerprint, seen).await
    }
}

impl From<AwsError> for SlotError {
    fn from(error: AwsError) -> Self {
        SlotError { message: error.message, remedy: error.remedy, is_unfinished: false, source: None }
    }
}
