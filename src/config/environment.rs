//! What the configuration reads of the process around it, so that tests can say it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

type Variables = Box<dyn Fn(&str) -> Option<OsString>>;

/// Fetches the text of a secret in AWS Secrets Manager, or what it has under a JSON key.
type SecretsManager = Box<dyn Fn(&str, Option<&str>) -> Result<Zeroizing<Vec<u8>>, NotFetched>>;

/// Why a secret store gave no value. Holds no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFetched {
    pub complaint: String,
    pub hint: String,
    /// Whether the reference names something that is not there; otherwise the store could not be had.
    pub is_reference_wrong: bool,
}

/// The environment variables and the current directory.
pub struct Environment {
    variables: Variables,
    directory: PathBuf,
    secrets_manager: Option<SecretsManager>,
}

impl Environment {
    /// Those of this process.
    ///
    /// Where the current directory cannot be told (it was removed), paths relative to it stay
    /// relative, and fail where they are used.
    pub fn of_process() -> Self {
        let directory = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        Self::new(directory, |name| std::env::var_os(name))
    }

    /// Others.
    pub fn new(
        directory: impl Into<PathBuf>,
        variables: impl Fn(&str) -> Option<OsString> + 'static,
    ) -> Self {
        Self { variables: Box::new(variables), directory: directory.into(), secrets_manager: None }
    }

    /// The same with a way to AWS Secrets Manager, which this room does not know itself.
    #[must_use]
    pub fn with_secrets_manager(
        mut self,
        fetch: impl Fn(&str, Option<&str>) -> Result<Zeroizing<Vec<u8>>, NotFetched> + 'static,
    ) -> Self {
        self.secrets_manager = Some(Box::new(fetch));
        self
    }

    /// Fetches a secret; `None` where there is no way to do it.
    pub(super) fn fetch(
        &self,
        secret_id: &str,
        json_key: Option<&str>,
    ) -> Option<Result<Zeroizing<Vec<u8>>, NotFetched>> {
        self.secrets_manager.as_ref().map(|fetch| fetch(secret_id, json_key))
    }

    /// A variable as it is; an empty one is `Some`.
    pub fn variable(&self, name: &str) -> Option<OsString> {
        (self.variables)(name)
    }

    /// The current directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A variable that names a path; empty counts as unset.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.variable(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// A directory of the XDG base directory specification: the variable, or its default below the
    /// home directory. Relative values are ignored, as the specification demands.
    pub fn xdg(&self, variable: &str, default_below_home: &str) -> Option<PathBuf> {
        let absolute = |name| self.path(name).filter(|path| path.is_absolute());
        absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(default_below_home)))
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Variables may hold secrets: none are shown.
        f.debug_struct("Environment").field("directory", &self.directory).finish_non_exhaustive()
    }
}
