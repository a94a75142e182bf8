//! Leases of those who know their id: `acquire`, `renew`, `release`, and their time.

use std::time::Duration;

use rotate::lease::directory::Reread;
use rotate::rotation::lease::LeaseStanding;
use serde_json::json;

use super::{leases, listed, only, path, records, seen};
use crate::commands::well_formed;
use crate::lab::Lab;

/// Acquires a lease; its id.
#[track_caller]
fn acquired(lab: &Lab, more: &str) -> String {
    let ran = lab.run(&format!("lease acquire prod {more}")).expect(0).without_secrets();
    let id = ran.stdout.strip_suffix('\n').unwrap().to_owned();
    assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{ran:#?}");
    id
}

#[test]
fn acquire_prints_the_id_alone() {
    let lab = Lab::new();
    let old = lab.adopted();
    let ran = lab.run("lease acquire").expect(0);
    let id = ran.stdout.trim().to_owned();
    assert!(ran.stderr.contains("held until 2026-03-01T13:00:02Z"), "{ran:#?}");
    assert!(ran.stderr.contains(&format!("rotate lease renew {id}")), "{ran:#?}");
    let row = only(&lab);
    assert_eq!(row["id"], json!(id));
    assert_eq!(
        (&row["kind"], &row["role"], &row["standing"]),
        (&json!("bearer"), &json!("active"), &json!("held"))
    );
    assert_eq!(row["fingerprint"], json!(old.fingerprint()));
    assert!(row["holder"].as_str().unwrap().starts_with("operator (uid "), "{row}");
    assert_eq!(
        (&row["started_at"], &row["expires_at"]),
        (&json!("2026-03-01T12:00:02Z"), &json!("2026-03-01T13:00:02Z"))
    );
    assert_eq!(row["pid"], json!(null));
    assert!(!row["host"].as_str().unwrap().is_empty());

    let document = lab.run("lease acquire prod --ttl 90s --holder nightly --json").expect(0).json();
    well_formed(&document);
    assert_eq!(document["fingerprint"], json!(old.fingerprint()));
    assert_eq!((&document["key"], &document["expires_at"]), (&json!("prod"), &json!("2026-03-01T12:01:32Z")));
    assert_eq!(document["is_active"], true);
    assert_ne!(document["id"], json!(id), "two leases of one moment");
    assert_eq!(listed(&lab).len(), 2);
    let document = lab.run("lease acquire prod --ttl 1s1ms --json").expect(0).json();
    assert_eq!(document["expires_at"], "2026-03-01T12:00:04Z", "never shorter than was asked for");
}

#[test]
fn the_table_says_who_holds_what_and_until_when() {
    let lab = Lab::new();
    let old = lab.adopted();
    let id = acquired(&lab, "--holder nightly --ttl 2h");
    let table = lab.run("lease list").expect(0).stdout;
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 2, "{table}");
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["ID", "KEY", "CREDENTIAL", "HOLDER", "SINCE", "UNTIL"]
    );
    for word in [
        &id,
        "prod",
        &old.fingerprint(),
        "(active)",
        "nightly on ",
        "2026-03-01T12:00:02Z",
        "2026-03-01T14:00:02Z",
    ] {
        assert!(lines[1].contains(word), "{word}: {table}");
    }
}

#[test]
fn a_lease_of_every_key_is_listed() {
    let lab = Lab::new();
    lab.configure(&["prod", "test"].map(|name| lab.key_with(name, "", &[])).concat());
    for name in ["prod", "test"] {
        lab.console_key(name);
        lab.run(&format!("adopt {name} --from file:{name}.key")).expect(0);
        lab.run(&format!("lease acquire {name}")).expect(0);
    }
    let keys = |arguments: &str| {
        let rows = lab.run(&format!("lease list --json {arguments}")).expect(0).json()["leases"].clone();
        rows.as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keys(""), ["prod", "test"]);
    assert_eq!(keys("test"), ["test"]);
    lab.refused("lease acquire", 2).says(&["which key?"]);
    lab.refused("lease list tset", 2).says(&["did you mean `test`?"]);
    // A lease is found by its id alone, whichever key it is of.
    let id = lab.run("lease list test --json").expect(0).json()["leases"][0]["id"].clone();
    let id = id.as_str().unwrap();
    assert_eq!(lab.run(&format!("lease renew {id} --json")).expect(0).json()["key"], "test");
    lab.run(&format!("lease release {id}")).expect(0);
    assert_eq!(keys(""), ["prod"]);
}

#[test]
fn a_bearers_time_runs_out_to_the_second() {
    let lab = Lab::new();
    lab.adopted();
    let id = acquired(&lab, "--ttl 60s");
    lab.clock.advance(Duration::from_secs(59));
    assert_eq!(only(&lab)["standing"], "held");
    assert!(matches!(seen(&lab).unwrap()[0].standing, LeaseStanding::Held));
    lab.clock.advance(Duration::from_secs(1));
    lab.refused(&format!("lease renew {id}"), 6).says(&[
        "is over",
        "acquire a new one",
        "read the key again",
    ]);
    assert!(lab.path(&path(&id)).exists(), "a refusal leaves everything as it was");
    assert!(seen(&lab).unwrap().is_empty());
    assert!(records(&lab).is_empty());
    lab.refused(&format!("lease renew {id}"), 6).says(&["there is no lease", "acquire"]);
}

#[test]
fn a_renewal_gives_the_time_anew() {
    let lab = Lab::new();
    let old = lab.adopted();
    let id = acquired(&lab, "--ttl 60s");
    lab.clock.advance(Duration::from_secs(50));
    let ran = lab.run(&format!("lease renew {id}")).expect(0);
    assert_eq!(ran.stderr, "");
    let ran = ran.says(&[
        &id,
        "held until 2026-03-01T12:01:52Z",
        &old.fingerprint(),
        "is the active credential of prod",
    ]);
    assert!(!ran.stdout.contains("not"), "{ran:#?}");
    lab.clock.advance(Duration::from_secs(50));
    let document = lab.run(&format!("lease renew {id} --ttl 1d --json")).expect(0).json();
    well_formed(&document);
    assert_eq!(document["expires_at"], "2026-03-02T12:01:42Z");
    assert_eq!(document["is_active"], true);
    lab.advance_minutes(24 * 60 - 1);
    let row = only(&lab);
    assert_eq!(row["started_at"], "2026-03-01T12:00:02Z");
    lab.advance_minutes(1);
    assert!(listed(&lab).is_empty());
}

#[test]
fn a_clock_that_is_set_ends_no_lease_early() {
    let lab = Lab::new();
    lab.adopted();
    let id = acquired(&lab, "--ttl 1h");
    let clock = |wall_minutes: i64, boot: &str, boot_minutes: i64| {
        let wall = 1_772_366_400_000 + wall_minutes * 60_000;
        lab.write("clock", &format!("{wall} {boot} {}", 1_000_000 + boot_minutes * 60_000));
    };
    // Set back by a day, and much time passes; set forward by a day.
    for (wall, boot) in [(-24 * 60, 300), (24 * 60, 30)] {
        clock(wall, "boot-one", boot);
        assert_eq!(only(&lab)["standing"], "held", "{wall} {boot}");
        lab.run(&format!("lease renew {id}")).expect(0);
        clock(0, "boot-one", 0);
        lab.run(&format!("lease renew {id}")).expect(0);
    }
    // Of another boot the wall clock alone tells.
    clock(59, "boot-two", 0);
    assert_eq!(only(&lab)["standing"], "held");
    clock(60, "boot-two", 0);
    assert!(listed(&lab).is_empty());
}

#[test]
fn a_bearer_is_told_when_the_key_changes_and_moves_its_lease_after_reading_it_again() {
    let lab = Lab::new();
    let (old, new) = lab.staged();
    let id = acquired(&lab, "");
    lab.run("promote prod").expect(0);
    assert_eq!(only(&lab)["role"], "retiring");
    let renew = |more: &str| {
        let ran = lab.run(&format!("lease renew {id} --json {more}")).expect(0).without_secrets();
        let document = ran.json();
        well_formed(&document);
        (
            document["is_active"].as_bool().unwrap(),
            document["fingerprint"].as_str().unwrap().to_owned(),
            ran.stderr,
        )
    };
    // Who read the key before it was told of the change may have read the old value.
    let (is_active, on, told) = renew("--reread");
    assert_eq!((is_active, on), (false, old.fingerprint()));
    assert!(told.contains("warning:") && told.contains(&new.fingerprint()), "{told}");
    assert!(
        told.contains("rotate key prod") && told.contains(&format!("lease renew {id} --reread")),
        "{told}"
    );
    // One that goes on with what it has is told each time.
    for _ in 0..2 {
        let (is_active, on, told) = renew("");
        assert_eq!((is_active, on), (false, old.fingerprint()));
        assert!(told.contains("warning:"), "{told}");
    }
    lab.run(&format!("lease renew {id}")).expect(0).says(&["is not the active credential of prod any more"]);

    let (is_active, on, told) = renew("--reread");
    assert_eq!((is_active, on, told), (true, new.fingerprint(), String::new()));
    assert_eq!(only(&lab)["role"], "active");
    assert_eq!(only(&lab)["fingerprint"], json!(new.fingerprint()));

    // And back, where the promotion is.
    lab.run("abort prod").expect(0);
    assert!(!renew("").0);
    let (is_active, on, _) = renew("--reread");
    assert_eq!((is_active, on), (true, old.fingerprint()));
}

#[test]
fn what_was_told_before_another_change_counts_no_more() {
    let lab = Lab::new();
    lab.adopted();
    let id = acquired(&lab, "");
    let [first, second] = [b"first", b"other"].map(|value| rotate::secret::Fingerprint::of(value));
    let leases = leases(&lab);
    let renew = |active, reread| leases.renew(&id, None, Some(active), reread).unwrap().fingerprint;
    let own = renew(first, Reread::No);
    assert_eq!(renew(second, Reread::Yes), own, "the bearer was told of another one");
    assert_eq!(renew(second, Reread::Yes), second);
    assert_eq!(renew(first, Reread::Yes), second, "nothing was told since");
}

#[test]
fn a_lease_is_on_what_a_reader_gets_here() {
    let (mut lab, old, new) = Lab::with_an_old_environment();
    assert_eq!(lab.run("key prod").expect(0).stdout.trim(), old.value);
    let ran = lab.run("lease acquire prod --json").expect(0).without_secrets();
    assert!(ran.stderr.contains("not at hand") && ran.stderr.contains(&new.fingerprint()), "{ran:?}");
    let document = ran.json();
    assert_eq!(
        (&document["fingerprint"], &document["is_active"], &document["active_fingerprint"]),
        (&json!(old.fingerprint()), &json!(false), &json!(new.fingerprint()))
    );
    let id = document["id"].as_str().unwrap().to_owned();
    // However often it reads the key here, it gets the old value.
    for more in ["", "--reread", "--reread"] {
        let ran = lab.run(&format!("lease renew {id} --json {more}")).expect(0).without_secrets();
        assert_eq!(ran.json()["fingerprint"], json!(old.fingerprint()), "{more}");
        assert!(ran.stderr.contains("not at hand"), "{ran:?}");
        assert_eq!(only(&lab)["role"], "retiring");
    }
    // Where the new value is, it is told first, and moves after it has read.
    lab.set("PROD_SECONDARY", &new.value);
    for (is_active, on) in [(false, &old), (true, &new)] {
        let document = lab.run(&format!("lease renew {id} --json --reread")).expect(0).json();
        assert_eq!(
            (&document["is_active"], &document["fingerprint"]),
            (&json!(is_active), &json!(on.fingerprint()))
        );
    }
}

#[test]
fn a_lease_is_renewed_though_the_key_cannot_be_read_just_now() {
    let lab = Lab::new();
    let old = lab.adopted();
    let id = acquired(&lab, "--ttl 60s");
    std::fs::rename(lab.path("state/slots"), lab.path("aside")).unwrap();
    lab.clock.advance(Duration::from_secs(50));
    for more in ["", "--reread"] {
        let ran = lab.run(&format!("lease renew {id} --json {more}")).expect(0).without_secrets();
        assert!(ran.stderr.contains("not at hand"), "{ran:?}");
        assert_eq!(ran.json()["fingerprint"], json!(old.fingerprint()));
    }
    lab.clock.advance(Duration::from_secs(50));
    assert_eq!(only(&lab)["standing"], "held");
    // What nobody could read is not leased.
    lab.refused("lease acquire", 5).says(&["not at hand"]);
    assert_eq!(records(&lab).len(), 1);
}

#[test]
fn where_slots_take_a_network_a_lease_is_on_what_they_hold() {
    let (lab, old) = crate::exec::running::with_slots_in("leased");
    let new = lab.console_key("new");
    lab.run("stage prod --from file:new.key").expect(0);
    let id = acquired(&lab, "");
    assert_eq!(only(&lab)["fingerprint"], json!(old.fingerprint()));
    lab.run("promote prod").expect(0);
    for (on, role) in [(&old, "retiring"), (&new, "active")] {
        lab.run(&format!("lease renew {id} --reread")).expect(0).without_secrets();
        assert_eq!(
            (&only(&lab)["fingerprint"], &only(&lab)["role"]),
            (&json!(on.fingerprint()), &json!(role))
        );
    }
}

#[test]
fn nothing_is_leased_of_a_key_that_serves_nobody() {
    let lab = Lab::new();
    lab.refused("lease acquire", 6).says(&["never adopted", "rotate adopt prod"]);
    assert!(!lab.path("state").exists());
    lab.run("lease list").expect(0).says(&["no job holds a lease"]);
    assert!(!lab.path("state").exists());
    lab.adopted();
    let id = acquired(&lab, "");
    lab.run("revoke-now prod --reason leaked --accept-outage --yes").expect(0);
    let before = records(&lab);
    lab.refused("lease acquire", 20).says(&["revoked by order", "rotate stage prod"]);
    assert_eq!(records(&lab), before);
    lab.refused(&format!("lease renew {id}"), 20).says(&["revoked by order"]);
    lab.run(&format!("lease release {id}")).expect(0);
}

#[test]
fn wrong_arguments_are_refused() {
    let lab = Lab::new();
    lab.adopted();
    acquired(&lab, "");
    let before = lab.standing();
    for (arguments, words) in [
        (&["lease", "acquire", "--ttl", "0s"][..], &["at least one second"][..]),
        (&["lease", "acquire", "--ttl", "0ms"], &["at least one second"]),
        (&["lease", "acquire", "--ttl", "1 hour"], &["--ttl"]),
        (&["lease", "acquire", "--holder", " "], &["who holds the lease"]),
        (&["lease", "acquire", "--holder", "a\nb"], &["who holds the lease"]),
        (&["lease", "renew"], &["ID"]),
        (&["lease", "renew", "x", "--ttl", "0s"], &["at least one second"]),
        (&["lease"], &["list", "acquire", "renew", "release"]),
        (&["lease", "steal"], &["steal"]),
    ] {
        lab.run_words(arguments).expect(2).says(words);
        let document = lab.run_words(&[arguments, &["--json"]].concat()).expect(2).json();
        assert_eq!(document["error"]["kind"], "usage", "{arguments:?}");
    }
    for id in ["0123456789abcdef", "x", "..", "../../prod", "/etc/passwd", ".lock", "longest-run", "*"] {
        for command in ["renew", "release"] {
            lab.refused(&format!("lease {command} {id}"), 6)
                .says(&["there is no lease", "rotate lease list"]);
        }
    }
    assert_eq!(lab.standing(), before);
}

#[test]
fn a_key_pasted_as_a_holder_is_neither_kept_nor_repeated() {
    let lab = Lab::new();
    lab.adopted();
    let value = lab.console_key("pasted").value;
    for arguments in [
        format!("lease acquire --holder {value}"),
        format!("lease renew {value}"),
        format!("lease acquire {value}"),
    ] {
        lab.run(&arguments).expect(2).without_secrets();
        assert!(!lab.path("state/leases").exists(), "{arguments}");
    }
}

#[test]
fn finish_waits_for_the_bearer_of_the_old_credential_and_for_nobody_else() {
    let lab = Lab::new();
    lab.staged();
    let on_old = acquired(&lab, "--ttl 2h --holder nightly");
    lab.run("promote prod").expect(0);
    let on_new = acquired(&lab, "--ttl 3h");
    lab.advance_minutes(61);
    let evidence = || {
        let document = lab.run("finish prod --json").json();
        let rows = document["evidence"].as_array().unwrap().clone();
        let row = rows.into_iter().find(|row| row["item"] == "leases").unwrap();
        (row["verdict"].as_str().unwrap().to_owned(), row["detail"].as_str().unwrap().to_owned())
    };
    let (verdict, detail) = evidence();
    assert_eq!(verdict, "unmet", "{detail}");
    assert!(detail.contains("nightly"), "{detail}");
    lab.run("finish prod").expect(11).says(&["leases", "nightly"]);
    lab.run(&format!("lease release {on_old}")).expect(0);
    assert_eq!(evidence().0, "met");
    assert_eq!(only(&lab)["id"], json!(on_new));
}
