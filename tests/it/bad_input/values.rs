//! Values that cannot be a new credential, by every way in.

use std::os::unix::ffi::OsStringExt;

use crate::lab::Lab;

const KEY: &str = "sk-ant-api03-AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHHIIIIJJJJKKKKLLLLMMMMNNNNOOOOPPPPQQQQAA";

/// Bytes that are no single clean value, and what is said of them.
fn malformed() -> Vec<(Vec<u8>, &'static str)> {
    let with = |before: &str, after: &str| format!("{before}{KEY}{after}").into_bytes();
    vec![
        (b"".to_vec(), "the value is empty"),
        (b"\n".to_vec(), "the value is empty"),
        (b"   \n".to_vec(), "the value is empty"),
        (with("\"", "\""), "wrapped in quotes"),
        (with("'", "'\n"), "wrapped in quotes"),
        (with("\u{201c}", "\u{201d}"), "wrapped in quotes"),
        (with("", "\""), "a quote character"),
        (with(" ", ""), "white space at its start or end"),
        (with("", " \n"), "white space at its start or end"),
        (with("sk-ant- api03 ", ""), "contains white space"),
        (with("", "\nsecond line\n"), "more than one line"),
        (with("", "\n\n"), "more than one line"),
        (with("\u{1b}[31m", ""), "a control character"),
        (with("\u{feff}", ""), "a control character"),
        (with("\u{fffd}", "").iter().map(|byte| byte | 0x80).collect(), "not valid UTF-8"),
    ]
}

#[test]
fn an_odd_value_is_refused_by_name_from_a_file_stdin_and_a_variable() {
    let mut lab = Lab::new();
    lab.adopted();
    for (bytes, said) in malformed() {
        lab.write_bytes("odd.key", &bytes);
        lab.refused("stage prod --from file:odd.key", 2).says(&[said, "odd.key"]);
        lab.refused_with_input("stage prod --from -", &bytes, 2).says(&[said]);
        lab.set("ODD_KEY", std::ffi::OsString::from_vec(bytes));
        lab.refused("stage prod --from env:ODD_KEY", 2).says(&[said, "ODD_KEY"]);
    }
}

#[test]
fn adopt_refuses_the_same() {
    let lab = Lab::new();
    for (bytes, said) in malformed() {
        let ran = lab.run_with_input("adopt prod --from -", &bytes).expect(2).without_secrets();
        ran.says(&[said, "hint: "]);
    }
    assert_eq!(lab.phase("prod"), "null");
}

#[test]
fn every_other_kind_of_credential_is_told_apart_by_name() {
    let lab = Lab::new();
    lab.adopted();
    let tail = "Zq9".repeat(30);
    for (value, said) in [
        (format!("sk-ant-admin01-{tail}"), "an Anthropic admin key"),
        (format!("sk-ant-oat01-{tail}"), "an OAuth access token"),
        (format!("sk-ant-ort01-{tail}"), "an OAuth refresh token"),
        (format!("sk-proj-{tail}"), "an OpenAI project key"),
        (format!("sk-svcacct-{tail}"), "an OpenAI service account key"),
        (format!("sk-admin-{tail}"), "an OpenAI admin key"),
        ("AKIAIOSFODNN7EXAMPLE".to_owned(), "an AWS access key id"),
        (format!("ghp_{tail}"), "a GitHub personal access token"),
        (format!("ANTHROPIC_API_KEY={KEY}"), "something in front of the key"),
        ("sk-ant-api03-Zq9Zq9".to_owned(), "truncated: it has 19 characters"),
        ("sk-ant-".to_owned(), "truncated"),
        (tail.clone(), "does not begin with sk-ant-api03-"),
    ] {
        let ran = lab.refused_with_input("stage prod --from -", value.as_bytes(), 2).says(&[said]);
        assert!(!ran.stderr.contains("Zq9Zq9"), "{ran:#?}");
    }
}

#[test]
fn a_cut_value_that_still_looks_like_a_key_is_rejected_with_a_word_on_its_length() {
    let lab = Lab::new();
    lab.adopted();
    let new = lab.console_key("new");
    let cut = &new.value[..100];
    lab.refused_with_input("stage prod --from -", cut.as_bytes(), 20).says(&[
        "rejects the candidate",
        "100 characters",
        "copy the key again",
    ]);
}

#[test]
fn a_source_that_is_not_there_is_refused() {
    let lab = Lab::new();
    lab.adopted();
    std::fs::create_dir(lab.path("folder")).unwrap();
    lab.write("huge.key", &"x".repeat(70_000));
    for (from, code, said) in [
        ("file:nowhere.key", 2, "nowhere.key"),
        ("file:folder", 2, "it is a directory"),
        ("file:huge.key", 2, "more than 64 KiB"),
        ("env:NOT_SET_ANYWHERE", 2, "is not set"),
        ("command:./no-such-program", 2, "cannot be started"),
        ("command:false", 21, "exit code 1"),
        ("evn:NAME", 2, "did you mean `env:`?"),
        ("NAME", 2, "not a secret reference"),
        ("aws-sm:prod/key", 2, "no AWS region is known"),
    ] {
        lab.refused(&format!("stage prod --from {from}"), code).says(&[said]);
    }
}

#[test]
fn the_active_value_cannot_replace_itself() {
    let lab = Lab::new();
    lab.adopted();
    lab.refused("stage prod --from file:old.key", 2).says(&["the active credential", "create a new key at"]);
    lab.console_key("new");
    lab.run("stage prod --from file:new.key").expect(0);
    lab.run("promote prod").expect(0);
    lab.work_with("prod");
    lab.advance_minutes(61);
    lab.run("finish prod").expect(0);
    lab.refused("stage prod --from file:new.key", 2).says(&["it cannot replace itself"]);
}

#[test]
fn a_value_that_was_revoked_before_is_refused() {
    let lab = Lab::new();
    let (old, _) = lab.finished();
    let words = [old.fingerprint(), "was revoked in an earlier rotation".to_owned()];
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    lab.refused("stage prod --from file:old.key", 2).says(&words);
    // Nor does it help that a person enabled it again, or that it was purged.
    lab.console_set(&old.id, "active");
    lab.refused("stage prod --from file:old.key", 2).says(&words);
    lab.console_set(&old.id, "inactive");
    lab.run("purge prod --yes").expect(0);
    lab.refused("stage prod --from file:old.key", 2).says(&words);
}
