//! The state file: what is written is read back, what is damaged is refused, what is newer is not
//! overwritten.

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rotate::rotation::phase::{Direction, Propagation};
use rotate::store::StoreError;
use rotate::store::format::{Decoded, Record, SCHEMA, decode, encode};
use rotate::store::journal::Head;
use serde_json::Value;

use super::arbitrary;
use crate::core::sample;

/// A file that schema 1 wrote. It must be readable for ever; never regenerate it to make a test pass.
const GOLDEN: &[u8] = include_bytes!("golden_v1.json");

fn read(bytes: &[u8]) -> Result<Decoded, StoreError> {
    decode(bytes, Path::new("prod.json"))
}

/// What the golden file says.
fn golden() -> Record {
    let mut state = sample::with_intent(sample::revoke("old"), sample::grace());
    state.dead.insert(sample::credential("older").fingerprint);
    state.set_aside.push(sample::credential("aside"));
    state.longest_job_seen_seconds = 900;
    Record {
        generation: 12,
        key: "prod-publish".to_owned(),
        provider: "anthropic".to_owned(),
        primary_env: "ANTHROPIC_API_KEY_PRIMARY".to_owned(),
        secondary_env: "ANTHROPIC_API_KEY_SECONDARY".to_owned(),
        written_at: sample::over().wall,
        journal: Some(Head { sequence: 11, hash: "ab".repeat(32) }),
        state,
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        rng_seed: RngSeed::Fixed(0),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_state_is_read_as_it_was_written(record in arbitrary::record()) {
        let bytes = encode(&record).unwrap();
        let decoded = read(&bytes).unwrap();
        prop_assert_eq!(decoded.newer_schema, None);
        prop_assert_eq!(decoded.record, record);
    }

    #[test]
    fn no_bytes_at_all_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(read(&bytes).is_err());
    }
}

#[test]
fn a_file_of_schema_1_is_read_as_it_was_meant() {
    let decoded = read(GOLDEN).unwrap();
    assert_eq!(decoded.record, golden());
    assert_eq!(decoded.newer_schema, None);
    assert_eq!(SCHEMA, 1, "keep reading golden_v1.json, and add golden_v{SCHEMA}.json");
    assert_eq!(String::from_utf8(encode(&golden()).unwrap()).unwrap(), String::from_utf8_lossy(GOLDEN));
}

#[test]
fn small_readers_find_the_fields_of_the_interface() {
    let file: Value = serde_json::from_slice(GOLDEN).unwrap();
    assert_eq!(file["schema"], 1);
    assert_eq!(file["generation"], 12);
    assert_eq!(file["key"], "prod-publish");
    assert_eq!(file["phase"], "GraceWindow");
    assert_eq!(file["active"], "primary");
    assert_eq!(file["primary_env"], "ANTHROPIC_API_KEY_PRIMARY");
    assert_eq!(file["secondary_env"], "ANTHROPIC_API_KEY_SECONDARY");
    for (slot, name) in [("primary", "new"), ("secondary", "old")] {
        let held = &file["slots"][slot];
        let credential = sample::credential(name);
        assert_eq!(held["fingerprint"], credential.fingerprint.to_string());
        assert_eq!(held["last4"], credential.last4);
        assert_eq!(held["provider_key_id"], credential.provider_key_id.unwrap().0);
    }
}

#[test]
fn phases_are_spelled_as_the_interface_spells_them() {
    for (name, state) in sample::states() {
        let Some(state) = state else { continue };
        let slot = state.active_slot.name();
        let phase = state.phase.name();
        let bytes = encode(&Record { state, ..golden() }).unwrap();
        let file: Value = serde_json::from_slice(&bytes).unwrap();
        assert!(["Idle", "SecondaryStaged", "Promoted", "GraceWindow", "Revoked"].contains(&phase), "{name}");
        assert_eq!((&file["phase"], &file["active"]), (&phase.into(), &slot.into()), "{name}");
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    for byte in 0..GOLDEN.len() {
        for bit in 0..8 {
            let mut bytes = GOLDEN.to_vec();
            bytes[byte] ^= 1 << bit;
            assert!(read(&bytes).is_err(), "byte {byte}, bit {bit}");
        }
    }
}

#[test]
fn every_truncation_and_every_addition_is_refused() {
    for length in 0..GOLDEN.len() {
        assert!(matches!(read(&GOLDEN[..length]), Err(StoreError::Damaged { .. })), "{length} bytes");
    }
    for more in ["\n", " ", "{}", "\0"] {
        assert!(read(&[GOLDEN, more.as_bytes()].concat()).is_err(), "{more:?}");
    }
    assert!(read(&[GOLDEN, GOLDEN].concat()).is_err(), "twice");
    let zeros = vec![0; GOLDEN.len()];
    assert!(read(&zeros).is_err(), "zeros, as after a power cut");
}

#[test]
fn two_files_mixed_by_a_disk_are_refused() {
    let record = Record { state: sample::promoted(Direction::Back, &Propagation::Pending), ..golden() };
    let other = encode(&record).unwrap();
    for cut in 1..GOLDEN.len().min(other.len()) {
        let mixed = [&GOLDEN[..cut], &other[cut..]].concat();
        assert!(mixed == GOLDEN || mixed == other || read(&mixed).is_err(), "cut at {cut}");
    }
}

/// The golden file with its fields changed and a checksum that fits again.
fn resealed(change: impl Fn(&str) -> String) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let text = String::from_utf8(GOLDEN.to_vec()).unwrap();
    let fields = change(text.rsplit_once(",\n  \"checksum\"").unwrap().0);
    let digest: String = Sha256::digest(&fields).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{fields},\n  \"checksum\": \"sha256:{digest}\"\n}}\n").into_bytes()
}

#[test]
fn a_newer_file_that_is_understood_is_read_and_marked() {
    let bytes = resealed(|text| {
        text.replace("\"schema\": 1,", "\"schema\": 2,\n  \"a_field_of_tomorrow\": {\"nested\": [1]},")
    });
    let decoded = read(&bytes).unwrap();
    assert_eq!(decoded.newer_schema, Some(2));
    assert_eq!(decoded.record, golden());
}

#[test]
fn a_newer_file_that_is_not_understood_says_so() {
    let bytes =
        resealed(|text| text.replace("\"schema\": 1,", "\"schema\": 9,").replace("GraceWindow", "Tomorrow"));
    assert!(matches!(read(&bytes), Err(StoreError::Newer { schema: 9, .. })));
}

#[test]
fn a_file_of_this_schema_that_makes_no_sense_is_damaged() {
    for (from, to) in [
        ("\"GraceWindow\"", "\"Tomorrow\""),
        ("\"active\": \"primary\"", "\"active\": \"third\""),
        ("\"schema\": 1", "\"schema\": \"one\""),
        ("\"grace\": {", "\"gracious\": {"),
        ("\"rotation\": {", "\"rotten\": {"),
    ] {
        let bytes = resealed(|text| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        assert!(matches!(read(&bytes), Err(StoreError::Damaged { .. })), "{to}");
    }
}
