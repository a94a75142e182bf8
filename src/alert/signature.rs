//! How a webhook's receiver can tell that a delivery comes from here, is whole, and is no replay.
//!
//! The header `rotate-signature` is `t=<unix seconds>,v1=<hex>`, where `v1` is the HMAC-SHA256 (RFC 2104) of the seconds, a
//! full stop and the body, byte for byte, under the secret that both sides know. A receiver compares in constant time,
//! and refuses a time that is too far from its own.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::secret::Secret;

/// The header that carries a signature.
pub const HEADER: &str = "rotate-signature";

/// How far apart the clocks of both sides may reasonably be, the way included.
pub const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// Why a signature does not vouch for a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    #[error("the signature is not of the form t=SECONDS,v1=HEX")]
    Malformed,
    #[error("the signature's time is too far from now")]
    WrongTime,
    #[error("the signature is not that of this body under this secret")]
    Forged,
    #[error("the secret cannot be used as a key")]
    UnusableSecret,
}

/// The value of [`HEADER`] for a body that is sent at `at`.
///
/// # Errors
/// [`Unverified::UnusableSecret`], which no secret is today: HMAC takes keys of any length.
pub fn sign(secret: &Secret, body: &[u8], at: Timestamp) -> Result<String, Unverified> {
    let seconds = at.as_second();
    let code = code(secret, &seconds.to_string(), body)?.finalize().into_bytes();
    let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("t={seconds},v1={hex}"))
}

/// Checks a signature as a receiver should. Where there are several `v1`, one that fits is enough, so that a sender can
/// sign under an old and a new secret while the secret is replaced.
///
/// # Errors
/// [`Unverified`]; after it, nothing in the body may be believed.
pub fn verify(
    secret: &Secret,
    header: &str,
    body: &[u8],
    now: Timestamp,
    tolerance: Duration,
) -> Result<(), Unverified> {
    let (mut time, mut codes) = (None, Vec::new());
    for part in header.split(',') {
        match part.trim().split_once('=').ok_or(Unverified::Malformed)? {
            ("t", seconds) if time.is_none() => time = Some(seconds),
            ("v1", hex) => codes.push(bytes(hex).ok_or(Unverified::Malformed)?),
            ("t", _) => return Err(Unverified::Malformed),
            // Room for later kinds of signature.
            _ => {}
        }
    }
    let time = time.ok_or(Unverified::Malformed)?;
    let seconds: i64 = time.parse().map_err(|_| Unverified::Malformed)?;
    if codes.is_empty() {
        return Err(Unverified::Malformed);
    }
    let expected = code(secret, time, body)?;
    // All of them are compared: how many do not fit says nothing about the one that does.
    let fitting = codes.iter().filter(|code| expected.clone().verify_slice(code).is_ok()).count();
    if fitting == 0 {
        return Err(Unverified::Forged);
    }
    if now.as_second().abs_diff(seconds) > tolerance.as_secs() {
        return Err(Unverified::WrongTime);
    }
    Ok(())
}

fn code(secret: &Secret, seconds: &str, body: &[u8]) -> Result<Hmac<Sha256>, Unverified> {
    let mut code =
        Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).map_err(|_| Unverified::UnusableSecret)?;
    code.update(seconds.as_bytes());
    code.update(b".");
    code.update(body);
    Ok(code)
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
}
