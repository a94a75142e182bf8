//! A try of an advisory lock on a file (flock(2)).

use std::fs::{File, TryLockError};
use std::io;

/// Whether the lock was to be had just now. The kernel frees it with the file's last descriptor.
///
/// # Errors
/// What the system says; a signal that came in between is none.
pub fn try_lock(file: &File) -> io::Result<bool> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => return Ok(false),
            // It says nothing of the lock.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}
