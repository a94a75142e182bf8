//! The configuration is edited while a grace window is open.

use crate::lab::Lab;

const DOTENV: &str = "type = \"dotenv\"\npath = \"app.env\"\nvariable = \"ANTHROPIC_API_KEY\"";
const MORE: &str = "type = \"dotenv\"\npath = \"more.env\"\nvariable = \"ANTHROPIC_API_KEY\"";

#[test]
fn a_longer_job_makes_an_open_window_longer() {
    let lab = Lab::new();
    let (old, _) = lab.promoted();
    let longer = lab.key_with("prod", "", &[DOTENV]).replace("45m", "5h").replace("60m", "6h");
    lab.configure(&longer);
    lab.advance_minutes(61);
    lab.run("finish prod").expect(10);
    assert!(lab.accepts(&old.value));
    lab.advance_minutes(240);
    lab.run("finish prod").expect(0);
}

#[test]
fn a_target_that_joins_gets_a_window_of_its_own() {
    let lab = Lab::new();
    let (old, new) = lab.promoted();
    lab.advance_minutes(61);
    // Somebody pasted the new key there a moment ago; jobs that started before still hold the old one.
    lab.write("more.env", &format!("ANTHROPIC_API_KEY={}\n", new.value));
    lab.configure(&lab.key_with("prod", "", &[DOTENV, MORE]));
    let ran = lab.run("finish prod").expect(11);
    assert!(ran.stderr.contains("more.env"), "{ran:#?}");
    lab.run("promote prod").expect(0);
    lab.run("finish prod").expect(10);
    assert!(lab.accepts(&old.value));
    lab.advance_minutes(61);
    lab.run("finish prod").expect(0);
}

#[test]
fn a_target_that_joins_and_cannot_be_read_is_no_success() {
    let lab = Lab::new();
    lab.promoted();
    lab.configure(&lab.key_with("prod", "", &[DOTENV, MORE]));
    let ran = lab.run("promote prod").expect(21);
    assert!(ran.stderr.contains("more.env"), "{ran:#?}");
}

#[test]
fn an_undone_revocation_can_be_finished_again() {
    let lab = Lab::new();
    lab.finished();
    lab.run("undo prod").expect(0);
    lab.advance_minutes(61);
    lab.run("finish prod").expect(0);
}
