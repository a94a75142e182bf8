//! A target that is a file which holds nothing but the value.

mod original;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use zeroize::Zeroizing;

pub(super) use original::{Locks, Original, exposure, resolve};

use super::{Moving, Target, TargetError, Written};
use crate::rotation::credential::{ReadBack, TargetId};
use crate::secret::{Malformed, Secret};

/// A file that holds the value and nothing else, such as a Docker or systemd credential file.
///
/// The file must exist: whoever made it decided its mode and owner, and both are kept. A symlink is
/// followed and the real file replaced, so that the link stays. What stands after the value in the old
/// file (no line end, `\n` or `\r\n`) stands after the new one. A file that holds anything but one
/// credential, or nothing, is refused: it is likely not the file that was meant.
///
/// # Caveats
/// Replacing gives the path a new inode. A container that bind-mounts the single file goes on seeing
/// the old one until it restarts; mount the directory. A file with several hard links is refused,
/// because the other names would keep the old value.
pub struct FileTarget {
    id: TargetId,
    path: PathBuf,
    locks: Locks,
}

impl FileTarget {
    /// The target `file:PATH`. `lock_directory` keeps the lock files that writers of one file share; it
    /// is created by the first write.
    pub fn new(path: PathBuf, lock_directory: PathBuf) -> Self {
        Self { id: TargetId(format!("file:{}", path.display())), path, locks: Locks::new(lock_directory) }
    }

    fn write_value(&self, value: &Secret) -> Result<(), TargetError> {
        let path = resolve(&self.path)?;
        let _lock = self.locks.take(&path)?;
        let original = Original::open(&path)?;
        original.check_writable()?;
        let line_end = self.line_end(&original)?;
        let bytes = Zeroizing::new([value.expose().as_bytes(), line_end].concat());
        original.replace(&bytes)
    }

    /// The line end after the value, in a file that holds one value or none.
    fn line_end<'a>(&self, original: &'a Original) -> Result<&'a [u8], TargetError> {
        let bytes = original.bytes();
        let only_value = match Secret::from_bytes(bytes.to_vec()) {
            Ok(_) => true,
            Err(malformed) => {
                malformed == Malformed::Empty && !bytes.starts_with(b" ") && !bytes.starts_with(b"\t")
            }
        };
        if !only_value {
            return Err(not_one_value(&self.path));
        }
        let start = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
        Ok(&bytes[start..])
    }
}

#[async_trait(?Send)]
impl Target for FileTarget {
    fn id(&self) -> &TargetId {
        &self.id
    }

    fn is_local(&self) -> bool {
        true
    }

    async fn check(&self) -> Result<(), TargetError> {
        let original = Original::open(&resolve(&self.path)?)?;
        original.check_writable()?;
        self.line_end(&original).map(|_| ())
    }

    fn warning(&self) -> Option<String> {
        exposure(&self.path)
    }

    async fn write(&self, value: &Secret, _moving: Moving<'_>) -> Result<Written, TargetError> {
        self.write_value(value).map(|()| Written::default())
    }

    async fn read_back(&self) -> ReadBack {
        match resolve(&self.path).and_then(|path| Original::open(&path)) {
            Ok(original) => held([Zeroizing::new(original.bytes().to_vec())]),
            Err(error) => ReadBack::Unknown(error.to_string()),
        }
    }
}

/// The content of a small file of settings, through every symlink; for whoever looks and changes nothing.
///
/// # Errors
/// Missing, unreadable, not a regular file, or larger than 1 MiB.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TargetError> {
    let original = Original::open(&resolve(path)?)?;
    Ok(Zeroizing::new(original.bytes().to_vec()))
}

/// What a place holds whose value was found in these spots.
pub(super) fn held(values: impl IntoIterator<Item = Zeroizing<Vec<u8>>>) -> ReadBack {
    let mut seen = None;
    for mut value in values {
        let one = match Secret::from_bytes(std::mem::take(&mut *value)) {
            Ok(value) => ReadBack::Holds(value.fingerprint()),
            Err(Malformed::Empty) => ReadBack::Absent,
            Err(malformed) => return ReadBack::Unknown(malformed.to_string()),
        };
        if seen.as_ref().is_some_and(|seen| *seen != one) {
            return ReadBack::Unknown("it is assigned several times, with different values".to_owned());
        }
        seen = Some(one);
    }
    seen.unwrap_or(ReadBack::Absent)
}

fn not_one_value(path: &Path) -> TargetError {
    TargetError {
        message: format!("{} holds something other than one credential; it is as it was", path.display()),
        remedy: format!(
            "if it is the right file, empty it with `truncate -s 0 '{}'`; for NAME=value lines use a target \
             of type \"dotenv\"",
            path.display()
        ),
        source: None,
    }
}
