//! A target that is a secret in AWS Secrets Manager.

use std::rc::Rc;

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::file::held;
use super::{Moving, Target, TargetError, Written};
use crate::aws::{AwsError, SecretDocument};
use crate::rotation::credential::{ReadBack, TargetId};
use crate::secret::Secret;

/// How often a write starts over when somebody else's came between.
const ATTEMPTS: usize = 3;

/// A secret whose text is the value, or a JSON document with the value in it; see [`SecretDocument`].
///
/// The old value stays under AWSPREVIOUS. A secret that holds anything but one credential or nothing, where no
/// JSON key is named, is refused: it is likely not the one that was meant.
pub struct AwsSecretsManagerTarget {
    id: TargetId,
    document: Rc<SecretDocument>,
}

impl AwsSecretsManagerTarget {
    /// The target under the name that the configuration gives it. Connects to nothing yet.
    pub fn new(id: TargetId, document: Rc<SecretDocument>) -> Self {
        Self { id, document }
    }

    async fn read(&self) -> Result<ReadBack, AwsError> {
        let current = self.document.current().await?;
        let value = self.document.content().value_in(self.document.secret_id(), &current.text)?;
        Ok(held([Zeroizing::new(value.as_bytes().to_vec())]))
    }
}

#[async_trait(?Send)]
impl Target for AwsSecretsManagerTarget {
    fn id(&self) -> &TargetId {
        &self.id
    }

    fn is_local(&self) -> bool {
        false
    }

    async fn check(&self) -> Result<(), TargetError> {
        self.document.describe().await?;
        let current = self.document.current().await?;
        self.document.content().value_in(self.document.secret_id(), &current.text)?;
        Ok(())
    }

    fn pin(&self, place: &str) {
        self.document.pin(place);
    }

    async fn write(&self, value: &Secret, moving: Moving<'_>) -> Result<Written, TargetError> {
        for _ in 0..ATTEMPTS {
            if let Some(published) = self.document.publish(value, moving.fence, moving.is_wanted).await? {
                return Ok(Written { version: Some(published.version), place: published.place });
            }
        }
        Err(TargetError {
            message: format!(
                "the secret {} was changed meanwhile, {ATTEMPTS} times; nothing was lost",
                self.document.secret_id()
            ),
            remedy: "find out who else writes it (CloudTrail names them), then run the same command again"
                .to_owned(),
            source: None,
        })
    }

    async fn read_back(&self) -> ReadBack {
        self.read().await.unwrap_or_else(|error| ReadBack::Unknown(error.to_string()))
    }
}

impl From<AwsError> for TargetError {
    fn from(error: AwsError) -> Self {
        TargetError { message: error.message, remedy: error.remedy, source: None }
    }
}
