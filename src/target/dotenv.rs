//! A target that is one variable of a dotenv file.

mod document;

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::file::{Locks, Original, exposure, held, resolve};
use super::{Target, TargetError, Written};
use crate::rotation::credential::{ReadBack, TargetId};
use crate::secret::Secret;
use document::Unclear;

/// One variable in a file of `NAME=value` lines, as dotenv libraries, shells, compose and systemd read it.
///
/// Every other byte of the file stays as it was, as do its mode, owner and access list. A symlink is
/// followed and the real file replaced, so that the link stays. Every assignment of the variable is
/// changed, because parsers disagree on which one wins; a missing one is appended. The old value's
/// quotes are kept, except where the new value would mean something else between them. Writers of the
/// same file wait for each other, also when they change different variables.
///
/// # Caveats
/// As for [`FileTarget`](super::file::FileTarget): the path gets a new inode, and a file with several
/// hard links is refused.
///
/// # Errors
/// Also a file whose quotes do not tell where values end: nothing is changed by guess.
pub struct DotenvTarget {
    id: TargetId,
    path: PathBuf,
    variable: String,
    locks: Locks,
}

impl DotenvTarget {
    /// The target `dotenv:PATH#VARIABLE`. `lock_directory` keeps the lock files that writers of one file
    /// share; it is created by the first write.
    pub fn new(path: PathBuf, variable: String, lock_directory: PathBuf) -> Self {
        let id = TargetId(format!("dotenv:{}#{variable}", path.display()));
        Self { id, path, variable, locks: Locks::new(lock_directory) }
    }

    fn write_value(&self, value: &Secret) -> Result<(), TargetError> {
        self.check_variable()?;
        let path = resolve(&self.path)?;
        let _lock = self.locks.take(&path)?;
        let original = Original::open(&path)?;
        original.check_writable()?;
        let edited = document::edit(original.bytes(), &self.variable, value)
            .map_err(|unclear| self.refuse(unclear))?;
        original.replace(&edited)
    }

    fn check_variable(&self) -> Result<(), TargetError> {
        let mut bytes = self.variable.bytes();
        let starts_well = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        if starts_well && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
        {
            return Ok(());
        }
        Err(TargetError {
            message: format!("{:?} cannot be the name of a variable", self.variable),
            remedy: "set the target's `variable` to letters, digits and `_`, such as ANTHROPIC_API_KEY"
                .to_owned(),
            source: None,
        })
    }

    fn refuse(&self, unclear: Unclear) -> TargetError {
        TargetError {
            message: format!("{} cannot be edited safely: {unclear}; it is as it was", self.path.display()),
            remedy: unclear.remedy(&self.variable),
            source: None,
        }
    }
}

#[async_trait(?Send)]
impl Target for DotenvTarget {
    fn id(&self) -> &TargetId {
        &self.id
    }

    fn is_local(&self) -> bool {
        true
    }

    async fn check(&self) -> Result<(), TargetError> {
        self.check_variable()?;
        let original = open(&self.path)?;
        original.check_writable()?;
        document::check(original.bytes(), &self.variable).map_err(|unclear| self.refuse(unclear))
    }

    fn warning(&self) -> Option<String> {
        exposure(&self.path)
    }

    async fn write(&self, value: &Secret) -> Result<Written, TargetError> {
        self.write_value(value).map(|()| Written::default())
    }

    async fn read_back(&self) -> ReadBack {
        match open(&self.path) {
            Ok(original) => match document::values(original.bytes(), &self.variable) {
                Ok(values) => held(values),
                Err(unclear) => ReadBack::Unknown(unclear.to_string()),
            },
            Err(error) => ReadBack::Unknown(error.to_string()),
        }
    }
}

fn open(path: &Path) -> Result<Original, TargetError> {
    Original::open(&resolve(path)?)
}
