//! What a credential is called in the environment of a job: the names and values that `rotate key` prints and
//! `rotate exec` sets.

use zeroize::Zeroizing;

use crate::error::Failure;
use crate::exit::ExitCode;
use crate::secret::Secret;

/// One variable of a job's environment; its value is wiped on drop.
pub struct Variable {
    pub name: String,
    pub value: Zeroizing<String>,
}

/// The variables that carry a credential: one, or for a pair its id and then its secret.
///
/// `provider` is spelled as in rotate.toml. `name` replaces the provider's usual name.
///
/// # Errors
/// Exit 2: a name that no shell could set, one name for a pair, or no name where the provider has no usual one.
/// Exit 5: a value that should be a pair and is not.
pub fn variables(provider: &str, value: &Secret, name: Option<&str>) -> Result<Vec<Variable>, Failure> {
    if let Some(pair) = names_of_pair(provider) {
        return match name {
            None => halves(provider, value, pair),
            Some(name) => Err(Failure::new(
                ExitCode::Usage,
                format!("`--env {name}` names one variable, and a credential of {provider} needs two"),
                format!("leave out --env; the two are {} and {}", pair[0], pair[1]),
            )),
        };
    }
    let name = name.or_else(|| usual_name(provider)).ok_or_else(|| {
        Failure::new(
            ExitCode::Usage,
            format!("{provider} has no usual name for the variable that holds its key"),
            "name the variable: --env NAME",
        )
    })?;
    check(name)?;
    Ok(vec![variable(name, value)])
}

/// The names that a provider's own SDKs read: one, for a pair its id's and then its secret's, and none where there is
/// no usual one.
pub fn names(provider: &str) -> Vec<&'static str> {
    match names_of_pair(provider) {
        Some(pair) => pair.to_vec(),
        None => usual_name(provider).into_iter().collect(),
    }
}

/// Names to remove from a job's environment, because beside the new variables they would make the credential
/// useless: a session token belongs to the temporary access key that it was issued with (AWS SDKs send it with
/// whatever key they find).
pub fn stale(provider: &str) -> &'static [&'static str] {
    match provider {
        "aws-iam" => &["AWS_SESSION_TOKEN"],
        _ => &[],
    }
}

/// The name that the provider's own SDKs read.
fn usual_name(provider: &str) -> Option<&'static str> {
    match provider {
        "anthropic" => Some("ANTHROPIC_API_KEY"),
        _ => None,
    }
}

/// The names of the two halves, where the provider's credential is a pair.
fn names_of_pair(provider: &str) -> Option<[&'static str; 2]> {
    match provider {
        "aws-iam" => Some(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]),
        _ => None,
    }
}

fn halves(provider: &str, value: &Secret, names: [&str; 2]) -> Result<Vec<Variable>, Failure> {
    let (id, secret) = value.halves().ok_or_else(|| {
        Failure::new(
            ExitCode::State,
            format!("the value is not a pair, as a credential of {provider} is"),
            "look at `rotate status`, and stage a pair written ACCESS_KEY_ID:SECRET_ACCESS_KEY",
        )
    })?;
    Ok(vec![variable(names[0], &id), variable(names[1], &secret)])
}

fn variable(name: &str, value: &Secret) -> Variable {
    Variable { name: name.to_owned(), value: Zeroizing::new(value.expose().to_owned()) }
}

/// POSIX shells take these names and no others.
fn check(name: &str) -> Result<(), Failure> {
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if starts_well && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(());
    }
    Err(Failure::new(
        ExitCode::Usage,
        format!("{name:?} cannot be the name of a variable"),
        "use letters, digits and `_`, such as ANTHROPIC_API_KEY",
    ))
}
