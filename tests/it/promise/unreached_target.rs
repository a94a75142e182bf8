//! A target that does not hold the active value when the old one is ended in an emergency.

use crate::lab::Lab;

const REVOKE: &str = "revoke-now prod --reason leaked --yes";

#[test]
fn one_that_drifted_inside_the_window_is_written_first() {
    let lab = Lab::new();
    let (old, new) = lab.promoted();
    lab.write("app.env", &format!("ANTHROPIC_API_KEY={}\n", old.value));
    lab.run(REVOKE).expect(0);
    assert!(!lab.accepts(&old.value));
    assert_eq!(lab.env_value(), new.value);
}

#[test]
fn one_that_was_left_behind_is_reached_from_any_rest() {
    let lab = Lab::new();
    lab.staged();
    let script = lab.script("push", "test ! -e down && cat > pushed");
    let command = format!("type = \"command\"\nname = \"fleet\"\ncommand = [\"{script}\"]");
    lab.configure(&lab.key_with("prod", "", &[&command]));
    lab.write("down", "");
    lab.run(REVOKE).expect(12);
    lab.console_key("third");
    lab.run("stage prod --from file:third.key").expect(0);
    lab.run("abort prod").expect(0);
    assert_eq!(lab.phase("prod"), "Idle");
    assert_eq!(lab.status("prod")["next"], "rotate promote prod");
    std::fs::remove_file(lab.path("down")).unwrap();
    lab.run("promote prod").expect(0);
    assert_eq!(lab.read("pushed").trim(), lab.run("key prod").expect(0).stdout.trim());
}
