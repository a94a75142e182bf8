//! One state commit next to the system calls that no durable commit can do without.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Instant;

use rotate::store::format::{self, Record};
use rotate::store::json_file::JsonFileStore;
use rotate::store::{StateStore, Stored, Swap, Version};

use crate::lab::{self, Labs};
use crate::page::Row;
use crate::{Effort, median};

pub fn measure(labs: &Labs, effort: &Effort) -> Row {
    let key = lab::key(1);
    let directory = labs.one().join("state");
    let store = JsonFileStore::open_for_change(&directory, false).expect("the lab's store");
    let Stored { bytes, mut version } = store.load(&key).expect("a state").expect("an adopted key");
    let path = store.path(&key);
    let mut record = format::decode(&bytes, &path).expect("a record").record;
    let bare = directory.join("bare.json");
    let (mut commits, mut bares, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=effort.rounds {
        eprintln!("commits: round {round} of {}", effort.rounds);
        effort.patience.wait();
        let (mut ours, mut floor) = (Vec::new(), Vec::new());
        for number in 0..effort.commits_a_round {
            record.generation += 1;
            // Whoever goes first would have the colder caches.
            for is_ours in [number % 2 == 0, number % 2 == 1] {
                if is_ours {
                    let begun = Instant::now();
                    version = commit(&store, &key, &version, &record);
                    ours.push(begun.elapsed().as_secs_f64());
                } else {
                    let bytes = format::encode(&record).expect("a record's bytes");
                    let begun = Instant::now();
                    replace(&directory, &bare, &bytes).expect("the bare replacement");
                    floor.push(begun.elapsed().as_secs_f64());
                }
            }
        }
        let (ours, floor) = (median(ours), median(floor));
        ratios.push(ours / floor);
        commits.push(ours);
        bares.push(floor);
    }
    let microseconds = |values| format!("{:.0} µs", 1e6 * median(values));
    Row {
        what: "one state commit".to_owned(),
        measured: microseconds(commits),
        against: "bare write, fsync, rename, directory fsync".to_owned(),
        base: microseconds(bares),
        ratio: median(ratios),
        goal: Some(1.5),
        is_at_least: false,
    }
}

/// What the program does: encoding, lock, comparison and durable replacement.
fn commit(store: &JsonFileStore, key: &str, version: &Version, record: &Record) -> Version {
    let bytes = format::encode(record).expect("a record's bytes");
    match store.compare_and_swap(key, Some(version), &bytes, &|| true) {
        Swap::Committed(version) => version,
        other => panic!("not committed: {other:?}"),
    }
}

/// What durability alone costs.
fn replace(directory: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = directory.join("bare.temporary");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&temporary, path)?;
    File::open(directory)?.sync_all()
}
