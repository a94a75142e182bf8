//! All keys: found by value in constant time, listed newest first.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::answer::Refusal;
use super::key_record::{KeyRecord, NewKey, checked_name};
use super::mint;
use super::random::Random;

/// What a person gives to create a key; `POST /console/api_keys`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyRequest {
    pub(super) name: String,
    /// The default workspace where absent.
    #[serde(default)]
    pub(super) workspace_id: Option<String>,
    #[serde(default)]
    pub(super) expires_at: Option<Timestamp>,
}

/// Every API key and the one admin key.
///
/// Values are not kept, only their SHA-256: looking one up by the whole digest tells nothing by its
/// timing that would help in guessing a value.
#[derive(Clone)]
pub(super) struct Registry {
    keys: Vec<KeyRecord>,
    by_digest: HashMap<[u8; 32], usize>,
    by_id: HashMap<String, usize>,
    admin_digest: [u8; 32],
    created_by: String,
}

impl Registry {
    pub(super) fn new(admin_value: &str, random: &mut Random) -> Self {
        Self {
            keys: Vec::new(),
            by_digest: HashMap::new(),
            by_id: HashMap::new(),
            admin_digest: digest(admin_value),
            created_by: mint::id(random, "user"),
        }
    }

    /// Creates an active key; gives its index and its value, which exists nowhere else after that.
    ///
    /// # Errors
    /// 400 for a bad name, a workspace id that is none, or an expiry that has passed.
    pub(super) fn create(
        &mut self,
        request: KeyRequest,
        now: Timestamp,
        random: &mut Random,
    ) -> Result<(usize, String), Refusal> {
        if request.workspace_id.as_deref().is_some_and(|id| !is_workspace_id(id)) {
            return Err(Refusal::invalid("workspace_id: an id such as wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ"));
        }
        if request.expires_at.is_some_and(|at| at <= now) {
            return Err(Refusal::invalid("expires_at: Input should be in the future"));
        }
        let value = mint::api_key_value(random);
        let key = NewKey {
            id: mint::id(random, "apikey"),
            hint: mint::hint(&value),
            name: checked_name(request.name)?,
            workspace: request.workspace_id,
            created_by: self.created_by.clone(),
            expires_at: request.expires_at,
        };
        let index = self.keys.len();
        self.by_digest.insert(digest(&value), index);
        self.by_id.insert(key.id.clone(), index);
        self.keys.push(KeyRecord::new(key, now));
        Ok((index, value))
    }

    pub(super) fn is_admin(&self, value: &str) -> bool {
        digest(value) == self.admin_digest
    }

    /// The index of the API key that has this value, whatever its state.
    pub(super) fn find_value(&self, value: &str) -> Option<usize> {
        self.by_digest.get(&digest(value)).copied()
    }

    pub(super) fn get(&self, index: usize) -> Option<&KeyRecord> {
        self.keys.get(index)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut KeyRecord> {
        self.keys.get_mut(index)
    }

    /// # Errors
    /// 404 where there is no such id.
    pub(super) fn by_id(&self, id: &str) -> Result<&KeyRecord, Refusal> {
        self.by_id.get(id).and_then(|&index| self.keys.get(index)).ok_or_else(no_such_key)
    }

    /// # Errors
    /// 404 where there is no such id.
    pub(super) fn by_id_mut(&mut self, id: &str) -> Result<&mut KeyRecord, Refusal> {
        self.by_id.get(id).and_then(|&index| self.keys.get_mut(index)).ok_or_else(no_such_key)
    }

    /// All keys, newest first (assumed: the documentation gives no order).
    pub(super) fn newest_first(&self) -> Vec<&KeyRecord> {
        self.keys.iter().rev().collect()
    }
}

pub(super) fn no_such_key() -> Refusal {
    Refusal::not_found("API key not found")
}

/// Ids are made of ASCII letters, digits and underscores, so that they can stand in a header.
fn is_workspace_id(id: &str) -> bool {
    id.len() <= 64
        && id
            .strip_prefix("wrkspc_")
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn digest(value: &str) -> [u8; 32] {
    Sha256::digest(value.as_bytes()).into()
}
