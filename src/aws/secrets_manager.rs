//! The calls to Secrets Manager that are used, each named by the permission it needs.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::{GetSecretValueError, GetSecretValueOutput};
use zeroize::Zeroizing;

use super::error::{AwsError, Call, Fault};
use crate::secret::Secret;

pub(crate) const CURRENT: &str = "AWSCURRENT";
pub(crate) const PENDING: &str = "AWSPENDING";
pub(crate) const PREVIOUS: &str = "AWSPREVIOUS";

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
    pub arn: Option<String>,
    pub is_scheduled_for_deletion: bool,
    pub is_rotated_by_aws: bool,
    /// The service that manages the secret, and lets nobody else.
    pub owning_service: Option<String>,
    /// Staging labels by version id.
    pub versions: BTreeMap<String, Vec<String>>,
}

impl Described {
    /// The labels that a version bears.
    pub fn labels(&self, version_id: &str) -> &[String] {
        self.versions.get(version_id).map(Vec::as_slice).unwrap_or_default()
    }

    /// The version that bears a label.
    pub fn holder(&self, stage: &str) -> Option<&str> {
        let bears = |stages: &Vec<String>| stages.iter().any(|known| known == stage);
        self.versions.iter().find(|(_, stages)| bears(stages)).map(|(id, _)| id.as_str())
    }
}

/// One version, with its text.
pub struct Current {
    pub arn: Option<String>,
    pub version_id: String,
    pub text: Zeroizing<String>,
}

impl SecretsManager {
    pub(super) fn new(reads: Client, writes: Client, region: String, profile: Option<String>) -> Self {
        Self { reads, writes, region, profile }
    }

    fn call<'c>(&'c self, action: &'static str, secret_id: &'c str, value: Option<&'c Secret>) -> Call<'c> {
        Call { action, subject: secret_id, region: &self.region, profile: self.profile.as_deref(), value }
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
            arn: answer.arn,
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
        text_of(secret_id, answer)
    }

    /// The version that bears a label; `None` where none does.
    ///
    /// # Errors
    /// [`AwsError`], also for a binary secret.
    pub async fn labelled(&self, secret_id: &str, label: &str) -> Result<Option<Current>, AwsError> {
        let call = self.call("secretsmanager:GetSecretValue", secret_id, None);
        let request = self.reads.get_secret_value().secret_id(secret_id).version_stage(label);
        let error = match request.send().await {
            Ok(answer) => return text_of(secret_id, answer).map(Some),
            Err(error) => error,
        };
        // A label that is on no version and a secret that is not there are one code.
        let may_lack_the_label =
            error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception);
        if !may_lack_the_label {
            return Err(call.failed(&error));
        }
        match self.describe(secret_id).await {
            Ok(described) if described.holder(label).is_none() => Ok(None),
            Ok(_) => Err(call.failed(&error)),
            // Whoever may only read is told what was not found, not what it takes to look closer.
            Err(denied) if denied.fault == Fault::Refused => Err(AwsError::new(
                Fault::Named,
                format!("no version of the secret {secret_id} bears {label}, or the secret is not there"),
                "look at `rotate status`, as somebody who may call secretsmanager:DescribeSecret",
            )),
            Err(other) => Err(other),
        }
    }

    /// One version by its id.
    ///
    /// # Errors
    /// [`AwsError`], also for a binary secret.
    pub async fn version(&self, secret_id: &str, version_id: &str) -> Result<Current, AwsError> {
        let call = self.call("secretsmanager:GetSecretValue", secret_id, None);
        let request = self.reads.get_secret_value().secret_id(secret_id).version_id(version_id);
        let answer = request.send().await.map_err(|error| call.failed(&error))?;
        text_of(secret_id, answer)
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

    /// Moves a label, if `from` bears it now; gives it where there is no `from`, takes it where there is no `to`.
    ///
    /// # Errors
    /// [`AwsError`]; whether it was done is then to be seen by [`SecretsManager::describe`].
    pub async fn move_label(
        &self,
        secret_id: &str,
        label: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(), AwsError> {
        let call = self.call("secretsmanager:UpdateSecretVersionStage", secret_id, None);
        let request = self.writes.update_secret_version_stage().secret_id(secret_id).version_stage(label);
        let request = request.set_remove_from_version_id(from.map(str::to_owned));
        let answer = request.set_move_to_version_id(to.map(str::to_owned)).send().await;
        answer.map(|_| ()).map_err(|error| call.failed(&error))
    }
}

fn text_of(secret_id: &str, answer: GetSecretValueOutput) -> Result<Current, AwsError> {
    match (answer.secret_string, answer.version_id) {
        (Some(text), Some(version_id)) => {
            Ok(Current { arn: answer.arn, version_id, text: Zeroizing::new(text) })
        }
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
