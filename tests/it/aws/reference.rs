//! `aws-sm:` wherever a secret reference is accepted.

use serde_json::json;

use crate::lab::Lab;
use crate::lab::moto::Moto;

#[test]
fn values_and_the_admin_key_come_from_secrets() {
    let moto = Moto::get();
    let mut lab = Lab::new();
    lab.use_aws(&moto.url());
    let admin = json!({"anthropic": lab.sandbox.admin_key().expose()}).to_string();
    moto.create("reference/admin", &admin);
    lab.configure_with("admin_key = \"aws-sm:reference/admin#anthropic\"\n", &lab.key("prod"));
    let (old, new, third) = (lab.console_key("old"), lab.console_key("new"), lab.console_key("third"));
    moto.create("reference/old", &format!("{}\n", old.value));
    moto.create("reference/new", &json!({"a": {"k": 1}, "k": new.value}).to_string());
    moto.create("reference/third", &third.value);
    lab.run("-vvv adopt prod --from aws-sm:reference/old").expect(0).without_secrets();
    lab.run("-vvv stage prod --from aws-sm:reference/new#k").expect(0).without_secrets();
    lab.run("-vvv promote prod").expect(0).without_secrets();
    lab.work_with("prod");
    assert_eq!(lab.env_value(), new.value);
    lab.advance_minutes(61);
    lab.run("-vvv finish prod").expect(0).without_secrets();
    assert_eq!(lab.console_status(&old.id), "inactive", "the admin key was found");
    let leak = "-vvv revoke-now prod --reason leak --yes --replace-from aws-sm:reference/third";
    lab.run(leak).expect(0).without_secrets();
    assert_eq!(lab.env_value(), third.value);
}

#[test]
fn the_current_value_is_read_and_no_other() {
    let moto = Moto::get();
    let mut lab = Lab::new();
    lab.use_aws(&moto.url());
    moto.create("reference/moved", "sk-ant-api03-not-this-one-0000");
    moto.overwrite("reference/moved", &lab.console_key("now").value);
    lab.run("adopt prod --from aws-sm:reference/moved").expect(0);
}

#[test]
fn references_that_give_no_value_say_why() {
    let moto = Moto::get();
    let mut lab = Lab::new();
    lab.adopted();
    lab.use_aws(&moto.url());
    moto.create("reference/document", r#"{"other":"CANARY","spaced":"two words","n":1}"#);
    moto.call("CreateSecret", json!({"Name": "reference/binary", "SecretBinary": "AAEC"}));
    for (reference, code, word) in [
        ("no-such", 2, "there is no secret no-such"),
        ("reference/document#key", 2, "no such key"),
        ("reference/document#n", 2, "not a text"),
        ("reference/document#spaced", 2, "white space"),
        ("reference/document", 2, "quote"),
        ("reference/binary", 2, "is binary"),
    ] {
        lab.refused(&format!("stage prod --from aws-sm:{reference}"), code).says(&[word]);
    }
    lab.configure_with("admin_key = \"aws-sm:no-such\"\n", &lab.key("prod"));
    lab.refused("stage prod --from file:old.key", 3).says(&["providers.anthropic.admin_key", "no-such"]);
    lab.unset("AWS_ACCESS_KEY_ID");
    lab.refused("stage prod --from file:old.key", 21).says(&["no AWS credentials"]);
    // Readers need no admin key, and so no AWS.
    lab.run("status prod").expect(0);
    lab.run("key prod").expect(0);
}
