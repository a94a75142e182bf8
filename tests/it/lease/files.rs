//! What lies under the state directory: modes, what is refused, what is damaged, and how much of it.

use std::os::unix::fs::{PermissionsExt, symlink};

use rotate::lease::Leases;
use rotate::rotation::lease::LeaseStanding;
use serde_json::json;

use super::{change, fingerprint, leases, listed, only, path, records, seen};
use crate::lab::Lab;

fn set_mode(lab: &Lab, name: &str, mode: u32) {
    std::fs::set_permissions(lab.path(name), PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn what_is_made_is_for_its_owner_alone() {
    let lab = Lab::new();
    let held = leases(&lab).open(fingerprint(), "job", None).unwrap();
    leases(&lab).note_run(5).unwrap();
    let mode = |name: &str| std::fs::symlink_metadata(lab.path(name)).unwrap().permissions().mode() & 0o7777;
    for name in ["state", "state/leases", "state/leases/prod"] {
        assert_eq!(mode(name), 0o700, "{name}");
    }
    for name in [&path(held.id()), "state/leases/prod/longest-run", "state/leases/prod/.lock"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    held.end().unwrap();
}

#[test]
fn a_record_has_no_value_and_no_arguments() {
    let lab = Lab::new();
    lab.adopted();
    let held = leases(&lab).open(fingerprint(), "/usr/bin/agent", Some(9)).unwrap();
    lab.run("lease acquire").expect(0);
    for record in records(&lab) {
        let text = std::fs::read_to_string(record).unwrap();
        assert!(!crate::lab::shows_a_key(&text), "{text}");
        assert!(!text.contains("/usr/bin"), "{text}");
    }
    let record: serde_json::Value = serde_json::from_str(&lab.read(&path(held.id()))).unwrap();
    assert_eq!(
        (&record["command"], &record["key"], &record["schema"]),
        (&json!("agent"), &json!("prod"), &json!(1))
    );
    held.end().unwrap();
}

#[test]
fn a_directory_that_others_can_write_is_refused() {
    let lab = Lab::new();
    lab.adopted();
    let id = lab.run("lease acquire").expect(0).stdout.trim().to_owned();
    for directory in ["state", "state/leases", "state/leases/prod"] {
        for mode in [0o770, 0o707, 0o1777] {
            set_mode(&lab, directory, mode);
            let renew = format!("lease renew {id}");
            let release = format!("lease release {id}");
            for command in ["lease list", "lease acquire", &renew, &release] {
                lab.refused(command, 5).says(&["others can write it", "chmod 700"]);
            }
            let reason = seen(&lab).unwrap_err();
            assert!(reason.contains("others can write it") && reason.contains("chmod 700"), "{reason}");
            leases(&lab).longest_run_seconds().unwrap_err();
            leases(&lab).open(fingerprint(), "job", None).map(|held| held.id().to_owned()).unwrap_err();
            set_mode(&lab, directory, 0o700);
        }
    }
    assert_eq!(only(&lab)["id"], json!(id));
}

#[test]
fn a_link_in_the_directorys_place_is_not_followed() {
    let lab = Lab::new();
    lab.adopted();
    std::fs::create_dir(lab.path("elsewhere")).unwrap();
    set_mode(&lab, "elsewhere", 0o700);
    symlink(lab.path("elsewhere"), lab.path("state/leases")).unwrap();
    lab.refused("lease acquire", 5).says(&["symbolic link"]);
    lab.refused("lease list", 5).says(&["symbolic link"]);
    assert_eq!(std::fs::read_dir(lab.path("elsewhere")).unwrap().count(), 0);
}

#[test]
fn a_record_that_cannot_be_used_is_unknown_and_may_be_about_any_credential() {
    let lab = Lab::new();
    lab.adopted();
    type Damage = fn(&Lab, &str);
    let cases: [(&str, Damage); 9] = [
        ("no record of a lease", |lab, id| lab.write(&path(id), "")),
        ("no record of a lease", |lab, id| lab.write(&path(id), "garbage\u{1b}[31m")),
        ("no record of a lease", |lab, id| {
            let whole = lab.read(&path(id));
            lab.write(&path(id), &whole[..whole.len() / 2]);
        }),
        ("no record of a lease", |lab, id| change(lab, id, |record| record["kind"] = json!("ghost"))),
        ("another version (schema 2)", |lab, id| {
            change(lab, id, |record| {
                record["schema"] = json!(2);
                record["kind"] = json!("something new");
            });
        }),
        ("moved here from elsewhere", |lab, id| {
            change(lab, id, |record| record["id"] = json!("0000000000000000"))
        }),
        ("moved here from elsewhere", |lab, id| change(lab, id, |record| record["key"] = json!("test"))),
        ("others can write it", |lab, id| set_mode(lab, &path(id), 0o622)),
        ("symbolic link", |lab, id| {
            std::fs::rename(lab.path(&path(id)), lab.path("record")).unwrap();
            symlink(lab.path("record"), lab.path(&path(id))).unwrap();
        }),
    ];
    for (reason, damage) in cases {
        let id = lab.run("lease acquire").expect(0).stdout.trim().to_owned();
        damage(&lab, &id);
        // No time ends it.
        lab.advance_minutes(100_000);
        let row = only(&lab);
        assert_eq!((&row["id"], &row["standing"]), (&json!(id), &json!("unknown")), "{reason}");
        assert_eq!(
            (&row["fingerprint"], &row["role"], &row["kind"]),
            (&json!(null), &json!(null), &json!(null))
        );
        assert!(row["detail"].as_str().unwrap().contains(reason), "{reason}: {row}");
        let text = lab.run("lease list").expect(0).says(&["perhaps any", reason, "rotate lease release"]);
        assert!(!text.stdout.contains('\u{1b}'));
        let [seen] = &seen(&lab).unwrap()[..] else { panic!("{reason}") };
        assert_eq!(seen.fingerprint, None);
        assert!(matches!(&seen.standing, LeaseStanding::Unknown(text) if text.contains(reason)), "{seen:?}");
        lab.refused(&format!("lease renew {id}"), 5).says(&["cannot be used", reason, "lease release"]);
        lab.run(&format!("lease release {id}")).expect(0);
        assert!(listed(&lab).is_empty(), "{reason}");
    }
    assert!(lab.path("record").exists(), "a link was followed");
}

#[test]
fn what_is_no_record_is_no_lease() {
    let lab = Lab::new();
    lab.adopted();
    lab.run("lease acquire").expect(0);
    for name in [".rotate-abc", ".hidden.json", "notes.txt", "longest-run"] {
        lab.write(&format!("state/leases/prod/{name}"), "1");
    }
    assert_eq!(listed(&lab).len(), 1);
}

#[test]
fn of_a_thousand_leases_those_that_are_over_are_dropped() {
    let lab = Lab::new();
    lab.adopted();
    let bearer = lab.run("lease acquire prod --ttl 1h").expect(0).stdout.trim().to_owned();
    let bearer = lab.read(&path(&bearer));
    let held = leases(&lab).open(fingerprint(), "job", None).unwrap();
    let process = lab.read(&path(held.id()));
    held.end().unwrap();
    for record in records(&lab) {
        std::fs::remove_file(record).unwrap();
    }
    for number in 0..1000 {
        let id = format!("{number:016x}");
        let text = match number % 4 {
            // A process that lives (this one), a bearer whose time is not over, and two that are over.
            0 => &process,
            1 => &bearer,
            2 => &process
                .replace("\"start_ticks\":", "\"start_ticks\":1")
                .replace("\"is_starting\":true", "\"is_starting\":false"),
            _ => &bearer.replace("\"ttl_seconds\":3600", "\"ttl_seconds\":60"),
        };
        let mut record: serde_json::Value = serde_json::from_str(text).unwrap();
        record["id"] = json!(id);
        lab.write(&path(&id), &record.to_string());
        set_mode(&lab, &path(&id), 0o600);
    }
    lab.advance_minutes(1);
    let expected: Vec<_> =
        (0..1000).filter(|number| number % 4 < 2).map(|number| json!(format!("{number:016x}"))).collect();
    let ids =
        |rows: Vec<serde_json::Value>| rows.into_iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(listed(&lab)), expected);
    assert_eq!(records(&lab).len(), 500);
    assert_eq!(seen(&lab).unwrap().len(), 500);
    assert_eq!(lab.run("lease list").expect(0).stdout.lines().count(), 501);
}
