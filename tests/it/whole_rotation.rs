//! The story of the README, from adoption to the end, by the real executable.

use crate::lab::Lab;

#[test]
fn a_quarterly_rotation_never_leaves_consumers_without_a_key() {
    let lab = Lab::new();
    let old = lab.adopted();
    assert_eq!(lab.phase("prod"), "Idle");

    let new = lab.console_key("new");
    lab.run("stage prod --from file:new.key --ticket OPS-1").expect(0);
    assert_eq!(lab.phase("prod"), "SecondaryStaged");
    assert_eq!(lab.run("key prod").expect(0).stdout.trim(), old.value, "consumers see nothing yet");

    lab.run("promote prod").expect(0);
    assert_eq!(lab.phase("prod"), "GraceWindow");
    assert_eq!(lab.run("key prod").expect(0).stdout.trim(), new.value);
    assert_eq!(lab.env_value(), new.value);
    assert!(lab.accepts(&old.value) && lab.accepts(&new.value), "both overlap");
    lab.work(&new.value);

    let early = lab.run("finish prod --json").expect(10).json();
    assert_eq!(early["error"]["exit_code"], 10);
    assert_eq!(early["evidence"][0]["item"], "grace");
    assert_eq!(early["evidence"][0]["verdict"], "unmet");
    assert!(lab.accepts(&old.value));

    lab.advance_minutes(61);
    let finished = lab.run("finish prod --json").expect(0).json();
    assert_eq!(finished["phase"], "Revoked");
    assert_eq!(lab.console_status(&old.id), "inactive");
    assert!(!lab.accepts(&old.value) && lab.accepts(&new.value));
    assert!(lab.run("history --verify").expect(0).stdout.contains("chain intact"));
}

#[test]
fn the_next_rotation_starts_from_revoked() {
    let lab = Lab::new();
    lab.finished();
    let third = lab.console_key("third");
    lab.run("stage prod --from file:third.key").expect(0);
    lab.run("promote prod").expect(0);
    assert_eq!(lab.env_value(), third.value);
    assert_eq!(lab.status("prod")["active"]["slot"], "primary", "the slots alternate");
}

#[test]
fn waiting_finish_ends_by_itself() {
    let lab = Lab::new();
    let (old, _) = lab.promoted();
    lab.run("finish prod --wait").expect(0);
    assert!(!lab.accepts(&old.value));
}
