//! Places that take more than a folder to set up: programs, slots in variables, pairs.

use serde_json::Value;

use super::values::value;
use crate::lab::Lab;

fn ids(lab: &Lab, arguments: &str) -> Vec<String> {
    let document = lab.run(&format!("doctor {arguments} --json")).without_secrets().json();
    let findings = document["findings"].as_array().unwrap().iter();
    findings.map(|one| format!("{} {}", text(&one["severity"]), text(&one["id"]))).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A lab whose promoted key has one target: a program that keeps the value in `held`, and reads it back so.
fn with_program(read_back: &str) -> Lab {
    let lab = Lab::new();
    let push = lab.script("push", "cat > \"$(dirname \"$0\")/held\"");
    let read = lab.script("read", &format!("cd \"$(dirname \"$0\")\"\n{read_back}"));
    let target = format!("type = \"command\"\ncommand = [\"{push}\"]\nread_back = [\"{read}\"]");
    lab.configure(&lab.key_with("prod", "", &[&target]));
    lab.promoted();
    lab
}

#[test]
fn a_program_is_asked_what_it_holds_and_for_nothing_else() {
    let lab = with_program("echo read >> calls; cat held");
    let calls = || std::fs::read_to_string(lab.path("calls")).unwrap_or_default().lines().count();
    let before = calls();
    assert_eq!(ids(&lab, "prod"), Vec::<String>::new());
    assert_eq!(calls() - before, 1);
    lab.write("held", &value("api", "other").unwrap());
    assert_eq!(ids(&lab, "prod"), ["critical target_drift"]);
    lab.write("held", "");
    assert_eq!(ids(&lab, "prod"), ["critical target_drift"]);
}

#[test]
fn a_program_that_fails_is_said_and_nothing_is_believed() {
    let lab = with_program("test -e broken && { cat held >&2; exit 3; }; cat held");
    assert_eq!(ids(&lab, "prod"), Vec::<String>::new());
    lab.write("broken", "");
    assert_eq!(ids(&lab, "prod"), ["warning target_unreadable"]);
}

#[test]
fn a_target_that_gives_nothing_back_is_not_complained_of() {
    let lab = Lab::new();
    let push = lab.script("push", "cat > /dev/null");
    lab.configure(&lab.key_with("prod", "", &[&format!("type = \"command\"\ncommand = [\"{push}\"]")]));
    lab.promoted();
    assert_eq!(ids(&lab, "prod"), Vec::<String>::new());
}

#[test]
fn slots_in_variables_are_looked_at_where_they_are() {
    let (lab, _, _) = Lab::with_an_old_environment();
    assert_eq!(ids(&lab, "prod"), ["critical slot_drift"]);
    lab.run("doctor prod").expect(30).says(&["environment variable PROD_SECONDARY holds no value"]);
}

#[test]
fn a_key_may_be_left_out_where_there_is_one_and_with_several_none_is_compared() {
    let mut lab = Lab::new();
    let (old, _) = lab.promoted();
    lab.set("ANTHROPIC_API_KEY", &old.value);
    assert_eq!(ids(&lab, ""), ["warning stale_value"]);
    lab.configure(&["prod", "other"].map(|name| lab.key(name)).concat().replacen("app.env", "b.env", 1));
    assert_eq!(ids(&lab, ""), Vec::<String>::new());
    lab.run("doctor").expect(0).says(&["several keys", "rotate doctor KEY"]);
    assert_eq!(ids(&lab, "prod")[..1], ["warning stale_value"]);
    lab.refused("doctor prd", 2).says(&["did you mean `prod`?"]);
}

#[test]
fn another_variable_of_a_target_is_looked_at_as_well() {
    let mut lab = Lab::new();
    lab.configure(&lab.key("prod").replace("variable = \"ANTHROPIC_API_KEY\"", "variable = \"WRITER_KEY\""));
    let (old, new) = lab.promoted();
    lab.set("WRITER_KEY", &old.value);
    assert_eq!(ids(&lab, "prod"), ["warning stale_value"]);
    lab.set("WRITER_KEY", format!("{}\n", new.value));
    assert_eq!(ids(&lab, "prod"), ["critical trailing_newline"]);
    lab.set("WRITER_KEY", new.value.replace("api03", "oat01"));
    assert_eq!(ids(&lab, "prod"), ["critical oauth_token_as_api_key", "warning unknown_value"]);
}

#[test]
fn the_servers_of_anthropic_and_of_the_configuration_are_told_apart() {
    let mut lab = Lab::new();
    lab.promoted();
    let server = lab.sandbox.base_url();
    lab.set("ANTHROPIC_BASE_URL", server);
    assert_eq!(ids(&lab, "prod"), ["ok base_url_override"]);
    lab.run("doctor prod").expect(0);
}

#[test]
fn it_reads_while_another_command_holds_the_lock() {
    let lab = Lab::new();
    lab.promoted();
    let lock = std::fs::File::open(lab.path("state/prod.lock")).unwrap();
    lock.lock().unwrap();
    lab.run("doctor prod").expect(0);
}

#[test]
fn a_dotenv_file_that_nobody_named_is_pointed_out_and_not_read() {
    let lab = Lab::bare(Default::default());
    lab.write(".env", "ANTHROPIC_API_KEY=changeme\n");
    assert_eq!(ids(&lab, ""), ["warning no_credential"]);
    let ran = lab.run("doctor").expect(30);
    assert!(ran.stderr.contains("`rotate doctor --env-file .env`"), "{}", ran.stderr);
    assert_eq!(ids(&lab, "--env-file .env"), ["critical placeholder_value"]);
}
