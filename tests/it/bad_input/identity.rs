//! Whose provider id is whose: not found, ambiguous, changed. The listing is from documentation.

use crate::lab::Lab;
use crate::lab::double::{Double, http_answer};

/// Three items as the admin API lists them; `hint` is that of the second and third.
fn item(id: &str, hint: &str, status: &str) -> String {
    format!(
        r#"{{"id":"{id}","type":"api_key","name":"key {id}","status":"{status}","partial_key_hint":"{hint}","workspace_id":null,"created_at":"2026-01-01T00:00:00Z","expires_at":null,"created_by":{{"id":"user_1","type":"user"}}}}"#
    )
}

/// A provider that accepts every key and lists these.
fn listing(items: Vec<String>) -> Double {
    let page = format!(r#"{{"data":[{}],"has_more":false,"first_id":null,"last_id":null}}"#, items.join(","));
    Double::start(move |heard| {
        let json = [("content-type", "application/json")];
        if heard.path.starts_with("/v1/organizations/api_keys") {
            return http_answer(200, &json, &page);
        }
        http_answer(200, &json, r#"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#)
    })
}

fn hint(value: &str) -> String {
    format!("{}...{}", &value[..16], &value[value.len() - 4..])
}

fn lab_with_new() -> (Lab, String) {
    let lab = Lab::new();
    lab.adopted();
    let new = lab.console_key("new");
    (lab, new.value)
}

fn turn_to(lab: &Lab, double: &Double) {
    lab.configure_at(&double.base_url(), "admin_key = \"file:admin.key\"", &lab.key("prod"));
}

#[test]
fn a_candidate_that_nobody_lists_is_refused() {
    let (lab, _) = lab_with_new();
    let double = listing(vec![item("apikey_other", "sk-ant-api03-xyz...wxyz", "active")]);
    turn_to(&lab, &double);
    lab.refused("stage prod --from file:new.key", 13).says(&[
        "lists no key that fits the candidate",
        "another organization",
        "runbook.md, section \"Exit 13\"",
    ]);
}

#[test]
fn among_several_that_fit_none_is_chosen_by_guess() {
    let (lab, new) = lab_with_new();
    let double = listing(vec![
        item("apikey_other", "sk-ant-api03-xyz...wxyz", "active"),
        item("apikey_one", &hint(&new), "active"),
        item("apikey_two", &hint(&new), "inactive"),
        item("apikey_archived", &hint(&new), "archived"),
    ]);
    turn_to(&lab, &double);
    let ran = lab.refused("stage prod --from file:new.key", 13);
    let ran = ran.says(&["apikey_one", "apikey_two", "none is chosen by guess"]);
    assert!(!ran.stderr.contains("apikey_other") && !ran.stderr.contains("apikey_archived"), "{ran:#?}");
}

#[test]
fn an_old_key_that_cannot_be_told_apart_is_not_revoked() {
    let lab = Lab::new();
    let (old, new) = lab.promoted();
    lab.advance_minutes(61);
    let double = listing(vec![
        item(&old.id, &hint(&old.value), "active"),
        item("apikey_twin", &hint(&old.value), "active"),
        item(&new.id, &hint(&new.value), "active"),
    ]);
    turn_to(&lab, &double);
    lab.refused("finish prod --accept-unknown usage", 13).says(&[&old.id, "apikey_twin"]);
    assert!(double.take().iter().all(|heard| heard.method == "GET"), "nothing was written");
}

#[test]
fn an_id_that_is_not_the_one_on_record_is_not_revoked() {
    let lab = Lab::new();
    let (old, new) = lab.promoted();
    lab.advance_minutes(61);
    let double = listing(vec![
        item("apikey_changed", &hint(&old.value), "active"),
        item(&new.id, &hint(&new.value), "active"),
    ]);
    turn_to(&lab, &double);
    lab.refused("finish prod --accept-unknown usage", 13).says(&[
        &old.id,
        "apikey_changed",
        "revoke nothing by guess",
    ]);
    assert!(double.take().iter().all(|heard| heard.method == "GET"), "nothing was written");
}

#[test]
fn an_old_key_that_is_listed_no_more_is_not_revoked_by_guess() {
    let lab = Lab::new();
    let (_, new) = lab.promoted();
    lab.advance_minutes(61);
    let double = listing(vec![item(&new.id, &hint(&new.value), "active")]);
    turn_to(&lab, &double);
    lab.refused("finish prod --accept-unknown usage", 13)
        .says(&["lists no key that fits the retiring credential"]);
}

#[test]
fn a_listing_that_makes_no_sense_is_not_relied_on() {
    let (lab, _) = lab_with_new();
    for page in ["{\"data\":{}}", "[]", "<html>", "{\"data\":[],\"has_more\":true,\"last_id\":null}"] {
        let double = Double::start(move |heard| {
            let json = [("content-type", "application/json")];
            if heard.path.starts_with("/v1/organizations/api_keys") {
                return http_answer(200, &json, page);
            }
            http_answer(200, &json, r#"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#)
        });
        turn_to(&lab, &double);
        lab.refused("stage prod --from file:new.key", 21).says(&["admin API gave no usable answer"]);
    }
}

#[test]
fn a_console_key_that_has_expired_is_refused() {
    let lab = Lab::new();
    lab.adopted();
    let created =
        lab.http("POST", "/console/api_keys", r#"{"name":"short","expires_at":"2026-03-01T13:00:00Z"}"#);
    let created: serde_json::Value = serde_json::from_str(&created).unwrap();
    lab.write("new.key", created["value"].as_str().unwrap());
    lab.run("stage prod --from file:new.key").expect(0);
    lab.advance_minutes(61);
    lab.refused("promote prod", 20).says(&["rejects the staged credential", "have expired"]);
}
