//! `rotate history`

use super::well_formed;
use crate::lab::Lab;

/// Host and uid are the machine's.
fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\(uid \d+\) on [^,]+,", "(uid N) on HOST,");
    settings
}

#[test]
fn it_tells_what_was_done_when_and_by_whom() {
    let lab = Lab::new();
    lab.finished();
    let ran = lab.run("history").expect(0).without_secrets();
    settings().bind(|| insta::assert_snapshot!(lab.normal(&ran.stdout), @"
    2026-03-01T12:00:02Z  prod  adopted 5d6c5ccba2a16148 …ArAA in the primary slot  by operator (uid N) on HOST, `rotate adopt`
    2026-03-01T12:00:04Z  prod  intended store_staged  by operator (uid N) on HOST, `rotate stage`
    2026-03-01T12:00:04Z  prod  staged eb693e331507777a …cVAA in the secondary slot [2026-03-01-327b87e0]  by operator (uid N) on HOST, `rotate stage`
    2026-03-01T12:00:06Z  prod  switched forward [2026-03-01-327b87e0]  by operator (uid N) on HOST, `rotate promote`
    2026-03-01T12:00:06Z  prod  intended write_targets eb693e331507777a [2026-03-01-327b87e0]  by operator (uid N) on HOST, `rotate promote`
    2026-03-01T12:00:06Z  prod  targets_written [2026-03-01-327b87e0]  by operator (uid N) on HOST, `rotate promote`
    2026-03-01T12:00:06Z  prod  grace_opened [2026-03-01-327b87e0]  by operator (uid N) on HOST, `rotate promote`
    2026-03-01T13:01:10Z  prod  intended revoke 5d6c5ccba2a16148 [2026-03-01-327b87e0]  by operator (uid N) on HOST, `rotate finish`
    2026-03-01T13:01:14Z  prod  revoked 5d6c5ccba2a16148 [2026-03-01-327b87e0]  by operator (uid N) on HOST, `rotate finish`
    "));
    assert_eq!(lab.run("history prod").expect(0).stdout, ran.stdout);
}

#[test]
fn its_document_has_every_entry() {
    let lab = Lab::new();
    lab.finished();
    let ran = lab.run("history --json").expect(0).without_secrets();
    let document = ran.json();
    assert_eq!(document["schema_version"], 1);
    let entries = document["entries"].as_array().unwrap();
    for (entry, number) in entries.iter().zip(1..) {
        assert_eq!(entry["sequence"], number);
        assert_eq!(entry["key"], "prod");
        assert!(entry["at"]["wall"].as_str().unwrap().ends_with('Z'), "{entry}");
        assert!(entry["by"]["user"].as_str().unwrap().starts_with("operator (uid "), "{entry}");
    }
    let revoked = entries.iter().find(|entry| entry["event"] == "revoked").unwrap();
    let table = &revoked["data"]["evidence"]["table"];
    assert_eq!(table[0]["item"], "grace", "the evidence on which it rested is kept: {revoked}");
}

#[test]
fn an_intact_chain_is_said_to_be_intact() {
    let lab = Lab::new();
    assert_eq!(lab.run("history --verify").expect(0).stdout, "prod: 0 entries, chain intact\n");
    lab.staged();
    insta::assert_snapshot!(lab.run("history --verify").expect(0).stdout, @"prod: 3 entries, chain intact");
    let document = lab.run("history --verify --json").expect(0).json();
    well_formed(&document);
    assert_eq!(document["keys"][0]["intact"], true);
}

#[test]
fn an_entry_that_was_edited_removed_or_cut_off_is_found() {
    let edit: fn(&str) -> String = |text| text.replacen("\"adopted\"", "\"adopteD\"", 1);
    let remove: fn(&str) -> String = |text| text.lines().skip(1).map(|line| format!("{line}\n")).collect();
    let cut: fn(&str) -> String = |text| {
        let count = text.lines().count();
        text.lines().take(count - 1).map(|line| format!("{line}\n")).collect()
    };
    for (what, tamper, found) in [
        ("edited", edit, "line 1: does not fit its hash"),
        ("removed", remove, "line 1: entry 1 is missing before it"),
        ("cut off", cut, "which the state file remembers, is not in the journal"),
    ] {
        let lab = Lab::new();
        lab.promoted();
        let journal = lab.read("state/journal/prod.jsonl");
        lab.write("state/journal/prod.jsonl", &tamper(&journal));
        lab.run("history --verify").expect(5).says(&[found, "runbook.md, section \"Exit 5\""]);
        let document = lab.run("history --verify --json").expect(5).json();
        assert_eq!(document["keys"][0]["intact"], false, "{what}");
        assert!(!document["keys"][0]["problems"].as_array().unwrap().is_empty());
    }
}

#[test]
fn the_chain_orders_one_keys_entries_whatever_the_wall_clock_said() {
    let lab = Lab::new();
    lab.staged();
    // An hour back, in the same boot.
    let clock = lab.read("clock");
    let mut words = clock.split(' ');
    let wall: i64 = words.next().unwrap().parse().unwrap();
    lab.write("clock", &format!("{} {}", wall - 3_600_000, words.collect::<Vec<_>>().join(" ")));
    lab.run("promote prod").expect(0);
    let document = lab.run("history --json").expect(0).json();
    let numbers: Vec<_> =
        document["entries"].as_array().unwrap().iter().map(|entry| &entry["sequence"]).collect();
    assert!(numbers.is_sorted_by_key(|number| number.as_u64()), "{numbers:?}");
}

#[test]
fn several_keys_are_told_in_the_order_of_time() {
    let lab = Lab::new();
    lab.configure(&["b", "a"].map(|name| lab.key_with(name, "", &[])).concat());
    lab.console_key("one");
    lab.run("adopt b --from file:one.key").expect(0);
    lab.console_key("two");
    lab.run("adopt a --from file:two.key").expect(0);
    let document = lab.run("history --json").expect(0).json();
    assert_eq!(document["entries"][0]["key"], "b");
    assert_eq!(document["entries"][1]["key"], "a");
}
