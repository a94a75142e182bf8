//! Secret references: where a secret is, said without saying it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::environment::Environment;
use super::field::is_variable_name;
use super::nearest::nearest;
use crate::error::Failure;
use crate::exit::ExitCode;

/// The kinds, as the text begins.
const KINDS: [&str; 4] = ["env", "file", "command", "aws-sm"];

/// How values of well-known issuers begin, besides `sk-`.
const SECRET_PREFIXES: &[&str] = &[
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "SG.",
    "AIza",
    "npm_",
    "pypi-",
    "hf_",
    "eyJ",
];

/// Where a secret value comes from. The reference itself is not secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretReference {
    /// `-`: all of standard input.
    Stdin,
    /// `env:NAME`: an environment variable.
    Environment(String),
    /// `file:PATH`: a file's content.
    File(PathBuf),
    /// `command:PROGRAM ARG…`: the program's stdout. Split at white space, without a shell: no
    /// quoting, no variables; what needs them goes into a script.
    Command(Vec<String>),
    /// `aws-sm:SECRET_ID[#JSON_KEY]`: a secret in AWS Secrets Manager.
    AwsSecretsManager { secret_id: String, json_key: Option<String> },
}

/// Where a reference was written, which decides what its reader must mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// The command line: failures exit 2.
    Argument,
    /// This field of `rotate.toml`: failures exit 3.
    Configuration(&'a str),
}

impl Origin<'_> {
    /// The exit code for what the reference's author must mend.
    pub(super) fn exit(self) -> ExitCode {
        match self {
            Origin::Argument => ExitCode::Usage,
            Origin::Configuration(_) => ExitCode::Configuration,
        }
    }
}

/// Why a text is not a secret reference. Never repeats the text: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAReference {
    #[error("it is a secret value itself, where a reference to one is wanted")]
    InlineSecret,
    #[error("it is not a secret reference (not repeated here, it may be a key)")]
    Shapeless,
    #[error("unknown kind of secret reference")]
    UnknownKind { nearest: &'static str },
    #[error("nothing stands after `{kind}:`")]
    Incomplete { kind: &'static str },
    #[error("what stands after `env:` is not a variable name")]
    NotAVariable,
    #[error("a path that begins with `~` is not expanded here")]
    Home,
}

impl NotAReference {
    /// What to write instead, and what has already leaked.
    pub fn remedy(&self, origin: Origin<'_>) -> String {
        const KINDS: &str = "env:NAME, file:PATH, command:PROGRAM or aws-sm:SECRET_ID";
        match (self, origin) {
            (NotAReference::InlineSecret, Origin::Argument) => format!(
                "the value is now in the shell's history and was visible in the process list: consider this \
                 key exposed, replace it, and pass the new one by prompt, by - (stdin), or by {KINDS}"
            ),
            (NotAReference::InlineSecret, Origin::Configuration(_)) => format!(
                "write a reference such as {KINDS}; the key stood in a file in clear text: consider it \
                 exposed and replace it"
            ),
            (NotAReference::Shapeless, Origin::Argument) => format!(
                "pass - (stdin), {KINDS}; if the text was a key, it is now in the shell's history: \
                 consider it exposed"
            ),
            (NotAReference::Shapeless, Origin::Configuration(_)) => {
                format!("write {KINDS}; if the text was a key, consider it exposed and replace it")
            }
            (NotAReference::UnknownKind { nearest }, _) => format!("did you mean `{nearest}:`?"),
            (NotAReference::Incomplete { .. } | NotAReference::NotAVariable, _) => {
                format!("write {KINDS}; a variable's name goes without `$`")
            }
            (NotAReference::Home, _) => "write the full path".to_owned(),
        }
    }
}

impl SecretReference {
    /// A reference from the command line; relative paths are taken from the current directory.
    ///
    /// # Errors
    /// Exit 2, without the text, which may be a key.
    pub fn from_argument(text: &str, environment: &Environment) -> Result<Self, Failure> {
        match text.parse::<Self>() {
            Ok(reference) => Ok(reference.relative_to(environment.directory())),
            Err(error) => {
                let message = format!("cannot take the secret from this argument: {error}");
                Err(Failure::new(ExitCode::Usage, message, error.remedy(Origin::Argument)))
            }
        }
    }

    /// The same reference with relative paths (of files, and of programs named with a slash) taken
    /// from `base`.
    #[must_use]
    pub fn relative_to(self, base: &Path) -> Self {
        match self {
            SecretReference::File(path) => SecretReference::File(base.join(path)),
            SecretReference::Command(mut words) => {
                if let Some(program) = words.first_mut().filter(|program| program.contains('/')) {
                    *program = base.join(&*program).to_string_lossy().into_owned();
                }
                SecretReference::Command(words)
            }
            other => other,
        }
    }
}

impl FromStr for SecretReference {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, NotAReference> {
        if text == "-" {
            return Ok(SecretReference::Stdin);
        }
        if looks_like_a_secret(text) {
            return Err(NotAReference::InlineSecret);
        }
        let (kind, rest) = text.split_once(':').ok_or(NotAReference::Shapeless)?;
        let Some(kind) = KINDS.into_iter().find(|known| *known == kind) else {
            let near = nearest(kind, KINDS).ok_or(NotAReference::Shapeless)?;
            return Err(NotAReference::UnknownKind { nearest: near });
        };
        if looks_like_a_secret(rest) {
            return Err(NotAReference::InlineSecret);
        }
        if rest.trim().is_empty() {
            return Err(NotAReference::Incomplete { kind });
        }
        match kind {
            "env" if is_variable_name(rest) => Ok(SecretReference::Environment(rest.to_owned())),
            "env" => Err(NotAReference::NotAVariable),
            "file" if rest == "~" || rest.starts_with("~/") => Err(NotAReference::Home),
            "file" => Ok(SecretReference::File(PathBuf::from(rest))),
            "command" if rest.trim_start().starts_with("~/") => Err(NotAReference::Home),
            "command" => Ok(SecretReference::Command(rest.split_whitespace().map(str::to_owned).collect())),
            _ => aws_secrets_manager(rest),
        }
    }
}

fn aws_secrets_manager(rest: &str) -> Result<SecretReference, NotAReference> {
    let (secret_id, json_key) = match rest.split_once('#') {
        Some((secret_id, json_key)) => (secret_id, Some(json_key)),
        None => (rest, None),
    };
    if secret_id.is_empty() || json_key == Some("") {
        return Err(NotAReference::Incomplete { kind: "aws-sm" });
    }
    Ok(SecretReference::AwsSecretsManager {
        secret_id: secret_id.to_owned(),
        json_key: json_key.map(str::to_owned),
    })
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretReference::Stdin => f.write_str("-"),
            SecretReference::Environment(name) => write!(f, "env:{name}"),
            SecretReference::File(path) => write!(f, "file:{}", path.display()),
            SecretReference::Command(words) => write!(f, "command:{}", words.join(" ")),
            SecretReference::AwsSecretsManager { secret_id, json_key: None } => {
                write!(f, "aws-sm:{secret_id}")
            }
            SecretReference::AwsSecretsManager { secret_id, json_key: Some(json_key) } => {
                write!(f, "aws-sm:{secret_id}#{json_key}")
            }
        }
    }
}

/// Whether some word of a text begins like a key of a well-known issuer and is long enough to be one.
///
/// Names such as `npm_publish_token` are no keys: but for `sk-`, a key is long and has a digit.
pub fn looks_like_a_secret(text: &str) -> bool {
    let in_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    text.contains("-----BEGIN")
        || text.split(|c: char| !in_token(c)).any(|word| {
            let word = word.trim_start_matches(['-', '_', '.']);
            let digit = word.bytes().any(|byte| byte.is_ascii_digit());
            word.starts_with("sk-") && word.len() >= 12
                || digit && word.len() >= 20 && SECRET_PREFIXES.iter().any(|prefix| word.starts_with(prefix))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_and_shown_the_same() {
        for text in [
            "-",
            "env:ANTHROPIC_ADMIN_KEY",
            "file:/run/secrets/key",
            "command:pass show anthropic/admin",
            "env:npm_publish_token_1",
            "command:/opt/sk-tools/get key",
            "aws-sm:prod/key",
            "aws-sm:arn:aws:secretsmanager:eu-west-1:1:secret:k#api_key",
        ] {
            assert_eq!(text.parse::<SecretReference>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused_without_being_repeated() {
        let cases: &[(&str, NotAReference)] = &[
            ("sk-ant-api03-AAAABBBBCCCC", NotAReference::InlineSecret),
            (" 'sk-ant-api03-AAAABBBBCCCC'", NotAReference::InlineSecret),
            ("AKIAIOSFODNN7EXAMPLE", NotAReference::InlineSecret),
            ("env:sk-ant-api03-AAAABBBBCCCC", NotAReference::InlineSecret),
            ("command:login --key sk-ant-api03-AAAABBBBCCCC", NotAReference::InlineSecret),
            ("MY_VARIABLE", NotAReference::Shapeless),
            ("", NotAReference::Shapeless),
            ("hunter2:hunter2", NotAReference::Shapeless),
            ("evn:NAME", NotAReference::UnknownKind { nearest: "env" }),
            ("file:/srv/sk-ant-api03-AAAABBBBCCCC", NotAReference::InlineSecret),
            ("FILE:/x", NotAReference::UnknownKind { nearest: "file" }),
            ("env:", NotAReference::Incomplete { kind: "env" }),
            ("command:  ", NotAReference::Incomplete { kind: "command" }),
            ("aws-sm:#key", NotAReference::Incomplete { kind: "aws-sm" }),
            ("env:$NAME", NotAReference::NotAVariable),
            ("env:MY NAME", NotAReference::NotAVariable),
            ("file:~/key", NotAReference::Home),
        ];
        for (text, expected) in cases {
            let error = text.parse::<SecretReference>().unwrap_err();
            assert_eq!(error, *expected, "{text}");
            for origin in [Origin::Argument, Origin::Configuration("admin_key")] {
                let said = format!("{error} {}", error.remedy(origin));
                assert!(!said.contains("AAAABBBB") && !said.contains("hunter2"), "{said}");
            }
        }
    }

    #[test]
    fn relative_paths_follow_the_base() {
        let based =
            |text: &str| text.parse::<SecretReference>().unwrap().relative_to(Path::new("/base")).to_string();
        assert_eq!(based("file:key"), "file:/base/key");
        assert_eq!(based("file:/key"), "file:/key");
        assert_eq!(based("command:./get key"), "command:/base/./get key");
        assert_eq!(based("command:get key"), "command:get key");
    }
}
