//! What `rotate exec` tells of jobs that went wrong.

use super::watched;

#[test]
fn every_way_in_which_a_job_goes_wrong_is_told_and_its_end_too() {
    let (lab, inbox) = watched();
    let old = lab.at_work();
    inbox.empty();
    let exec = |words: &[&str], code: i32| {
        lab.run_words(&[&["exec", "prod"], words].concat()).expect(code).without_secrets();
    };
    exec(&["--", "true"], 0);
    assert_eq!(inbox.heard(), Vec::<String>::new());

    exec(&["--expect-stdout", "--", "true"], 30);
    assert_eq!(inbox.heard(), ["job_output_missing critical firing"]);
    assert!(inbox.taken()[0].text("summary").contains("it printed nothing on stdout"));
    exec(&["--expect-stdout", "--", "true"], 30);
    assert_eq!(inbox.heard().len(), 1, "it was told twice");
    exec(&["--", "false"], 1);
    assert_eq!(inbox.heard().len(), 1, "a job that failed loudly settled it");
    exec(&["--expect-stdout", "--", "echo", "here"], 0);
    assert_eq!(inbox.heard(), ["job_output_missing critical firing"], "told before the next command's post");
    lab.run("check").expect(0);
    assert_eq!(inbox.heard()[1..], ["job_output_missing critical resolved"]);
    inbox.empty();

    exec(&["--", "echo", "error: invalid x-api-key"], 30);
    assert_eq!(inbox.heard(), ["job_auth_failure critical firing"]);
    exec(&["--", "sh", "-c", "echo 'error: invalid x-api-key'; exit 3"], 3);
    assert_eq!(inbox.heard().len(), 1);
    inbox.empty();

    lab.console_set(&old.id, "inactive");
    exec(&["--preflight", "--preflight-ttl", "0s", "--", "true"], 20);
    assert_eq!(inbox.heard().last().unwrap(), "job_refused critical firing");
}
