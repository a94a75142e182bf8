//! The admin keys API: which key is whose, and whether it is usable. From documentation (facts page,
//! "Admin keys API"); keys can be listed, disabled and archived there, never created.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::http::{Answer, Client, Request, clean};
use crate::provider::Outcome;
use crate::rotation::credential::{Identity, KeyStatus, ProviderKey, ProviderKeyId};
use crate::secret::Secret;

use super::answer::{ApiError, explain};
use super::{API_VERSION, hint};

const KEYS_PATH: &str = "/v1/organizations/api_keys";

/// Reads are repeated; writes never are, for their outcome must be looked at first.
const READ_ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Of 1000 keys each: more than any organisation has, few enough that a bad cursor ends.
const PAGES_AT_MOST: usize = 50;

/// One admin key and the way to use it.
pub(super) struct Admin<'a> {
    pub(super) http: &'a Client,
    pub(super) clock: &'a dyn Clock,
    pub(super) base_url: &'a str,
    pub(super) key: &'a Secret,
}

/// Why a call brought no document.
pub(super) enum Setback {
    NotFound(String),
    Refused(String),
    Unknown(String),
}

impl Admin<'_> {
    /// Which listed key has a hint that fits the value.
    ///
    /// Archived keys are candidates only where nothing else fits: no accepted credential is archived.
    pub(super) async fn identify(&self, value: &Secret) -> Identity {
        let secrets = [self.key, value];
        let items = match self.list(&secrets).await {
            Ok(items) => items,
            Err(Setback::NotFound(why) | Setback::Refused(why) | Setback::Unknown(why)) => {
                return Identity::Unknown(why);
            }
        };
        let fitting = items
            .iter()
            .filter(|item| item.partial_key_hint.as_deref().is_some_and(|hint| hint::fits(hint, value)))
            .map(|item| item.to_key(&secrets))
            .collect::<Result<Vec<_>, _>>();
        let fitting = match fitting {
            Ok(fitting) => fitting,
            Err(why) => return Identity::Unknown(why),
        };
        let (archived, mut usable): (Vec<_>, Vec<_>) =
            fitting.into_iter().partition(|key| key.status == KeyStatus::Archived);
        if usable.is_empty() {
            usable = archived;
        }
        match usable.pop() {
            None => Identity::NotFound,
            Some(only) if usable.is_empty() => Identity::Proven(only),
            Some(last) => {
                usable.push(last);
                Identity::Ambiguous(usable)
            }
        }
    }

    /// The record's status; `Done(None)` only where the provider itself says that there is no such id.
    ///
    /// Seen stale for about half a second after a write (third parties, facts page): poll.
    pub(super) async fn key_status(&self, id: &ProviderKeyId) -> Outcome<Option<KeyStatus>> {
        let path = match path_of(id) {
            Ok(path) => path,
            Err(why) => return Outcome::Refused(why),
        };
        match self.get(&path).await {
            Ok(document) => match status_of(&document, id) {
                Some(status) => Outcome::Done(Some(status)),
                None => Outcome::Unknown(format!("the provider's record of {id} makes no sense")),
            },
            Err(Setback::NotFound(_)) => Outcome::Done(None),
            Err(Setback::Refused(why)) => Outcome::Refused(why),
            Err(Setback::Unknown(why)) => Outcome::Unknown(why),
        }
    }

    /// Sets one key's status. Done only where the echoed record is this key's and has that status.
    pub(super) async fn set_status(&self, id: &ProviderKeyId, wanted: KeyStatus) -> Outcome<()> {
        let path = match path_of(id) {
            Ok(path) => path,
            Err(why) => return Outcome::Refused(why),
        };
        let request =
            self.request(Request::post(self.url(&path))).json(&json!({ "status": spelled(wanted) }));
        let answer = match self.http.send(request).await {
            Ok(answer) => answer,
            Err(error) => return Outcome::Unknown(error.to_string()),
        };
        if !(200..=299).contains(&answer.status) {
            return match self.setback(&answer) {
                Setback::NotFound(why) | Setback::Refused(why) => Outcome::Refused(why),
                Setback::Unknown(why) => Outcome::Unknown(why),
            };
        }
        match answer.json().and_then(|document| status_of(&document, id)) {
            Some(status) if status == wanted => Outcome::Done(()),
            Some(status) => Outcome::Unknown(format!(
                "the provider took the request, but shows {id} as {} instead of {}",
                spelled(status),
                spelled(wanted)
            )),
            None => Outcome::Unknown(format!(
                "the answer ({}) is not the provider's record of {id}; look at the key in the console",
                answer.status
            )),
        }
    }

    /// Every key of the organisation, of every status. A cursor becomes part of a URL, so one that
    /// repeats a secret is not sent back.
    async fn list(&self, secrets: &[&Secret]) -> Result<Vec<Item>, Setback> {
        let mut items: Vec<Item> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut cursors = BTreeSet::new();
        let mut path = format!("{KEYS_PATH}?limit=1000");
        for _ in 0..PAGES_AT_MOST {
            let page = Page::deserialize(self.get(&path).await?)
                .map_err(|_| nonsense("it is not the documented list of keys"))?;
            // A key created meanwhile may shift others onto the next page a second time.
            items.extend(page.data.into_iter().filter(|item| seen.insert(item.id.clone())));
            if !page.has_more {
                return Ok(items);
            }
            let cursor = page.last_id.filter(|cursor| is_path_safe(cursor) && !reveals(cursor, secrets));
            let cursor = cursor.ok_or_else(|| nonsense("it says that more follows, but not after what"))?;
            path = format!("{KEYS_PATH}?limit=1000&after_id={cursor}");
            if !cursors.insert(cursor) {
                return Err(nonsense("its pages go round in a circle"));
            }
        }
        Err(nonsense("it has no end"))
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Setback> {
        let mut attempt = 1;
        loop {
            let (setback, asked) = match self.http.send(self.request(Request::get(self.url(path)))).await {
                Ok(answer) if answer.status == 200 => {
                    return answer.json().ok_or_else(|| Setback::Unknown(explain(&answer, &[self.key])));
                }
                Ok(answer) if answer.status == 429 || answer.status >= 500 => {
                    (self.setback(&answer), answer.retry_after_seconds())
                }
                Ok(answer) => return Err(self.setback(&answer)),
                Err(error) if error.is_passing() => (Setback::Unknown(error.to_string()), None),
                Err(error) => return Err(Setback::Unknown(error.to_string())),
            };
            if attempt == READ_ATTEMPTS {
                return Err(setback);
            }
            let pause = asked.map_or(FIRST_PAUSE * 2u32.pow(attempt - 1), Duration::from_secs);
            self.clock.sleep(pause.min(LONGEST_PAUSE)).await;
            attempt += 1;
        }
    }

    /// Definite only in the words of the provider or its edge: a proxy's page says nothing.
    fn setback(&self, answer: &Answer) -> Setback {
        let secrets = [self.key];
        let said = explain(answer, &secrets);
        let Some(error) = ApiError::of(answer, &secrets) else { return Setback::Unknown(said) };
        match answer.status {
            401 if error.refuses_the_credential() => Setback::Refused(format!(
                "the admin key was rejected: {said}; replace `admin_key` of [providers.anthropic]"
            )),
            403 => Setback::Refused(format!(
                "the admin key may not do this: {said}; check its role in the console"
            )),
            404 if error.is_own("not_found_error") => Setback::NotFound(said),
            400 | 409 => Setback::Refused(said),
            _ => Setback::Unknown(said),
        }
    }

    fn request(&self, request: Request) -> Request {
        request.header("anthropic-version", API_VERSION).secret_header("x-api-key", self.key)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Item>,
    has_more: bool,
    last_id: Option<String>,
}

/// One key as the provider lists it.
#[derive(Deserialize)]
struct Item {
    id: String,
    status: String,
    #[serde(default)]
    name: String,
    partial_key_hint: Option<String>,
    workspace_id: Option<String>,
    expires_at: Option<String>,
}

impl Item {
    /// # Errors
    /// Where an id or a status is not understood: such a key must not be passed over in silence.
    fn to_key(&self, secrets: &[&Secret]) -> Result<ProviderKey, String> {
        let text = |text: &str| clean(text, secrets);
        if !is_path_safe(&self.id) || reveals(&self.id, secrets) {
            return Err(
                "the provider lists a key with an id of unknown form; look at it in the console".to_owned()
            );
        }
        let status = read_status(&self.status).ok_or_else(|| {
            format!("{} has the status `{}`, which this version does not know", self.id, text(&self.status))
        })?;
        Ok(ProviderKey {
            id: ProviderKeyId(self.id.clone()),
            name: text(&self.name),
            status,
            workspace: self.workspace_id.as_deref().map(text),
            expires_at: self.expires_at.as_deref().and_then(|moment| moment.parse::<Timestamp>().ok()),
            // The beginning that a key shares with every other may stay.
            hint: clean(&hint::shortened(self.partial_key_hint.as_deref().unwrap_or_default()), &[]),
        })
    }
}

fn status_of(document: &Value, id: &ProviderKeyId) -> Option<KeyStatus> {
    let named = document.get("id")?.as_str()?;
    if named != id.0 {
        return None;
    }
    read_status(document.get("status")?.as_str()?)
}

fn read_status(text: &str) -> Option<KeyStatus> {
    [KeyStatus::Active, KeyStatus::Inactive, KeyStatus::Archived, KeyStatus::Expired]
        .into_iter()
        .find(|status| spelled(*status) == text)
}

fn spelled(status: KeyStatus) -> &'static str {
    match status {
        KeyStatus::Active => "active",
        KeyStatus::Inactive => "inactive",
        KeyStatus::Archived => "archived",
        KeyStatus::Expired => "expired",
    }
}

/// The id becomes part of a URL: nothing in it may lead anywhere else.
fn path_of(id: &ProviderKeyId) -> Result<String, String> {
    if !is_path_safe(&id.0) {
        return Err("the recorded key id is not one of Anthropic's (letters, digits, `_` and `-`); \
             look the key up in the console"
            .to_owned());
    }
    Ok(format!("{KEYS_PATH}/{id}"))
}

pub(super) fn is_path_safe(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// Whether a text repeats a secret or a piece of one.
pub(super) fn reveals(text: &str, secrets: &[&Secret]) -> bool {
    clean(text, secrets) != text
}

fn nonsense(what: &str) -> Setback {
    Setback::Unknown(format!("the provider's list of keys cannot be relied on: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_lead_elsewhere_are_refused() {
        for id in ["", "../api_keys", "a/b", "a?b", "a%2fb", "a b", "ä", &"x".repeat(129)] {
            assert!(path_of(&ProviderKeyId(id.to_owned())).is_err(), "{id}");
        }
        let path = path_of(&ProviderKeyId("apikey_01Rj2N8SVvo6BePZj99NhmiT".into())).unwrap();
        assert_eq!(path, "/v1/organizations/api_keys/apikey_01Rj2N8SVvo6BePZj99NhmiT");
    }

    #[test]
    fn every_status_is_read_as_it_is_spelled() {
        for status in [KeyStatus::Active, KeyStatus::Inactive, KeyStatus::Archived, KeyStatus::Expired] {
            assert_eq!(read_status(spelled(status)), Some(status));
        }
        assert_eq!(read_status("ACTIVE"), None);
    }
}
