//! `rotate promote`

use super::{dry_run, well_formed};
use crate::lab::Lab;

#[test]
fn it_moves_every_target_and_opens_the_window() {
    let lab = Lab::new();
    let (old, new) = lab.staged();
    let ran = lab.run("promote prod").expect(0).without_secrets();
    insta::assert_snapshot!(lab.normal(&ran.stdout), @"
    prod: promoted: every target holds the new credential; the old one stays valid until finish
      phase       GraceWindow
      active      eb693e331507777a …cVAA (secondary slot, apikey_01mVcbMakkHaGqtHTZb7Q1SJ)
      retiring    5d6c5ccba2a16148 …ArAA (primary slot, apikey_01vrA4xLP3K9tEntsT33cA9M) still valid
      target      dotenv:$LAB/app.env#ANTHROPIC_API_KEY: confirmed
      grace       1h left; not before 2026-03-01T13:00:06Z
      rotation    2026-03-01-327b87e0, ticket OPS-1
      due         2026-05-30T12:00:06Z
      next        rotate finish prod
    ");
    insta::assert_snapshot!(lab.normal(&ran.stderr), @"
    · probed eb693e331507777a: accepted (3 pings)
    · consumers that ask `rotate key` get the new credential now
    · dotenv:$LAB/app.env#ANTHROPIC_API_KEY: confirmed
    · grace window opened; not before 2026-03-01T13:00:06Z
    ");
    let expected = format!("# my app\nFOO=bar\nexport ANTHROPIC_API_KEY=\"{}\"\n", new.value);
    assert_eq!(lab.read("app.env"), expected, "every other byte stays");
    assert!(lab.accepts(&old.value) && lab.accepts(&new.value));
}

#[test]
fn its_document_tells_propagation_and_window() {
    let lab = Lab::new();
    lab.staged();
    let document = lab.run("promote prod --json").expect(0).json();
    well_formed(&document);
    assert_eq!(document["phase"], "GraceWindow");
    let target = format!("dotenv:{}#ANTHROPIC_API_KEY", lab.path("app.env").display());
    assert_eq!(document["propagation"], serde_json::json!([{ "target": target, "state": "confirmed" }]));
    let grace = &document["grace"];
    assert_eq!(grace["remaining_seconds"], 3600);
    assert_eq!(grace["floor_seconds"], 3000, "45 minutes of a job and 5 of the target's refresh");
    assert!(grace["floor_reason"].as_str().unwrap().contains("longest"), "{grace}");
}

#[test]
fn a_dry_run_lists_its_steps() {
    let lab = Lab::new();
    lab.staged();
    insta::assert_snapshot!(dry_run(&lab, "promote prod"), @"
    prod: nothing was changed; these steps would be taken if every check passes
      1. probe eb693e331507777a until the verdict settles
      2. check that every target can be written
      3. record: `rotate key` gives the new credential
      4. write eb693e331507777a to dotenv:$LAB/app.env#ANTHROPIC_API_KEY and read it back
      5. record: the grace window is open for 1h; both credentials stay valid
      6. read every target back
      7. done: the phase is GraceWindow
    ");
    assert_eq!(lab.phase("prod"), "SecondaryStaged");
}

#[test]
fn in_the_window_it_converges_without_a_change() {
    let lab = Lab::new();
    lab.promoted();
    let before = lab.standing();
    lab.run("promote prod").expect(0);
    assert_eq!(lab.standing(), before);
}

#[test]
fn it_probes_again_and_a_staged_key_that_died_moves_nobody() {
    let lab = Lab::new();
    let (_, new) = lab.staged();
    lab.console_set(&new.id, "inactive");
    lab.refused("promote prod", 20).says(&["rejects the staged credential", "--replace", "status: "]);
    assert_eq!(lab.phase("prod"), "SecondaryStaged");
}

#[test]
fn a_target_that_drifts_in_the_window_is_mended_and_the_clock_starts_anew() {
    let lab = Lab::new();
    let (old, new) = lab.promoted();
    lab.advance_minutes(50);
    lab.write("app.env", &format!("ANTHROPIC_API_KEY={}\n", old.value));
    lab.run("promote prod").expect(0);
    assert_eq!(lab.env_value(), new.value);
    let remaining = lab.status("prod")["grace"]["remaining_seconds"].as_u64().unwrap();
    assert!(remaining > 3590, "{remaining}");
}

#[test]
fn a_target_added_in_the_window_is_written_too() {
    let lab = Lab::new();
    let (_, new) = lab.promoted();
    lab.write("second.env", "");
    let more = "\n[[keys.prod.targets]]\ntype = \"dotenv\"\npath = \"second.env\"\nvariable = \"ANTHROPIC_API_KEY\"\n";
    lab.configure(&format!("{}{more}", lab.key("prod")));
    lab.run("promote prod").expect(0);
    assert_eq!(lab.read("second.env"), format!("ANTHROPIC_API_KEY={}\n", new.value));
}

#[test]
fn a_key_without_targets_serves_by_rotate_key() {
    let lab = Lab::new();
    lab.configure(&lab.key_with("prod", "", &[]));
    let (_, new) = lab.promoted();
    assert_eq!(lab.run("key").expect(0).stdout.trim(), new.value);
    lab.advance_minutes(61);
    lab.run("finish prod").expect(0).says(&["no targets: consumers ask `rotate key`"]);
}

#[test]
fn a_command_target_is_believed_without_read_back_and_checked_with_one() {
    for (read_back, state) in [
        (None, "written"),
        (Some("cat \"$(dirname \"$0\")/pushed\""), "confirmed"),
        (Some("printf %s \"$(cat \"$(dirname \"$0\")/pushed\")\" | sha256sum | cut -c1-16"), "confirmed"),
        (Some("echo sk-ant-api03-something-else-altogether"), "failed"),
    ] {
        let lab = Lab::new();
        let push = lab.script("push", "cat > \"$(dirname \"$0\")/pushed\"");
        let read = read_back.map(|body| format!("\nread_back = [\"{}\"]", lab.script("read", body)));
        let target = format!("type = \"command\"\ncommand = [\"{push}\"]{}", read.unwrap_or_default());
        lab.configure(&lab.key_with("prod", "", &[&target]));
        let (_, new) = lab.staged();
        let code = if state == "failed" { 12 } else { 0 };
        let ran = lab.run("promote prod --json").expect(code).without_secrets();
        assert_eq!(lab.read("pushed"), new.value, "the value alone, without a newline");
        assert_eq!(lab.status("prod")["propagation"][0]["state"], state, "{ran:#?}");
    }
}

#[test]
fn a_target_that_everybody_can_read_is_pointed_out_once() {
    use std::os::unix::fs::PermissionsExt;
    let give = |lab: &Lab, name: &str, mode: u32| {
        std::fs::set_permissions(lab.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for (directory, file, warnings) in [(0o755, 0o644, 2), (0o755, 0o640, 0), (0o700, 0o644, 0)] {
        let lab = Lab::new();
        lab.write("app.key", "");
        let targets = [
            "type = \"dotenv\"\npath = \"app.env\"\nvariable = \"ANTHROPIC_API_KEY\"",
            "type = \"file\"\npath = \"app.key\"",
        ];
        lab.configure(&lab.key_with("prod", "", &targets));
        lab.staged();
        for (name, mode) in [("", directory), ("app.env", file), ("app.key", file)] {
            give(&lab, name, mode);
        }
        let ran = lab.run("promote prod").expect(0).without_secrets();
        let told: Vec<_> = ran.stderr.lines().filter(|line| line.contains("every user")).collect();
        assert_eq!(told.len(), warnings, "{directory:o} {file:o}: {ran:#?}");
        for name in ["dotenv:", "file:"].into_iter().filter(|_| warnings > 0) {
            assert_eq!(told.iter().filter(|line| line.contains(name)).count(), 1, "{told:#?}");
        }
        assert!(told.iter().all(|line| line.contains("warning:") && line.contains("chmod o-r")), "{told:#?}");
    }
}

#[test]
fn a_target_that_cannot_be_reached_leaves_the_window_as_it_is() {
    let lab = Lab::new();
    lab.promoted();
    let before = lab.status("prod")["grace"].clone();
    std::fs::remove_file(lab.path("app.env")).unwrap();
    std::fs::create_dir(lab.path("app.env")).unwrap();
    lab.refused("promote prod", 21)
        .says(&["cannot be reached now; the grace window is open and stays as it is"]);
    assert_eq!(lab.status("prod")["grace"], before);
}
