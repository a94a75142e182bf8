//! State that cannot be read while a job must start.

use super::running::{leased, leases, run};
use crate::lab::Lab;

const TELL: &str = "echo $ANTHROPIC_API_KEY; cat state/leases/prod/*.json";

fn damage(lab: &Lab) {
    let text = lab.read("state/prod.json");
    lab.write("state/prod.json", &text[..text.len() / 2]);
}

#[test]
fn by_default_nothing_starts() {
    let lab = Lab::new();
    lab.adopted();
    run(&lab, "", "true").expect(0);
    damage(&lab);
    run(&lab, "", "touch started").expect(5).says(&["damaged", "runbook.md"]);
    assert!(!lab.path("started").exists() && leases(&lab).is_empty());
}

#[test]
fn when_told_to_it_starts_with_the_last_good_value_and_says_so() {
    let lab = Lab::new();
    let (_, new) = lab.promoted();
    run(&lab, "", "true").expect(0);
    damage(&lab);
    let ran = run(&lab, "--fail-open", TELL).expect(0);
    assert!(ran.stdout.starts_with(&new.value) && ran.stdout.contains(&new.fingerprint()), "{ran:?}");
    assert!(ran.stderr.contains("FAIL-OPEN") && ran.stderr.contains(&new.fingerprint()), "{ran:?}");
    assert!(!ran.stderr.contains(&new.value) && leased(&lab).is_empty());
}

#[test]
fn with_a_readable_state_it_changes_nothing() {
    let lab = Lab::new();
    let old = lab.adopted();
    let ran = run(&lab, "--fail-open", TELL).expect(0);
    assert!(ran.stdout.starts_with(&old.value) && ran.stderr.is_empty(), "{ran:?}");
}

#[test]
fn a_last_good_value_that_is_not_there_or_not_the_same_is_not_guessed() {
    let lab = Lab::new();
    let old = lab.adopted();
    damage(&lab);
    run(&lab, "--fail-open", "touch started").expect(5).says(&["no job of this key has run here before"]);

    let lab = Lab::new();
    lab.adopted();
    run(&lab, "", "true").expect(0);
    damage(&lab);
    lab.write("state/slots/prod.primary", "sk-ant-api03-somebody-put-another-value-here-xxxxxxxxxxx\n");
    run(&lab, "--fail-open", "touch started").expect(5).says(&["does not hold"]);
    std::fs::remove_file(lab.path("state/slots/prod.primary")).unwrap();
    run(&lab, "--fail-open", "touch started").expect(5).says(&["does not hold"]);
    assert!(!lab.path("started").exists() && leases(&lab).is_empty());
    let _ = old;
}

#[test]
fn a_last_good_value_whose_revocation_was_begun_is_not_used() {
    let lab = Lab::new();
    let old = lab.adopted();
    run(&lab, "", "true").expect(0);
    let kept = lab.read("state/leases/prod/last-good");
    assert!(kept.contains(&old.fingerprint()));
    lab.run("revoke-now prod --reason leaked --accept-outage --yes").expect(0);
    assert_eq!(lab.read("state/leases/prod/last-good"), kept);
    damage(&lab);
    run(&lab, "--fail-open", "touch started").expect(5).says(&["was revoked"]);
    assert!(!lab.path("started").exists());
}

#[test]
fn the_last_good_value_follows_the_promotion() {
    let lab = Lab::new();
    let (old, new) = lab.staged();
    run(&lab, "", "true").expect(0);
    assert!(lab.read("state/leases/prod/last-good").contains(&old.fingerprint()));
    lab.run("promote prod").expect(0);
    run(&lab, "", "true").expect(0);
    assert!(lab.read("state/leases/prod/last-good").contains(&new.fingerprint()));
}
