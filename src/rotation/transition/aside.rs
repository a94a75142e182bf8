//! Credentials that the rotation does not go on with, and that are perhaps still accepted.

use super::Transition;
use crate::rotation::credential::Credential;
use crate::rotation::phase::Phase;
use crate::secret::Fingerprint;

impl Transition<'_> {
    pub(super) fn is_set_aside(&self, fingerprint: Fingerprint) -> bool {
        self.state.set_aside.iter().any(|aside| aside.fingerprint == fingerprint)
    }

    pub(super) fn set_aside(&mut self, credential: Credential) {
        if !self.is_set_aside(credential.fingerprint) {
            self.state.set_aside.push(credential);
        }
    }

    /// It is part of the rotation again, or gone.
    pub(super) fn not_aside(&mut self, fingerprint: Fingerprint) {
        self.state.set_aside.retain(|aside| aside.fingerprint != fingerprint);
    }

    /// Another intent takes the place of an `undo`: what was to be brought back is perhaps accepted again. (An active
    /// credential is looked at again when something takes its place.)
    pub(super) fn undo_given_up(&mut self) {
        let Phase::Revoked { active, revoked, .. } = &self.state.phase else { return };
        let back = revoked.credential.clone();
        if self.state.is_undoing() && back.fingerprint != active.fingerprint {
            self.state.dead.remove(&back.fingerprint);
            self.set_aside(back);
        }
    }
}
