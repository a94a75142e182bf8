//! State that is damaged, unsafe, newer, locked, or on a disk that takes no more.

use std::fs::{File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

use rotate::secret::Fingerprint;
use sha2::{Digest, Sha256};

use crate::lab::Lab;

const CHANGES: [&str; 7] = [
    "adopt prod --from file:old.key",
    "stage prod --from file:new.key",
    "promote prod",
    "finish prod",
    "abort prod",
    "undo prod",
    "purge prod --yes",
];

/// Every changing command is exit 5 and changes nothing.
#[track_caller]
fn unusable(lab: &Lab, words: &[&str]) {
    for command in CHANGES {
        lab.refused(command, 5).says(words);
        let document = lab.refused(&format!("{command} --json"), 5).json();
        assert_eq!(document["error"]["kind"], "state");
    }
}

fn staged() -> Lab {
    let lab = Lab::new();
    lab.staged();
    lab
}

/// The text with a checksum that fits: a file that only its content makes unusable.
fn sealed(text: &str) -> String {
    const FIELD: &str = ",\n  \"checksum\": \"sha256:";
    let (fields, _) = text.rsplit_once(FIELD).unwrap();
    let sum: String = Sha256::digest(fields).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{fields}{FIELD}{sum}\"\n}}\n")
}

#[test]
fn a_truncated_file_is_refused() {
    let lab = staged();
    let whole = lab.read("state/prod.json");
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        lab.write("state/prod.json", &whole[..length]);
        let words = ["state/prod.json is damaged", "Restoring a damaged state"];
        lab.refused("promote prod", 5).says(&words);
        lab.refused("key prod", 5).says(&words);
        lab.run("status").expect(5).says(&["truncated"]);
    }
    unusable(&lab, &["is damaged"]);
}

#[test]
fn a_flipped_bit_anywhere_is_found() {
    let lab = staged();
    let whole = lab.read("state/prod.json").into_bytes();
    for at in (0..whole.len()).step_by(whole.len() / 16) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x01;
        lab.write_bytes("state/prod.json", &bytes);
        lab.refused("promote prod", 5).says(&["is damaged"]);
        lab.refused("key prod", 5);
    }
    unusable(&lab, &["is damaged"]);
}

#[test]
fn an_edit_by_hand_is_found_even_where_it_makes_sense() {
    let lab = staged();
    let edited = lab.read("state/prod.json").replace("\"active\": \"primary\"", "\"active\": \"secondary\"");
    lab.write("state/prod.json", &edited);
    unusable(&lab, &["its checksum does not fit", "do not edit it"]);
    // With a checksum of its own it is still no state that the machine could have reached.
    lab.write("state/prod.json", &sealed(&edited.replace("\"SecondaryStaged\"", "\"Nowhere\"")));
    unusable(&lab, &["is damaged"]);
}

#[test]
fn the_state_of_another_key_is_refused() {
    let lab = staged();
    lab.configure(&[lab.key("prod"), lab.key_with("other", "", &[])].concat());
    std::fs::copy(lab.path("state/prod.json"), lab.path("state/other.json")).unwrap();
    lab.refused("key other", 5).says(&["it is the state of the key `prod`"]);
    lab.refused("promote other", 5).says(&["it is the state of the key `prod`"]);
}

#[test]
fn a_file_or_directory_that_others_can_write_is_refused() {
    for (name, mode, mend) in [
        ("state/prod.json", 0o666, "chmod 600"),
        ("state/prod.json", 0o620, "chmod 600"),
        ("state", 0o777, "chmod 700"),
        ("state", 0o770, "chmod 700"),
    ] {
        let lab = staged();
        std::fs::set_permissions(lab.path(name), Permissions::from_mode(mode)).unwrap();
        unusable(&lab, &["is not safe to use: others can write it", mend]);
        lab.refused("key prod", 5).says(&[mend]);
    }
}

#[test]
fn a_symbolic_link_in_the_files_place_is_refused() {
    let lab = staged();
    std::fs::rename(lab.path("state/prod.json"), lab.path("elsewhere.json")).unwrap();
    symlink(lab.path("elsewhere.json"), lab.path("state/prod.json")).unwrap();
    unusable(&lab, &["it is a symbolic link", "ls -l"]);
    lab.refused("key prod", 5).says(&["it is a symbolic link"]);
}

#[test]
fn a_symbolic_link_in_the_directorys_place_is_refused() {
    let lab = staged();
    std::fs::rename(lab.path("state"), lab.path("elsewhere")).unwrap();
    symlink(lab.path("elsewhere"), lab.path("state")).unwrap();
    unusable(&lab, &["it is a symbolic link", "realpath"]);
    lab.refused("key prod", 5).says(&["realpath"]);
    std::fs::remove_dir_all(lab.path("elsewhere")).unwrap();
    lab.refused("key prod", 5).says(&["it is a symbolic link"]);
}

#[test]
fn a_directory_or_a_pipe_in_the_files_place_is_refused() {
    let lab = staged();
    std::fs::remove_file(lab.path("state/prod.json")).unwrap();
    std::fs::create_dir(lab.path("state/prod.json")).unwrap();
    lab.refused("promote prod", 5).says(&["state/prod.json"]);
    lab.refused("key prod", 5).says(&["state/prod.json"]);
    let lab = Lab::new();
    lab.console_key("old");
    lab.write("state", "a file");
    lab.refused("adopt prod --from file:old.key", 5).says(&["it is not a directory"]);
}

#[test]
fn a_newer_schema_is_read_and_never_written() {
    let lab = Lab::new();
    let (old, _) = lab.staged();
    let newer = lab.read("state/prod.json").replace("\"schema\": 1", "\"schema\": 2,\n  \"novelty\": [1, 2]");
    lab.write("state/prod.json", &sealed(&newer));
    assert_eq!(lab.phase("prod"), "SecondaryStaged");
    assert_eq!(lab.run("key").expect(0).stdout.trim(), old.value);
    lab.run("history").expect(0);
    lab.run("ledger").expect(0);
    unusable(&lab, &["newer version (schema 2)", "update this `rotate`"]);

    lab.write("state/prod.json", &sealed(&newer.replace("\"SecondaryStaged\"", "\"Hovering\"")));
    lab.run("status").expect(5).says(&["newer version (schema 2)"]);
    lab.refused("key prod", 5).says(&["newer version (schema 2)"]);
    unusable(&lab, &["newer version (schema 2)"]);
}

#[test]
fn a_held_lock_is_waited_for_and_names_its_holder() {
    let lab = staged();
    let holder = r#"{"user":"alice (uid 1000)","host":"build-7","pid":4242,"command":"promote","since":"2026-03-01T11:58:00Z"}"#;
    lab.write("state/prod.lock", holder);
    let lock = File::open(lab.path("state/prod.lock")).unwrap();
    lock.lock().unwrap();
    for command in CHANGES {
        let ran = lab.refused(command, 4);
        ran.says(&["`rotate promote` (pid 4242 on build-7, alice (uid 1000)), since 2026-03-01T11:58:00Z"]);
    }
    let document = lab.refused("promote prod --json", 4).json();
    assert_eq!(document["error"]["kind"], "locked");
    // Another key is not held up.
    lab.configure(&[lab.key("prod"), lab.key_with("other", "", &[])].concat());
    lab.console_key("third");
    lab.run("adopt other --from file:third.key").expect(0);
    drop(lock);
    lab.run("promote prod").expect(0);
}

#[test]
fn a_lock_whose_holder_nobody_wrote_down_is_a_lock_all_the_same() {
    let lab = staged();
    lab.write("state/prod.lock", "not a holder");
    let lock = File::open(lab.path("state/prod.lock")).unwrap();
    lock.lock().unwrap();
    lab.refused("promote prod", 4).says(&["unknown host"]);
}

/// The command under a limit of the size of files, which a full disk looks like: no byte can be added.
fn with_full_disk(lab: &Lab, arguments: &str) -> Command {
    let program = lab.command(&[]);
    let mut command = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"";
    command.args(["-c", script]).arg(program.get_program()).args(arguments.split_whitespace());
    command.current_dir(program.get_current_dir().unwrap()).env_clear().stdin(Stdio::null());
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

#[test]
fn on_a_full_disk_nothing_is_begun() {
    let lab = staged();
    let before = lab.read("state/prod.json");
    for command in ["promote prod", "abort prod"] {
        let ran = lab.finish_command(&mut with_full_disk(&lab, command)).expect(5).without_secrets();
        ran.says(&["mend the disk", "runbook.md, section \"Exit 5\""]);
        assert_eq!(lab.read("state/prod.json"), before);
    }
    assert_eq!(lab.finish_command(&mut with_full_disk(&lab, "status")).expect(0).code, 0);
    assert_eq!(lab.finish_command(&mut with_full_disk(&lab, "key")).expect(0).code, 0);
    assert!(lab.run("history --verify").expect(0).stdout.contains("chain intact"));
    lab.run("promote prod").expect(0);
}

#[test]
fn on_a_full_disk_no_candidate_is_stored_and_none_is_adopted() {
    let lab = Lab::new();
    lab.console_key("old");
    lab.finish_command(&mut with_full_disk(&lab, "adopt prod --from file:old.key"))
        .expect(5)
        .without_secrets();
    assert_eq!(lab.phase("prod"), "null");
    lab.run("adopt prod --from file:old.key").expect(0);
    let new = lab.console_key("new");
    lab.finish_command(&mut with_full_disk(&lab, "stage prod --from file:new.key")).expect(5);
    assert_eq!(lab.phase("prod"), "Idle");
    assert!(!lab.path("state/slots/prod.secondary").exists());
    lab.run("stage prod --from file:new.key").expect(0);
    assert_eq!(
        lab.status("prod")["staged"]["fingerprint"],
        Fingerprint::of(new.value.as_bytes()).to_string()
    );
}

#[test]
fn a_full_disk_revokes_nothing() {
    let lab = Lab::new();
    let (old, _) = lab.promoted();
    lab.advance_minutes(61);
    lab.finish_command(&mut with_full_disk(&lab, "finish prod")).expect(5).says(&["nothing was begun"]);
    assert!(lab.accepts(&old.value));
    lab.run("finish prod").expect(0);
}

/// The command in a mount namespace of its own where the state directory is read-only; `None` where
/// this machine does not allow that.
fn with_read_only_state(lab: &Lab, arguments: &str) -> Option<Command> {
    let allowed = Command::new("unshare").args(["-m", "true"]).stderr(Stdio::null()).status();
    if !allowed.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this machine allows no mount namespace");
        return None;
    }
    let program = lab.command(&[]);
    let script = "mount --bind state state && mount -o remount,ro,bind state && exec \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script]).arg(program.get_program()).args(arguments.split_whitespace());
    command.current_dir(program.get_current_dir().unwrap()).env_clear().stdin(Stdio::null());
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Some(command)
}

#[test]
fn on_a_read_only_disk_nothing_is_begun_and_readers_go_on() {
    let lab = Lab::new();
    let (old, _) = lab.staged();
    let Some(mut command) = with_read_only_state(&lab, "promote prod") else { return };
    lab.refused_command(&mut command, 5).says(&["Read-only file system"]);
    for change in CHANGES {
        lab.refused_command(&mut with_read_only_state(&lab, change).unwrap(), 5);
    }
    let ran = lab.finish_command(&mut with_read_only_state(&lab, "key").unwrap()).expect(0);
    assert_eq!(ran.stdout.trim(), old.value);
    lab.finish_command(&mut with_read_only_state(&lab, "status").unwrap())
        .expect(0)
        .says(&["SecondaryStaged"]);
}

#[test]
fn a_slot_that_lost_its_value_moves_nobody() {
    let lab = staged();
    std::fs::remove_file(lab.path("state/slots/prod.secondary")).unwrap();
    lab.refused("promote prod", 5).says(&["holds no value"]);
    assert_eq!(lab.phase("prod"), "SecondaryStaged");
}

#[test]
fn another_provider_for_an_adopted_key_is_refused() {
    let lab = staged();
    let text = lab.read("state/prod.json").replace("\"provider\": \"anthropic\"", "\"provider\": \"other\"");
    lab.write("state/prod.json", &sealed(&text));
    lab.refused("promote prod", 3).says(&["was adopted from the provider other"]);
}
