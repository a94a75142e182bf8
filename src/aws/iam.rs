//! The calls to IAM that are used, each named by the permission it needs.

use aws_sdk_iam::Client;
use aws_sdk_iam::config::http::HttpResponse;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iam::types::StatusType;
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::error::{AwsError, Call, Fault};
use super::heard::Heard;

/// How many keys a user may have (AWS: "IAM and STS quotas").
pub const KEYS_LIMIT: usize = 2;

/// A client of IAM for the access keys of one user.
///
/// # Caveats
/// The SDK keeps copies of a request and of an answer while it handles them, and does not wipe them.
pub struct Iam {
    reads: Client,
    writes: Client,
    heard: Heard,
    region: String,
    profile: Option<String>,
}

/// One access key of a user.
pub struct AccessKey {
    pub id: String,
    pub is_active: bool,
    pub created_at: Option<Timestamp>,
}

/// An access key that was just made.
pub struct NewAccessKey {
    pub id: String,
    pub secret: Zeroizing<String>,
}

/// The last use of an access key that IAM knows of.
pub struct LastUsed {
    pub at: Timestamp,
    pub service: String,
    pub region: String,
}

impl Iam {
    pub(super) fn new(
        reads: Client,
        writes: Client,
        heard: Heard,
        region: String,
        profile: Option<String>,
    ) -> Self {
        Self { reads, writes, heard, region, profile }
    }

    /// The `Date` header of the last answer.
    pub fn date(&self) -> Option<String> {
        self.heard.headers().date
    }

    fn call<'c>(&'c self, action: &'static str, user: &'c str) -> Call<'c> {
        Call { action, subject: user, region: &self.region, profile: self.profile.as_deref(), value: None }
    }

    /// Every access key of the user.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn list(&self, user: &str) -> Result<Vec<AccessKey>, AwsError> {
        let call = self.call("iam:ListAccessKeys", user);
        let mut pages = self.reads.list_access_keys().user_name(user).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(call, &error))?;
            keys.extend(page.access_key_metadata.into_iter().filter_map(|key| {
                Some(AccessKey {
                    id: key.access_key_id?,
                    is_active: key.status == Some(StatusType::Active),
                    created_at: key.create_date.and_then(|date| timestamp(&date)),
                })
            }));
        }
        Ok(keys)
    }

    /// Makes one more access key. Tried once: a second try could make a second key.
    ///
    /// # Errors
    /// [`AwsError`]; unless it is a refusal, a key may have been made all the same.
    pub async fn create(&self, user: &str) -> Result<NewAccessKey, AwsError> {
        let call = self.call("iam:CreateAccessKey", user);
        let answer = self.writes.create_access_key().user_name(user).send().await;
        let key = answer.map_err(|error| failed(call, &error))?.access_key;
        key.map(|key| NewAccessKey { id: key.access_key_id, secret: Zeroizing::new(key.secret_access_key) })
            .ok_or_else(|| {
                AwsError::new(
                    Fault::Passing,
                    format!("AWS made an access key of {user} and did not tell it"),
                    "run the same command again: it finds that key, deletes it and makes another one",
                )
            })
    }

    /// Makes an access key usable, or not.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn set_active(&self, user: &str, id: &str, is_active: bool) -> Result<(), AwsError> {
        let call = self.call("iam:UpdateAccessKey", user);
        let status = if is_active { StatusType::Active } else { StatusType::Inactive };
        let request = self.writes.update_access_key().user_name(user).access_key_id(id).status(status);
        request.send().await.map(|_| ()).map_err(|error| failed(call, &error))
    }

    /// Deletes an access key; one that is not there is deleted already.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn delete(&self, user: &str, id: &str) -> Result<(), AwsError> {
        let call = self.call("iam:DeleteAccessKey", user);
        let request = self.writes.delete_access_key().user_name(user).access_key_id(id);
        let Err(error) = request.send().await else { return Ok(()) };
        let is_gone = error.as_service_error().is_some_and(|error| error.is_no_such_entity_exception());
        // No such key, or no such user: the list tells which.
        if is_gone && self.list(user).await?.iter().all(|key| key.id != id) {
            return Ok(());
        }
        Err(failed(call, &error))
    }

    /// The last use of an access key; `None` where IAM knows of none.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn last_used(&self, user: &str, id: &str) -> Result<Option<LastUsed>, AwsError> {
        let call = self.call("iam:GetAccessKeyLastUsed", user);
        let answer = self.reads.get_access_key_last_used().access_key_id(id).send().await;
        let used = answer.map_err(|error| failed(call, &error))?.access_key_last_used;
        Ok(used.and_then(|used| {
            let at = timestamp(&used.last_used_date?)?;
            // A key that was never used is told as a use of no service.
            (used.service_name != "N/A").then_some(LastUsed {
                at,
                service: used.service_name,
                region: used.region,
            })
        }))
    }
}

fn timestamp(date: &aws_sdk_iam::primitives::DateTime) -> Option<Timestamp> {
    Timestamp::from_second(date.secs()).ok()
}

/// What IAM says no to, in words; the rest is as for every service.
fn failed<E>(call: Call<'_>, error: &SdkError<E, HttpResponse>) -> AwsError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let user = call.subject;
    match error.as_service_error().and_then(ProvideErrorMetadata::code) {
        Some("NoSuchEntity" | "NoSuchEntityException") => AwsError::new(
            Fault::Named,
            format!("there is no user {user}, or no such access key of it"),
            "check iam_user, and the account that `aws sts get-caller-identity` names",
        ),
        Some("LimitExceeded" | "LimitExceededException") => AwsError::new(
            Fault::Refused,
            format!("the user {user} has {KEYS_LIMIT} access keys, and AWS allows no more"),
            format!("see them with `aws iam list-access-keys --user-name {user}`"),
        ),
        Some("InvalidClientTokenId") => AwsError::new(
            Fault::Refused,
            format!("AWS does not know the credentials that rotate found ({} on {user})", call.action),
            "see which ones they are with `aws configure list`",
        ),
        _ => call.failed(error),
    }
}
