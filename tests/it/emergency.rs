//! A key has leaked: `revoke-now` in every situation that the design names.

use serde_json::Value;

use crate::lab::{ConsoleKey, Lab, value_in};

const REVOKE: &str = "revoke-now prod --reason leaked --yes";

/// A lab with one dotenv target that holds the live value, and keys at hand.
fn adopted() -> (Lab, ConsoleKey) {
    let lab = Lab::new();
    let old = lab.adopted();
    lab.write("app.env", &format!("ANTHROPIC_API_KEY={}\n", old.value));
    lab.console_key("replacement");
    (lab, old)
}

fn staged() -> (Lab, ConsoleKey, ConsoleKey) {
    let (lab, old) = adopted();
    let new = lab.console_key("new");
    lab.run("stage prod --from file:new.key").expect(0);
    (lab, old, new)
}

fn promoted() -> (Lab, ConsoleKey, ConsoleKey) {
    let (lab, old, new) = staged();
    lab.run("promote prod").expect(0);
    lab.work_with("prod");
    (lab, old, new)
}

fn finished() -> (Lab, ConsoleKey, ConsoleKey) {
    let (lab, old, new) = promoted();
    lab.advance_minutes(61);
    lab.run("finish prod").expect(0);
    (lab, old, new)
}

fn replacement(lab: &Lab) -> String {
    lab.read("replacement.key").trim().to_owned()
}

/// The one who serves: by `rotate key`, in the target, accepted, and in the phase Revoked.
#[track_caller]
fn assert_serves(lab: &Lab, value: &str) {
    assert_eq!(lab.phase("prod"), "Revoked");
    assert_eq!(lab.run("key prod").expect(0).stdout.trim(), value);
    assert_eq!(lab.env_value(), value);
    assert!(lab.accepts(value));
    lab.run("history --verify").expect(0);
}

#[track_caller]
fn assert_dead(lab: &Lab, key: &ConsoleKey) {
    assert!(!lab.accepts(&key.value), "the suspect is alive");
    assert_eq!(lab.console_status(&key.id), "inactive");
}

fn journal(lab: &Lab) -> Vec<Value> {
    lab.read("state/journal/prod.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

mod the_old_one {
    use super::*;

    #[test]
    fn a_staged_replacement_takes_over_before_the_suspect_dies() {
        let (lab, old, new) = staged();
        let ran = lab.run(REVOKE).expect(0);
        assert_dead(&lab, &old);
        assert_serves(&lab, &new.value);
        let written = ran.stderr.find("confirmed").unwrap();
        assert!(written < ran.stderr.find("is refused by the provider").unwrap(), "{ran:#?}");
    }

    #[test]
    fn what_will_break_is_said_before_anything_is_done() {
        let (lab, old, new) = staged();
        let ran = lab.run(REVOKE).expect(0);
        let told = ran.stderr.find("fails with 401").unwrap();
        assert!(told < ran.stderr.find("probed").unwrap(), "{ran:#?}");
        assert!(ran.stderr.contains(&old.fingerprint()), "{ran:#?}");
        assert!(ran.stderr.contains(&format!("{} (…", new.fingerprint())), "{ran:#?}");
    }

    #[test]
    fn the_seconds_are_told_to_people_and_to_scripts() {
        let (lab, ..) = promoted();
        let ran = lab.run(&format!("{REVOKE} --json")).expect(0).json();
        assert!(ran["seconds"].is_number(), "{ran:#}");
        let (lab, ..) = promoted();
        let ran = lab.run(REVOKE).expect(0);
        assert!(ran.stdout.contains(" s after the command"), "{ran:#?}");
    }

    #[test]
    fn without_a_replacement_nothing_is_changed() {
        let (lab, old) = adopted();
        let ran = lab.refused(REVOKE, 2);
        assert!(ran.stderr.contains("--replace-from") && ran.stderr.contains("--accept-outage"), "{ran:#?}");
        assert!(lab.accepts(&old.value));
    }

    #[test]
    fn a_named_replacement_takes_over() {
        let (lab, old) = adopted();
        lab.run(&format!("{REVOKE} --replace-from file:replacement.key")).expect(0);
        assert_dead(&lab, &old);
        assert_serves(&lab, &replacement(&lab));
    }

    #[test]
    fn a_replacement_that_the_provider_refuses_changes_nothing() {
        let (lab, old) = adopted();
        let dead = lab.console_key("dead");
        lab.console_set(&dead.id, "inactive");
        lab.refused(&format!("{REVOKE} --replace-from file:dead.key"), 20);
        assert!(lab.accepts(&old.value));
    }

    #[test]
    fn the_suspect_itself_is_no_replacement() {
        let (lab, old) = adopted();
        lab.refused(&format!("{REVOKE} --replace-from file:old.key"), 2);
        assert!(lab.accepts(&old.value));
    }

    #[test]
    fn an_accepted_outage_is_said_until_it_ends() {
        let (lab, old) = adopted();
        lab.run(&format!("{REVOKE} --accept-outage")).expect(0);
        assert_dead(&lab, &old);
        assert_eq!(lab.status("prod")["outage"], true);
        let key = lab.run("key prod").expect(20);
        assert!(key.stdout.is_empty() && key.stderr.contains("rotate stage prod"), "{key:#?}");
        assert!(lab.run("status prod").expect(0).stdout.contains("nothing serves"));
    }

    #[test]
    fn in_the_window_it_dies_without_waiting() {
        let (lab, old, new) = promoted();
        lab.run(REVOKE).expect(0);
        assert_dead(&lab, &old);
        assert_serves(&lab, &new.value);
    }

    #[test]
    fn in_the_middle_of_a_promotion_the_targets_are_moved_first() {
        let (lab, old, new) = staged();
        let mut promote = lab.command(&["promote", "prod"]);
        assert_eq!(lab.finish_command(promote.env("ROTATE_TEST_CRASH_AT", "3")).code, -1);
        assert_eq!((lab.phase("prod").as_str(), lab.env_value()), ("Promoted", old.value.clone()));
        lab.run(REVOKE).expect(0);
        assert_dead(&lab, &old);
        assert_serves(&lab, &new.value);
    }

    #[test]
    fn after_a_rotation_the_only_live_one_is_the_suspect() {
        let (lab, _, new) = finished();
        lab.refused(REVOKE, 2);
        lab.run(&format!("{REVOKE} --replace-from file:replacement.key")).expect(0);
        assert_dead(&lab, &new);
        assert_serves(&lab, &replacement(&lab));
    }
}

mod the_new_one {
    use super::*;

    const REVOKE_NEW: &str = "revoke-now prod --suspect new --reason leaked --yes";

    #[test]
    fn a_staged_one_dies_and_consumers_see_nothing() {
        let (lab, old, new) = staged();
        lab.run(REVOKE_NEW).expect(0);
        assert_dead(&lab, &new);
        assert_serves(&lab, &old.value);
    }

    #[test]
    fn from_the_middle_of_a_promotion_everyone_goes_back() {
        let (lab, old, new) = staged();
        let mut promote = lab.command(&["promote", "prod"]);
        // After the targets were written and before the window.
        assert_eq!(lab.finish_command(promote.env("ROTATE_TEST_CRASH_AT", "8")).code, -1);
        assert_eq!((lab.phase("prod").as_str(), lab.env_value()), ("Promoted", new.value.clone()));
        lab.run(REVOKE_NEW).expect(0);
        assert_dead(&lab, &new);
        assert_serves(&lab, &old.value);
    }

    #[test]
    fn in_the_window_everyone_goes_back() {
        let (lab, old, new) = promoted();
        lab.run(REVOKE_NEW).expect(0);
        assert_dead(&lab, &new);
        assert_serves(&lab, &old.value);
    }
}

mod both {
    use super::*;

    const REVOKE_ALL: &str = "revoke-now prod --suspect all --reason leaked --yes";

    #[test]
    fn a_replacement_takes_over_from_both() {
        for start in [staged, promoted] {
            let (lab, old, new) = start();
            lab.run(&format!("{REVOKE_ALL} --replace-from file:replacement.key")).expect(0);
            assert_dead(&lab, &old);
            assert_dead(&lab, &new);
            assert_serves(&lab, &replacement(&lab));
        }
    }

    #[test]
    fn without_a_replacement_nothing_is_changed() {
        let (lab, old, new) = promoted();
        lab.refused(REVOKE_ALL, 2);
        assert!(lab.accepts(&old.value) && lab.accepts(&new.value));
    }

    #[test]
    fn an_outage_ends_both() {
        for start in [staged, promoted] {
            let (lab, old, new) = start();
            lab.run(&format!("{REVOKE_ALL} --accept-outage")).expect(0);
            assert_dead(&lab, &old);
            assert_dead(&lab, &new);
            lab.run("key prod").expect(20);
        }
    }
}

mod when_other_things_are_broken {
    use super::*;

    #[test]
    fn an_error_in_another_key_is_gone_past() {
        for broken in
            ["[keys.other]\nprovidr = \"anthropic\"\n", "[keys.other]\nprovider = \"anthropic\nx y z [\n"]
        {
            let (lab, old, new) = promoted();
            let good = lab.read("rotate.toml");
            lab.write("rotate.toml", &format!("{good}\n{broken}"));
            lab.run("finish prod").expect(3);
            let ran = lab.run(REVOKE).expect(0);
            assert!(ran.stderr.contains("warning: going on past an error elsewhere"), "{ran:#?}");
            lab.write("rotate.toml", &good);
            assert_dead(&lab, &old);
            assert_serves(&lab, &new.value);
        }
    }

    #[test]
    fn a_target_that_fails_is_reported_and_keeps_nobody_alive() {
        let (lab, old, new) = staged();
        let script = lab.script("push", "test ! -e down && cat > pushed");
        let dotenv = "type = \"dotenv\"\npath = \"app.env\"\nvariable = \"ANTHROPIC_API_KEY\"";
        let command = format!("type = \"command\"\nname = \"fleet\"\ncommand = [\"{script}\"]");
        lab.configure(&lab.key_with("prod", "", &[dotenv, &command]));
        lab.write("down", "");
        let ran = lab.run(REVOKE).expect(12);
        assert!(ran.stderr.contains("command:fleet"), "{ran:#?}");
        assert!(ran.stderr.contains("`rotate promote prod`"), "{ran:#?}");
        assert_dead(&lab, &old);
        assert_serves(&lab, &new.value);

        let left = lab.status("prod");
        assert_eq!(left["phase"], "Revoked");
        assert_eq!(left["propagation"][0]["state"], "failed", "{left}");
        assert_eq!(left["next"], "rotate promote prod");
        lab.run("promote prod").expect(12);
        std::fs::remove_file(lab.path("down")).unwrap();
        lab.run("promote prod --dry-run").expect(0);
        lab.run("promote prod").expect(0);
        assert_eq!(lab.read("pushed"), new.value, "what was left behind is reached");
        assert_eq!(lab.status("prod")["next"], "rotate stage prod");
        lab.run("promote prod").expect(6);
    }

    #[test]
    fn a_target_that_cannot_be_looked_at_is_reported() {
        let (lab, old, new) = promoted();
        std::fs::remove_file(lab.path("app.env")).unwrap();
        std::fs::create_dir(lab.path("app.env")).unwrap();
        lab.run(REVOKE).expect(12).without_secrets().says(&["app.env", "not read: "]);
        assert_dead(&lab, &old);
        assert!(lab.accepts(&new.value));
    }

    #[test]
    fn a_provider_that_does_not_answer_sends_a_person_to_the_console() {
        let (lab, _, _) = staged();
        lab.configure_at("http://127.0.0.1:1", "admin_key = \"file:admin.key\"\n", &lab.key("prod"));
        let ran = lab.run(&format!("{REVOKE} --accept-outage")).expect(21).without_secrets();
        ran.says(&["disable the leaked key by hand at https://", "when the provider answers again"]);
    }

    #[test]
    fn a_journal_that_cannot_be_written_is_reported() {
        let (lab, old, new) = promoted();
        std::fs::rename(lab.path("state/journal/prod.jsonl"), lab.path("kept")).unwrap();
        std::fs::create_dir(lab.path("state/journal/prod.jsonl")).unwrap();
        let ran = lab.run(REVOKE).expect(12);
        assert!(ran.stderr.contains("the journal was not written"), "{ran:#?}");
        assert_dead(&lab, &old);
        std::fs::remove_dir(lab.path("state/journal/prod.jsonl")).unwrap();
        std::fs::rename(lab.path("kept"), lab.path("state/journal/prod.jsonl")).unwrap();
        assert_serves(&lab, &new.value);
    }

    #[test]
    fn without_an_admin_key_a_person_is_sent_to_the_console() {
        let (lab, old, new) = promoted();
        lab.configure_with("", &lab.key("prod"));
        let ran = lab.run(REVOKE).expect(13);
        assert!(ran.stderr.contains("https://platform.claude.com/settings/keys"), "{ran:#?}");
        assert!(lab.status("prod")["emergency"] == true && lab.accepts(&old.value));
        lab.console_set(&old.id, "inactive");
        lab.run(REVOKE).expect(0);
        assert_serves(&lab, &new.value);
        assert_eq!(lab.status("prod")["emergency"], false);
    }

    #[test]
    fn an_admin_key_that_cannot_be_had_leads_to_the_console_too() {
        let (lab, old, new) = promoted();
        lab.configure_with("admin_key = \"file:missing.key\"\n", &lab.key("prod"));
        lab.run("finish prod").expect(3);
        let ran = lab.run(REVOKE).expect(13);
        assert!(ran.stderr.contains("going on without the admin key"), "{ran:#?}");
        lab.console_set(&old.id, "inactive");
        lab.run(REVOKE).expect(0);
        assert_serves(&lab, &new.value);
    }

    #[test]
    fn a_provider_that_lags_is_waited_for_and_nothing_is_taken_back() {
        let (lab, old, new) = promoted();
        lab.sandbox.update_settings(|settings| settings.revocation_lag_milliseconds = 600_000).unwrap();
        let ran = lab.run(REVOKE).expect(12);
        assert_eq!(lab.console_status(&old.id), "inactive", "it stays revoked: {ran:#?}");
        assert!(lab.accepts(&old.value), "and is still accepted");
        lab.advance_minutes(10);
        lab.run(REVOKE).expect(0);
        assert_dead(&lab, &old);
        assert_serves(&lab, &new.value);
    }

    #[test]
    fn a_suspect_whose_value_is_lost_is_revoked_by_the_id_on_record() {
        let (lab, old, new) = promoted();
        std::fs::remove_file(lab.path("state/slots/prod.primary")).unwrap();
        // Nobody can probe it, but it was proven which key it is when it was stored.
        lab.run(REVOKE).expect(0);
        assert_dead(&lab, &old);
        assert_eq!(lab.console_status(&old.id), "inactive");
        assert_serves(&lab, &new.value);
    }

    #[test]
    fn without_value_and_admin_key_nothing_is_called_revoked() {
        let (lab, old, new) = promoted();
        std::fs::remove_file(lab.path("state/slots/prod.primary")).unwrap();
        lab.configure_with("", &lab.key("prod"));
        lab.run(REVOKE).expect(13);
        assert!(lab.accepts(&old.value) && lab.accepts(&new.value));
        assert_ne!(lab.phase("prod"), "Revoked");
    }
}

mod again {
    use super::*;

    #[test]
    fn a_repeated_command_never_revokes_what_took_over() {
        for extra in ["", " --accept-outage"] {
            let (lab, _, new) = staged();
            lab.run(&format!("{REVOKE}{extra}")).expect(0);
            let ran = lab.refused(&format!("{REVOKE}{extra}"), 6);
            assert!(ran.stderr.contains("is over"), "{ran:#?}");
            assert_serves(&lab, &new.value);
        }
    }

    #[test]
    fn a_repeated_command_against_the_new_one_never_revokes_the_old_one() {
        let (lab, old, _) = promoted();
        let command = "revoke-now prod --suspect new --accept-outage --reason leaked --yes";
        lab.run(command).expect(0);
        lab.refused(command, 6);
        assert_serves(&lab, &old.value);
    }

    #[test]
    fn a_repeated_replacement_or_outage_finds_it_done() {
        let (lab, _) = adopted();
        let command = format!("{REVOKE} --replace-from file:replacement.key");
        lab.run(&command).expect(0);
        lab.run(&command).expect(0);
        assert_serves(&lab, &replacement(&lab));
        let (lab, _) = adopted();
        let command = format!("{REVOKE} --accept-outage");
        lab.run(&command).expect(0);
        lab.run(&command).expect(0);
    }

    #[test]
    fn another_leak_is_another_emergency() {
        let (lab, _, new) = staged();
        lab.run(REVOKE).expect(0);
        lab.run("revoke-now prod --reason again --replace-from file:replacement.key --yes").expect(0);
        assert_dead(&lab, &new);
        assert_serves(&lab, &replacement(&lab));
    }

    #[test]
    fn the_way_back_from_an_outage_is_an_ordinary_rotation() {
        let (lab, _) = adopted();
        lab.run(&format!("{REVOKE} --accept-outage")).expect(0);
        lab.run("stage prod --from file:replacement.key").expect(0);
        lab.run("promote prod").expect(0);
        assert_eq!(lab.status("prod")["outage"], false);
        assert_eq!(lab.run("key prod").expect(0).stdout.trim(), replacement(&lab));
        lab.advance_minutes(61);
        lab.run("finish prod").expect(0);
        assert_serves(&lab, &replacement(&lab));
    }

    #[test]
    fn abort_calls_off_an_emergency_that_has_sent_nothing() {
        let (lab, old, new) = promoted();
        lab.configure_with("", &lab.key("prod"));
        lab.run(REVOKE).expect(13);
        assert_eq!(lab.status("prod")["emergency"], true);
        lab.run("finish prod").expect(6);
        lab.run("abort prod").expect(0);
        assert_eq!(lab.status("prod")["emergency"], false);
        assert_eq!(lab.phase("prod"), "Idle");
        assert_eq!(lab.env_value(), old.value);
        assert!(lab.accepts(&old.value) && lab.accepts(&new.value));
    }

    #[test]
    fn abort_calls_off_an_emergency_at_rest_and_that_is_all() {
        let (lab, old) = adopted();
        lab.configure_with("", &lab.key("prod"));
        lab.run(&format!("{REVOKE} --accept-outage")).expect(13);
        assert_eq!(lab.status("prod")["emergency"], true);
        lab.run("abort prod").expect(0);
        assert_eq!(lab.status("prod")["emergency"], false);
        assert_eq!(lab.phase("prod"), "Idle");
        assert!(lab.accepts(&old.value));
        lab.run("abort prod").expect(6);
    }
}

mod on_record {
    use super::*;

    #[test]
    fn suspects_and_reason_are_in_the_journal_before_the_first_change() {
        let (lab, old, _) = staged();
        lab.run_words(&["revoke-now", "prod", "--yes", "--reason", "found in a public log"]).expect(0);
        let journal = journal(&lab);
        let position = |event: &str| journal.iter().position(|entry| entry["event"] == event).unwrap();
        let declared = &journal[position("emergency_declared")]["data"]["emergency"];
        assert_eq!(declared["reason"], "found in a public log");
        assert_eq!(declared["suspects"], serde_json::json!([old.fingerprint()]));
        assert!(position("emergency_declared") < position("switched"));
        assert!(position("switched") < position("revoked"));
        assert!(position("revoked") < position("emergency_ended"));
    }

    #[test]
    fn an_interrupted_emergency_tells_a_command_that_can_be_typed() {
        let (lab, ..) = promoted();
        lab.configure_with("", &lab.key("prod"));
        lab.run_words(&["revoke-now", "prod", "--yes", "--reason", "it's out"]).expect(13);
        assert_eq!(lab.status("prod")["next"], "rotate revoke-now prod --reason 'it'\\''s out'");
    }

    #[test]
    fn without_a_terminal_and_without_yes_nothing_is_done() {
        for more in ["", " --json"] {
            let (lab, old, _) = promoted();
            let ran = lab.refused(&format!("revoke-now prod --reason leaked{more}"), 2);
            assert!(format!("{}{}", ran.stdout, ran.stderr).contains("--yes"), "{ran:#?}");
            assert!(lab.accepts(&old.value));
        }
    }

    #[test]
    fn a_dry_run_shows_the_steps_and_does_nothing() {
        let (lab, old, _) = staged();
        let before = lab.standing();
        let ran = lab.run("revoke-now prod --reason leaked --dry-run").expect(0);
        assert!(ran.stdout.contains(&format!("revoke {}", old.fingerprint())), "{ran:#?}");
        assert_eq!(lab.standing(), before);
    }

    #[test]
    fn a_key_that_was_never_adopted_is_left_to_the_console() {
        let lab = Lab::new();
        let ran = lab.run(REVOKE).expect(6);
        assert!(ran.stderr.contains("by hand, now, at https://"), "{ran:#?}");
    }
}

#[test]
fn the_target_of_a_new_configuration_holds_the_replacement_too() {
    let (lab, _, new) = staged();
    lab.write("second.env", "ANTHROPIC_API_KEY=x\n");
    let targets = ["app.env", "second.env"]
        .map(|path| format!("type = \"dotenv\"\npath = \"{path}\"\nvariable = \"ANTHROPIC_API_KEY\""));
    lab.configure(&lab.key_with("prod", "", &[&targets[0], &targets[1]]));
    lab.run(REVOKE).expect(0);
    assert_eq!(value_in(&lab.path("second.env")), new.value);
    assert_serves(&lab, &new.value);
}
