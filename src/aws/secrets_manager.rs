//! The calls to Secrets Manager that are used, each named by the permission it needs.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::Client;
use zeroize::Zeroizing;

use super::error::{AwsError, Call, Fault};
use crate::secret::Secret;

pub(crate) const CURRENT: &str = "AWSCURRENT";
pub(crate) const PENDING: &str = "AWSPENDING";

/// A client of Secrets Manager in one region.
///
/// # Caveats
/// The SDK keeps copies of a request and of an answer while it handles them, and does not wipe them.
pub struct SecretsManager {
    reads: Client,
    writes: Client,
    region: String,
    profile: Option<String>,
}

/// What is known of a secret without reading it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    pub is_scheduled_for_deletion: bool,
    pub is_rotated_by_aws: bool,
    /// The service that manages the secret, and lets nobody else.
    pub owning_service: Option<String>,
    /// Staging labels by version id.
    pub versions: BTreeMap<String, Vec<String>>,
}

impl Described {
    /// The version that bears a label.
    pub fn holder(&self, stage: &str) -> Option<&str> {
        let bears = |stages: &Vec<String>| stages.iter().any(|known| known == stage);
        self.versions.iter().find(|(_, stages)| bears(stages)).map(|(id, _)| id.as_str())
    }
}

/// The current version.
pub struct Current {
    pub version_id: String,
    pub text: Zeroizing<String>,
}

impl SecretsManager {
    pub(super) fn new(reads: Client, writes: Client, region: String, profile: Option<String>) -> Self {
        Self { reads, writes, region, profile }
    }

    fn call<'c>(&'c self, action: &'static str, secret_id: &'c str, value: Option<&'c Secret>) -> Call<'c> {
        Call { action, secret_id, region: &self.region, profile: self.profile.as_deref(), value }
    }

    /// What is known of the secret, and which version bears which label.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn describe(&self, secret_id: &str) -> Result<Described, AwsError> {
        let call = self.call("secretsmanager:DescribeSecret", secret_id, None);
        let answer = self.reads.describe_secret().secret_id(secret_id).send().await;
        let answer = answer.map_err(|error| call.failed(&error))?;
        Ok(Described {
            is_scheduled_for_deletion: answer.deleted_date.is_some(),
            is_rotated_by_aws: answer.rotation_enabled.unwrap_or(false),
            owning_service: answer.owning_service,
            versions: answer.version_ids_to_stages.unwrap_or_default().into_iter().collect(),
        })
    }

    /// The version that bears AWSCURRENT. Always asked for by its label.
    ///
    /// # Errors
    /// [`AwsError`], also for a binary secret.
    pub async fn current(&self, secret_id: &str) -> Result<Current, AwsError> {
        let call = self.call("secretsmanager:GetSecretValue", secret_id, None);
        let request = self.reads.get_secret_value().secret_id(secret_id).version_stage(CURRENT);
        let answer = request.send().await.map_err(|error| call.failed(&error))?;
        match (answer.secret_string, answer.version_id) {
            (Some(text), Some(version_id)) => Ok(Current { version_id, text: Zeroizing::new(text) }),
            (None, _) => Err(AwsError::new(
                Fault::Named,
                format!("the secret {secret_id} is binary, and a key is a text"),
                "name a secret whose value is a text (SecretString)",
            )),
            (_, None) => Err(AwsError::new(
                Fault::Passing,
                format!("AWS gave a value of {secret_id} without its version id"),
                "run the same command again; report it if it stays",
            )),
        }
    }

    /// Adds a version that bears AWSPENDING. With the same token and the same text it changes nothing.
    /// `value` is what is secret in the text.
    ///
    /// # Errors
    /// [`AwsError`]; whether it was done is then to be seen by [`SecretsManager::describe`].
    pub async fn put_pending(
        &self,
        secret_id: &str,
        token: &str,
        text: &str,
        value: &Secret,
    ) -> Result<(), AwsError> {
        let call = self.call("secretsmanager:PutSecretValue", secret_id, Some(value));
        let request = self.writes.put_secret_value().secret_id(secret_id).client_request_token(token);
        let answer = request.secret_string(text).version_stages(PENDING).send().await;
        answer.map(|_| ()).map_err(|error| call.failed(&error))
    }

    /// Moves AWSCURRENT, if `from` bears it now.
    ///
    /// # Errors
    /// [`AwsError`]; whether it was done is then to be seen by [`SecretsManager::describe`].
    pub async fn move_current(&self, secret_id: &str, from: &str, to: &str) -> Result<(), AwsError> {
        let call = self.call("secretsmanager:UpdateSecretVersionStage", secret_id, None);
        let request = self.writes.update_secret_version_stage().secret_id(secret_id).version_stage(CURRENT);
        let answer = request.remove_from_version_id(from).move_to_version_id(to).send().await;
        answer.map(|_| ()).map_err(|error| call.failed(&error))
    }

    /// Takes AWSPENDING off a version.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn drop_pending(&self, secret_id: &str, from: &str) -> Result<(), AwsError> {
        let call = self.call("secretsmanager:UpdateSecretVersionStage", secret_id, None);
        let request = self.writes.update_secret_version_stage().secret_id(secret_id).version_stage(PENDING);
        let answer = request.remove_from_version_id(from).send().await;
        answer.map(|_| ()).map_err(|error| call.failed(&error))
    }
}
