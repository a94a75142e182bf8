//! What `finish` must know before it revokes, asked of the real executable: leases, the provider's usage report, and
//! the clock that starts with the first use.

mod first_use;
mod report;

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::lab::double::{Double, pass_on};
use crate::lab::{ConsoleKey, Lab};

/// Promoted, and an hour later; nobody has used the new credential yet.
fn unused() -> (Lab, ConsoleKey, ConsoleKey) {
    let lab = Lab::new();
    let (old, new) = lab.staged();
    lab.run("promote prod").expect(0);
    lab.advance_minutes(61);
    (lab, old, new)
}

/// One row of the table that a `finish` printed as JSON.
fn row(document: &Value, item: &str) -> (String, String) {
    let rows = document["evidence"].as_array().unwrap_or_else(|| panic!("no evidence in {document}"));
    let row = rows.iter().find(|row| row["item"] == item).unwrap();
    let text = |name: &str| row[name].as_str().unwrap().to_owned();
    (text("verdict"), text("detail"))
}

#[track_caller]
fn lacks(lab: &Lab, item: &str, verdict: &str, said: &str) {
    let document = lab.refused("finish prod --json", 11).json();
    let (found, detail) = row(&document, item);
    assert!(found == verdict && detail.contains(said), "{found}: {detail}");
}

#[test]
fn a_lease_on_the_old_credential_holds_the_revocation_back_until_it_is_released() {
    let lab = Lab::new();
    let (old, new) = lab.staged();
    let id =
        lab.run("lease acquire prod --ttl 24h --holder nightly-export").expect(0).stdout.trim().to_owned();
    lab.run("promote prod").expect(0);
    lab.work(&new.value);
    lab.advance_minutes(61);
    lacks(&lab, "leases", "unmet", "nightly-export");
    assert!(lab.accepts(&old.value));
    lab.run("finish prod --accept-unknown leases").expect(11).says(&["nightly-export", &id]);
    assert!(lab.accepts(&old.value), "a job that is known to run is no unknown");
    lab.run_words(&["lease", "release", &id]).expect(0);
    let document = lab.run("finish prod --json").expect(0).json();
    assert_eq!(row(&document, "leases").0, "met");
    assert!(!lab.accepts(&old.value));
}

#[test]
fn a_lease_on_the_new_credential_holds_nothing_back() {
    let (lab, old, new) = unused();
    lab.run("lease acquire prod --ttl 24h").expect(0);
    lab.work(&new.value);
    let document = lab.run("finish prod --json").expect(0).json();
    let (verdict, detail) = row(&document, "leases");
    assert!(verdict == "met" && detail.contains('1'), "{verdict}: {detail}");
    assert!(!lab.accepts(&old.value));
}

#[test]
fn a_neighbours_job_that_holds_the_same_credential_counts() {
    let lab = Lab::new();
    let target = |file: &str| format!("type = \"file\"\npath = \"{file}\"");
    let keys = ["prod", "twin"].map(|key| lab.key_with(key, "", &[&target(&format!("{key}.txt"))]));
    lab.configure(&keys.join("\n"));
    let old = lab.console_key("old");
    for key in ["prod", "twin"] {
        lab.write(&format!("{key}.txt"), &old.value);
        lab.run_words(&["adopt", key, "--from", "file:old.key"]).expect(0);
    }
    lab.run("lease acquire twin --ttl 24h --holder of-the-twin").expect(0);
    for key in ["prod", "twin"] {
        lab.console_key(&format!("new-{key}"));
        lab.run(&format!("stage {key} --from file:new-{key}.key")).expect(0);
        lab.run_words(&["promote", key]).expect(0);
        lab.work_with(key);
    }
    lab.advance_minutes(61);
    lacks(&lab, "leases", "unmet", "of-the-twin");
    assert!(lab.accepts(&old.value));
}

/// A job may be given the old value for as long as both are valid: until the revocation is on record as begun.
#[test]
fn a_lease_that_is_taken_after_the_evidence_was_weighed_calls_the_revocation_off() {
    let lab = Lab::new();
    let (old, new) = lab.staged();
    let id = lab.run("lease acquire prod --ttl 24h --holder late-comer").expect(0).stdout.trim().to_owned();
    let path = format!("state/leases/prod/{id}.json");
    let record = lab.read(&path);
    lab.run_words(&["lease", "release", &id]).expect(0);
    lab.run("promote prod").expect(0);
    lab.work(&new.value);
    lab.advance_minutes(61);
    let (address, place) = (lab.sandbox.address(), lab.path(&path));
    let double = Double::start(move |request| {
        // Which key the old one is is asked between the evidence and the intent.
        if request.path.starts_with("/v1/organizations/api_keys?") {
            std::fs::write(&place, &record).unwrap();
            std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        pass_on(request, address).unwrap_or_default()
    });
    lab.configure_at(&double.base_url(), "admin_key = \"file:admin.key\"\n", &lab.key("prod"));
    lab.run("finish prod").expect(11).says(&["late-comer", "called off"]);
    assert!(lab.accepts(&old.value));
    assert!(double.take().iter().all(|heard| heard.method == "GET"), "nothing was sent to revoke it");
    assert_eq!(lab.phase("prod"), "GraceWindow");
}

#[test]
fn a_damaged_lease_is_unknown_and_may_be_accepted_by_name_with_a_reason_in_the_journal() {
    let (lab, old, new) = unused();
    lab.work(&new.value);
    let id = lab.run("lease acquire prod --ttl 24h").expect(0).stdout.trim().to_owned();
    lab.write(&format!("state/leases/prod/{id}.json"), "{\"schema\":1,");
    lacks(&lab, "leases", "unknown", &id);
    assert!(lab.accepts(&old.value));
    lab.run_words(&["finish", "prod", "--accept-unknown", "leases", "--reason", "looked at every host"])
        .expect(0);
    let journal = lab.read("state/journal/prod.jsonl");
    let revoking = journal.lines().rfind(|line| line.contains("\"revoke\"")).unwrap();
    assert!(
        revoking.contains("looked at every host") && revoking.contains("\"accepted_unknown\":[\"leases\"]")
    );
    assert!(revoking.contains("\"verdict\":\"unknown\""), "the whole table is in the journal: {revoking}");
}

#[test]
fn a_reason_belongs_to_something_that_is_accepted() {
    let (lab, ..) = unused();
    lab.run("finish prod --reason why").expect(2).says(&["--accept-unknown"]);
}

#[test]
fn waiting_says_what_it_waits_for_beside_the_window_and_ends_by_itself() {
    let lab = Lab::new();
    let (old, new) = lab.promoted();
    lab.run("lease acquire prod --ttl 90m").expect(0);
    let ran = lab.run("finish prod --wait").expect(0);
    assert!(ran.stderr.contains("waiting: the grace window is open for another"), "{ran:#?}");
    assert!(ran.stderr.contains("beside the window it still waits for: usage (the report lags"), "{ran:#?}");
    assert!(!lab.accepts(&old.value) && lab.accepts(&new.value));
}

#[test]
fn waiting_outlasts_a_lease_on_the_old_credential() {
    let lab = Lab::new();
    let (old, new) = lab.staged();
    lab.run("lease acquire prod --ttl 3h --holder slow-job").expect(0);
    lab.run("promote prod").expect(0);
    lab.work(&new.value);
    let before = lab.status("prod")["grace"]["not_before"].as_str().unwrap().to_owned();
    let ran = lab.run("finish prod --wait").expect(0);
    assert!(
        ran.stderr.contains("waiting for evidence: leases (the old credential is held by slow-job"),
        "{ran:#?}"
    );
    assert!(!lab.accepts(&old.value));
    let history = lab.run("history prod").expect(0).stdout;
    assert!(history.lines().last().unwrap() > before.as_str(), "{history}");
    assert!(
        history.contains("2026-03-01T15:0"),
        "revoked when the lease was over, after three hours: {history}"
    );
}
