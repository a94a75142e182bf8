//! What a journal consists of: one line of JSON an entry, each with the hash of the one before.
//!
//! An entry's hash is the SHA-256 of its line up to the hash itself; the state keeps the newest hash it knows, so
//! that a journal cut short is seen too. Nothing here touches a file.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::actor::Actor;
use super::hex;
use crate::rotation::stamp::Stamp;

/// The hash before the first entry.
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const HASH_FIELD: &str = ",\"hash\":\"";
const LINE_END: &str = "\"}";

/// The newest entry of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub sequence: u64,
    pub hash: String,
}

/// What the caller says of an entry; place and chain are added by [`next`].
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

/// What [`verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    pub entries: u64,
    pub head: Option<Head>,
    /// Line number (from 1) and what is wrong with it, in order.
    pub problems: Vec<(u64, String)>,
    /// The line of an unfinished entry that a crash left at the end; no problem, for the next append drops it.
    pub cut_short: Option<u64>,
}

/// The end of a journal, as far as the next entry needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// The newest whole entry.
    pub head: Option<Head>,
    /// So long are the whole entries.
    pub whole_bytes: usize,
    /// So long is an unfinished entry that a crash left behind them.
    pub torn_bytes: usize,
}

impl Tail {
    /// The end of a journal, by its bytes or by the last of them with the newest whole entry.
    ///
    /// A power cut may lose the middle of an entry and keep its end. So a last line that is no entry counts as
    /// unfinished where the lines before it reach as far as the state remembers, and as damaged where they do not.
    ///
    /// # Errors
    /// What is wrong with the newest entry.
    pub fn of(bytes: &[u8], remembered: Option<&Head>) -> Result<Self, &'static str> {
        match (Self::ending(bytes, end_of_lines(bytes)), bytes.strip_suffix(b"\n")) {
            (Err(problem), Some(beginning)) => {
                let before = Self::ending(bytes, end_of_lines(beginning))?;
                if before.reaches(remembered) { Ok(before) } else { Err(problem) }
            }
            (tail, _) => tail,
        }
    }

    /// With the line that ends at this byte as the newest entry, and all behind it unfinished.
    fn ending(bytes: &[u8], end: usize) -> Result<Self, &'static str> {
        let torn_bytes = bytes.len() - end;
        let Some(line) = bytes[..end].strip_suffix(b"\n") else {
            return Ok(Self { torn_bytes, ..Self::default() });
        };
        let (entry, hash) = open_seal(&line[end_of_lines(line)..])?;
        let head = Some(Head { sequence: entry.sequence, hash });
        Ok(Self { head, whole_bytes: end, torn_bytes })
    }

    fn reaches(&self, remembered: Option<&Head>) -> bool {
        let written = self.head.as_ref().map_or(0, |head| head.sequence);
        remembered.is_none_or(|head| head.sequence <= written)
    }

    /// Whether this is just what the state remembers. What it does not was perhaps never made durable.
    pub fn is_remembered(&self, remembered: Option<&Head>) -> bool {
        self.head.is_some() && self.head.as_ref() == remembered && self.torn_bytes == 0
    }
}

/// Behind the last newline.
fn end_of_lines(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

/// The line of a new entry, newline included, and the entry as the newest one.
///
/// `remembered` is the newest entry that the state knows. Where the journal does not reach as far (it was cut short, or
/// is gone), the new entry follows the one that is missing, so that [`verify`] goes on showing the gap.
///
/// # Errors
/// None in practice; serialisation of these types does not fail, and a failure is passed on.
pub fn next(
    tail: &Tail,
    key: &str,
    draft: Draft,
    remembered: Option<&Head>,
) -> serde_json::Result<(String, Head)> {
    let written = tail.head.as_ref().map_or(0, |head| head.sequence);
    let missing = remembered.filter(|head| head.sequence > written);
    let before = missing.or(tail.head.as_ref());
    let entry = Entry {
        sequence: before.map_or(1, |head| head.sequence.saturating_add(1)),
        at: draft.at,
        key: key.to_owned(),
        event: draft.event,
        rotation: draft.rotation,
        by: draft.by,
        data: draft.data,
        dropped_bytes: (tail.torn_bytes > 0).then_some(tail.torn_bytes as u64),
        previous: before.map_or(GENESIS.to_owned(), |head| head.hash.clone()),
    };
    let (line, hash) = seal(&entry)?;
    Ok((line, Head { sequence: entry.sequence, hash }))
}

/// Every entry whose line is whole; damage is [`verify`]'s to report.
pub fn entries(bytes: &[u8]) -> Vec<Entry> {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines.filter_map(|line| open_seal(line).ok()).map(|(entry, _)| entry).collect()
}

/// Checks every line of a key's journal, the chain, and that the entry that the state remembers is in it.
///
/// What is unfinished is told as by [`Tail::of`].
pub fn verify(bytes: &[u8], key: &str, remembered: Option<&Head>) -> Verification {
    let mut found = Verification { entries: 0, head: None, problems: Vec::new(), cut_short: None };
    let mut remembered_seen = remembered.is_none();
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').zip(1..).peekable();
    while let Some((line, number)) = lines.next() {
        let Some(line) = line.strip_suffix(b"\n") else {
            found.cut_short = Some(number);
            break;
        };
        match open_seal(line) {
            Ok((entry, hash)) => {
                if let Some(problem) = break_before(&entry, found.head.as_ref()) {
                    found.problems.push((number, problem));
                }
                if entry.key != key {
                    found.problems.push((number, "belongs to another key".to_owned()));
                }
                found.entries += 1;
                found.head = Some(Head { sequence: entry.sequence, hash });
                remembered_seen |= found.head.as_ref() == remembered;
            }
            Err(_) if remembered_seen && lines.peek().is_none() => found.cut_short = Some(number),
            Err(problem) => found.problems.push((number, problem.to_owned())),
        }
    }
    if !remembered_seen && let Some(head) = remembered {
        let problem =
            format!("entry {}, which the state file remembers, is not in the journal", head.sequence);
        found.problems.push((found.entries, problem));
    }
    found
}

/// What is wrong between an entry and the whole one before it.
fn break_before(entry: &Entry, before: Option<&Head>) -> Option<String> {
    let next = before.map_or(1, |head| head.sequence.saturating_add(1));
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

/// The entry's line with its hash, newline included; and the hash.
fn seal(entry: &Entry) -> serde_json::Result<(String, String)> {
    let text = serde_json::to_string(entry)?;
    let fields = text.strip_suffix('}').unwrap_or(&text);
    let hash = hex(&Sha256::digest(fields));
    Ok((format!("{fields}{HASH_FIELD}{hash}{LINE_END}\n"), hash))
}

fn open_seal(line: &[u8]) -> Result<(Entry, String), &'static str> {
    let line = std::str::from_utf8(line).map_err(|_| "is not UTF-8 text")?;
    let (fields, rest) = line.rsplit_once(HASH_FIELD).ok_or("has no hash")?;
    let hash = rest.strip_suffix(LINE_END).ok_or("is cut short")?;
    if hex(&Sha256::digest(fields)) != hash {
        return Err("does not fit its hash: it was edited");
    }
    let entry = serde_json::from_str(line).map_err(|_| "is not a journal entry")?;
    Ok((entry, hash.to_owned()))
}
