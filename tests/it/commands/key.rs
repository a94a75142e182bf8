//! `rotate key`

use std::fs::File;
use std::process::Stdio;

use crate::lab::Lab;

#[test]
fn it_prints_the_active_value_and_nothing_else() {
    let lab = Lab::new();
    let (old, new) = lab.staged();
    let ran = lab.run("key prod").expect(0);
    assert_eq!((ran.stdout, ran.stderr), (format!("{}\n", old.value), String::new()));
    lab.run("promote prod").expect(0);
    assert_eq!(lab.run("key").expect(0).stdout, format!("{}\n", new.value));
}

#[test]
fn a_slot_can_be_named() {
    let lab = Lab::new();
    let (old, new) = lab.staged();
    for (slot, value) in [("active", &old.value), ("primary", &old.value), ("secondary", &new.value)] {
        assert_eq!(lab.run(&format!("key prod --slot {slot}")).expect(0).stdout.trim(), value);
    }
    lab.run("abort prod").expect(0);
    lab.refused("key prod --slot secondary", 5).says(&["not in use in the phase Idle"]);
}

#[test]
fn its_document_holds_the_value() {
    let lab = Lab::new();
    let old = lab.adopted();
    let document = lab.run("key prod --json").expect(0).json();
    assert_eq!(document, serde_json::json!({ "schema_version": 1, "key": "prod", "value": old.value }));
}

#[test]
fn a_format_names_the_variable_as_the_provider_does_or_as_it_is_told() {
    let lab = Lab::new();
    let value = lab.adopted().value;
    for (arguments, expected) in [
        ("--format value", format!("{value}\n")),
        ("--format env", format!("export ANTHROPIC_API_KEY='{value}'\n")),
        ("--format env --env MY_KEY", format!("export MY_KEY='{value}'\n")),
        ("--format dotenv", format!("ANTHROPIC_API_KEY={value}\n")),
        ("--format dotenv --env MY_KEY", format!("MY_KEY={value}\n")),
        ("--format json", format!("{{\"ANTHROPIC_API_KEY\":\"{value}\"}}\n")),
        ("--format json --env MY_KEY", format!("{{\"MY_KEY\":\"{value}\"}}\n")),
    ] {
        let ran = lab.run(&format!("key prod {arguments}")).expect(0);
        assert_eq!((ran.stdout, ran.stderr), (expected, String::new()), "{arguments}");
    }
}

#[test]
fn a_format_prints_the_slot_that_was_asked_for() {
    let lab = Lab::new();
    let (_, new) = lab.staged();
    let line = lab.run("key prod --slot secondary --format dotenv").expect(0).stdout;
    assert_eq!(line, format!("ANTHROPIC_API_KEY={}\n", new.value));
}

#[test]
fn what_does_not_go_together_is_refused_with_what_does() {
    let lab = Lab::new();
    lab.adopted();
    for (arguments, words) in [
        ("--format credential-process", &["AWS access keys", "anthropic", "`rotate key prod`"][..]),
        ("--env MY_KEY", &["this format has none", "--format env, json or dotenv"]),
        ("--format env --env MY-KEY", &["cannot be the name of a variable", "letters, digits"]),
        ("--format env --json", &["two different outputs", "leave one of them out"]),
    ] {
        let ran = lab.refused(&format!("key prod {arguments}"), 2).says(words);
        assert!(ran.stdout.is_empty() || arguments.contains("--json"), "{ran:#?}");
    }
}

/// What a helper of Claude Code has to do: nothing but the value on stdout, and nothing at all when it fails.
#[test]
fn a_failure_leaves_stdout_empty_in_every_format() {
    let lab = Lab::new();
    lab.adopted();
    lab.write("state/slots/prod.primary", "sk-ant-api03-somebody-put-another-value-here-xxxxxxxxxxx\n");
    for format in ["value", "env", "json", "dotenv"] {
        assert_eq!(lab.refused(&format!("key prod --format {format}"), 5).stdout, "", "{format}");
    }
}

#[test]
fn before_adoption_it_names_the_command_that_comes_first() {
    let lab = Lab::new();
    lab.refused("key prod", 6).says(&["never adopted", "`rotate adopt prod`"]);
    std::fs::create_dir(lab.path("state")).unwrap();
    lab.refused("key prod", 6).says(&["never adopted"]);
}

#[test]
fn a_terminal_is_refused_unless_it_is_meant() {
    let lab = Lab::new();
    let old = lab.adopted();
    let (ours, theirs) = terminal();
    let mut command = lab.command(&["key", "prod"]);
    let output = command.stdin(Stdio::null()).stdout(theirs.try_clone().unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--yes"));

    let mut command = lab.command(&["key", "prod", "--yes"]);
    assert!(command.stdin(Stdio::null()).stdout(theirs).status().unwrap().success());
    let mut shown = vec![0; 4096];
    let length = std::io::Read::read(&mut File::from(ours), &mut shown).unwrap();
    assert_eq!(String::from_utf8_lossy(&shown[..length]).trim(), old.value);
}

/// A pseudo-terminal: this side and the program's.
fn terminal() -> (std::os::fd::OwnedFd, File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    (ours, theirs)
}

#[test]
fn a_slot_whose_value_was_changed_by_hand_is_not_served() {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::new();
    let old = lab.adopted();
    lab.write("state/slots/prod.primary", "sk-ant-api03-somebody-put-another-value-here-xxxxxxxxxxx\n");
    lab.refused("key prod", 5).says(&[&old.fingerprint(), "put the value of"]);
    lab.write("state/slots/prod.primary", &format!("{}\n", old.value));
    std::fs::set_permissions(lab.path("state/slots/prod.primary"), std::fs::Permissions::from_mode(0o644))
        .unwrap();
    lab.refused("key prod", 5).says(&["chmod 600"]);
}

#[test]
fn it_asks_no_network_and_needs_no_admin_key() {
    let lab = Lab::new();
    let old = lab.adopted();
    lab.configure_at("http://127.0.0.1:9", "admin_key = \"file:nowhere\"", &lab.key("prod"));
    std::fs::remove_file(lab.path("app.env")).unwrap();
    assert_eq!(lab.run("key").expect(0).stdout.trim(), old.value);
}

#[test]
fn once_a_revocation_was_begun_the_old_value_is_served_no_more() {
    let mut lab = Lab::new();
    lab.configure(&lab.key_with("prod", "slots = { type = \"env\" }", &[]));
    let (old, new) = (lab.console_key("old"), lab.console_key("new"));
    lab.set("PROD_PRIMARY", &old.value);
    lab.set("PROD_SECONDARY", &new.value);
    lab.run("adopt prod").expect(0);
    lab.run("stage prod").expect(0);
    lab.run("promote prod").expect(0);
    lab.work(&new.value);
    lab.advance_minutes(61);
    // Killed with the intent on disk: nobody knows whether the provider was asked already.
    for point in ["1", "2", "3", "4"] {
        lab.set("ROTATE_TEST_CRASH_AT", point);
        lab.run("finish prod").expect(-1);
        lab.unset("ROTATE_TEST_CRASH_AT");
        if lab.status("prod")["interrupted"]["effect"] == "revoke" {
            break;
        }
    }
    assert_eq!(lab.status("prod")["interrupted"]["resume"], "rotate finish prod");
    assert_eq!(lab.run("key").expect(0).stdout.trim(), new.value);
    lab.unset("PROD_SECONDARY");
    lab.refused("key prod", 5).says(&["PROD_SECONDARY"]);
    lab.set("PROD_SECONDARY", &new.value);
    lab.run("finish prod").expect(0);
}
