//! What went wrong with AWS, in words for a person, with what mends it.

use std::error::Error;

use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};

use super::plain_text;
use crate::http::clean;
use crate::secret::Secret;

/// Whose move it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What was named is not there, or is not what it should be.
    Named,
    /// AWS said no: to the credentials, the permission or the state of the secret.
    Refused,
    /// The network, a limit or AWS itself: it may pass.
    Passing,
}

/// Why a call did not do what it should. Holds no value and ends in a remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AwsError {
    pub fault: Fault,
    pub message: String,
    pub remedy: String,
}

impl AwsError {
    /// An error in words of the caller's own.
    pub fn new(fault: Fault, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { fault, message: message.into(), remedy: remedy.into() }
    }

    /// Something that may pass, in words of the caller's own.
    pub(super) fn passing(message: &str) -> Self {
        Self::new(Fault::Passing, message, "run the same command again; report it if it stays")
    }

    pub(super) fn no_region() -> Self {
        Self::new(
            Fault::Named,
            "no AWS region is known",
            "export AWS_REGION, or give a target `region = \"eu-central-1\"`, or set a region in the profile",
        )
    }

    /// The secret was made, but nothing was put into it.
    pub(crate) fn no_current_version(secret_id: &str) -> Self {
        Self::new(
            Fault::Named,
            format!("the secret {secret_id} has no current version"),
            format!(
                "give it one: `aws secretsmanager put-secret-value --secret-id {secret_id} --secret-string \
                 placeholder`"
            ),
        )
    }

    /// The secret will be deleted and takes no calls.
    pub(crate) fn scheduled_for_deletion(secret_id: &str) -> Self {
        Self::new(
            Fault::Refused,
            format!("the secret {secret_id} is scheduled for deletion"),
            format!(
                "if it is the right one: `aws secretsmanager restore-secret --secret-id {secret_id}`, then run \
                 the same command again"
            ),
        )
    }
}

/// One call: what it needs permission for, and what it is about.
#[derive(Clone, Copy)]
pub(super) struct Call<'c> {
    pub action: &'static str,
    /// A secret or a user, by its name.
    pub subject: &'c str,
    pub region: &'c str,
    /// The profile that was asked for.
    pub profile: Option<&'c str>,
    /// The value that travelled, so that no answer can repeat it.
    pub value: Option<&'c Secret>,
}

impl Call<'_> {
    /// Puts the SDK's error into words.
    pub(super) fn failed<E>(&self, error: &SdkError<E, HttpResponse>) -> AwsError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let Some(answer) = error.as_service_error() else { return self.unanswered(error) };
        let code = answer.code().unwrap_or("an error without a code");
        let said = self.answered(code, &self.cleaned(answer.message().unwrap_or_default()));
        // Whatever it is called: what a server failed at may have been done.
        if said.fault != Fault::Passing && (answer.code().is_none() || is_failure_of_the_server(error)) {
            return AwsError::new(
                Fault::Passing,
                format!("AWS failed in {} on {} ({})", self.action, self.subject, clean(code, &[])),
                "run the same command again in a moment",
            );
        }
        said
    }

    fn cleaned(&self, text: &str) -> String {
        clean(text, self.value.as_slice())
    }

    fn answered(&self, code: &str, message: &str) -> AwsError {
        let has = |word: &str| message.contains(word);
        match code {
            "AccessDeniedException" | "AccessDenied" if has("KMS") || has("kms:") => self.kms(message),
            "AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation" | "NotAuthorized" => self.denied(),
            "DecryptionFailure" | "EncryptionFailure" => self.kms(message),
            "ResourceNotFoundException" if has("AWSCURRENT") => AwsError::no_current_version(self.subject),
            "ResourceNotFoundException" if has("staging label") || has("VersionId") => AwsError::new(
                Fault::Passing,
                format!("a version of the secret {} was moved meanwhile: {message}", self.subject),
                "run the same command again",
            ),
            "ResourceNotFoundException" => self.not_found(),
            "InvalidRequestException" if has("deletion") || has("deleted") => {
                AwsError::scheduled_for_deletion(self.subject)
            }
            "ExpiredTokenException" | "ExpiredToken" => self.credentials(
                "the AWS credentials have expired",
                "renew them, then run the same command again; with single sign-on: `aws sso login`, then \
                 `eval \"$(aws configure export-credentials --format env)\"`",
            ),
            "UnrecognizedClientException" | "InvalidClientTokenId" | "InvalidAccessKeyId" => self.credentials(
                "AWS does not know the credentials that rotate found",
                "see which ones they are with `aws configure list`, and which identity they name with `aws sts \
                 get-caller-identity`",
            ),
            "RequestTimeTooSkewed" | "RequestExpired" => self.skewed(),
            "InvalidSignatureException" | "SignatureDoesNotMatch"
                if has("expired") || has("not yet current") || has("earlier than") || has("later than") =>
            {
                self.skewed()
            }
            "InvalidSignatureException" | "SignatureDoesNotMatch" => self.credentials(
                "AWS refuses the request's signature: the secret access key is wrong, or this machine's clock is",
                "compare `date -u` with the real time, and the credentials with `aws configure list`",
            ),
            "LimitExceededException" | "LimitExceeded" => AwsError::new(
                Fault::Refused,
                format!("a quota of {} is reached: versions, or the 20 labels of a secret", self.subject),
                format!("look at `aws secretsmanager describe-secret --secret-id {}`", self.subject),
            ),
            "ThrottlingException" | "Throttling" | "ThrottledException" | "TooManyRequestsException"
            | "RequestLimitExceeded" | "SlowDown" | "PriorRequestNotComplete" => AwsError::new(
                Fault::Passing,
                format!("AWS throttles {} on {}", self.action, self.subject),
                "run the same command again in some minutes; a secret takes one new version in ten minutes for \
                 long",
            ),
            "InternalServiceError" | "InternalFailure" | "ServiceUnavailable" | "ServiceUnavailableException"
            | "ServiceFailure" | "RequestTimeout" | "RequestTimeoutException" => {
                AwsError::new(
                    Fault::Passing,
                    format!("AWS failed in {} on {} ({code})", self.action, self.subject),
                    "run the same command again in a moment",
                )
            }
            _ => AwsError::new(
                Fault::Refused,
                format!("AWS refused {} on {} ({}): {message}", self.action, self.subject, clean(code, &[])),
                "mend what the message names, then run the same command again",
            ),
        }
    }

    fn denied(&self) -> AwsError {
        AwsError::new(
            Fault::Refused,
            format!("AWS denies {} on {}", self.action, self.subject),
            format!(
                "allow {} on it for the identity that `aws sts get-caller-identity` names; the whole \
                 policy is in docs/guides/aws-policies.md",
                self.action
            ),
        )
    }

    fn kms(&self, message: &str) -> AwsError {
        AwsError::new(
            Fault::Refused,
            format!("AWS could not use the encryption key of {}: {message}", self.subject),
            "allow kms:Decrypt and kms:GenerateDataKey on the key that `aws secretsmanager describe-secret` \
             names, and see that it is enabled",
        )
    }

    fn not_found(&self) -> AwsError {
        let Self { subject: secret_id, region, .. } = self;
        AwsError::new(
            Fault::Named,
            format!("there is no secret {secret_id} in {region}"),
            format!(
                "check the name, the region and the account (`aws sts get-caller-identity`); to make it: `aws \
                 secretsmanager create-secret --region {region} --name {secret_id} --secret-string placeholder`"
            ),
        )
    }

    fn skewed(&self) -> AwsError {
        self.credentials(
            "AWS refuses the request because this machine's clock is wrong",
            "set the clock (`timedatectl status` shows it), then run the same command again",
        )
    }

    fn credentials(&self, message: &str, remedy: &str) -> AwsError {
        AwsError::new(Fault::Refused, format!("{message} ({} on {})", self.action, self.subject), remedy)
    }

    /// There is no answer, or none that can be read.
    fn unanswered(&self, error: &(dyn Error + 'static)) -> AwsError {
        let chain = self.cleaned(&chain(error));
        let lower = chain.to_lowercase();
        if chain.contains(plain_text::REFUSAL) {
            return AwsError::new(
                Fault::Named,
                plain_text::REFUSAL,
                "use https; plain http is for this machine only: look at AWS_ENDPOINT_URL, \
                 AWS_ENDPOINT_URL_SECRETS_MANAGER and the profile's endpoint_url",
            );
        }
        if lower.contains("credential") || lower.contains("identity") || lower.contains("profile") {
            let profile = self.profile.map(|profile| format!(" in the profile {}", clean(profile, &[])));
            // What each of the SDK's ways says is long, and the remedy is the same.
            let detail = if lower.contains("credentials found in chain") {
                String::new()
            } else {
                format!(": {chain}")
            };
            return self.credentials(
                &format!("no AWS credentials were found{}{detail}", profile.unwrap_or_default()),
                "run `aws configure`, export AWS_PROFILE, or give a target `profile = …`; with single sign-on: \
                 `aws sso login`, then `eval \"$(aws configure export-credentials --format env)\"`",
            );
        }
        AwsError::new(
            Fault::Passing,
            format!("AWS did not answer {} on {} in {}: {chain}", self.action, self.subject, self.region),
            "check the network and the region, then run the same command again",
        )
    }
}

/// Whether the status says that the server, or something on the way, did not get to an answer.
fn is_failure_of_the_server<E>(error: &SdkError<E, HttpResponse>) -> bool {
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    status.is_some_and(|status| status >= 500 || status == 408 || status == 429)
}

/// The innermost reasons, each once.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut reasons: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(error) = next {
        let reason = error.to_string();
        if !reasons.iter().any(|known| known.contains(&reason)) {
            reasons.push(reason);
        }
        next = error.source();
    }
    if reasons.is_empty() { error.to_string() } else { reasons.join(": ") }
}
