//! A job whose key was refused, and what comes of it.

use std::process::Stdio;

use super::running::{Running, exec, leased, leases, run};
use crate::lab::Lab;

const REFUSED: &str =
    "echo '{\"error\":{\"type\":\"authentication_error\",\"message\":\"invalid x-api-key\"}}'";

#[test]
fn a_job_that_was_refused_and_exits_0_has_failed() {
    let lab = Lab::new();
    lab.adopted();
    for script in [
        REFUSED.to_owned(),
        format!("{REFUSED} >&2"),
        "echo 'Invalid API key · Please run /login'".to_owned(),
        "echo 'INVALID BEARER TOKEN' >&2".to_owned(),
    ] {
        let ran = run(&lab, "", &script).expect(30);
        assert!(
            ran.stderr.contains("exited 0, but it went wrong") && ran.stderr.contains("`rotate status prod`")
        );
    }
    run(&lab, "", "echo all is well; echo authentication is fine >&2").expect(0);
}

#[test]
fn a_job_that_was_refused_and_failed_keeps_its_code_and_one_line_says_why() {
    let lab = Lab::new();
    lab.adopted();
    let ran = run(&lab, "", &format!("{REFUSED} >&2; exit 3")).expect(3);
    let ours: Vec<_> = ran.stderr.lines().filter(|line| !line.starts_with('{')).collect();
    assert!(matches!(&ours[..], [line] if line.contains("its key was refused")), "{ran:?}");
}

#[test]
fn it_is_seen_wherever_the_output_is_cut() {
    let lab = Lab::new();
    lab.adopted();
    // One byte a write: each comes in a piece of its own.
    let script = "for c in i n v a l i d '\\040' x - a p i - k e y; do printf \"$c\"; sleep 0.005; done";
    run(&lab, "", script).expect(30);
    // Across the border of what is read at once.
    for before in [65_530, 65_536 - 8, 131_072 - 3] {
        run(&lab, "", &format!("head -c {before} /dev/zero; printf 'invalid x-api-key'")).expect(30);
    }
}

#[test]
fn the_patterns_can_be_changed_and_switched_off() {
    let lab = Lab::new();
    lab.adopted();
    lab.configure(&lab.key_with("prod", "auth_failure_patterns = [\"key of no use\"]", &[]));
    run(&lab, "", "echo A KEY OF NO USE").expect(30);
    run(&lab, "", REFUSED).expect(0);
    lab.configure(&lab.key_with("prod", "auth_failure_patterns = []", &[]));
    run(&lab, "", REFUSED).expect(0);
    lab.configure(&lab.key("prod"));
    run(&lab, "--watch-output never", REFUSED).expect(0);
    run(&lab, "", REFUSED).expect(30);
}

#[test]
fn where_nothing_is_watched_the_streams_are_the_very_ones() {
    let lab = Lab::new();
    lab.adopted();
    let script = "readlink /proc/self/fd/1 /proc/self/fd/2";
    for (options, is_file) in [("--watch-output never", true), ("", false)] {
        let file = std::fs::File::create(lab.path("file")).unwrap();
        let mut command = exec(&lab, options, script);
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        assert!(command.status().unwrap().success());
        assert_eq!(lab.read("file").contains("/file\n"), is_file, "{}", lab.read("file"));
    }
}

/// Refused until the value is the one in this file.
fn picky(file: &str) -> String {
    format!(
        "echo run >> runs; echo \"$ANTHROPIC_API_KEY\" > key; test \"$ANTHROPIC_API_KEY\" = \"$(cat {file})\" && echo fine && exit 0; \
         until test -s go; do sleep 0.02; done; {REFUSED}"
    )
}

#[test]
fn a_refused_job_runs_once_more_where_another_credential_is_active_by_then() {
    for end in ["", "; exit 9"] {
        let lab = Lab::new();
        let (old, new) = lab.staged();
        let running = Running::start(&lab, "--retry-on-auth", &format!("{}{end}", picky("new.key")));
        running.until_file("key", "\n");
        assert_eq!(leased(&lab), [old.fingerprint()]);
        lab.run("promote prod").expect(0);
        lab.write("go", "now");
        let ran = running.ends().expect(0).says(&["it runs once more", "fine"]);
        assert_eq!(lab.read("runs"), "run\nrun\n");
        assert!(ran.stderr.contains(&new.fingerprint()) && leases(&lab).is_empty(), "{ran:?}");
    }
}

#[test]
fn a_refused_job_does_not_run_again_where_nothing_changed_or_more_than_once() {
    let lab = Lab::new();
    lab.adopted();
    lab.write("go", "now");
    run(&lab, "--retry-on-auth", &picky("clock")).expect(30);
    assert_eq!(lab.read("runs"), "run\n");

    let lab = Lab::new();
    lab.staged();
    let running = Running::start(&lab, "--retry-on-auth --json", &picky("clock"));
    running.until_file("key", "\n");
    lab.run("promote prod").expect(0);
    lab.write("go", "now");
    let document = running.ends().expect(30).json();
    assert_eq!((lab.read("runs").as_str(), &document["runs"]), ("run\nrun\n", &2.into()));
    assert!(leases(&lab).is_empty());
}

#[test]
fn without_the_option_nothing_is_run_again() {
    let lab = Lab::new();
    lab.staged();
    let running = Running::start(&lab, "", &picky("new.key"));
    running.until_file("key", "\n");
    lab.run("promote prod").expect(0);
    lab.write("go", "now");
    running.ends().expect(30);
    assert_eq!(lab.read("runs"), "run\n");
}
