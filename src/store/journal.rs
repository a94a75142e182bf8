//! The journal: one line of JSON an entry, each with the hash of the one before.
//!
//! `<state>/journal/<key>.jsonl`. An entry's hash is the SHA-256 of its line up to the hash itself; the
//! state file keeps the newest hash it knows, so that a journal cut short is seen too.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::actor::Actor;
use super::lock;
use super::{StoreError, hex, safety};
use crate::durable;
use crate::rotation::stamp::Stamp;

/// The hash before the first entry.
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const HASH_FIELD: &str = ",\"hash\":\"";
const LINE_END: &str = "\"}";
/// No entry is longer; the tail of this length holds the newest one whole.
const ENTRY_BYTES_LIMIT: u64 = 1 << 20;

/// The newest entry of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub sequence: u64,
    pub hash: String,
}

/// What the caller says of an entry; place and chain are added by [`Journal::append`].
#[derive(Clone, Debug)]
pub struct Draft {
    pub at: Stamp,
    pub by: Actor,
    pub rotation: Option<String>,
    /// The event's name.
    pub event: String,
    /// The event itself and what was seen beside it.
    pub data: Value,
}

/// One entry as it stands in the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    pub sequence: u64,
    pub at: Stamp,
    pub key: String,
    pub event: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<String>,
    pub by: Actor,
    pub data: Value,
    /// Bytes of an unfinished entry that a crash left before this one, and that were dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped_bytes: Option<u64>,
    pub previous: String,
}

/// What [`Journal::verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    pub entries: u64,
    pub head: Option<Head>,
    /// Line number (from 1) and what is wrong with it, in order.
    pub problems: Vec<(u64, String)>,
}

/// The journal of one key.
#[derive(Clone, Debug)]
pub struct Journal {
    directory: PathBuf,
    key: String,
}

impl Journal {
    /// The journal of `key` in a state directory; nothing is opened yet.
    pub fn new(state_directory: &Path, key: &str) -> Self {
        Self { directory: state_directory.to_owned(), key: key.to_owned() }
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.directory.join("journal").join(format!("{}.jsonl", self.key))
    }

    /// Adds one entry and makes it durable before returning.
    ///
    /// `remembered` is the newest entry that the state file knows. Where the journal does not reach as
    /// far (it was cut short, or is gone), the new entry follows the one that is missing, so that
    /// [`Journal::verify`] goes on showing the gap.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where the newest entry's hash does not fit, [`StoreError::Io`] where
    /// nothing (or only an unfinished line, which the next append drops) was written.
    pub fn append(&self, draft: Draft, remembered: Option<&Head>) -> Result<Head, StoreError> {
        let _lock = lock::commit(&self.directory, &self.key)?;
        let path = self.path();
        let io = |what: &'static str| {
            let path = path.clone();
            move |source| StoreError::Io { what, path, source }
        };
        let is_new = !path.exists();
        if is_new {
            safety::create_directory(durable::parent(&path))?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = safety::open(&path, &mut options)?
            .ok_or_else(|| io("cannot create")(std::io::ErrorKind::NotFound.into()))?;
        let tail = self.tail(&mut file)?;
        let written = tail.head.as_ref().map_or(0, |head| head.sequence);
        let missing = remembered.filter(|head| head.sequence > written).cloned();
        let before = missing.or(tail.head);
        let entry = Entry {
            sequence: before.as_ref().map_or(1, |head| head.sequence + 1),
            at: draft.at,
            key: self.key.clone(),
            event: draft.event,
            rotation: draft.rotation,
            by: draft.by,
            data: draft.data,
            dropped_bytes: (tail.torn_bytes > 0).then_some(tail.torn_bytes),
            previous: before.map_or(GENESIS.to_owned(), |head| head.hash),
        };
        let (line, hash) = seal(&entry).map_err(|error| io("cannot write")(error.into()))?;
        file.set_len(tail.whole_bytes).map_err(io("cannot mend the end of"))?;
        file.seek(SeekFrom::Start(tail.whole_bytes)).map_err(io("cannot write"))?;
        file.write_all(line.as_bytes()).map_err(io("cannot write"))?;
        file.sync_all().map_err(io("cannot make durable"))?;
        if is_new {
            durable::sync_directory(durable::parent(&path)).map_err(io("cannot make durable"))?;
            durable::sync_directory(&self.directory).map_err(io("cannot make durable"))?;
        }
        Ok(Head { sequence: entry.sequence, hash })
    }

    /// Every entry whose line is whole; damage is [`Journal::verify`]'s to report.
    ///
    /// # Errors
    /// [`StoreError`] where the file cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        let text = self.text()?;
        Ok(text.lines().filter_map(|line| open_seal(line).ok()).map(|(entry, _)| entry).collect())
    }

    /// Checks every line, the chain, and that the head the state file remembers is in it.
    ///
    /// # Errors
    /// [`StoreError`] where the file cannot be read at all.
    pub fn verify(&self, remembered: Option<&Head>) -> Result<Verification, StoreError> {
        let text = self.text()?;
        let mut found = Verification { entries: 0, head: None, problems: Vec::new() };
        let mut remembered_seen = remembered.is_none();
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        for (line, number) in whole.lines().zip(1..) {
            match open_seal(line) {
                Ok((entry, hash)) => {
                    if let Some(problem) = break_before(&entry, found.head.as_ref()) {
                        found.problems.push((number, problem));
                    }
                    if entry.key != self.key {
                        found.problems.push((number, "belongs to another key".to_owned()));
                    }
                    found.entries += 1;
                    found.head = Some(Head { sequence: entry.sequence, hash });
                    remembered_seen |= found.head.as_ref() == remembered;
                }
                Err(problem) => found.problems.push((number, problem.to_owned())),
            }
        }
        if !remembered_seen && let Some(head) = remembered {
            let problem =
                format!("entry {}, which the state file remembers, is not in the journal", head.sequence);
            found.problems.push((found.entries, problem));
        }
        Ok(found)
    }

    fn text(&self) -> Result<String, StoreError> {
        let bytes = safety::read_file(&self.path())?.unwrap_or_default();
        String::from_utf8(bytes)
            .map_err(|_| StoreError::Damaged { path: self.path(), reason: "it is not UTF-8 text".to_owned() })
    }

    fn tail(&self, file: &mut File) -> Result<Tail, StoreError> {
        let io = |source| StoreError::Io { what: "cannot read", path: self.path(), source };
        let length = file.metadata().map_err(io)?.len();
        let start = length.saturating_sub(ENTRY_BYTES_LIMIT);
        file.seek(SeekFrom::Start(start)).map_err(io)?;
        let mut bytes = Vec::new();
        Read::by_ref(file).take(ENTRY_BYTES_LIMIT).read_to_end(&mut bytes).map_err(io)?;
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            if start > 0 {
                let reason = "its end is no entry that was ever written here".to_owned();
                return Err(StoreError::Damaged { path: self.path(), reason });
            }
            return Ok(Tail { head: None, whole_bytes: 0, torn_bytes: length });
        };
        let begin = bytes[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = std::str::from_utf8(&bytes[begin..end]).unwrap_or_default();
        let (entry, hash) = open_seal(line).map_err(|reason| StoreError::Damaged {
            path: self.path(),
            reason: format!("its newest entry {reason}"),
        })?;
        let whole_bytes = start + end as u64 + 1;
        Ok(Tail {
            head: Some(Head { sequence: entry.sequence, hash }),
            whole_bytes,
            torn_bytes: length - whole_bytes,
        })
    }
}

/// What is wrong between an entry and the whole one before it.
fn break_before(entry: &Entry, before: Option<&Head>) -> Option<String> {
    let next = before.map_or(1, |head| head.sequence + 1);
    if entry.sequence > next {
        let missing = match entry.sequence - 1 {
            last if last == next => format!("entry {last} is"),
            last => format!("entries {next} to {last} are"),
        };
        return Some(format!("{missing} missing before it"));
    }
    if entry.sequence < next {
        return Some(format!("is entry {}, expected {next}", entry.sequence));
    }
    let expected = before.map_or(GENESIS, |head| head.hash.as_str());
    (entry.previous != expected).then(|| "does not follow the entry before it".to_owned())
}

struct Tail {
    head: Option<Head>,
    whole_bytes: u64,
    torn_bytes: u64,
}

/// The entry's line with its hash, newline included; and the hash.
fn seal(entry: &Entry) -> serde_json::Result<(String, String)> {
    let text = serde_json::to_string(entry)?;
    let fields = text.strip_suffix('}').unwrap_or(&text);
    let hash = hex(&Sha256::digest(fields));
    Ok((format!("{fields}{HASH_FIELD}{hash}{LINE_END}\n"), hash))
}

fn open_seal(line: &str) -> Result<(Entry, String), &'static str> {
    let (fields, rest) = line.rsplit_once(HASH_FIELD).ok_or("has no hash")?;
    let hash = rest.strip_suffix(LINE_END).ok_or("is cut short")?;
    if hex(&Sha256::digest(fields)) != hash {
        return Err("does not fit its hash: it was edited");
    }
    let entry = serde_json::from_str(line).map_err(|_| "is not a journal entry")?;
    Ok((entry, hash.to_owned()))
}
