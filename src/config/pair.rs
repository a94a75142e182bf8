//! A table that names a place for each half of an access key.

use super::field::Field;
use super::known;
use crate::error::Failure;

/// The two places, by `name` as each kind of place reads its own: that of the id, that of the secret.
///
/// # Errors
/// A half that is missing or odd, or one place for both.
pub(super) fn read<'d>(
    field: &Field<'d>,
    name: impl Fn(&Field<'d>) -> Result<String, Failure>,
) -> Result<[String; 2], Failure> {
    let example = format!(
        "write {} = {{ access_key_id = \"AWS_ACCESS_KEY_ID\", secret_access_key = \"AWS_SECRET_ACCESS_KEY\" }}",
        field.name
    );
    let section = field.section()?;
    section.deny_unknown(known::PAIR)?;
    let half = |half: &str| match section.field(half) {
        Some(place) => name(&place),
        None => Err(field.failure(format!("has no `{half}`"), example.as_str())),
    };
    let (id, secret) = (half("access_key_id")?, half("secret_access_key")?);
    if id == secret {
        return Err(field.failure("names one place for both halves", example.as_str()));
    }
    Ok([id, secret])
}
