//! The state directory: what it keeps goes through the shipped formats, byte for byte.

use std::path::{Path, PathBuf};

use rotate::store::journal::{self, Draft, Entry, Head, Tail};
use rotate::store::spool::{self, Note};
use rotate::store::{Hold, Journal, Spool, StateStore, StoreError, Stored, Swap, Version, format};

use crate::simulation::fault::Fault;
use crate::simulation::operator::{Operator, broken};
use crate::simulation::planted::Planted;
use crate::simulation::setting::KEY;
use crate::simulation::world::World;

fn error(what: &'static str) -> StoreError {
    StoreError::Io { what, path: PathBuf::from("disk"), source: std::io::ErrorKind::StorageFull.into() }
}

pub struct SimulatedStore(pub Operator);

fn version(world: &World) -> Option<Version> {
    world.disk.state.as_ref().map(|_| Version::named(world.disk.version.to_string()))
}

/// Puts a state into the place of the one before, and has it judged.
fn replace(world: &mut World, bytes: &[u8]) -> Version {
    let decoded = format::decode(bytes, Path::new("state"));
    let record = decoded.unwrap_or_else(|error| broken(format!("the state is damaged: {error}"))).record;
    let before = world.record.take();
    world.tell(|| {
        let intent = record.state.intent.as_ref().map(|intent| intent.effect.name());
        format!(
            "  state {}: {} in {:?}, intent {intent:?}, emergency {}",
            record.generation,
            record.state.phase.name(),
            record.state.active_slot,
            record.state.emergency.is_some()
        )
    });
    world.judge_commit(before.as_ref(), &record);
    world.record = Some(record);
    world.disk.durable_state = Some(world.disk.state.take());
    world.disk.state = Some(bytes.to_vec());
    world.disk.version += 1;
    Version::named(world.disk.version.to_string())
}

impl StateStore for SimulatedStore {
    fn load(&self, _: &str) -> Result<Option<Stored>, StoreError> {
        self.0.enter("store.load");
        if self.0.luck(&[Fault::StoreUnreadable]).is_some() {
            return Err(error("cannot read"));
        }
        Ok(self.0.world(|world| {
            let version = version(world)?;
            world.disk.state.clone().map(|bytes| Stored { bytes, version })
        }))
    }

    fn make_durable(&self) -> Result<(), StoreError> {
        self.0.enter("store.make_durable");
        if self.0.luck(&[Fault::StoreNotMadeDurable]).is_some() {
            return Err(error("cannot make durable"));
        }
        self.0.world(|world| {
            world.disk.durable_state = None;
            world.disk.durable_journal = world.disk.journal.len();
        });
        self.0.leave("store.make_durable");
        Ok(())
    }

    fn path(&self, key: &str) -> PathBuf {
        PathBuf::from(format!("{key}.json"))
    }

    fn compare_and_swap(
        &self,
        _: &str,
        expected: Option<&Version>,
        bytes: &[u8],
        is_wanted: &dyn Fn() -> bool,
    ) -> Swap {
        self.0.enter("store.compare_and_swap");
        let luck = self.0.luck(&[Fault::StoreFailed, Fault::StoreUnknownDone, Fault::StoreUnknownNotDone]);
        if luck.is_some() {
            self.disk_failed();
        }
        let is_wanted = is_wanted();
        let swap = self.0.world(|world| {
            let is_current = version(world).as_ref() == expected && is_wanted;
            if !is_current {
                world.met(Fault::StoreOvertaken);
            }
            match luck {
                Some(Fault::StoreFailed) => return Swap::Failed(error("cannot write the state")),
                _ if !is_current && !world.is_planted(Planted::StoreIgnoresVersion) => return Swap::Conflict,
                Some(Fault::StoreUnknownNotDone) => return Swap::Unknown(error("cannot make durable")),
                _ => {}
            }
            let version = replace(world, bytes);
            if luck.is_some() {
                return Swap::Unknown(error("cannot make durable"));
            }
            if !world.is_planted(Planted::StoreForgets) {
                world.disk.durable_state = None;
            }
            Swap::Committed(version)
        });
        self.0.leave("store.compare_and_swap");
        self.0.world(|world| {
            let held_back = std::mem::take(&mut world.disk.held_back);
            world.disk.journal.extend(held_back);
        });
        swap
    }

    fn hold(&self, _: &str, expected: Option<&Version>) -> Result<Option<Hold>, StoreError> {
        self.0.enter("store.hold");
        if self.0.luck(&[Fault::HoldFailed]).is_some() {
            return Err(error("cannot lock"));
        }
        let is_current = self.0.world(|world| version(world).as_ref() == expected);
        if !is_current && !self.0.world(|world| world.is_planted(Planted::StoreIgnoresVersion)) {
            self.0.world(|world| world.met(Fault::StoreOvertaken));
            return Ok(None);
        }
        self.0.world(|world| world.holds += 1);
        Ok(Some(Hold::of(Held(self.0.clone()))))
    }
}

impl SimulatedStore {
    /// An emergency goes on past a disk that fails: the state then does not tell what was done.
    fn disk_failed(&self) {
        if super::surroundings::is_emergency(&self.0) {
            self.0.world(|world| world.memory.disk_failed = true);
        }
    }
}

struct Held(Operator);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.world(|world| world.holds -= 1);
    }
}

pub struct SimulatedJournal(pub Operator);

impl Journal for SimulatedJournal {
    fn append(&self, draft: Draft, remembered: Option<&Head>) -> Result<Head, StoreError> {
        self.0.enter("journal.append");
        let luck = self.0.luck(&[Fault::JournalFailed, Fault::JournalTorn, Fault::JournalWrittenButFailed]);
        let event = draft.event.clone();
        let appended = self.0.world(|world| {
            if luck == Some(Fault::JournalFailed) {
                return Err(error("cannot write"));
            }
            let mut bytes = world.disk.journal.clone();
            bytes.extend(&world.disk.held_back);
            let tail = Tail::of(&bytes, remembered)
                .unwrap_or_else(|reason| broken(format!("the journal's end {reason}")));
            let (line, head) = journal::next(&tail, KEY, draft, remembered).unwrap();
            if world.is_planted(Planted::JournalAfterState) {
                world.disk.held_back.extend(line.as_bytes());
                return Ok(head);
            }
            world.disk.journal.truncate(tail.whole_bytes);
            if luck == Some(Fault::JournalTorn) {
                let half = line.len() / 2;
                world.disk.journal.extend(&line.as_bytes()[..half]);
                return Err(error("cannot write"));
            }
            world.disk.journal.extend(line.as_bytes());
            if luck.is_some() {
                return Err(error("cannot make durable"));
            }
            world.disk.durable_journal = world.disk.journal.len();
            world.tell(|| format!("  journal {}: {event}", head.sequence));
            Ok(head)
        });
        self.0.leave("journal.append");
        appended
    }

    fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        Ok(self.0.world(|world| journal::entries(&world.disk.journal)))
    }
}

pub struct SimulatedSpool(pub Operator);

impl Spool for SimulatedSpool {
    fn reserve(&self) -> Result<(), StoreError> {
        self.0.enter("spool.reserve");
        if self.0.luck(&[Fault::SpoolReserveFailed]).is_some() {
            return Err(error("cannot reserve"));
        }
        self.0.world(|world| world.disk.reserved = true);
        Ok(())
    }

    fn write(&self, note: &Note) -> Result<(), StoreError> {
        self.0.enter("spool.write");
        let luck = self.0.luck(&[Fault::SpoolWriteFailed, Fault::SpoolWriteTorn]);
        let is_reserved = self.0.world(|world| world.disk.reserved);
        if luck == Some(Fault::SpoolWriteFailed) || !is_reserved {
            return Err(error("cannot write"));
        }
        let mut sealed = spool::seal(note).unwrap().trim_ascii_end().to_vec();
        if luck.is_some() {
            sealed.truncate(sealed.len() / 2);
        }
        self.0.world(|world| {
            world.disk.spool = sealed;
            world.tell(|| format!("  spool: {note:?}"));
        });
        self.0.leave("spool.write");
        if luck.is_some() { Err(error("cannot make durable")) } else { Ok(()) }
    }

    fn read(&self) -> Result<Option<Note>, StoreError> {
        self.0.enter("spool.read");
        if self.0.luck(&[Fault::SpoolUnreadable]).is_some() {
            return Err(error("cannot read"));
        }
        Ok(self.0.world(|world| spool::open_seal(&world.disk.spool)))
    }

    fn clear(&self) -> Result<(), StoreError> {
        self.0.enter("spool.clear");
        if self.0.luck(&[Fault::SpoolClearFailed]).is_some() {
            return Err(error("cannot write"));
        }
        self.0.world(|world| world.disk.spool.clear());
        self.0.leave("spool.clear");
        Ok(())
    }
}
