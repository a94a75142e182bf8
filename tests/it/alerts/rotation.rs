//! What a rotation tells.

use super::watched;
use crate::lab::Lab;
use crate::lab::inbox::Inbox;

#[test]
fn a_whole_rotation_is_told_step_by_step() {
    let (lab, inbox) = watched();
    lab.finished();
    lab.run("undo prod --yes").expect(0);
    assert_eq!(
        inbox.heard(),
        [
            "adopted info firing",
            "staged info firing",
            "promoted info firing",
            "revoked info firing",
            "undone warning firing"
        ]
    );
    let staged = &inbox.taken()[1];
    let rotation = staged.text("rotation_id");
    assert_eq!(staged.text("dedup_key"), format!("{rotation}/staged"));
    assert_eq!(staged.text("key"), "prod");
    assert_eq!(staged.json()["schema_version"], 1);
    assert!(staged.text("occurred_at").starts_with("2026-03-01T12:00:"), "{}", staged.body);
    assert!(staged.text("summary").contains("OPS-1"), "{}", staged.body);
    for taken in inbox.taken() {
        assert!(!crate::lab::shows_a_key(&taken.body), "{}", taken.body);
    }
}

#[test]
fn a_history_from_before_there_were_receivers_is_told_to_nobody() {
    let lab = Lab::new();
    lab.staged();
    let inbox = Inbox::new();
    lab.subscribe("hook", &inbox, "");
    lab.run("promote prod").expect(0);
    assert_eq!(inbox.heard(), ["promoted info firing"]);
}

#[test]
fn a_dry_run_and_a_refused_command_tell_nothing() {
    let (lab, inbox) = watched();
    lab.staged();
    inbox.empty();
    lab.run("promote prod --dry-run").expect(0);
    lab.run("finish prod").expect(6);
    lab.run("undo prod --yes").expect(6);
    assert_eq!(inbox.heard(), Vec::<String>::new());
}

#[test]
fn a_target_that_fails_is_told_until_it_is_written() {
    let lab = Lab::new();
    let inbox = Inbox::new();
    let push = lab.script("push", "cat >/dev/null; test -e allowed");
    let command = format!("type = \"command\"\nname = \"push\"\ncommand = [\"{push}\"]");
    lab.configure(&lab.key_with("prod", "", &[&command]));
    lab.subscribe("hook", &inbox, "");
    lab.staged();
    inbox.empty();
    lab.run("promote prod").expect(12);
    lab.run("promote prod").expect(12);
    assert_eq!(inbox.heard(), ["partly_propagated warning firing"]);
    lab.write("allowed", "");
    lab.run("promote prod").expect(0);
    // The last two are of the same moment.
    let mut heard = inbox.heard();
    heard.sort();
    assert_eq!(
        heard,
        ["partly_propagated warning firing", "partly_propagated warning resolved", "promoted info firing"]
    );
}

#[test]
fn missing_evidence_is_told_once_and_is_over_with_the_revocation() {
    let (lab, inbox) = watched();
    lab.promoted();
    lab.advance_minutes(61);
    let env = lab.read("app.env");
    lab.write("app.env", "ANTHROPIC_API_KEY=other\n");
    inbox.empty();
    lab.run("finish prod").expect(11);
    lab.run("finish prod").expect(11);
    assert_eq!(inbox.heard(), ["evidence_missing warning firing"]);
    lab.write("app.env", &env);
    lab.run("finish prod").expect(0);
    let mut heard = inbox.heard()[1..].to_vec();
    heard.sort();
    assert_eq!(heard, ["evidence_missing warning resolved", "revoked info firing"]);
}

#[test]
fn an_emergency_is_told_when_it_is_done_and_that_it_is_over() {
    let (lab, inbox) = watched();
    lab.staged();
    inbox.empty();
    lab.run_words(&["revoke-now", "prod", "--reason", "seen in a public log", "--yes"]).expect(0);
    let heard = inbox.heard();
    assert_eq!(heard[0], "emergency critical firing", "{heard:?}");
    assert!(heard.contains(&"emergency critical resolved".to_owned()), "{heard:?}");
    assert!(heard.contains(&"revoked info firing".to_owned()), "{heard:?}");
    assert!(inbox.taken()[0].text("summary").contains("seen in a public log"));
}

#[test]
fn an_aborted_rotation_is_told() {
    let (lab, inbox) = watched();
    lab.promoted();
    inbox.empty();
    lab.run("abort prod").expect(0);
    assert_eq!(inbox.heard(), ["aborted info firing"]);
}

#[test]
fn a_journal_that_was_cut_is_told_by_the_next_command() {
    let (lab, inbox) = watched();
    lab.staged();
    inbox.empty();
    let journal = lab.read("state/journal/prod.jsonl");
    let lines: Vec<&str> = journal.lines().collect();
    lab.write("state/journal/prod.jsonl", &format!("{}\n", lines[..lines.len() - 1].join("\n")));
    lab.run("promote prod");
    assert!(inbox.heard().contains(&"journal_tampered critical firing".to_owned()), "{:?}", inbox.heard());
}

#[test]
fn what_a_killed_command_did_is_told_by_whoever_comes_next() {
    let (mut lab, inbox) = watched();
    lab.adopted();
    lab.console_key("new");
    inbox.empty();
    for point in 1.. {
        assert!(point < 40, "it was never staged");
        lab.set("ROTATE_TEST_CRASH_AT", point.to_string());
        let ran = lab.run("stage prod --from file:new.key");
        lab.unset("ROTATE_TEST_CRASH_AT");
        if lab.phase("prod") == "SecondaryStaged" {
            assert_eq!(ran.code, -1, "it was not killed: {ran:#?}");
            break;
        }
    }
    assert_eq!(inbox.heard(), Vec::<String>::new());
    lab.run("alerts flush").expect(0);
    // Whoever is killed between journal and state leaves an entry, and the next one repeats the step.
    let heard = inbox.heard();
    assert!(!heard.is_empty() && heard.iter().all(|heard| heard == "staged info firing"), "{heard:?}");
}
