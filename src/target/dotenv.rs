//! A target that is one variable of a dotenv file, or the two of a pair.

pub mod document;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::file::{Locks, Original, exposure, held, resolve};
use super::{Moving, Target, TargetError, Written};
use crate::rotation::credential::{ReadBack, TargetId};
use crate::secret::Secret;
use document::Unclear;

/// One variable in a file of `NAME=value` lines, as dotenv libraries, shells, compose and systemd read it; or two,
/// for a value that is a pair. Both halves of a pair change in one replacement of the file: a reader never sees the
/// id of one beside the secret of another.
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
    /// One, or the two of a pair.
    variables: Vec<String>,
    locks: Locks,
}

impl DotenvTarget {
    /// The target `dotenv:PATH#VARIABLE`, or `dotenv:PATH#ID+SECRET` where there are two variables for the halves of a
    /// pair. `lock_directory` keeps the lock files that writers of one file share; it is created by the first
    /// write.
    pub fn new(path: PathBuf, variables: Vec<String>, lock_directory: PathBuf) -> Self {
        let id = TargetId(format!("dotenv:{}#{}", path.display(), variables.join("+")));
        Self { id, path, variables, locks: Locks::new(lock_directory) }
    }

    fn write_value(&self, value: &Secret) -> Result<(), TargetError> {
        self.check_variables()?;
        let parts = self.parts(value)?;
        let path = resolve(&self.path)?;
        let _lock = self.locks.take(&path)?;
        let original = Original::open(&path)?;
        original.check_writable()?;
        let mut edited = Zeroizing::new(original.bytes().to_vec());
        for (variable, part) in self.variables.iter().zip(&parts) {
            edited = document::edit(&edited, variable, part.as_ref().unwrap_or(value))
                .map_err(|unclear| self.refuse(variable, unclear))?;
        }
        original.replace(&edited)
    }

    /// What goes into each variable; `None` is the whole value.
    fn parts(&self, value: &Secret) -> Result<Vec<Option<Secret>>, TargetError> {
        if self.variables.len() == 1 {
            return Ok(vec![None]);
        }
        match value.halves() {
            Some((first, second)) => Ok(vec![Some(first), Some(second)]),
            None => Err(TargetError {
                message: "the target has two variables, and the value is no pair".to_owned(),
                remedy: "name one `variable` for it; a pair is written ACCESS_KEY_ID:SECRET_ACCESS_KEY"
                    .to_owned(),
                source: None,
            }),
        }
    }

    fn read(&self) -> ReadBack {
        let original = match open(&self.path) {
            Ok(original) => original,
            Err(error) => return ReadBack::Unknown(error.to_string()),
        };
        let mut found = Vec::new();
        for variable in &self.variables {
            match document::values(original.bytes(), variable) {
                Ok(values) => found.push(values),
                Err(unclear) => return ReadBack::Unknown(unclear.to_string()),
            }
        }
        match <[_; 2]>::try_from(found) {
            Ok([ids, secrets]) => held_pair(&ids, &secrets),
            Err(found) => held(found.into_iter().flatten()),
        }
    }

    fn check_variables(&self) -> Result<(), TargetError> {
        self.variables.iter().try_for_each(|variable| check_variable(variable))
    }

    fn refuse(&self, variable: &str, unclear: Unclear) -> TargetError {
        TargetError {
            message: format!("{} cannot be edited safely: {unclear}; it is as it was", self.path.display()),
            remedy: unclear.remedy(variable),
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
        self.check_variables()?;
        let original = open(&self.path)?;
        original.check_writable()?;
        self.variables.iter().try_for_each(|variable| {
            document::check(original.bytes(), variable).map_err(|unclear| self.refuse(variable, unclear))
        })
    }

    fn warning(&self) -> Option<String> {
        exposure(&self.path)
    }

    async fn write(&self, value: &Secret, _moving: Moving<'_>) -> Result<Written, TargetError> {
        self.write_value(value).map(|()| Written::default())
    }

    async fn read_back(&self) -> ReadBack {
        self.read()
    }
}

/// What two variables hold together; halves that do not belong together are nobody's value.
fn held_pair(ids: &[Zeroizing<Vec<u8>>], secrets: &[Zeroizing<Vec<u8>>]) -> ReadBack {
    let one = |values: &[Zeroizing<Vec<u8>>]| match values {
        [] => Some(Zeroizing::new(Vec::new())),
        [first, rest @ ..] => rest.iter().all(|value| is_same(value, first)).then(|| first.clone()),
    };
    let (Some(id), Some(secret)) = (one(ids), one(secrets)) else {
        return ReadBack::Unknown("it is assigned several times, with different values".to_owned());
    };
    match (id.is_empty(), secret.is_empty()) {
        (true, true) => ReadBack::Absent,
        (false, false) => held([Zeroizing::new([id.as_slice(), b":", secret.as_slice()].concat())]),
        _ => ReadBack::Unknown("only one half of the pair is there".to_owned()),
    }
}

fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

fn check_variable(variable: &str) -> Result<(), TargetError> {
    let mut bytes = variable.bytes();
    let starts_well = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if starts_well && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')) {
        return Ok(());
    }
    Err(TargetError {
        message: format!("{variable:?} cannot be the name of a variable"),
        remedy: "set the target's `variable` to letters, digits and `_`, such as ANTHROPIC_API_KEY"
            .to_owned(),
        source: None,
    })
}

fn open(path: &Path) -> Result<Original, TargetError> {
    Original::open(&resolve(path)?)
}
