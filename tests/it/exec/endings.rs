//! How a job ends is how `rotate exec` ends.

use std::process::Stdio;

use super::running::{leases, run};
use crate::lab::{Lab, Ran};

#[test]
fn the_exit_code_is_the_jobs_own() {
    let lab = Lab::new();
    lab.adopted();
    for code in [0, 1, 3, 20, 30, 127, 255] {
        let ran = run(&lab, "", &format!("echo out; echo err >&2; exit {code}")).expect(code);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("out\n", "err\n"));
    }
    assert!(leases(&lab).is_empty());
}

#[test]
fn a_job_that_a_signal_ended_is_told_as_a_shell_tells_it() {
    let lab = Lab::new();
    lab.adopted();
    for (signal, code) in [("TERM", 143), ("KILL", 137), ("INT", 130), ("SEGV", 139), ("USR1", 138)] {
        run(&lab, "", &format!("ulimit -c 0; kill -{signal} $$")).expect(code);
    }
}

#[test]
fn a_command_that_is_not_there_is_127_and_one_that_is_none_126() {
    let lab = Lab::new();
    lab.adopted();
    lab.write("plain", "no program\n");
    lab.write("no-interpreter", "#!/no/such/interpreter\n");
    lab.script("good", "exit 5");
    let chmod = "chmod +x no-interpreter";
    assert!(
        std::process::Command::new("sh")
            .args(["-c", chmod])
            .current_dir(lab.path(""))
            .status()
            .unwrap()
            .success()
    );
    let cases = [
        ("no-such-program-anywhere", 127, "no such program in PATH", "install it"),
        ("./no-such-file", 127, "no such file", "correct the path"),
        ("./no-interpreter", 127, "interpreter", "#!"),
        ("./plain", 126, "not executable", "chmod +x ./plain"),
        ("./state", 126, "not executable", "it is a directory"),
    ];
    for (command, code, what, hint) in cases {
        lab.run(&format!("exec prod -- {command}")).expect(code).says(&[what, hint, "hint:"]);
        let error = lab.run(&format!("exec prod --json -- {command}")).expect(code).json()["error"].clone();
        assert_eq!(error["exit_code"], code, "{error}");
        assert!(error["hint"].as_str().unwrap().contains(hint), "{error}");
    }
    lab.run("exec prod -- ./good").expect(5);
    assert!(leases(&lab).is_empty());
}

#[test]
fn arguments_that_make_no_sense_start_nothing() {
    let lab = Lab::new();
    lab.adopted();
    let job = "-- touch started";
    for (arguments, code) in [
        ("exec prod".to_owned(), 2),
        ("exec prod --".to_owned(), 2),
        ("exec prod true".to_owned(), 2),
        (format!("exec nobody {job}"), 2),
        (format!("exec prod --on-promote signal:KILL {job}"), 2),
        (format!("exec prod --on-promote now {job}"), 2),
        (format!("exec prod --max-runtime soon {job}"), 2),
        (format!("exec prod --expect-output a**b {job}"), 2),
        (format!("exec prod --watch-output never --expect-stdout {job}"), 2),
        (format!("exec prod --watch-output never --retry-on-auth {job}"), 2),
    ] {
        lab.run(&arguments).expect(code);
        assert!(!lab.path("started").exists(), "{arguments}");
        assert!(leases(&lab).is_empty());
    }
}

#[test]
fn a_key_that_was_never_adopted_runs_no_job() {
    let lab = Lab::new();
    lab.refused("exec prod -- touch started", 6).says(&["never adopted", "`rotate adopt prod`"]);
    lab.refused("exec prod --fail-open -- touch started", 6);
}

#[test]
fn a_key_that_was_revoked_by_order_is_not_given_to_a_job() {
    let lab = Lab::new();
    lab.adopted();
    lab.run("exec prod -- true").expect(0);
    assert!(lab.path("state/leases/prod/last-good").exists());
    lab.run("revoke-now prod --reason leaked --accept-outage --yes").expect(0);
    for options in ["", "--fail-open"] {
        run(&lab, options, "touch started").expect(20).says(&["revoked by order"]);
    }
    assert!(!lab.path("started").exists() && leases(&lab).is_empty());
    assert!(!lab.path("state/leases/prod/last-good").exists(), "nor is it the last good one any more");
}

#[test]
fn its_document_tells_how_it_went_and_the_jobs_output_goes_to_stderr() {
    let lab = Lab::new();
    let old = lab.adopted();
    let mut command = lab.command(&["exec", "prod", "--json", "--", "sh", "-c", "echo printed; exit 4"]);
    let ran: Ran = lab.finish_command(command.stdin(Stdio::null())).expect(4);
    let document = ran.json();
    assert_eq!(ran.stderr, "printed\n");
    let lease = document["lease"].as_str().unwrap().to_owned();
    assert_eq!(lease.len(), 16, "{document}");
    let expected = serde_json::json!({
        "schema_version": 1, "key": "prod", "exit_code": 4, "job_exit_code": 4, "runs": 1, "seconds": 0,
        "fingerprint": old.fingerprint(), "lease": lease, "lease_goes_on": false,
    });
    assert_eq!(document, expected);
}
