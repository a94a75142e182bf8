//! `rotate status`

use super::well_formed;
use crate::lab::Lab;

#[test]
fn in_every_phase_it_names_the_next_command() {
    let lab = Lab::new();
    let shown = |lab: &Lab| {
        let ran = lab.run("status").expect(0).without_secrets();
        assert_eq!(ran.stderr, "");
        lab.normal(&ran.stdout)
    };
    insta::assert_snapshot!(shown(&lab), @"
    prod
      phase       (never adopted)
      next        rotate adopt prod
    ");
    lab.adopted();
    insta::assert_snapshot!(shown(&lab), @"
    prod
      phase       Idle
      active      5d6c5ccba2a16148 …ArAA (primary slot, apikey_01vrA4xLP3K9tEntsT33cA9M)
      due         2026-05-30T12:00:02Z
      next        rotate stage prod
    ");
    lab.console_key("new");
    lab.run("stage prod --from file:new.key --ticket OPS-1").expect(0);
    insta::assert_snapshot!(shown(&lab), @"
    prod
      phase       SecondaryStaged
      active      5d6c5ccba2a16148 …ArAA (primary slot, apikey_01vrA4xLP3K9tEntsT33cA9M)
      staged      eb693e331507777a …cVAA (secondary slot, apikey_01mVcbMakkHaGqtHTZb7Q1SJ)
      rotation    2026-03-01-327b87e0, ticket OPS-1
      due         2026-05-30T12:00:02Z
      next        rotate promote prod
    ");
    lab.run("promote prod").expect(0);
    lab.work_with("prod");
    insta::assert_snapshot!(shown(&lab), @"
    prod
      phase       GraceWindow
      active      eb693e331507777a …cVAA (secondary slot, apikey_01mVcbMakkHaGqtHTZb7Q1SJ)
      retiring    5d6c5ccba2a16148 …ArAA (primary slot, apikey_01vrA4xLP3K9tEntsT33cA9M) still valid
      target      dotenv:$LAB/app.env#ANTHROPIC_API_KEY: confirmed
      grace       1h left; not before 2026-03-01T13:00:06Z
      rotation    2026-03-01-327b87e0, ticket OPS-1
      due         2026-05-30T12:00:06Z
      next        rotate finish prod
    ");
    lab.advance_minutes(61);
    insta::assert_snapshot!(shown(&lab), @"
    prod
      phase       GraceWindow
      active      eb693e331507777a …cVAA (secondary slot, apikey_01mVcbMakkHaGqtHTZb7Q1SJ)
      retiring    5d6c5ccba2a16148 …ArAA (primary slot, apikey_01vrA4xLP3K9tEntsT33cA9M) still valid
      target      dotenv:$LAB/app.env#ANTHROPIC_API_KEY: confirmed
      grace       over; not before 2026-03-01T13:00:06Z
      rotation    2026-03-01-327b87e0, ticket OPS-1
      due         2026-05-30T12:00:06Z
      next        rotate finish prod
    ");
    lab.run("finish prod").expect(0);
    insta::assert_snapshot!(shown(&lab), @"
    prod
      phase       Revoked
      active      eb693e331507777a …cVAA (secondary slot, apikey_01mVcbMakkHaGqtHTZb7Q1SJ)
      revoked     5d6c5ccba2a16148 …ArAA at 2026-03-01T13:01:14Z; `rotate undo prod` until 2026-03-08T13:01:14Z
      rotation    2026-03-01-327b87e0, ticket OPS-1
      due         2026-05-30T12:00:06Z
      next        rotate stage prod
    ");
}

#[test]
fn its_document_has_the_fields_that_scripts_rely_on() {
    let lab = Lab::new();
    let (old, new) = lab.promoted();
    let document = lab.run("status --json").expect(0).without_secrets().json();
    well_formed(&document);
    let key = &document["keys"][0];
    for name in [
        "key",
        "provider",
        "phase",
        "active",
        "staged",
        "retiring",
        "propagation",
        "grace",
        "rotation",
        "due_at",
        "next",
    ] {
        assert!(key.get(name).is_some(), "{name} is missing in {key}");
    }
    for (name, of) in [("active", &new), ("retiring", &old)] {
        assert_eq!(key[name]["fingerprint"], of.fingerprint());
        assert_eq!(key[name]["last4"], of.value[of.value.len() - 4..]);
        assert_eq!(key[name]["provider_key_id"], of.id);
    }
    assert_eq!(key["active"]["slot"], "secondary");
    assert_eq!(key["staged"], serde_json::Value::Null);
    for name in ["opened_at", "not_before", "remaining_seconds", "floor_seconds", "floor_reason"] {
        assert!(key["grace"].get(name).is_some(), "{name}");
    }
    for name in ["id", "ticket", "started_at"] {
        assert!(key["rotation"].get(name).is_some(), "{name}");
    }
    assert_eq!(key["next"], "rotate finish prod");
}

#[test]
fn many_keys_are_a_table_and_one_can_be_asked_for() {
    let lab = Lab::new();
    lab.configure(&["b", "a", "c"].map(|name| lab.key_with(name, "", &[])).concat());
    lab.console_key("old");
    lab.run("adopt b --from file:old.key").expect(0);
    insta::assert_snapshot!(lab.normal(&lab.run("status").expect(0).stdout), @"
    KEY  PHASE            ACTIVE         LEFT  DUE         NEXT
    a    (never adopted)                                   rotate adopt a
    b    Idle             …ArAA primary        2026-05-30  rotate stage b
    c    (never adopted)                                   rotate adopt c
    ");
    let names = |arguments: &str| {
        let document = lab.run(arguments).expect(0).json();
        let keys = document["keys"].as_array().unwrap().iter();
        keys.map(|key| key["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("status --json"), ["a", "b", "c"]);
    assert_eq!(names("status c b --json"), ["c", "b"]);
    lab.refused("status bb", 2).says(&["did you mean `b`?"]);
}

#[test]
fn one_damaged_state_does_not_hide_the_others() {
    let lab = Lab::new();
    lab.configure(&["a", "b"].map(|name| lab.key_with(name, "", &[])).concat());
    lab.console_key("old");
    lab.run("adopt a --from file:old.key").expect(0);
    lab.console_key("other");
    lab.run("adopt b --from file:other.key").expect(0);
    lab.write("state/a.json", "{");
    let document = lab.run("status --json").expect(5).json();
    assert_eq!(document["keys"][0]["phase"], serde_json::Value::Null);
    assert!(document["keys"][0]["problem"].as_str().unwrap().contains("damaged"));
    assert_eq!(document["keys"][1]["phase"], "Idle");
    lab.run("status").expect(5).says(&["damaged", "Idle", "runbook.md, section \"Exit 5\""]);
    lab.run("promote b").expect(6);
}

#[test]
fn a_long_grace_is_told_in_words_people_read() {
    let lab = Lab::new();
    lab.configure(&lab.key("prod").replace("\"60m\"", "\"36h\""));
    lab.promoted();
    lab.advance_minutes(1);
    lab.run("status").expect(0).says(&["1d 11h 59m left"]);
}

#[test]
fn it_works_while_another_command_holds_the_lock() {
    let lab = Lab::new();
    lab.adopted();
    let lock = std::fs::File::open(lab.path("state/prod.lock")).unwrap();
    lock.lock().unwrap();
    lab.run("status").expect(0);
    lab.run("key").expect(0);
    lab.run("history").expect(0);
    lab.run("ledger").expect(0);
}
