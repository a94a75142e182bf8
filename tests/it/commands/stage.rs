//! `rotate stage`

use super::{dry_run, well_formed, without_admin_key};
use crate::lab::Lab;

#[test]
fn it_probes_and_stores_and_consumers_see_nothing_of_it() {
    let lab = Lab::new();
    let old = lab.adopted();
    let target = lab.read("app.env");
    lab.console_key("new");
    let ran = lab.run("stage prod --from file:new.key --ticket OPS-7 --reason quarterly").expect(0);
    let ran = ran.without_secrets();
    insta::assert_snapshot!(lab.normal(&ran.stdout), @"
    prod: staged: accepted by the provider; consumers see nothing of it yet
      phase       SecondaryStaged
      active      5d6c5ccba2a16148 …ArAA (primary slot, apikey_01vrA4xLP3K9tEntsT33cA9M)
      staged      eb693e331507777a …cVAA (secondary slot, apikey_01mVcbMakkHaGqtHTZb7Q1SJ)
      rotation    2026-03-01-327b87e0, ticket OPS-7
      due         2026-05-30T12:00:02Z
      next        rotate promote prod
    ");
    insta::assert_snapshot!(lab.normal(&ran.stderr), @"
    · probed eb693e331507777a: accepted (3 pings)
    · eb693e331507777a is the provider's apikey_01mVcbMakkHaGqtHTZb7Q1SJ
    · eb693e331507777a is in $LAB/state/slots/prod.secondary (secondary)
    ");
    assert_eq!(lab.read("app.env"), target);
    assert_eq!(lab.run("key").expect(0).stdout.trim(), old.value);
}

#[test]
fn its_document_names_ticket_and_reason() {
    let lab = Lab::new();
    lab.adopted();
    let new = lab.console_key("new");
    let document = lab.run("stage --from file:new.key --ticket OPS-7 --reason why --json").expect(0).json();
    well_formed(&document);
    assert_eq!(document["phase"], "SecondaryStaged");
    assert_eq!(document["staged"]["slot"], "secondary");
    assert_eq!(document["staged"]["fingerprint"], new.fingerprint());
    assert_eq!(document["rotation"]["ticket"], "OPS-7");
    assert_eq!(document["rotation"]["reason"], "why");
    assert!(document["rotation"]["id"].as_str().unwrap().starts_with("2026-03-01-"));
}

#[test]
fn a_dry_run_lists_its_steps() {
    let lab = Lab::new();
    lab.adopted();
    lab.console_key("new");
    insta::assert_snapshot!(dry_run(&lab, "stage prod --from file:new.key"), @"
    prod: nothing was changed; these steps would be taken if every check passes
      1. probe eb693e331507777a until the verdict settles
      2. ask the provider which key eb693e331507777a is
      3. store eb693e331507777a in the secondary slot
      4. done: the phase is SecondaryStaged
    ");
    assert_eq!(lab.phase("prod"), "Idle");
}

#[test]
fn the_same_value_again_is_no_error_and_another_one_needs_replace() {
    let lab = Lab::new();
    let (_, new) = lab.staged();
    let before = lab.standing();
    lab.run("stage prod --from file:new.key").expect(0);
    assert_eq!(lab.standing(), before);

    let third = lab.console_key("third");
    lab.refused("stage prod --from file:third.key", 6).says(&[
        &new.fingerprint(),
        "`rotate promote prod`",
        "--replace",
    ]);
    lab.run("stage prod --from file:third.key --replace --ticket OPS-2").expect(0);
    assert_eq!(lab.status("prod")["staged"]["fingerprint"], third.fingerprint());
    assert_eq!(lab.status("prod")["rotation"]["ticket"], "OPS-2");
    lab.run("promote prod").expect(0);
    assert_eq!(lab.env_value(), third.value);
}

#[test]
fn the_workspace_is_proven_by_the_admin_listing() {
    let lab = Lab::new();
    lab.adopted();
    lab.configure(&lab.key("prod").replace("longest_job", "workspace = \"wrkspc_01right\"\nlongest_job"));
    for (name, workspace, code) in
        [("elsewhere", Some("wrkspc_01wrong"), 2), ("default", None, 2), ("right", Some("wrkspc_01right"), 0)]
    {
        let (_, value) = lab.sandbox.create_key(name, workspace).unwrap();
        lab.write("new.key", value.expose());
        if code == 0 {
            lab.run("stage prod --from file:new.key").expect(0);
        } else {
            let ran = lab.refused("stage prod --from file:new.key", code);
            ran.says(&["belongs to", workspace.unwrap_or("the default workspace"), "wrkspc_01right"]);
        }
    }
}

#[test]
fn without_an_admin_key_the_answer_names_the_workspace() {
    let lab = without_admin_key();
    lab.adopted();
    let table = lab.key("prod").replace("longest_job", "workspace = \"wrkspc_01right\"\nlongest_job");
    lab.configure_with("", &table);
    for (workspace, code) in [(Some("wrkspc_01wrong"), 2), (None, 13), (Some("wrkspc_01right"), 0)] {
        let (_, value) = lab.sandbox.create_key("new", workspace).unwrap();
        lab.write("new.key", value.expose());
        match code {
            0 => drop(lab.run("stage prod --from file:new.key").expect(0)),
            2 => drop(lab.refused("stage prod --from file:new.key", 2).says(&["wrkspc_01wrong"])),
            _ => drop(lab.refused("stage prod --from file:new.key", 13).says(&["admin_key"])),
        }
    }
}

#[test]
fn a_probe_by_inference_asks_for_one_token() {
    let lab = Lab::new();
    lab.configure(&lab.key("prod").replace("longest_job", "probe = \"inference\"\nlongest_job"));
    lab.adopted();
    lab.console_key("new");
    lab.run("stage prod --from file:new.key").expect(0);
}

#[test]
fn with_env_slots_the_operator_places_the_values() {
    let mut lab = Lab::new();
    lab.configure(&lab.key_with("prod", "slots = { type = \"env\" }", &[]));
    let (old, new) = (lab.console_key("old"), lab.console_key("new"));
    lab.refused("adopt prod", 2).says(&["PROD_PRIMARY"]);
    lab.set("PROD_PRIMARY", &old.value);
    lab.run("adopt prod").expect(0);

    lab.refused("stage prod", 2).says(&["PROD_SECONDARY"]);
    lab.run("stage prod --from file:new.key").expect(13).says(&["PROD_SECONDARY", "it is unset"]);
    assert_eq!(lab.phase("prod"), "Idle");
    assert_eq!(lab.status("prod")["interrupted"], serde_json::Value::Null);
    lab.set("PROD_SECONDARY", &old.value);
    lab.refused("stage prod", 2).says(&["it cannot replace itself"]);
    lab.set("PROD_SECONDARY", &new.value);
    lab.run("stage prod").expect(0);
    assert_eq!(lab.status("prod")["staged"]["fingerprint"], new.fingerprint());
    assert!(!lab.path("state/slots").exists(), "no value is kept in a file");
}

#[test]
fn the_fallback_to_the_other_variable_holds_only_while_both_are_valid() {
    let mut lab = Lab::new();
    lab.configure(&lab.key_with("prod", "slots = { type = \"env\" }", &[]));
    let (old, new) = (lab.console_key("old"), lab.console_key("new"));
    lab.set("PROD_PRIMARY", &old.value);
    lab.set("PROD_SECONDARY", &new.value);
    lab.run("adopt prod").expect(0);
    lab.unset("PROD_PRIMARY");
    lab.refused("key prod", 5).says(&["PROD_PRIMARY"]);
    lab.set("PROD_PRIMARY", &old.value);
    lab.run("stage prod").expect(0);
    lab.run("promote prod").expect(0);
    lab.work_with("prod");
    assert_eq!(lab.run("key").expect(0).stdout.trim(), new.value);

    // A job whose environment has not got the new variable yet is served by the old one.
    lab.unset("PROD_SECONDARY");
    assert_eq!(lab.run("key").expect(0).stdout.trim(), old.value);
    lab.set("PROD_SECONDARY", &new.value);
    lab.advance_minutes(61);
    lab.run("finish prod").expect(0);
    lab.unset("PROD_SECONDARY");
    lab.refused("key prod", 5).says(&["PROD_SECONDARY", "put the value of"]);

    // The next candidate goes where the revoked one was.
    lab.set("PROD_SECONDARY", &new.value);
    let third = lab.console_key("third");
    lab.set("PROD_PRIMARY", &third.value);
    lab.run("stage prod").expect(0);
    assert_eq!(lab.status("prod")["staged"]["slot"], "primary");
}
