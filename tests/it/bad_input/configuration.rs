//! rotate.toml that does not hold together. Its own rules are tested in `config`; here: what a person
//! sees, that it is exit 3, and that nothing is touched.

use crate::lab::Lab;

#[track_caller]
fn refused(lab: &Lab, words: &[&str]) {
    for command in ["status", "stage prod --from file:new.key", "promote prod", "key prod"] {
        lab.refused(command, 3).says(words);
    }
    let document = lab.refused("promote prod --json", 3).json();
    assert_eq!(document["error"]["kind"], "configuration");
}

#[test]
fn an_unknown_field_is_named_with_its_line_and_the_nearest_one() {
    let lab = Lab::new();
    lab.staged();
    lab.configure(&lab.key("prod").replace("longest_job", "longest_jbo"));
    refused(
        &lab,
        &["rotate.toml:10: unknown field `longest_jbo` in [keys.prod]", "did you mean `longest_job`?"],
    );
}

#[test]
fn a_grace_that_is_not_above_its_floor_names_the_term_that_dominates() {
    let lab = Lab::new();
    lab.staged();
    lab.configure(&lab.key("prod").replace("grace = \"60m\"", "grace = \"50m\""));
    refused(
        &lab,
        &["grace 50m of [keys.prod]", "its floor of 50m", "longest_job dominates", "set grace = \"51m\""],
    );
    lab.configure(&lab.key("prod").replace("refresh = \"5m\"", "refresh = \"2h\""));
    refused(&lab, &["refresh dominates", "app.env"]);
}

#[test]
fn two_keys_that_would_share_a_state_file_are_refused() {
    let lab = Lab::new();
    lab.staged();
    lab.configure(&[lab.key("prod"), lab.key_with("Prod", "", &[])].concat());
    refused(&lab, &["`Prod`", "`prod`", "differ only in case", "rename one of them"]);
}

#[test]
fn two_keys_that_share_a_target_are_refused() {
    let lab = Lab::new();
    lab.staged();
    lab.configure(&[lab.key("prod"), lab.key("other")].concat());
    refused(&lab, &["the keys `prod` (line", "and `other` share the target dotenv:"]);
}

#[test]
fn a_configuration_that_is_missing_or_no_toml_is_refused() {
    let lab = Lab::new();
    lab.staged();
    lab.write("rotate.toml", "state = \"state\"\n[keys.prod\n");
    refused(&lab, &["rotate.toml:2: not valid TOML"]);
    std::fs::remove_file(lab.path("rotate.toml")).unwrap();
    refused(&lab, &["rotate.toml"]);
}

#[test]
fn a_key_that_stands_in_the_configuration_is_not_repeated() {
    let lab = Lab::new();
    lab.staged();
    let admin = lab.read("admin.key");
    lab.configure_with(&format!("admin_key = \"{}\"", admin.trim()), &lab.key("prod"));
    refused(&lab, &["admin_key", "consider it exposed"]);
}
