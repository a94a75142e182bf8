//! What must be true of every disk that a power cut leaves.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rotate::rotation::credential::{Credential, SlotName};
use rotate::rotation::phase::KeyState;
use rotate::secret::Fingerprint;
use rotate::store::actor::Actor;
use rotate::store::format::Record;
use rotate::store::journal::{self, Draft, Head, Tail};
use serde_json::json;

use super::disk::Disk;
use super::history::{Demand, History, JOURNAL, SLOTS, SPOOL, STATE, TARGETS};

/// Judges the disks of one recording.
pub struct Judge<'h> {
    history: &'h History,
    /// Whether consumers hold an accepted credential throughout.
    is_served: bool,
    journals: HashMap<(Vec<u8>, u64), Result<(), String>>,
}

impl<'h> Judge<'h> {
    pub fn new(history: &'h History, is_served: bool) -> Self {
        Self { history, is_served, journals: HashMap::new() }
    }

    /// What is wrong with a disk that is left at a step.
    pub fn fault(&mut self, at: usize, disk: &Disk) -> Option<String> {
        self.judge(at, disk).err()
    }

    fn judge(&mut self, at: usize, disk: &Disk) -> Result<(), String> {
        let demand = &self.history.demands[at];
        let (number, record) = self.state(disk)?;
        if number < demand.oldest_state {
            let newest = demand.oldest_state;
            return Err(format!("state: number {number} is there, and {newest} was built upon or told of"));
        }
        self.journal(disk, record, demand)?;
        // Room without a note in it is reserved again.
        let note = self.history.after.file(SPOOL).filter(|bytes| !bytes.trim_ascii().is_empty());
        if demand.everything && note.is_some() && disk.file(SPOOL) != note {
            return Err("spool: what was noted is lost".to_owned());
        }
        for path in SLOTS.into_iter().chain(TARGETS) {
            self.content(path, disk, number, demand)?;
        }
        if let Some(record) = record {
            slots_hold(disk, &record.state)?;
        }
        if self.is_served { served(disk, record, demand) } else { Ok(()) }
    }

    /// The state is one that was written, whole.
    fn state(&self, disk: &Disk) -> Result<(usize, Option<&'h Record>), String> {
        let found = disk.file(STATE);
        let known =
            |state: &Option<(Vec<u8>, Record)>| state.as_ref().map(|(bytes, _)| bytes.as_slice()) == found;
        let number = self.history.states.iter().position(known).ok_or_else(|| match found {
            None => "state: it is gone".to_owned(),
            Some(bytes) => {
                format!("state: its {} bytes are neither the old ones nor the new ones", bytes.len())
            }
        })?;
        Ok((number, self.history.states[number].as_ref().map(|(_, record)| record)))
    }

    /// The journal is the beginning of what was written, and then at most one torn entry, which the next append drops.
    fn journal(&mut self, disk: &Disk, record: Option<&Record>, demand: &Demand) -> Result<(), String> {
        let written = self.history.after.file(JOURNAL).unwrap_or_default();
        let found = disk.file(JOURNAL).unwrap_or_default();
        if demand.everything && found != written {
            return Err("journal: an entry is lost that was told of".to_owned());
        }
        let remembered = record.and_then(|record| record.journal.clone());
        let sequence = remembered.as_ref().map_or(0, |head| head.sequence);
        let known = self.journals.entry((found.to_vec(), sequence));
        known.or_insert_with(|| judge_journal(found, written, remembered.as_ref())).clone()
    }

    /// A slot or target holds what it held or what it was given, and the intent to give it is durable before it is.
    fn content(&self, path: &str, disk: &Disk, state: usize, demand: &Demand) -> Result<(), String> {
        let found = disk.file(path);
        let known = &self.history.contents[path];
        let (_, intended) = known
            .iter()
            .find(|(content, _)| content.as_deref() == found)
            .ok_or_else(|| format!("{path}: neither the old content nor the new one"))?;
        if state < *intended {
            return Err(format!("{path}: the new content is there, and the intent to write it is lost"));
        }
        if demand.everything && found != self.history.after.file(path) {
            return Err(format!("{path}: a content is lost that was told of"));
        }
        Ok(())
    }
}

fn judge_journal(found: &[u8], written: &[u8], remembered: Option<&Head>) -> Result<(), String> {
    let verified = journal::verify(found, "prod", remembered);
    if !verified.problems.is_empty() {
        return Err(format!("journal: {:?}", verified.problems));
    }
    let tail =
        Tail::of(found, remembered).map_err(|problem| format!("journal: its newest entry {problem}"))?;
    if !written.starts_with(&found[..tail.whole_bytes]) {
        return Err("journal: it holds what was never written".to_owned());
    }
    let (line, _) = journal::next(&tail, "prod", draft(), remembered).unwrap();
    let mended = [&found[..tail.whole_bytes], line.as_bytes()].concat();
    let verified = journal::verify(&mended, "prod", remembered);
    let is_told = found.len() == tail.whole_bytes || line.contains("\"dropped_bytes\"");
    if !verified.problems.is_empty() || verified.cut_short.is_some() || !is_told {
        return Err(format!("journal: the next append does not mend it: {:?}", verified.problems));
    }
    Ok(())
}

fn draft() -> Draft {
    let by =
        Actor { user: "operator".to_owned(), host: "here".to_owned(), pid: 1, command: "promote".to_owned() };
    let at = rotate::rotation::stamp::Stamp { wall: jiff::Timestamp::UNIX_EPOCH, boot: None, provider: None };
    Draft { at, by, rotation: None, event: "purged".to_owned(), data: json!({}) }
}

/// The slots hold what the state says that they hold; while an intent stands, the other slot may be ahead of it.
fn slots_hold(disk: &Disk, state: &KeyState) -> Result<(), String> {
    let index = usize::from(state.active_slot == SlotName::Secondary);
    expect_value(disk, SLOTS[index], state.active(), "active")?;
    let other = state.phase.staged().or(state.phase.retiring());
    match other.filter(|_| state.intent.is_none()) {
        Some(other) => expect_value(disk, SLOTS[1 - index], other, "other"),
        None => Ok(()),
    }
}

fn expect_value(disk: &Disk, path: &str, credential: &Credential, which: &str) -> Result<(), String> {
    match disk.file(path).map(|bytes| Fingerprint::of(bytes.trim_ascii())) {
        Some(found) if found == credential.fingerprint => Ok(()),
        _ => Err(format!("{path}: not the {which} credential of the state that is there")),
    }
}

/// Consumers hold a credential that the provider accepts.
fn served(disk: &Disk, record: Option<&Record>, demand: &Demand) -> Result<(), String> {
    if record.is_some_and(|record| demand.dead.contains(&record.state.active().fingerprint)) {
        return Err("served: the active credential is refused".to_owned());
    }
    for path in TARGETS {
        let text = String::from_utf8_lossy(disk.file(path).unwrap_or_default());
        let value = text.trim().rsplit('=').next().unwrap_or_default();
        if demand.dead.contains(&Fingerprint::of(value.as_bytes())) {
            return Err(format!("served: {path} holds a credential that is refused"));
        }
    }
    Ok(())
}

/// Faults with how often each was seen.
#[derive(Default)]
pub struct Faults {
    pub counts: BTreeMap<String, usize>,
}

impl Faults {
    pub fn add(&mut self, fault: String) {
        *self.counts.entry(fault).or_default() += 1;
    }

    /// What kinds of things were hurt: the first word of each.
    pub fn kinds(&self) -> BTreeSet<&str> {
        self.counts.keys().filter_map(|fault| fault.split(':').next()).collect()
    }
}
