//! Finding `rotate.toml`, reading it, and finding the state directory.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use crate::error::Failure;
use crate::exit::ExitCode;

const FILE_NAME: &str = "rotate.toml";
const LONGEST_BYTES: u64 = 4 * 1024 * 1024;
const EXAMPLE: &str = "\
[keys.prod]
provider = \"anthropic\"

[[keys.prod.targets]]
type = \"dotenv\"
path = \"/srv/app/.env\"
variable = \"ANTHROPIC_API_KEY\"";

/// Finds the configuration: `explicit` (`--config`), `ROTATE_CONFIG`, `./rotate.toml`,
/// `$XDG_CONFIG_HOME/rotate/rotate.toml`, `/etc/rotate/rotate.toml`; the first that exists.
///
/// # Errors
/// Exit 3: none exists; one named by `explicit` or `ROTATE_CONFIG` does not exist (there is no falling
/// through to another file than the one that was meant); a place cannot be looked at; or
/// `./rotate.toml` belongs to another user, who could have put it there for whoever comes by.
pub fn find(explicit: Option<&Path>, environment: &Environment) -> Result<PathBuf, Failure> {
    search(explicit, environment)?.map_err(|looked| {
        let looked: Vec<String> = looked.iter().map(|path| path.display().to_string()).collect();
        Failure::new(
            ExitCode::Configuration,
            format!("no configuration file: looked for {}", looked.join(", ")),
            format!(
                "name one by --config or ROTATE_CONFIG, or create {FILE_NAME} here, beginning with\n{EXAMPLE}"
            ),
        )
    })
}

/// The same for a command that does without a configuration: `None` where there is none in any usual place.
///
/// # Errors
/// As [`find`], but for that.
pub fn find_any(explicit: Option<&Path>, environment: &Environment) -> Result<Option<PathBuf>, Failure> {
    Ok(search(explicit, environment)?.ok())
}

/// The file, or the places that were looked at in vain.
fn search(
    explicit: Option<&Path>,
    environment: &Environment,
) -> Result<Result<PathBuf, Vec<PathBuf>>, Failure> {
    if let Some(path) = explicit {
        return named(&environment.directory().join(path), "--config").map(Ok);
    }
    if let Some(path) = environment.path("ROTATE_CONFIG") {
        return named(&environment.directory().join(path), "ROTATE_CONFIG").map(Ok);
    }
    let here = environment.directory().join(FILE_NAME);
    if let Some(owner) = owner_of(&here)? {
        return trusted(here, owner).map(Ok);
    }
    let below_home =
        environment.xdg("XDG_CONFIG_HOME", ".config").map(|base| base.join("rotate").join(FILE_NAME));
    let for_all = PathBuf::from("/etc/rotate").join(FILE_NAME);
    let mut looked = vec![here];
    for path in below_home.into_iter().chain([for_all]) {
        if owner_of(&path)?.is_some() {
            return Ok(Ok(path));
        }
        looked.push(path);
    }
    Ok(Err(looked))
}

fn named(path: &Path, by: &str) -> Result<PathBuf, Failure> {
    match owner_of(path)? {
        Some(_) => Ok(path.to_owned()),
        None => Err(Failure::new(
            ExitCode::Configuration,
            format!("the configuration file {} named by {by} does not exist", path.display()),
            format!("correct {by}, or leave it out to have the usual places searched"),
        )),
    }
}

/// The user id a file belongs to; `None` where there is no file.
fn owner_of(path: &Path) -> Result<Option<u32>, Failure> {
    match path.metadata() {
        Ok(metadata) => Ok(Some(metadata.uid())),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn trusted(path: PathBuf, owner: u32) -> Result<PathBuf, Failure> {
    if owner == 0 || owner == rustix::process::geteuid().as_raw() {
        return Ok(path);
    }
    Err(Failure::new(
        ExitCode::Configuration,
        format!("{} belongs to another user (id {owner}), who could redirect your keys", path.display()),
        format!("if you trust it, name it: --config {}", path.display()),
    ))
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let message = format!("cannot read the configuration file {}", path.display());
    let hint =
        "check its permissions and those of the directories above it, or name another with --config FILE";
    Failure::new(ExitCode::Configuration, message, hint).caused_by(error)
}

/// Reads the whole file, once.
///
/// # Errors
/// Exit 3: unreadable, a directory, larger than 4 MiB, not UTF-8, or writable for everybody.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    let refuse = |what: &str, hint: String| {
        Failure::new(
            ExitCode::Configuration,
            format!("the configuration file {} {what}", path.display()),
            hint,
        )
    };
    let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    if metadata.is_dir() {
        return Err(refuse(
            "is a directory",
            format!("name the file in it: --config {}/{FILE_NAME}", path.display()),
        ));
    }
    if metadata.mode() & 0o002 != 0 {
        let hint = format!("check its content, then: chmod o-w '{}'", path.display());
        return Err(refuse("can be written by everybody, who could redirect your keys", hint));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(LONGEST_BYTES)).unwrap_or(0) + 1);
    file.by_ref()
        .take(LONGEST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 > LONGEST_BYTES {
        return Err(refuse("is larger than 4 MiB", "name the right file: --config FILE".to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count();
        refuse(&format!("is not UTF-8 text, at line {line}"), "save it as UTF-8".to_owned())
    })
}

/// The state directory: `override_` (`--state`), `ROTATE_STATE`, `in_file` (absolute already),
/// `$XDG_STATE_HOME/rotate`.
///
/// # Errors
/// Exit 2 or 3, as it was named: a path that begins with `~`, or no place known.
pub(super) fn state_directory(
    override_: Option<&Path>,
    in_file: Option<PathBuf>,
    environment: &Environment,
) -> Result<PathBuf, Failure> {
    if let Some(path) = override_ {
        return from_outside(path, "--state", ExitCode::Usage, environment);
    }
    if let Some(path) = environment.path("ROTATE_STATE") {
        return from_outside(&path, "ROTATE_STATE", ExitCode::Configuration, environment);
    }
    let default = || environment.xdg("XDG_STATE_HOME", ".local/state").map(|base| base.join("rotate"));
    in_file.or_else(default).ok_or_else(|| {
        Failure::new(
            ExitCode::Configuration,
            "no state directory: neither `state` in the configuration nor XDG_STATE_HOME or HOME is set",
            "add state = \"/var/lib/rotate\" at the top of the configuration, or pass --state DIR",
        )
    })
}

fn from_outside(
    path: &Path,
    by: &str,
    exit: ExitCode,
    environment: &Environment,
) -> Result<PathBuf, Failure> {
    if path.as_os_str().is_empty() {
        return Err(Failure::new(exit, format!("{by} is empty"), "name a directory, or leave it out"));
    }
    if path.starts_with("~") {
        let message = format!("{by} begins with `~`, which is not expanded here");
        return Err(Failure::new(exit, message, "write the full path"));
    }
    Ok(environment.directory().join(path))
}
