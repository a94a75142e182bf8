//! `grace_from = "first-use"`: the window runs from the first use of the new credential that the provider tells of.

use crate::lab::Lab;

fn lab() -> Lab {
    let lab = Lab::new();
    lab.configure(&lab.key_with("prod", "grace_from = \"first-use\"", &[]));
    lab
}

#[test]
fn the_clock_starts_with_the_first_use() {
    let lab = lab();
    let (old, new) = lab.staged();
    lab.run("promote prod").expect(0);
    lab.advance_minutes(600);
    let ran = lab.refused("finish prod", 10);
    ran.says(&[
        "starts with the first use of the new credential, and none is reported yet",
        "(no use of the new credential since the promotion is reported yet, so silence on the old one proves nothing); \
         it is open for 1h from then on",
    ]);
    let grace = lab.status("prod")["grace"].clone();
    assert_eq!(
        (&grace["remaining_seconds"], &grace["awaits_first_use"]),
        (&3600.into(), &true.into()),
        "{grace}"
    );
    lab.run("status prod").expect(0).says(&["starts with the first use of the new credential, for 1h"]);

    lab.work(&new.value);
    lab.advance_minutes(2);
    let ran = lab.run("finish prod").expect(10);
    ran.says(&["was first used at 2026-03-01T22:01:00Z", "is open for another 5"]);
    let grace = lab.status("prod")["grace"].clone();
    assert_eq!(grace["opened_at"], "2026-03-01T22:01:00Z", "{grace}");
    assert_eq!(grace["not_before"], "2026-03-01T23:01:00Z", "{grace}");
    assert!(lab.accepts(&old.value));

    lab.advance_minutes(57);
    lab.refused("finish prod", 10);
    lab.advance_minutes(3);
    lab.run("finish prod").expect(0);
    assert!(!lab.accepts(&old.value));
}

#[test]
fn a_window_that_waits_for_its_start_is_open_by_the_clock_for_ever() {
    let lab = lab();
    let (old, _) = lab.staged();
    lab.run("promote prod").expect(0);
    lab.advance_minutes(400 * 24 * 60);
    lab.refused("finish prod", 10);
    lab.run("finish prod --accept-unknown usage").expect(10);
    assert!(lab.accepts(&old.value), "the window is never accepted on a guess");
}

#[test]
fn an_operator_may_take_the_setting_back() {
    let lab = lab();
    let (old, _) = lab.staged();
    lab.run("promote prod").expect(0);
    lab.advance_minutes(61);
    lab.refused("finish prod", 10);
    lab.configure(&lab.key_with("prod", "", &[]));
    lab.run("finish prod --accept-unknown usage").expect(0);
    assert!(!lab.accepts(&old.value));
}

#[test]
fn without_anybody_who_could_tell_it_is_refused_when_the_configuration_is_read() {
    let lab = Lab::new();
    lab.configure_with("", &lab.key_with("prod", "grace_from = \"first-use\"", &[]));
    lab.run("status").expect(3).says(&["grace_from", "admin key", "\"promotion\""]);
}

#[test]
fn a_new_rotation_waits_for_a_first_use_of_its_own() {
    let lab = lab();
    let (_, new) = lab.staged();
    lab.run("promote prod").expect(0);
    lab.work(&new.value);
    lab.advance_minutes(1);
    lab.run("finish prod").expect(10);
    lab.run("abort prod").expect(0);
    let third = lab.console_key("third");
    lab.run("stage prod --from file:third.key").expect(0);
    lab.run("promote prod").expect(0);
    lab.advance_minutes(120);
    lab.refused("finish prod", 10).says(&["none is reported yet"]);
    lab.work(&third.value);
    lab.advance_minutes(59);
    lab.run("finish prod").expect(10).says(&["is open for another"]);
    lab.advance_minutes(2);
    let document = lab.run("finish prod --json").expect(0).json();
    assert_eq!(super::row(&document, "grace").0, "met");
}
