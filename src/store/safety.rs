//! Which directories and files are fit to hold state.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use super::StoreError;
use crate::durable;

/// No state or journal file is larger; a larger one is not ours.
const FILE_BYTES_LIMIT: u64 = 256 << 20;

/// That the state directory is a real directory, ours, and writable by nobody else.
///
/// # Errors
/// [`StoreError::Unsafe`] with the command that mends it; [`StoreError::Io`] where it cannot be read
/// (also where it does not exist).
pub fn check_directory(directory: &Path) -> Result<(), StoreError> {
    let metadata = std::fs::symlink_metadata(directory).map_err(|source| StoreError::Io {
        what: "cannot read the state directory",
        path: directory.to_owned(),
        source,
    })?;
    if metadata.is_symlink() {
        return Err(unsafe_path(
            directory,
            "it is a symbolic link",
            format!("name the real directory: `rotate --state \"$(realpath {})\" …`", directory.display()),
        ));
    }
    if !metadata.is_dir() {
        return Err(unsafe_path(
            directory,
            "it is not a directory",
            "move it away, or choose another with --state",
        ));
    }
    check_owner_and_mode(directory, &metadata, "chmod 700")
}

/// Makes a directory and the ones above it that are missing, each with mode 0700, and makes them durable.
///
/// # Errors
/// [`StoreError::Io`].
pub fn create_directory(directory: &Path) -> Result<(), StoreError> {
    create_durably(directory).map_err(cannot_create(directory))
}

/// As [`create_directory`], for what need not outlive a power cut.
///
/// # Errors
/// [`StoreError::Io`].
pub fn create_fleeting_directory(directory: &Path) -> Result<(), StoreError> {
    builder().recursive(true).create(directory).map_err(cannot_create(directory))
}

fn create_durably(directory: &Path) -> io::Result<()> {
    if !directory.is_dir() {
        create_durably(durable::parent(directory))?;
        match builder().create(directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => {}
            created => created?,
        }
    }
    // Also where it was there: who made it may have been killed just then.
    durable::sync_name(directory)
}

fn builder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

fn cannot_create(directory: &Path) -> impl Fn(io::Error) -> StoreError {
    move |source| StoreError::Io { what: "cannot create the directory", path: directory.to_owned(), source }
}

/// Reads a whole file that must be a regular one, ours, and writable by nobody else; `None` where it
/// does not exist.
///
/// # Errors
/// [`StoreError::Unsafe`] for a symbolic link or loose permissions, [`StoreError::Io`] otherwise.
pub fn read_file(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let Some((mut file, metadata)) = open_known(path, OpenOptions::new().read(true))? else {
        return Ok(None);
    };
    // One byte more than the file has, so that one read takes it all and the next sees its end.
    let length = usize::try_from(metadata.len().min(FILE_BYTES_LIMIT)).unwrap_or(0);
    let mut bytes = Vec::with_capacity(length + 1);
    Read::by_ref(&mut file)
        .take(FILE_BYTES_LIMIT)
        .read_to_end(&mut bytes)
        .map_err(|source| StoreError::Io { what: "cannot read", path: path.to_owned(), source })?;
    Ok(Some(bytes))
}

/// Opens a file under the same conditions; `None` where it does not exist and is not to be created.
///
/// # Errors
/// As [`read_file`].
pub fn open(path: &Path, options: &mut OpenOptions) -> Result<Option<File>, StoreError> {
    Ok(open_known(path, options)?.map(|(file, _)| file))
}

fn open_known(path: &Path, options: &mut OpenOptions) -> Result<Option<(File, Metadata)>, StoreError> {
    let flags: OFlags = [OFlags::NOFOLLOW, OFlags::CLOEXEC, OFlags::NONBLOCK].into_iter().collect();
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let file = match options.mode(0o600).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if is_symlink(path) => {
            let remedy = format!("find out who made it, then remove it: `ls -l {}`", path.display());
            return Err(unsafe_path(path, &format!("it is a symbolic link ({error})"), remedy));
        }
        Err(source) => return Err(StoreError::Io { what: "cannot open", path: path.to_owned(), source }),
    };
    let metadata = file.metadata().map_err(|source| StoreError::Io {
        what: "cannot read",
        path: path.to_owned(),
        source,
    })?;
    if !metadata.is_file() {
        return Err(unsafe_path(path, "it is not a regular file", "move it away and run the command again"));
    }
    check_owner_and_mode(path, &metadata, "chmod 600")?;
    Ok(Some((file, metadata)))
}

fn is_symlink(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

fn check_owner_and_mode(path: &Path, metadata: &Metadata, mend: &str) -> Result<(), StoreError> {
    let own = rustix::process::geteuid().as_raw();
    if !is_trusted(metadata.uid(), own) {
        let reason = format!("it belongs to uid {}, and this process runs as uid {own}", metadata.uid());
        return Err(unsafe_path(path, &reason, "run `rotate` as the user who owns the state directory"));
    }
    if metadata.mode() & 0o022 != 0 {
        let reason = format!("others can write it (mode {:o})", metadata.mode() & 0o7777);
        let remedy = format!(
            "make sure that nobody changed it, then `{mend} {}`; see runbook.md, section \"Exit 5\"",
            path.display()
        );
        return Err(unsafe_path(path, &reason, remedy));
    }
    Ok(())
}

/// Whether a process of the user `own` may rely on what belongs to `owner`: root sees and changes everything anyway.
pub fn is_trusted(owner: u32, own: u32) -> bool {
    owner == own || owner == 0 || own == 0
}

/// That locks hold on the directory's file system.
///
/// # Errors
/// [`StoreError::Unsafe`] for a file system whose [locks are uncertain](uncertain_locks).
#[cfg(target_os = "linux")]
pub fn check_file_system(directory: &Path) -> Result<(), StoreError> {
    let kind = match rustix::fs::statfs(directory) {
        // The magic numbers are 32 bits wide; the field's width and sign differ between platforms.
        Ok(statistics) => statistics.f_type as u32,
        Err(_) => return Ok(()),
    };
    let Some(name) = uncertain_locks(kind) else { return Ok(()) };
    Err(unsafe_path(
        directory,
        &format!("it is on a {name} file system, where locks may not hold"),
        "use a local directory, or set `allow_network_state = true` in rotate.toml if you know that \
         locks hold there",
    ))
}

/// See the Linux version; elsewhere the kind of file system is not known and the operator decides.
#[cfg(not(target_os = "linux"))]
pub fn check_file_system(_directory: &Path) -> Result<(), StoreError> {
    Ok(())
}

/// The name of a file system whose locks depend on mount options, servers and clients that cannot be judged from here,
/// by its magic number (statfs(2)).
pub fn uncertain_locks(magic: u32) -> Option<&'static str> {
    match magic {
        0x6969 => Some("NFS"),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => Some("SMB"),
        0x6573_5546 => Some("FUSE"),
        _ => None,
    }
}

fn unsafe_path(path: &Path, reason: &str, remedy: impl Into<String>) -> StoreError {
    StoreError::Unsafe { path: path.to_owned(), reason: reason.to_owned(), remedy: remedy.into() }
}
