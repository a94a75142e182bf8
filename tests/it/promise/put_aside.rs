//! A credential that an abort put aside lives on at the provider.

use crate::lab::Lab;

#[test]
fn it_is_shown_and_can_be_ended() {
    let lab = Lab::new();
    let (old, new) = lab.promoted();
    lab.run("abort prod").expect(0);
    let status = lab.status("prod");
    assert_eq!(status["set_aside"][0]["fingerprint"], new.fingerprint());
    assert!(lab.accepts(&new.value));

    lab.run("revoke-now prod --suspect new --reason leaked --yes").expect(0);
    assert!(!lab.accepts(&new.value), "the one that was put aside is the new one");
    assert!(lab.accepts(&old.value));
    assert_eq!(lab.run("key prod").expect(0).stdout.trim(), old.value);
    assert_eq!(lab.status("prod")["set_aside"].as_array().unwrap().len(), 0);
}

#[test]
fn a_repeated_command_does_not_go_on_to_what_serves() {
    let lab = Lab::new();
    let (old, _) = lab.promoted();
    lab.run("abort prod").expect(0);
    lab.console_key("replacement");
    let command = "revoke-now prod --suspect new --reason leaked --replace-from file:replacement.key --yes";
    lab.run(command).expect(0);
    lab.run(command).expect(6);
    assert!(lab.accepts(&old.value));
    assert_eq!(lab.env_value(), old.value);
}
