//! Replacing a file so that, whatever happens, a reader finds the old bytes or the new ones.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// How far a replacement that failed had got.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// The file is as it was.
    #[error("cannot write {}", path.display())]
    Unchanged {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The new bytes are in place, but a power cut could still bring the old ones back.
    #[error("wrote {}, but it may not survive a power cut", path.display())]
    NotDurable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl ReplaceError {
    /// The system's own error.
    pub fn io(self) -> io::Error {
        match self {
            ReplaceError::Unchanged { source, .. } | ReplaceError::NotDurable { source, .. } => source,
        }
    }
}

/// Replaces the file at `path`: a temporary file in the same directory (created with mode 0600, then
/// given `mode`), fsync, rename over `path`, fsync of the directory.
///
/// A failed fsync is never retried: the kernel may have dropped the pages and would then answer
/// success (fsyncgate; PostgreSQL's "fsync() surprise").
///
/// # Errors
/// [`ReplaceError::Unchanged`] up to and including a failed rename, [`ReplaceError::NotDurable`]
/// after it.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), ReplaceError> {
    put(path, OsStr::new(".rotate-"), bytes, |temporary| give_mode(temporary, mode))
}

/// As [`replace`], for bytes of which no copy may be left lying about: what a killed call left behind
/// is removed first ([`sweep`]).
///
/// # Errors
/// As [`replace`].
pub fn replace_secret(path: &Path, bytes: &[u8], mode: u32) -> Result<(), ReplaceError> {
    swept(path)?;
    put(path, &secret_prefix(path), bytes, |temporary| give_mode(temporary, mode))
}

/// As [`replace_secret`], for a file that belongs to someone else: the new file gets the mode, the owner,
/// the access control list, the SELinux label and the `user.*` attributes of `original` (on systems other
/// than Linux: mode and owner), and nothing is replaced when `path` is no longer the file as it was when
/// `seen` was taken from it.
///
/// # Errors
/// As [`replace`]; an owner or attribute that cannot be given, and a file that changed meanwhile, are
/// [`ReplaceError::Unchanged`].
pub fn replace_like(path: &Path, bytes: &[u8], original: &File, seen: &Metadata) -> Result<(), ReplaceError> {
    swept(path)?;
    put(path, &secret_prefix(path), bytes, |temporary| {
        give_owner(temporary, seen)?;
        // After the owner: chown clears the set-id bits.
        temporary.set_permissions(Permissions::from_mode(seen.mode() & 0o7777))?;
        attributes::copy(original, temporary)?;
        // The slow part first, so that little can happen between the look and the rename.
        temporary.sync_all()?;
        same_file(seen, &path.symlink_metadata()?)
    })
}

/// Removes what killed calls of [`replace_secret`] and [`replace_like`] for this `path` left in its
/// directory. A call that is still running elsewhere then fails to rename, and changes nothing.
///
/// # Errors
/// What the system says; a file that is already gone is no error.
pub fn sweep(path: &Path) -> io::Result<()> {
    let prefix = secret_prefix(path);
    for entry in std::fs::read_dir(parent(path))? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) {
            match std::fs::remove_file(entry.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

fn swept(path: &Path) -> Result<(), ReplaceError> {
    sweep(path).map_err(|source| ReplaceError::Unchanged { path: path.to_owned(), source })
}

/// Names the path, so that a leftover is known for what it is by whoever writes this path next.
fn secret_prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".rotate-");
    prefix
}

fn put(
    path: &Path,
    prefix: &OsStr,
    bytes: &[u8],
    prepare: impl FnOnce(&File) -> io::Result<()>,
) -> Result<(), ReplaceError> {
    let directory = parent(path);
    stage(path, directory, prefix, bytes, prepare)
        .map_err(|source| ReplaceError::Unchanged { path: path.to_owned(), source })?;
    sync_directory(directory).map_err(|source| ReplaceError::NotDurable { path: path.to_owned(), source })
}

fn stage(
    path: &Path,
    directory: &Path,
    prefix: &OsStr,
    bytes: &[u8],
    prepare: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let mut temporary = tempfile::Builder::new().prefix(prefix).tempfile_in(directory)?;
    temporary.write_all(bytes)?;
    prepare(temporary.as_file())?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn give_mode(file: &File, mode: u32) -> io::Result<()> {
    if mode == 0o600 {
        return Ok(()); // created with it
    }
    file.set_permissions(Permissions::from_mode(mode))
}

fn give_owner(file: &File, like: &Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    if (own.uid(), own.gid()) == (like.uid(), like.gid()) {
        return Ok(());
    }
    std::os::unix::fs::fchown(file, Some(like.uid()), Some(like.gid()))
}

fn same_file(seen: &Metadata, now: &Metadata) -> io::Result<()> {
    let identity = |file: &Metadata| (file.dev(), file.ino(), file.len(), file.ctime(), file.ctime_nsec());
    if identity(seen) == identity(now) {
        return Ok(());
    }
    Err(io::Error::other("someone else changed the file meanwhile"))
}

/// Extended attributes. They carry access control lists: a consumer that reads by one would be locked
/// out by a file without it.
#[cfg(target_os = "linux")]
mod attributes {
    use std::ffi::{CStr, CString};
    use std::fs::File;
    use std::io;

    use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fremovexattr, fsetxattr};
    use rustix::io::Errno;

    const ACCESS_LIST: &CStr = c"system.posix_acl_access";

    /// Copies what decides over access and what users set themselves. Signatures over the content
    /// (`security.ima`) would be wrong on new content and are left to the system.
    pub(super) fn copy(from: &File, to: &File) -> io::Result<()> {
        let names = kept_names(from)?;
        for name in &names {
            let value = value(from, name)?;
            if self::value(to, name)? != value {
                fsetxattr(to, name.as_c_str(), value.as_deref().unwrap_or_default(), XattrFlags::empty())?;
            }
        }
        // A new file may inherit its directory's default list, which the original need not have.
        let inherited =
            !names.iter().any(|name| name.as_c_str() == ACCESS_LIST) && value(to, ACCESS_LIST)?.is_some();
        if inherited {
            fremovexattr(to, ACCESS_LIST)?;
        }
        Ok(())
    }

    fn kept_names(file: &File) -> io::Result<Vec<CString>> {
        // 64 KiB is the kernel's own limit of a list (XATTR_LIST_MAX) and of a value (XATTR_SIZE_MAX).
        let mut list = vec![0; 64 * 1024];
        let length = match flistxattr(file, &mut list[..]) {
            Ok(length) => length,
            Err(Errno::NOTSUP | Errno::NOSYS) => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(list[..length]
            .split(|byte| *byte == 0)
            .filter(|name| is_kept(name))
            .filter_map(|name| CString::new(name).ok())
            .collect())
    }

    fn is_kept(name: &[u8]) -> bool {
        name == ACCESS_LIST.to_bytes() || name == b"security.selinux" || name.starts_with(b"user.")
    }

    fn value(file: &File, name: &CStr) -> io::Result<Option<Vec<u8>>> {
        let mut value = vec![0; 64 * 1024];
        match fgetxattr(file, name, &mut value[..]) {
            Ok(length) => {
                value.truncate(length);
                Ok(Some(value))
            }
            Err(Errno::NODATA | Errno::NOTSUP | Errno::NOSYS) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod attributes {
    pub(super) fn copy(_from: &std::fs::File, _to: &std::fs::File) -> std::io::Result<()> {
        Ok(())
    }
}

/// Makes the directory's entries durable.
///
/// # Errors
/// What the system says.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Makes durable that `path` is in its directory.
///
/// # Errors
/// What the system says; a directory that may not be read is passed over.
pub fn sync_name(path: &Path) -> io::Result<()> {
    match File::open(parent(path)) {
        // Others made it, with the name in it, long before: no reason to refuse what works but for this.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        opened => opened?.sync_all(),
    }
}

/// The directory that holds `path`; the current one for a bare name, and the root for itself.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        None if path.has_root() => path,
        _ => Path::new("."),
    }
}
