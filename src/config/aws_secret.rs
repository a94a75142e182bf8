//! A secret in AWS Secrets Manager, as a target or as the place of a key's slots.

use super::document::Section;
use super::pair;
use super::provider::base_url;
use super::settings::{AwsSecretSettings, ValueAt};
use crate::error::Failure;

/// Which secret, where in it the value is, and how AWS is reached.
///
/// # Errors
/// The first field that is missing or odd.
pub(super) fn read(section: &Section<'_>) -> Result<AwsSecretSettings, Failure> {
    let text = |name| section.field(name).map(|field| field.text().map(str::to_owned)).transpose();
    Ok(AwsSecretSettings {
        secret_id: secret_id(section)?,
        value_at: value_at(section)?,
        region: text("region")?,
        profile: text("profile")?,
        endpoint_url: section.field("endpoint_url").map(|field| base_url(&field)).transpose()?,
    })
}

fn secret_id(section: &Section<'_>) -> Result<String, Failure> {
    match section.field("secret_id") {
        Some(field) => Ok(field.text()?.to_owned()),
        None => Err(section.failure(
            format!("`secret_id` is missing in {}: the type aws-secrets-manager needs one", section.name),
            "add secret_id = \"publish/anthropic\"",
        )),
    }
}

fn value_at(section: &Section<'_>) -> Result<ValueAt, Failure> {
    match (section.field("json_key"), section.field("json_keys")) {
        (None, None) => Ok(ValueAt::Whole),
        (Some(field), None) => Ok(ValueAt::JsonKey(field.text()?.to_owned())),
        (None, Some(field)) => {
            let [access_key_id, secret_access_key] =
                pair::read(&field, |half| half.text().map(str::to_owned))?;
            Ok(ValueAt::JsonKeys { access_key_id, secret_access_key })
        }
        (Some(_), Some(field)) => {
            Err(field.failure("stands beside json_key", "keep json_key for one value, json_keys for a pair"))
        }
    }
}
