//! Targets that cannot be written, and programs that misbehave.

use std::os::unix::fs::PermissionsExt;

use crate::lab::{ConsoleKey, Lab};

fn set_mode(lab: &Lab, name: &str, mode: u32) {
    std::fs::set_permissions(lab.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_file_that_is_missing_read_only_or_a_directory_moves_nobody() {
    let missing: fn(&Lab) = |lab| std::fs::remove_file(lab.path("app.env")).unwrap();
    let read_only: fn(&Lab) = |lab| set_mode(lab, "app.env", 0o444);
    let directory: fn(&Lab) = |lab| {
        std::fs::remove_file(lab.path("app.env")).unwrap();
        std::fs::create_dir(lab.path("app.env")).unwrap();
    };
    let unclear: fn(&Lab) = |lab| lab.write("app.env", "ANTHROPIC_API_KEY=\"never closed\n");
    for (spoil, said) in [
        (missing, "does not exist"),
        (read_only, "is read-only"),
        (directory, "a directory, not a file"),
        (unclear, "app.env"),
    ] {
        let lab = Lab::new();
        let (old, _) = lab.staged();
        spoil(&lab);
        lab.refused("promote prod", 21).says(&[said, "nothing was changed", "`rotate promote prod` again"]);
        assert_eq!(lab.phase("prod"), "SecondaryStaged");
        assert_eq!(lab.run("key").expect(0).stdout.trim(), old.value);
        let document = lab.refused("promote prod --json", 21).json();
        assert_eq!(document["error"]["kind"], "unreachable");
    }
}

#[test]
fn a_file_target_that_holds_something_else_moves_nobody() {
    let lab = Lab::new();
    lab.write("token", "not one credential but a sentence\n");
    lab.configure(&lab.key_with("prod", "", &["type = \"file\"\npath = \"token\""]));
    let (_, new) = lab.staged();
    lab.refused("promote prod", 21).says(&["other than one credential"]);
    lab.write("token", "");
    lab.run("promote prod").expect(0);
    assert_eq!(lab.read("token"), new.value);
}

/// A lab with the dotenv target and a command target; the command's script is given.
fn with_command(body: &str, more: &str) -> Lab {
    let lab = Lab::new();
    let push = lab.script("push", &format!("cd \"$(dirname \"$0\")\"\n{body}"));
    let dotenv = "type = \"dotenv\"\npath = \"app.env\"\nvariable = \"ANTHROPIC_API_KEY\"";
    let command = format!("type = \"command\"\ncommand = [\"{push}\"]\n{more}");
    lab.configure(&lab.key_with("prod", "", &[dotenv, &command]));
    lab
}

/// The promotion is half done: the dotenv target is confirmed, the command is not, both keys are valid,
/// and no file but slots and targets holds a value.
#[track_caller]
fn half_promoted(lab: &Lab, (old, new): &(ConsoleKey, ConsoleKey), said: &[&str]) {
    lab.run("promote prod").expect(12).without_secrets().says(said).says(&["both credentials stay valid"]);
    let document = lab.run("promote prod --json").expect(12).without_secrets().json();
    assert_eq!(document["error"]["kind"], "partial");
    let status = lab.status("prod");
    assert_eq!(status["phase"], "Promoted");
    let states: Vec<_> = status["propagation"].as_array().unwrap().iter().map(|row| &row["state"]).collect();
    assert_eq!(states, ["failed", "confirmed"], "{status}");
    assert!(!crate::lab::shows_a_key(&status.to_string()));
    assert_eq!(lab.env_value(), new.value);
    assert!(lab.accepts(&old.value) && lab.accepts(&new.value));
    lab.refused("finish prod", 6);
    for name in ["state/prod.json", "state/journal/prod.jsonl"] {
        assert!(!crate::lab::shows_a_key(&lab.read(name)), "{name} holds a key");
    }
}

#[test]
fn a_program_that_fails_leaves_the_rest_confirmed_and_the_same_command_resumes() {
    let lab = with_command("cat > pushed\n[ ! -e fail ] || { echo 'no route to vault' >&2; exit 1; }", "");
    let keys = lab.staged();
    lab.write("fail", "");
    half_promoted(&lab, &keys, &["exit status: 1", "no route to vault", "`rotate promote prod` again"]);
    std::fs::remove_file(lab.path("fail")).unwrap();
    lab.run("promote prod").expect(0);
    lab.work_with("prod");
    assert_eq!(lab.read("pushed"), keys.1.value);
    assert_eq!(lab.phase("prod"), "GraceWindow");
    lab.advance_minutes(61);
    lab.run("finish prod").expect(0);
}

#[test]
fn a_program_that_hangs_is_killed_at_its_limit() {
    let lab = with_command("cat > pushed\n[ ! -e fail ] || exec sleep 60", "timeout = \"300ms\"");
    let keys = lab.staged();
    lab.write("fail", "");
    half_promoted(&lab, &keys, &["killed after 0.3 s", "raise `timeout`"]);
    std::fs::remove_file(lab.path("fail")).unwrap();
    // Whatever the machine's load: the program itself is quick now, and a run may be repeated.
    let resumed = (0..20).any(|_| lab.run("promote prod").code == 0);
    assert!(resumed);
}

#[test]
fn a_program_that_prints_the_secret_is_never_repeated() {
    for body in [
        "value=$(cat); echo \"$value\"; echo \"cannot store $value\" >&2; exit 1",
        "value=$(cat); echo \"cannot store ${value#sk-ant-api03-}\" >&2; exit 1",
        "cat | base64 -w0 >&2; exit 1",
    ] {
        let lab = with_command(body, "");
        let keys = lab.staged();
        half_promoted(&lab, &keys, &["[redacted]"]);
        lab.run("promote prod -vvv").expect(12).without_secrets();
        let new = &keys.1.value;
        let ran = lab.run("status prod");
        assert!(!ran.stdout.contains(&new[20..40]), "{ran:#?}");
    }
}

#[test]
fn a_read_back_that_tells_another_value_is_not_confirmed() {
    let lab = Lab::new();
    let read = lab.script("read", "echo 0123456789abcdef");
    let push = lab.script("push", "cat >/dev/null");
    let command = format!("type = \"command\"\ncommand = [\"{push}\"]\nread_back = [\"{read}\"]");
    lab.configure(&lab.key_with("prod", "", &[&command]));
    lab.staged();
    lab.run("promote prod").expect(12).says(&["read back as 0123456789abcdef"]);
    lab.script("read", "echo oops >&2; exit 3");
    lab.run("promote prod").expect(12).says(&["not read back"]);
}

#[test]
fn a_program_that_is_not_there_moves_nobody() {
    let lab = Lab::new();
    lab.configure(&lab.key_with("prod", "", &["type = \"command\"\ncommand = [\"/no/such/program\"]"]));
    lab.staged();
    lab.refused("promote prod", 21).says(&["/no/such/program"]);
    let push = lab.script("push", "cat >/dev/null");
    lab.configure(&lab.key_with("prod", "", &[&format!("type = \"command\"\ncommand = [\"{push}\"]")]));
    set_mode(&lab, "push", 0o644);
    lab.refused("promote prod", 21).says(&["push"]);
}

#[test]
fn the_program_gets_the_value_on_stdin_only() {
    let lab = with_command("cat > pushed; env > environment; printf '%s\\n' \"$0\" \"$@\" > arguments", "");
    let (old, new) = lab.promoted();
    for name in ["environment", "arguments"] {
        let text = lab.read(name);
        assert!(!text.contains(&new.value) && !text.contains(&old.value), "{name}: {text}");
    }
}
