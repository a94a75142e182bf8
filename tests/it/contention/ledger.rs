//! What the journal says was done, done again: whatever it tells must add up to the state on disk.

use std::collections::BTreeMap;

use rotate::rotation::event::Event;
use rotate::rotation::phase::KeyState;
use rotate::rotation::transition;
use rotate::store::format::Record;
use rotate::store::journal::Entry;

/// What is known of the last entry of a process that was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastEntry {
    /// It became part of the state.
    Committed,
    /// It was written, and the state was not.
    NotCommitted,
    /// One or the other.
    Unknown,
}

/// A key as the journal tells it, up to some entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    pub generation: u64,
    pub sequence: u64,
    /// The entry that the newest state was written with.
    head: u64,
    state: Option<KeyState>,
    /// Entries that did not become part of the state.
    pub not_committed: u64,
}

impl Ledger {
    /// Takes in the entries since, with what is known of the processes that were killed, by their ids.
    ///
    /// # Errors
    /// The entries do not add up to the record: an update was lost, came twice or came out of turn.
    pub fn take_in(
        &mut self,
        entries: &[Entry],
        killed: &BTreeMap<u32, LastEntry>,
        record: &Record,
    ) -> Result<(), String> {
        let new: Vec<_> = entries.iter().filter(|entry| entry.sequence > self.sequence).collect();
        let disowned: Vec<_> = new
            .iter()
            .filter(|entry| entry.event == "not_committed")
            .map(|entry| entry.data["sequence"].as_u64().unwrap())
            .collect();
        let known = |entry: &Entry| {
            let last = new.iter().rfind(|other| other.by.pid == entry.by.pid);
            match killed.get(&entry.by.pid) {
                _ if entry.event == "not_committed" => LastEntry::NotCommitted,
                _ if disowned.contains(&entry.sequence) => LastEntry::NotCommitted,
                Some(known) if last.is_some_and(|last| last.sequence == entry.sequence) => *known,
                _ => LastEntry::Committed,
            }
        };
        let mut ends = vec![self.clone()];
        for entry in &new {
            let mut next = Vec::new();
            for end in ends {
                let known = known(entry);
                if known != LastEntry::NotCommitted {
                    next.extend(end.with(entry));
                }
                if known != LastEntry::Committed {
                    next.push(end.without(entry));
                }
            }
            ends = next;
        }
        let found = ends.into_iter().find(|end| end.is(record));
        *self = found.ok_or_else(|| {
            let told: Vec<_> =
                new.iter().map(|entry| (entry.sequence, entry.by.pid, &entry.event, known(entry))).collect();
            format!(
                "from generation {} to {}, these entries do not add up: {told:#?}",
                self.generation, record.generation
            )
        })?;
        Ok(())
    }

    fn with(&self, entry: &Entry) -> Option<Self> {
        let event: Event = serde_json::from_value(entry.data.clone()).ok()?;
        let state = transition::apply(self.state.as_ref(), &event).ok()?;
        Some(Self {
            generation: self.generation + 1,
            sequence: entry.sequence,
            head: entry.sequence,
            state: Some(state),
            not_committed: self.not_committed,
        })
    }

    fn without(&self, entry: &Entry) -> Self {
        Self { sequence: entry.sequence, not_committed: self.not_committed + 1, ..self.clone() }
    }

    fn is(&self, record: &Record) -> bool {
        let head = record.journal.as_ref().map_or(0, |head| head.sequence);
        self.generation == record.generation
            && self.head == head
            && self.state.as_ref() == Some(&record.state)
    }
}
