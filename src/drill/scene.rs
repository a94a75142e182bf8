//! What a drill plays with: a sandbox, a key, a configuration and targets, in a temporary directory.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tempfile::TempDir;

use super::Options;
use super::clock::{FastClock, SPEED};
use super::habit::{Keep, Source, VARIABLE};
use crate::config::{self, Config, Environment, KeySettings, Scope};
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::lease::directory::LeaseDirectory;
use crate::sandbox::{RunningSandbox, Sandbox, SandboxSettings};
use crate::secret::{Fingerprint, Secret};
use crate::wiring::{self, AdminKey, Surroundings};
use crate::workflow::decode_record;
use crate::workflow::ports::{Narrator, Ports};

/// The key's name in `rotate.toml`.
pub(super) const KEY: &str = "drill";
/// How long the sandbox goes on accepting a key that was made inactive, as real providers do; a second of the machine's
/// time.
const REVOCATION_LAG_MILLISECONDS: u64 = 60_000;
/// How late the sandbox's usage report is.
const USAGE_LAG_MILLISECONDS: u64 = 60_000;

const CONFIGURATION: &str = "rotate.toml";
const DOTENV: &str = "agents.env";
const PLAIN_FILE: &str = "agents.key";
const ADMIN_KEY: &str = "admin.key";

/// Everything is ready: the old key serves, nothing is adopted yet. Dropping it removes everything.
pub(super) struct Scene {
    // dropped in this order: no sandbox serves keys from a directory that is gone
    sandbox: RunningSandbox,
    directory: TempDir,
    config: Config,
    key: KeySettings,
    old: Fingerprint,
    old_id: String,
    clock: FastClock,
}

impl Scene {
    /// Starts the sandbox, creates the old key at its console and writes every file.
    ///
    /// # Errors
    /// Exit 3 where the temporary directory cannot be used; whatever the sandbox fails with.
    pub(super) fn set(options: &Options, clock: &FastClock) -> Result<Self, Failure> {
        let directory = tempfile::Builder::new()
            .prefix("rotate-drill-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .map_err(|error| unusable(&std::env::temp_dir(), &error))?;
        let settings = SandboxSettings {
            revocation_lag_milliseconds: REVOCATION_LAG_MILLISECONDS,
            usage_lag_milliseconds: USAGE_LAG_MILLISECONDS,
            ..SandboxSettings::default()
        };
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let sandbox = {
            let clock = clock.clone();
            Sandbox::start(listen, move || Box::new(clock.clone()), settings, None)?
        };
        let (old_id, old) = sandbox.create_key("the old key", None)?;
        let write = |name: &str, text: &str| private(directory.path(), name, text);
        write(ADMIN_KEY, &format!("{}\n", sandbox.admin_key().expose()))?;
        write(DOTENV, &dotenv(&old))?;
        write(PLAIN_FILE, &format!("{}\n", old.expose()))?;
        write(CONFIGURATION, &configuration(options, &sandbox.base_url()))?;
        // nothing of the operator's own configuration takes part
        let environment = Environment::new(directory.path(), |_| None);
        let config =
            config::load(&directory.path().join(CONFIGURATION), Scope::Everything, None, &environment)?;
        let key = config.key(Some(KEY))?.clone();
        Ok(Self { sandbox, directory, config, key, old: old.fingerprint(), old_id, clock: clock.clone() })
    }

    /// The ports of the drill's key, exactly as the commands get them.
    ///
    /// # Errors
    /// As [`wiring::ports`].
    pub(super) fn ports(&self, narrator: Rc<dyn Narrator>) -> Result<Ports, Failure> {
        let environment = Environment::new(self.directory.path(), |_| None);
        let surroundings =
            Surroundings { environment: &environment, clock: Rc::new(self.clock.clone()), narrator };
        wiring::ports(&self.config, &self.key, AdminKey::Needed, &surroundings, &[])
    }

    /// Creates the new key as a person does at the provider's console.
    ///
    /// # Errors
    /// The sandbox does not.
    pub(super) fn create_new_key(&self) -> Result<Secret, Failure> {
        self.sandbox.create_key("the new key", None).map(|(_, value)| value)
    }

    pub(super) fn base_url(&self) -> String {
        self.sandbox.base_url()
    }

    pub(super) fn old_fingerprint(&self) -> Fingerprint {
        self.old
    }

    /// The sandbox's id of the old key.
    pub(super) fn old_id(&self) -> &str {
        &self.old_id
    }

    /// The file that agents read.
    pub(super) fn dotenv(&self) -> PathBuf {
        self.directory.path().join(DOTENV)
    }

    /// The key by the way of `rotate key`.
    pub(super) fn rotate_key(&self) -> Source {
        Source::RotateKey {
            state_directory: self.config.state_directory.clone(),
            key: Box::new(self.key.clone()),
        }
    }

    /// The leases of a key, as the commands see them.
    pub(super) fn leases(&self, key: &str) -> LeaseDirectory {
        wiring::leases(&self.config.state_directory, key, Rc::new(self.clock.clone()))
    }

    /// The key's phase, as `rotate status` reads it; `None` before it is adopted.
    pub(super) fn phase(&self) -> Option<&'static str> {
        let store = wiring::store(&self.config.state_directory).ok()?;
        let decoded = decode_record(&*store, KEY).ok()??;
        Some(decoded.record.state.phase.name())
    }

    /// Stops the sandbox and removes the directory.
    ///
    /// # Errors
    /// Where either leaves something behind.
    pub(super) fn strike(self) -> Result<(), Failure> {
        self.sandbox.stop()?;
        let path = self.directory.path().to_owned();
        self.directory.close().map_err(|error| {
            let hint = format!("remove it: `rm -r '{}'`", path.display());
            Failure::new(ExitCode::Unexpected, format!("cannot remove {}", path.display()), hint)
                .caused_by(&error)
        })
    }
}

/// The file that agents read, with a value in it.
pub(super) fn dotenv(value: &Secret) -> String {
    format!("# read by the agents of the drill\n{VARIABLE}={}\n", value.expose())
}

/// Paths are relative to the file itself; durations are the drill's own.
fn configuration(options: &Options, base_url: &str) -> String {
    let keep = Keep::of(options.job_seconds);
    let speed = u64::from(SPEED);
    let (job_seconds, refresh_seconds) = (keep.job.as_secs() * speed, keep.refresh.as_secs() * speed);
    let grace_seconds = keep.window().as_secs() * speed;
    format!(
        r#"state = "state"

[providers.anthropic]
base_url  = "{base_url}"
admin_key = "file:{ADMIN_KEY}"

[keys.{KEY}]
provider       = "anthropic"
purpose        = "the agents of a drill"
longest_job    = "{job_seconds}s"
grace          = "{grace_seconds}s"
probe_interval = "12s"
revoke_timeout = "10m"
usage_quiet    = "1m"
usage_lag      = "2m"

[[keys.{KEY}.targets]]
type     = "dotenv"
path     = "{DOTENV}"
variable = "{VARIABLE}"
refresh  = "{refresh_seconds}s"

[[keys.{KEY}.targets]]
type = "file"
path = "{PLAIN_FILE}"
"#
    )
}

/// Writes a file that only its owner can read.
fn private(directory: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let path = directory.join(name);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| unusable(&path, &error))
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    let message = format!("the drill needs a temporary directory, and cannot write {}", path.display());
    let hint =
        "set TMPDIR to a directory that you can write and that has room, then run `rotate drill` again";
    Failure::new(ExitCode::Configuration, message, hint).caused_by(error)
}
