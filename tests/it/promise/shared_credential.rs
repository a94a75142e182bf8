//! One credential that serves two keys of the configuration.

use crate::lab::{ConsoleKey, Lab};

/// Keys `first` and `second` with a target of their own each, both adopted with the same credential.
fn shared() -> (Lab, ConsoleKey) {
    let lab = Lab::new();
    let target =
        |file: &str| format!("type = \"dotenv\"\npath = \"{file}\"\nvariable = \"ANTHROPIC_API_KEY\"");
    lab.configure(&format!(
        "{}\n{}",
        lab.key_with("first", "", &[&target("first.env")]),
        lab.key_with("second", "", &[&target("second.env")])
    ));
    let common = lab.console_key("common");
    for key in ["first", "second"] {
        lab.write(&format!("{key}.env"), &format!("ANTHROPIC_API_KEY={}\n", common.value));
    }
    lab.run("adopt first --from file:common.key").expect(0);
    let ran = lab.run("adopt second --from file:common.key").expect(0);
    assert!(ran.stderr.contains("`first` uses the same credential"), "{ran:#?}");
    (lab, common)
}

fn promote(lab: &Lab, key: &str) {
    let name = format!("new-{key}");
    lab.console_key(&name);
    lab.run(&format!("stage {key} --from file:{name}.key")).expect(0);
    lab.run(&format!("promote {key}")).expect(0);
    lab.work_with(key);
}

#[test]
fn it_is_revoked_only_when_both_have_left_it() {
    let (lab, common) = shared();
    promote(&lab, "first");
    lab.advance_minutes(61);
    let ran = lab.run("finish first").expect(11);
    assert!(ran.stderr.contains("`second` use the same credential"), "{ran:#?}");
    assert!(lab.accepts(&common.value));
    assert_eq!(lab.run("key second").expect(0).stdout.trim(), common.value);

    promote(&lab, "second");
    lab.run("finish first").expect(11);
    lab.advance_minutes(61);
    lab.run("finish first").expect(0);
    assert!(!lab.accepts(&common.value));
    lab.run("finish second").expect(0);
    assert_eq!(lab.phase("second"), "Revoked");
}

#[test]
fn nothing_new_is_shared() {
    let (lab, _) = shared();
    promote(&lab, "first");
    let ran = lab.run("stage second --from file:new-first.key").expect(2);
    assert!(ran.stderr.contains("`first`"), "{ran:#?}");
}

#[test]
fn an_emergency_says_whom_else_it_hits() {
    let (lab, common) = shared();
    lab.console_key("replacement");
    let command = "revoke-now first --reason leak --replace-from file:replacement.key --yes";
    let ran = lab.run(command).expect(0);
    assert!(ran.stderr.contains("the key `second` uses it, too"), "{ran:#?}");
    assert!(!lab.accepts(&common.value));
}
