//! Where in a secret's text a value is.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::error::{AwsError, Fault};
use super::json_member::{self, NoMember};
use crate::secret::{Malformed, Secret};

/// What stands between the two halves of a pair. No access key id contains it.
const BETWEEN: char = ':';

/// Where in a secret's text a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The text is the value, perhaps with a line end after it.
    Whole,
    /// The text is a JSON document, and the value a text under this key.
    Member(String),
    /// The text is a JSON document with the two halves of a pair under these keys: `ID:SECRET` is the value.
    Pair { id: String, secret: String },
}

impl Content {
    /// The keys that hold the value, as part of a name; `None` where the text is the value.
    pub fn part(&self) -> Option<String> {
        match self {
            Content::Whole => None,
            Content::Member(key) => Some(key.clone()),
            Content::Pair { id, secret } => Some(format!("{id}+{secret}")),
        }
    }

    /// The value in the text; empty where there is none yet.
    ///
    /// # Errors
    /// The text is not what it should be; ends in a remedy and repeats nothing of it.
    pub fn value_in(&self, secret_id: &str, text: &str) -> Result<Zeroizing<String>, AwsError> {
        match self {
            Content::Whole => {
                let line_end = line_end(secret_id, text)?;
                Ok(Zeroizing::new(text[..text.len() - line_end.len()].to_owned()))
            }
            Content::Member(key) => member(secret_id, text, key),
            Content::Pair { id, secret } => {
                let (id, secret) = (member(secret_id, text, id)?, member(secret_id, text, secret)?);
                if id.is_empty() && secret.is_empty() {
                    return Ok(Zeroizing::new(String::new()));
                }
                Ok(Zeroizing::new([id.as_str(), ":", secret.as_str()].concat()))
            }
        }
    }

    /// The text with the value in it, every other byte as it was; `None` where it is in it already.
    ///
    /// # Errors
    /// As [`Content::value_in`]; or the value is not a pair where a pair is wanted.
    pub fn with_value(
        &self,
        secret_id: &str,
        text: &str,
        value: &Secret,
    ) -> Result<Option<Zeroizing<String>>, AwsError> {
        if is_same(&self.value_in(secret_id, text)?, value.expose()) {
            return Ok(None);
        }
        Ok(Some(match self {
            Content::Whole => Zeroizing::new([value.expose(), line_end(secret_id, text)?].concat()),
            Content::Member(key) => with_member(secret_id, text, key, value.expose())?,
            Content::Pair { id, secret } => {
                let (id_half, secret_half) = halves(value)?;
                let with_id = with_member(secret_id, text, id, id_half)?;
                with_member(secret_id, &with_id, secret, secret_half)?
            }
        }))
    }
}

/// Whether two texts with secrets in them are equal, in constant time.
pub fn is_same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

fn halves(value: &Secret) -> Result<(&str, &str), AwsError> {
    value.expose().split_once(BETWEEN).ok_or_else(|| {
        AwsError::new(
            Fault::Named,
            "json_keys is for pairs, and the value is not one",
            "for a single value use json_key = \"…\"; a pair is written ACCESS_KEY_ID:SECRET_ACCESS_KEY",
        )
    })
}

fn member(secret_id: &str, text: &str, key: &str) -> Result<Zeroizing<String>, AwsError> {
    json_member::text(text, key).map_err(|error| no_member(secret_id, key, error))
}

fn with_member(secret_id: &str, text: &str, key: &str, value: &str) -> Result<Zeroizing<String>, AwsError> {
    json_member::with_text(text, key, value).map_err(|error| no_member(secret_id, key, error))
}

/// The line end after the value, in a text that is one credential or nothing.
fn line_end<'t>(secret_id: &str, text: &'t str) -> Result<&'t str, AwsError> {
    match Secret::from_text(text.to_owned()) {
        Ok(_) | Err(Malformed::Empty) => {}
        Err(_) => {
            return Err(AwsError::new(
                Fault::Named,
                format!("the secret {secret_id} holds something other than one credential; it is as it was"),
                "for a JSON document add json_key = \"…\"; if it is the right secret, put a text without \
                 white space into it first, such as placeholder",
            ));
        }
    }
    Ok(&text[text.find(['\r', '\n']).unwrap_or(text.len())..])
}

fn no_member(secret_id: &str, key: &str, error: NoMember) -> AwsError {
    AwsError::new(
        Fault::Named,
        format!("the secret {secret_id} has no value under the key `{key}`: {error}"),
        format!(
            "put one there, such as {{\"{key}\": \"placeholder\"}} beside what is there already, or correct json_key"
        ),
    )
}
