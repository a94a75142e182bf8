//! `rotate ledger`

use super::well_formed;
use crate::lab::Lab;

const ENTRY: &str = "workspace = \"wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ\"
environment = \"production\"
purpose = \"Production article generation (scheduled)\"
owner = \"platform team\"
monthly_limit = \"200 USD\"
revoke_scope = \"only this workspace's key\"";

fn lab() -> Lab {
    let lab = Lab::new();
    let target = "type = \"dotenv\"\npath = \"app.env\"\nvariable = \"ANTHROPIC_API_KEY\"";
    lab.configure(&lab.key_with("prod-publish", ENTRY, &[target]));
    lab
}

#[test]
fn it_tells_what_each_key_is_for_and_what_a_leak_stops() {
    let lab = lab();
    insta::assert_snapshot!(lab.normal(&lab.run("ledger").expect(0).stdout), @"
    prod-publish
      purpose       Production article generation (scheduled)
      environment   production
      owner         platform team
      provider      anthropic
      workspace     wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ
      limit         200 USD
      active        never adopted
      slots         file
      lives in      dotenv:$LAB/app.env#ANTHROPIC_API_KEY
      a leak stops  only this workspace's key
    ");
    let (_, value) = lab.sandbox.create_key("old", Some("wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ")).unwrap();
    lab.write("old.key", value.expose());
    lab.run("adopt --from file:old.key").expect(0);
    insta::assert_snapshot!(lab.normal(&lab.run("ledger").expect(0).without_secrets().stdout), @"
    prod-publish
      purpose       Production article generation (scheduled)
      environment   production
      owner         platform team
      provider      anthropic
      workspace     wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ
      limit         200 USD
      active        5d6c5ccba2a16148 …ArAA, apikey_01vrA4xLP3K9tEntsT33cA9M
      slots         file
      lives in      dotenv:$LAB/app.env#ANTHROPIC_API_KEY
      a leak stops  only this workspace's key
      due           2026-05-30T12:00:02Z
    ");
}

#[test]
fn its_document_has_the_ledgers_fields() {
    let lab = lab();
    let document = lab.run("ledger --json").expect(0).json();
    well_formed(&document);
    let key = &document["keys"][0];
    assert_eq!(key["key"], "prod-publish");
    assert_eq!(key["monthly_limit"], "200 USD");
    assert_eq!(key["revoke_scope"], "only this workspace's key");
    assert_eq!(key["phase"], serde_json::Value::Null);
    assert_eq!(key["targets"].as_array().unwrap().len(), 1);
}

#[test]
fn credentials_that_aborts_put_aside_are_not_forgotten() {
    let lab = Lab::new();
    lab.staged();
    lab.run("abort prod").expect(0);
    lab.run("ledger").expect(0).says(&["put aside by aborts"]);
    assert_eq!(lab.run("ledger --json").expect(0).json()["keys"][0]["set_aside"], 1);
}
