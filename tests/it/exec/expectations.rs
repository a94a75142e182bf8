//! A job that says that all is well, and has nothing to show for it.

use std::process::Stdio;

use super::running::{exec, run};
use crate::lab::Lab;

#[test]
fn a_file_that_was_promised_must_be_made_or_changed_and_hold_something() {
    let lab = Lab::new();
    lab.adopted();
    std::fs::create_dir_all(lab.path("out/deep")).unwrap();
    lab.write("out/old.json", "{}");
    lab.write("out/touched.json", "{}");
    for (options, script, code, said) in [
        ("--expect-output out/*.json", "echo {} > out/new.json", 0, ""),
        (
            "--expect-output out/*.json",
            "rm out/new.json; exit 0",
            30,
            "no match of `out/*.json` is new or changed (2 found",
        ),
        ("--expect-output out/*.json", "echo '{1}' > out/touched.json", 0, ""),
        ("--expect-output out/*.json", "cp out/old.json x; mv x out/old.json", 0, ""),
        ("--expect-output out/*.json", ": > out/empty.json", 30, "1 of them empty"),
        ("--expect-output out/*.csv", "exit 0", 30, "no file matches `out/*.csv`"),
        ("--expect-output out/*.csv", ": > out/a.csv", 30, "every match of `out/*.csv` is an empty file"),
        ("--expect-output out/*.txt", "echo > out/deep/a.txt", 30, "no file matches"),
        ("--expect-output out/**/*.txt", "echo again > out/deep/a.txt", 0, ""),
        ("--expect-output out/*.d", "mkdir out/a.d", 30, "no file matches"),
        ("--expect-output out/x --expect-output out/y", "echo > out/x", 30, "no file matches `out/y`"),
        ("--expect-output out/x --expect-output out/y", "echo 12 > out/x; echo 1 > out/y", 0, ""),
        // What the job says itself comes first.
        ("--expect-output out/none", "exit 4", 4, ""),
    ] {
        let ran = run(&lab, options, script).expect(code).says(&[said]);
        assert_eq!(ran.stderr.contains("exited 0, but it went wrong"), code == 30, "{ran:?}");
        assert_eq!(ran.stderr.contains("hint:"), code == 30, "{ran:?}");
    }
}

#[test]
fn stdout_that_was_promised_must_have_text() {
    let lab = Lab::new();
    lab.adopted();
    for (script, code) in
        [("echo text", 0), ("printf ' \\n\\t\\n'", 30), ("echo text >&2", 30), ("exit 0", 30), ("exit 2", 2)]
    {
        let ran = run(&lab, "--expect-stdout", script).expect(code);
        assert_eq!(ran.stderr.contains("printed nothing on stdout"), code == 30, "{ran:?}");
    }
    let ran = run(&lab, "--expect-stdout --json", "exit 0").expect(30);
    let document = ran.json();
    assert_eq!(document["error"]["exit_code"], 30);
    assert_eq!(
        (&document["exit_code"], &document["job_exit_code"], &document["runs"]),
        (&30.into(), &0.into(), &1.into())
    );
    run(&lab, "--expect-stdout --json", "echo text").expect(0);
}

#[test]
fn what_a_job_prints_passes_byte_for_byte_in_its_order() {
    let lab = Lab::new();
    lab.adopted();
    lab.write_bytes(
        "bytes",
        &(0..400_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect::<Vec<_>>(),
    );
    // More than any pipe holds, to both streams at once.
    let script = "cat bytes & cat bytes >&2 & wait; printf tail";
    for options in ["", "--expect-stdout", "--watch-output never"] {
        let output = exec(&lab, options, script).stdin(Stdio::null()).output().unwrap();
        let bytes = std::fs::read(lab.path("bytes")).unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stdout == [&bytes[..], b"tail"].concat(), "{options}: stdout");
        assert!(output.stderr == bytes, "{options}: stderr");
    }
    // Both streams in one file keep their order.
    let file = std::fs::File::create(lab.path("both")).unwrap();
    let script = "for n in 1 2 3 4 5 6 7 8 9; do echo out$n; echo err$n >&2; done";
    let mut command = exec(&lab, "", script);
    let status =
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file).status().unwrap();
    assert!(status.success());
    let expected: String = (1..10).map(|n| format!("out{n}\nerr{n}\n")).collect();
    assert_eq!(lab.read("both"), expected);
}

#[test]
fn a_reader_that_goes_away_ends_the_job_as_it_would_without_us() {
    let lab = Lab::new();
    lab.adopted();
    let rotate = assert_cmd::cargo::cargo_bin!("rotate").display();
    let bare = lab.command(&[]);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("(timeout 20 {rotate} exec prod -- yes; echo $? > code) | head -n 1")]);
    shell.current_dir(lab.path("")).env_clear();
    shell.envs(bare.get_envs().filter_map(|(name, value)| Some((name, value?))));
    assert_eq!(String::from_utf8(shell.output().unwrap().stdout).unwrap(), "y\n");
    super::running::until("the end", || {
        std::fs::read_to_string(lab.path("code")).is_ok_and(|code| code == "141\n")
    });
}

#[test]
fn a_full_disk_under_stdout_is_said() {
    let lab = Lab::new();
    lab.adopted();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = exec(&lab, "", "echo text; sleep 0.2; echo more");
    let output = command.stdin(Stdio::null()).stdout(full).stderr(Stdio::piped()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("could not be passed on") && output.status.code() != Some(0), "{output:?}");
}
