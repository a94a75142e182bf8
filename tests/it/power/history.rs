//! What a recording says by itself: which contents files had, and what must hold from each step on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rotate::secret::Fingerprint;
use rotate::store::format::{self, Record};

use super::disk::{Change, Disk};
use super::recording::{Recording, Step};

pub const STATE: &str = "state/prod.json";
pub const JOURNAL: &str = "state/journal/prod.jsonl";
pub const SPOOL: &str = "state/spool/prod";
pub const SLOTS: [&str; 2] = ["state/slots/prod.primary", "state/slots/prod.secondary"];
pub const TARGETS: [&str; 2] = ["app.env", "app.key"];

/// What a file held one after the other; `None` where it was not there. And the state that was the newest then.
type Contents = Vec<(Option<Vec<u8>>, usize)>;

/// What a command wrote, in its order.
pub struct History {
    /// The states, oldest first. Where the key was never adopted, the first is `None`.
    pub states: Vec<Option<(Vec<u8>, Record)>>,
    /// The contents that a file of this path may have, each with the number of the newest state that was written
    /// before it.
    pub contents: BTreeMap<&'static str, Contents>,
    /// What must hold from each step on.
    pub demands: Vec<Demand>,
    /// The disk after the last step, if nothing is lost.
    pub after: Disk,
}

/// What must hold after a power cut at some moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Demand {
    /// Rises with every change of the demand.
    pub number: usize,
    /// The number of the oldest state that may be there.
    pub oldest_state: usize,
    /// Everything the command did must be there: it has said so.
    pub everything: bool,
    /// The changes that the provider was asked for: a key's id and its new status.
    pub asked: Vec<(String, String)>,
    /// Credentials that the provider refuses.
    pub dead: BTreeSet<Fingerprint>,
}

impl History {
    /// `keys` are the fingerprints of the provider's keys by id, `dead` those that it refuses from the start.
    pub fn of(
        recording: &Recording,
        keys: &BTreeMap<String, Fingerprint>,
        dead: BTreeSet<Fingerprint>,
    ) -> Self {
        let mut history = Self {
            states: vec![recording.before.file(STATE).map(decoded)],
            contents: BTreeMap::new(),
            demands: Vec::new(),
            after: recording.before.clone(),
        };
        history.note_contents();
        let mut demand = Demand { dead, ..Demand::default() };
        for step in &recording.steps {
            let before = demand.clone();
            match step {
                Step::Changed(changes) => {
                    changes.iter().for_each(|change| history.after.apply(change));
                    // A name is where contents come and go; what is written to it in place is judged by itself.
                    if changes
                        .iter()
                        .any(|change| matches!(change, Change::Name { .. } | Change::Move { .. }))
                    {
                        history.note_state();
                        history.note_contents();
                    }
                }
                Step::Synced(_) => {}
                Step::Sent(bytes) => history.note_request(bytes, keys, &mut demand),
                Step::Printed | Step::Ended(_) => {
                    demand.oldest_state = history.newest();
                    demand.everything = true;
                }
            }
            demand.number += usize::from(demand != before);
            history.demands.push(demand.clone());
        }
        history
    }

    fn newest(&self) -> usize {
        self.states.len() - 1
    }

    fn note_state(&mut self) {
        let found = self.after.file(STATE).map(decoded);
        let known = self.states.last().and_then(Option::as_ref).map(|(bytes, _)| bytes);
        if found.as_ref().map(|(bytes, _)| bytes) != known {
            self.states.push(found);
        }
    }

    fn note_contents(&mut self) {
        let newest = self.newest();
        for path in SLOTS.into_iter().chain(TARGETS) {
            let content = self.after.file(path).map(<[u8]>::to_vec);
            let known = self.contents.entry(path).or_default();
            if known.iter().all(|(other, _)| *other != content) {
                known.push((content, newest));
            }
        }
    }

    /// What a request to change a key asks of the disk: the intent must be there from now on.
    fn note_request(&self, bytes: &[u8], keys: &BTreeMap<String, Fingerprint>, demand: &mut Demand) {
        let text = String::from_utf8_lossy(bytes);
        let Some((_, rest)) = text.split_once("POST /v1/organizations/api_keys/") else { return };
        let id = rest.split([' ', '?']).next().unwrap();
        let fingerprint = keys[id];
        let status = ["active", "inactive", "archived"]
            .into_iter()
            .find(|status| text.contains(&format!("\"status\":\"{status}\"")))
            .unwrap_or_else(|| panic!("a request without its body"));
        demand.asked.push((id.to_owned(), status.to_owned()));
        match status {
            "active" => demand.dead.remove(&fingerprint),
            _ => demand.dead.insert(fingerprint),
        };
        demand.oldest_state = self.newest();
        let intent =
            self.states.last().and_then(Option::as_ref).and_then(|(_, record)| record.state.intent.clone());
        let effect = serde_json::to_value(intent.map(|intent| intent.effect)).unwrap();
        assert_eq!(effect["id"], id, "a request without the intent before it: {effect}");
    }
}

fn decoded(bytes: &[u8]) -> (Vec<u8>, Record) {
    (bytes.to_vec(), format::decode(bytes, Path::new(STATE)).unwrap().record)
}
