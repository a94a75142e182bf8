//! Slots that are two environment variables, filled by a person or by their deployment.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use async_trait::async_trait;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Purpose, Seen, SlotError, Slots};
use crate::rotation::credential::{Placement, SlotName};
use crate::secret::{Fingerprint, Secret};

/// Looks up one environment variable.
type Environment = Box<dyn Fn(&str) -> Option<OsString>>;

/// The two slots of a key as environment variables of this process.
///
/// A process cannot change the environment that others start with: a person places the values, `write`
/// verifies that they did, `erase` does nothing. A variable that is set but empty counts as an empty slot.
pub struct EnvSlots {
    primary_variable: String,
    secondary_variable: String,
    environment: Environment,
}

impl EnvSlots {
    /// The slots by these names in an environment that the caller looks up.
    pub fn new(
        primary_variable: String,
        secondary_variable: String,
        environment: impl Fn(&str) -> Option<OsString> + 'static,
    ) -> Self {
        Self { primary_variable, secondary_variable, environment: Box::new(environment) }
    }

    /// The slots by these names in this process's own environment.
    pub fn of_process(primary_variable: String, secondary_variable: String) -> Self {
        Self::new(primary_variable, secondary_variable, |name| std::env::var_os(name))
    }

    fn variable(&self, slot: SlotName) -> &str {
        match slot {
            SlotName::Primary => &self.primary_variable,
            SlotName::Secondary => &self.secondary_variable,
        }
    }

    fn bytes(&self, slot: SlotName) -> Option<Zeroizing<Vec<u8>>> {
        (self.environment)(self.variable(slot)).map(|value| Zeroizing::new(value.into_vec()))
    }

    fn read_slot(&self, slot: SlotName) -> Result<Option<Secret>, SlotError> {
        let Some(mut bytes) = self.bytes(slot).filter(|bytes| !bytes.is_empty()) else { return Ok(None) };
        Secret::from_bytes(std::mem::take(&mut *bytes)).map(Some).map_err(|malformed| SlotError {
            message: format!(
                "environment variable {} does not hold a credential: {malformed}",
                self.variable(slot)
            ),
            remedy: malformed.remedy().to_owned(),
            is_unfinished: false,
            source: None,
        })
    }

    fn verify(&self, slot: SlotName, value: &Secret) -> Result<(), SlotError> {
        let variable = self.variable(slot);
        let seen = match self.bytes(slot) {
            None => "it is unset".to_owned(),
            Some(bytes) if bytes.is_empty() => "it is empty".to_owned(),
            Some(bytes) if bytes.as_slice().ct_eq(value.expose().as_bytes()).into() => return Ok(()),
            Some(mut bytes) => match Secret::from_bytes(std::mem::take(&mut *bytes)) {
                // A reader is given every byte: the line end would travel in the request's header.
                Ok(other) if other.same_as(value) => "it holds it with a line end after it".to_owned(),
                Ok(other) => format!("it holds another one, {}", other.fingerprint()),
                Err(malformed) => format!("it holds something else: {malformed}"),
            },
        };
        Err(SlotError {
            message: format!(
                "environment variable {variable} should hold the credential {}, but {seen}",
                value.fingerprint()
            ),
            remedy: format!(
                "set {variable} to the new value where rotate and its consumers get their environment, \
                 then run the same command again from there"
            ),
            is_unfinished: false,
            source: None,
        })
    }
}

#[async_trait(?Send)]
impl Slots for EnvSlots {
    fn location(&self, slot: SlotName) -> String {
        format!("environment variable {}", self.variable(slot))
    }

    fn placed_by_person(&self) -> bool {
        true
    }

    async fn read(&self, slot: SlotName) -> Result<Option<Secret>, SlotError> {
        self.read_slot(slot)
    }

    async fn look(&self, _: SlotName) -> Result<Seen, SlotError> {
        Ok(Seen::default())
    }

    async fn write(
        &self,
        slot: SlotName,
        value: &Secret,
        _: Purpose<'_>,
        _: &Seen,
    ) -> Result<Option<Placement>, SlotError> {
        self.verify(slot, value).map(|()| None)
    }

    async fn erase(&self, _: SlotName, _: Fingerprint, _: &Seen) -> Result<(), SlotError> {
        Ok(())
    }
}
