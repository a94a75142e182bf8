//! Events, in words for whoever waits.

use crate::duration::friendly;
use crate::rotation::event::{Event, Proof};
use crate::rotation::phase::Direction;

/// What an event means to people, where they are told of it.
pub(super) fn of(event: &Event) -> Option<String> {
    match event {
        Event::Switched { direction, .. } => {
            let which = match direction {
                Direction::Forward => "new",
                Direction::Back => "old",
            };
            Some(format!("consumers that ask `rotate key` get the {which} credential now"))
        }
        Event::GraceOpened { window, .. } => {
            Some(format!("grace window opened; not before {:.0}", window.not_before))
        }
        Event::FirstUseSeen { at, window: None } => {
            Some(format!("the provider tells of use of the new credential since {at:.0}"))
        }
        Event::FirstUseSeen { at, window: Some(window) } => Some(format!(
            "the new credential was first used at {at:.0}: the grace window runs from there, not before {:.0}",
            window.not_before
        )),
        Event::LongerJobSeen { seconds } => {
            Some(format!("the longest job seen ran for {}: the grace floor follows", friendly(*seconds)))
        }
        Event::Revoked { fingerprint, proof } => Some(revoked(&fingerprint.to_string(), proof)),
        Event::IntentDropped { reason } => Some(format!("what was begun is called off: {reason}")),
        Event::RevocationUndone { reason, .. } => Some(format!("the revocation was taken back: {reason}")),
        Event::EmergencyDeclared { .. } => {
            Some("emergency declared; it stays on record until it is over".to_owned())
        }
        _ => None,
    }
}

fn revoked(fingerprint: &str, proof: &Proof) -> String {
    match proof.lag_seconds {
        Some(0) => format!("{fingerprint} is refused by the provider, within a second of its revocation"),
        Some(lag) => format!("{fingerprint} is refused by the provider, {lag} s after it was revoked"),
        None => format!("{fingerprint} is refused by the provider"),
    }
}
