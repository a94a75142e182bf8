//! Randomness, injected. The names of rotations and leases come from here.

/// Eight random bytes of the system.
///
/// `occasion` says what they are for, and when; it decides nothing but the bytes of a test, which injects
/// randomness by `ROTATE_TEST_SEED` and gets the same bytes for the same occasion.
///
/// # Errors
/// The system has no randomness to give.
pub fn eight_bytes(occasion: &str) -> Result<[u8; 8], getrandom::Error> {
    // Tests inject randomness; a release build has no such door.
    #[cfg(debug_assertions)]
    if let Some(seed) = std::env::var_os("ROTATE_TEST_SEED") {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(format!("{} {occasion}", seed.to_string_lossy()));
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&digest[..8]);
        return Ok(bytes);
    }
    let _ = occasion;
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
