//! A target that is a secret in AWS Secrets Manager.

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use super::file::held;
use super::{Target, TargetError, Written};
use crate::aws::secrets_manager::{CURRENT, PENDING};
use crate::aws::{AwsError, Current, Described, Fault, SecretsManager, Settings, connect, json_member};
use crate::crash;
use crate::rotation::credential::{ReadBack, TargetId};
use crate::secret::{Malformed, Secret};

/// How version ids of this program's making begin. AWS wants 32 to 64 characters.
const TOKEN_START: &str = "rotate-";
const TOKEN_HEX_DIGITS: usize = 40;

/// How often a write starts over when somebody else's came between.
const ATTEMPTS: usize = 3;

/// A secret whose text is the value, or a JSON document with the value under one key.
///
/// A write adds a version under AWSPENDING and then moves AWSCURRENT to it from the very version that was
/// read, so a reader sees the old text or the new one, and what somebody else wrote meanwhile is read anew
/// and kept. The version's id follows from secret, value and the version before: a second run after a crash
/// makes no second version. The old value stays under AWSPREVIOUS. Going back to an old value is a new
/// version like any other.
///
/// In a JSON document every byte but the value's own stays. A secret that holds anything but one credential
/// or nothing, where no key is named, is refused: it is likely not the one that was meant.
///
/// # Caveats
/// Somebody who puts a version directly under AWSCURRENT in the moment between the check of the label and
/// its move is seen by AWS, not here; the move then fails, and the write starts over.
pub struct AwsSecretsManagerTarget {
    id: TargetId,
    secret_id: String,
    json_key: Option<String>,
    settings: Settings,
    connection: OnceCell<SecretsManager>,
}

impl AwsSecretsManagerTarget {
    /// The target under the name that the configuration gives it. Connects to nothing yet.
    pub fn new(id: TargetId, secret_id: String, json_key: Option<String>, settings: Settings) -> Self {
        Self { id, secret_id, json_key, settings, connection: OnceCell::new() }
    }

    async fn connected(&self) -> Result<&SecretsManager, AwsError> {
        self.connection.get_or_try_init(|| connect(&self.settings)).await
    }

    /// Puts the value in once and says which version consumers read. `Ok(None)`: somebody else moved the
    /// label first, and nothing was lost.
    async fn write_once(&self, aws: &SecretsManager, value: &Secret) -> Result<Option<String>, AwsError> {
        let before = aws.describe(&self.secret_id).await?;
        self.check_described(&before)?;
        let current = aws.current(&self.secret_id).await?;
        let Some(text) = self.changed(&current.text, value)? else { return Ok(Some(current.version_id)) };
        self.check_pending(&before, &current)?;
        let token = self.token(value, &current.version_id);
        if let Err(error) = aws.put_pending(&self.secret_id, &token, &text, value).await {
            let now = aws.describe(&self.secret_id).await.map_err(|_| error.clone())?;
            if !now.versions.contains_key(&token) {
                return Err(error);
            }
        }
        crash::point("a version is pending");
        if let Err(error) = aws.move_current(&self.secret_id, &current.version_id, &token).await {
            let now = aws.describe(&self.secret_id).await.map_err(|_| error.clone())?;
            match now.holder(CURRENT) {
                Some(holder) if holder == token => {}
                Some(holder) if holder == current.version_id => return Err(error),
                _ => return Ok(None),
            }
        }
        crash::point("a version is current");
        tracing::info!("{}: version {token} is current", self.id);
        // The label has done its work. Left behind, it would only make the next one look twice.
        if let Err(error) = aws.drop_pending(&self.secret_id, &token).await {
            tracing::info!("{}: AWSPENDING stays on the current version: {error}", self.id);
        }
        Ok(Some(token))
    }

    fn check_described(&self, described: &Described) -> Result<(), AwsError> {
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
                format!("the secret {secret_id} is managed by {}", crate::http::clean(service, &[])),
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

    /// Refuses a pending version that is neither over nor this program's.
    fn check_pending(&self, described: &Described, current: &Current) -> Result<(), AwsError> {
        let stray = described.versions.iter().find(|(version, stages)| {
            stages.iter().any(|stage| stage == PENDING)
                && !stages.iter().any(|stage| stage == CURRENT || stage == "AWSPREVIOUS")
                && **version != current.version_id
                && !version.starts_with(TOKEN_START)
        });
        let Some((version, _)) = stray else { return Ok(()) };
        let (secret_id, version) = (&self.secret_id, crate::http::clean(version, &[]));
        Err(AwsError::new(
            Fault::Refused,
            format!("somebody else is changing the secret {secret_id}: version {version} bears AWSPENDING"),
            format!(
                "let that change end; if nobody owns it: `aws secretsmanager update-secret-version-stage \
                 --secret-id {secret_id} --version-stage AWSPENDING --remove-from-version-id {version}`"
            ),
        ))
    }

    /// The text with the value in it; `None` where it is in it already.
    fn changed(&self, text: &str, value: &Secret) -> Result<Option<Zeroizing<String>>, AwsError> {
        let Some(json_key) = &self.json_key else {
            let line_end = self.line_end(text)?;
            let changed = Zeroizing::new([value.expose(), line_end].concat());
            return Ok((*changed != text).then_some(changed));
        };
        let found = json_member::text(text, json_key).map_err(|error| self.no_member(error))?;
        if *found == value.expose() {
            return Ok(None);
        }
        json_member::with_text(text, json_key, value.expose())
            .map(Some)
            .map_err(|error| self.no_member(error))
    }

    /// The line end after the value, in a text that is one credential or nothing.
    fn line_end<'t>(&self, text: &'t str) -> Result<&'t str, AwsError> {
        match Secret::from_text(text.to_owned()) {
            Ok(_) | Err(Malformed::Empty) => {}
            Err(_) => {
                return Err(AwsError::new(
                    Fault::Named,
                    format!(
                        "the secret {} holds something other than one credential; it is as it was",
                        self.secret_id
                    ),
                    "for a JSON document add json_key = \"…\"; if it is the right secret, put a text without \
                     white space into it first, such as placeholder",
                ));
            }
        }
        Ok(&text[text.find(['\r', '\n']).unwrap_or(text.len())..])
    }

    fn no_member(&self, error: json_member::NoMember) -> AwsError {
        let json_key = self.json_key.as_deref().unwrap_or_default();
        AwsError::new(
            Fault::Named,
            format!("the secret {} has no value under the key `{json_key}`: {error}", self.secret_id),
            format!(
                "put one there, such as {{\"{json_key}\": \"placeholder\"}} beside what is there already, or \
                 correct json_key"
            ),
        )
    }

    fn token(&self, value: &Secret, version_before: &str) -> String {
        let json_key = self.json_key.as_deref().unwrap_or_default();
        let parts = [&self.secret_id, json_key, &value.fingerprint().to_string(), version_before];
        let digest = Sha256::digest(parts.join("\0").as_bytes());
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{TOKEN_START}{}", &hex[..TOKEN_HEX_DIGITS])
    }

    async fn read(&self) -> Result<ReadBack, AwsError> {
        let current = self.connected().await?.current(&self.secret_id).await?;
        let text = match &self.json_key {
            Some(json_key) => {
                json_member::text(&current.text, json_key).map_err(|error| self.no_member(error))?
            }
            None => current.text,
        };
        Ok(held([Zeroizing::new(text.as_bytes().to_vec())]))
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
        let aws = self.connected().await?;
        self.check_described(&aws.describe(&self.secret_id).await?)?;
        let current = aws.current(&self.secret_id).await?;
        match &self.json_key {
            Some(json_key) => {
                json_member::text(&current.text, json_key)
                    .map(|_| ())
                    .map_err(|error| self.no_member(error))?;
            }
            None => {
                self.line_end(&current.text)?;
            }
        }
        Ok(())
    }

    async fn write(&self, value: &Secret) -> Result<Written, TargetError> {
        let aws = self.connected().await?;
        for _ in 0..ATTEMPTS {
            if let Some(version) = self.write_once(aws, value).await? {
                return Ok(Written { version: Some(version) });
            }
        }
        Err(TargetError {
            message: format!(
                "the secret {} was changed meanwhile, {ATTEMPTS} times; nothing was lost",
                self.secret_id
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
