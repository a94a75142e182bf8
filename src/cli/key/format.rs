//! The formats in which `rotate key` prints a credential.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::super::definition::{Key, KeyFormat};
use crate::clock::Clock;
use crate::config::KeySettings;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::secret::Secret;
use crate::workflow::variables::{self, Variable};

/// The longest that an AWS SDK goes on with what it was given.
const LONGEST_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// Refuses what does not go together, before any value is read.
///
/// # Errors
/// Exit 2, with the format that fits.
pub(super) fn check(arguments: &Key, is_document: bool, key: &KeySettings) -> Result<(), Failure> {
    let format = arguments.format;
    let refuse = |message: String, hint: String| Err(Failure::new(ExitCode::Usage, message, hint));
    if is_document && format != KeyFormat::Value {
        return refuse(
            "--json and --format ask for two different outputs".to_owned(),
            "leave one of them out; `--format json` gives programs the bare variables".to_owned(),
        );
    }
    if arguments.env.is_some() && matches!(format, KeyFormat::Value | KeyFormat::CredentialProcess) {
        return refuse(
            "--env names a variable, and this format has none".to_owned(),
            "leave out --env, or add --format env, json or dotenv".to_owned(),
        );
    }
    let provider = key.provider.name();
    if format == KeyFormat::CredentialProcess && provider != "aws-iam" {
        return refuse(
            format!(
                "credential-process is for AWS access keys, and `{}` is a key of the provider {provider}",
                key.name
            ),
            format!("print the bare value: `rotate key {}`", key.name),
        );
    }
    Ok(())
}

/// What goes to stdout.
///
/// # Errors
/// Those of [`variables::variables`].
pub(super) fn render(
    arguments: &Key,
    key: &KeySettings,
    value: &Secret,
    clock: &dyn Clock,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let provider = key.provider.name();
    let variables = match arguments.format {
        KeyFormat::Value => Vec::new(),
        _ => variables::variables(provider, value, arguments.env.as_deref())?,
    };
    // Growing would leave copies of the value in freed memory; JSON may write one byte as six.
    let names: usize = variables.iter().map(|variable| variable.name.len()).sum();
    let mut out = Zeroizing::new(Vec::with_capacity(256 + names + 6 * value.expose().len()));
    match arguments.format {
        KeyFormat::Value => put(&mut out, &[value.expose(), "\n"]),
        KeyFormat::Env => put_exports(&mut out, variables::stale(provider), &variables),
        KeyFormat::Dotenv => variables.iter().for_each(|variable| put_dotenv(&mut out, variable)),
        KeyFormat::Json => put_object(&mut out, &[], &variables)?,
        KeyFormat::CredentialProcess => {
            let named = as_credentials(variables, expiration(key, clock.now().wall)?);
            put_object(&mut out, &[("Version", "1")], &named)?;
        }
    }
    Ok(out)
}

/// Lines for `eval` in a POSIX shell. In single quotes everything is itself, and a [`Secret`] holds no quote that would
/// end them.
fn put_exports(out: &mut Vec<u8>, stale: &[&str], variables: &[Variable]) {
    for name in stale {
        put(out, &["unset ", name, "\n"]);
    }
    for Variable { name, value } in variables {
        put(out, &["export ", name, "='", value, "'\n"]);
    }
}

/// A line as the dotenv target appends it to a file (a test compares them): bare where no reader takes a character
/// for something else, otherwise in the quotes that readers agree on.
fn put_dotenv(out: &mut Vec<u8>, Variable { name, value }: &Variable) {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/+=@%,^".contains(&byte);
    let backslash_matters = value.contains("\\\\") || value.ends_with('\\');
    put(out, &[name, "="]);
    if value.bytes().all(is_plain) {
        put(out, &[value]);
    } else if !backslash_matters {
        put(out, &["'", value, "'"]);
    } else {
        put(out, &["\""]);
        for byte in value.bytes() {
            if matches!(byte, b'$' | b'\\') {
                out.push(b'\\');
            }
            out.push(byte);
        }
        put(out, &["\""]);
    }
    put(out, &["\n"]);
}

/// One line with one JSON object: members that are spelled already, then texts.
fn put_object(out: &mut Vec<u8>, spelled: &[(&str, &str)], texts: &[Variable]) -> Result<(), Failure> {
    let defect = |error: serde_json::Error| Failure::unexpected("cannot write JSON").caused_by(&error);
    put(out, &["{"]);
    for (name, value) in spelled {
        put(out, &["\"", name, "\":", value, ","]);
    }
    for (number, Variable { name, value }) in texts.iter().enumerate() {
        put(out, &[if number == 0 { "" } else { "," }]);
        serde_json::to_writer(&mut *out, name).map_err(defect)?;
        put(out, &[":"]);
        serde_json::to_writer(&mut *out, value.as_str()).map_err(defect)?;
    }
    put(out, &["}\n"]);
    Ok(())
}

/// The same pair under the names that AWS SDKs read from a credential_process (from the AWS SDKs and Tools
/// reference).
fn as_credentials(pair: Vec<Variable>, expiration: String) -> Vec<Variable> {
    let names = ["AccessKeyId", "SecretAccessKey"];
    let renamed = pair.into_iter().zip(names);
    let mut named: Vec<_> =
        renamed.map(|(Variable { value, .. }, name)| Variable { name: name.to_owned(), value }).collect();
    named.push(Variable { name: "Expiration".to_owned(), value: Zeroizing::new(expiration) });
    named
}

/// When an AWS SDK asks again at the latest, in RFC 3339.
///
/// Without it an SDK keeps the first answer for as long as its process lives. Half the grace window at most: what was
/// given just before a promotion is asked for again long before it is revoked. Short, because an SDK need not ask again
/// when a key is refused (botocore does not), and after an emergency fails for as long.
fn expiration(key: &KeySettings, now: Timestamp) -> Result<String, Failure> {
    let lifetime = LONGEST_LIFETIME.min(key.grace / 2);
    let at = SignedDuration::try_from(lifetime).ok().and_then(|lifetime| now.checked_add(lifetime).ok());
    let at = at.ok_or_else(|| Failure::unexpected("the clock is at the end of time"))?;
    Ok(format!("{at:.0}"))
}

fn put(out: &mut Vec<u8>, parts: &[&str]) {
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::target::dotenv::DotenvTarget;
    use crate::target::{Moving, Target};

    /// Values that a secret may have, and that shells and dotenv readers trip over.
    const ODD: [&str; 9] = [
        "sk-ant-api03-AbC_09",
        "a/b+c=@%,^:d",
        "$HOME",
        "a#b",
        "a!b&c;d|e",
        "*(a)<b>[c]{d}?~",
        "a\\b",
        "a\\\\b$c",
        "end\\",
    ];

    fn one(value: &str) -> Variable {
        Variable { name: "NAME".to_owned(), value: Zeroizing::new(value.to_owned()) }
    }

    #[test]
    fn a_shell_gets_the_value_as_it_is() {
        for value in ODD {
            let mut lines = Vec::new();
            put_exports(&mut lines, &["STALE"], &[one(value)]);
            let lines = String::from_utf8(lines).unwrap();
            let shown = Command::new("sh")
                .args(["-euc", "eval \"$1\"; env | sed -n 's/^NAME=//p'; echo ${STALE-gone}", "sh", &lines])
                .env("STALE", "there")
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(shown.stdout).unwrap(), format!("{value}\ngone\n"), "{lines}");
        }
    }

    #[test]
    fn a_dotenv_line_is_the_one_that_the_target_writes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".env");
        for value in ODD {
            std::fs::write(&path, "").unwrap();
            let target =
                DotenvTarget::new(path.clone(), vec!["NAME".to_owned()], directory.path().join("locks"));
            let secret = Secret::from_text(value.to_owned()).unwrap();
            pollster::block_on(target.write(&secret, Moving::ON)).unwrap();
            let mut line = Vec::new();
            put_dotenv(&mut line, &one(value));
            assert_eq!(String::from_utf8(line).unwrap(), std::fs::read_to_string(&path).unwrap(), "{value}");
        }
    }

    #[test]
    fn json_reads_back_as_it_was() {
        for value in ODD {
            let mut text = Vec::new();
            put_object(&mut text, &[("Version", "1")], &[one(value), one("second")]).unwrap();
            let text = String::from_utf8(text).unwrap();
            let [first, second] = [value, "second"].map(|value| serde_json::json!(value).to_string());
            assert_eq!(text, format!("{{\"Version\":1,\"NAME\":{first},\"NAME\":{second}}}\n"));
        }
    }
}
