//! Leases: processes and bearers that hold a credential, and what ends that.

mod bearers;
mod files;
mod processes;
mod races;

use std::path::PathBuf;
use std::rc::Rc;

use rotate::clock::Clock;
use rotate::lease::directory::LeaseDirectory;
use rotate::secret::Fingerprint;
use serde_json::Value;

use crate::lab::Lab;

/// The leases of the lab's key, as a program that uses the library has them.
fn leases(lab: &Lab) -> LeaseDirectory {
    LeaseDirectory::new(&lab.path("state"), "prod", Rc::new(lab.clock.clone()))
}

fn fingerprint() -> Fingerprint {
    Fingerprint::of(b"some value")
}

fn path(id: &str) -> String {
    format!("state/leases/prod/{id}.json")
}

/// The record of a lease, changed by hand.
fn change(lab: &Lab, id: &str, change: impl FnOnce(&mut Value)) {
    let mut record: Value = serde_json::from_str(&lab.read(&path(id))).unwrap();
    change(&mut record);
    lab.write(&path(id), &record.to_string());
}

/// What `rotate lease list` shows of the only lease.
#[track_caller]
fn only(lab: &Lab) -> Value {
    let rows = listed(lab);
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows[0].clone()
}

#[track_caller]
fn listed(lab: &Lab) -> Vec<Value> {
    let document = lab.run("lease list prod --json").expect(0).without_secrets().json();
    crate::commands::well_formed(&document);
    document["leases"].as_array().unwrap().clone()
}

/// The files that are records.
fn records(lab: &Lab) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(lab.path("state/leases/prod")).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect()
}

/// What the evidence of `finish` would see.
fn seen(lab: &Lab) -> Result<Vec<rotate::rotation::lease::LeaseSeen>, String> {
    use rotate::lease::Leases;
    leases(lab).seen(&lab.clock.now())
}
