//! `rotate alerts`

use rotate::alert::signature;

use super::watched;
use crate::lab::Lab;
use crate::lab::inbox::{Answer, Inbox};

#[test]
fn a_test_says_whether_the_receiver_took_it() {
    let (lab, inbox) = watched();
    lab.run("alerts test hook").expect(0).says(&["hook has taken the test alert"]);
    assert_eq!(inbox.heard(), ["test info firing", "test info resolved"]);
    inbox.now_answering(|| Answer::status(500));
    lab.run("alerts test hook").expect(21).says(&["500", "hint:"]);
    inbox.now_answering(|| Answer::status(404));
    lab.run("alerts test hook").expect(3).says(&["404", "hint:"]);
    lab.refused("alerts test hok", 2).says(&["did you mean `hook`"]);
}

#[test]
fn deliveries_are_signed() {
    let lab = Lab::new();
    let inbox = Inbox::new();
    lab.write("hook.secret", "a-secret-of-the-receiver");
    lab.subscribe("hook", &inbox, "secret = \"file:hook.secret\"");
    lab.run("alerts test hook").expect(0);
    let taken = &inbox.taken()[0];
    let header = &taken.headers[signature::HEADER];
    let (time, _) = header.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    assert_eq!(time, "1772366400", "{header}");
    assert!(taken.headers["rotate-delivery"].starts_with("test-"));
}

#[test]
fn what_is_on_its_way_can_be_listed_and_flushed() {
    let (lab, inbox) = watched();
    inbox.now_answering(|| Answer::status(503));
    lab.adopted();
    let listed = lab.run("alerts list").expect(0).without_secrets();
    assert!(
        listed.stdout.contains("on its way to hook since 2026-03-01T12:00:02Z, 1 tries failed"),
        "{listed:#?}"
    );
    lab.run("alerts flush").expect(21).says(&["0 delivered, 1 still on the way", "503"]);
    assert_eq!(lab.run("alerts flush --json").expect(21).json()["left"], 1);
    inbox.now_answering(|| Answer::Taken);
    lab.run("alerts flush").expect(0).says(&["1 delivered, 0 still on the way"]);
    lab.run("alerts flush").expect(0).says(&["0 delivered, 0 still on the way"]);
    lab.run("alerts list").expect(0).says(&["nothing stands, and nothing is on its way"]);
    assert_eq!(inbox.heard(), ["adopted info firing"]);
}

#[test]
fn a_pause_is_kept_by_other_commands_and_not_by_a_flush() {
    let (lab, inbox) = watched();
    inbox.now_answering(|| Answer::Status(429, vec![("retry-after", "600")]));
    lab.at_work();
    inbox.now_answering(|| Answer::Taken);
    lab.run("check").expect(30);
    assert_eq!(inbox.heard(), Vec::<String>::new(), "the pause that the receiver asked for was not kept");
    lab.advance_minutes(11);
    lab.run("check").expect(0);
    assert_eq!(inbox.heard(), ["adopted info firing"]);
}

#[test]
fn what_is_for_a_receiver_that_is_gone_is_given_up() {
    let (lab, inbox) = watched();
    inbox.now_answering(|| Answer::status(503));
    lab.adopted();
    let config = lab.read("rotate.toml");
    lab.write("rotate.toml", &config.replace("[alerts.hook]", "[alerts.other]"));
    lab.run("alerts flush").expect(0).says(&["hook: 1 given up"]);
    assert_eq!(inbox.heard(), Vec::<String>::new());
}
