//! What a job gets: everything as it would be without us, and the value.

use std::collections::BTreeMap;
use std::process::Command;

use super::running::run;
use crate::lab::Lab;
use crate::lab::iam::{User, strict};

/// What `env -0` prints.
fn variables(text: &str) -> BTreeMap<String, String> {
    let lines = text.split('\0').filter_map(|line| line.split_once('='));
    // The shell's own.
    lines
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .filter(|(name, _)| name != "_" && name != "SHLVL" && name != "PWD" && name != "OLDPWD")
        .collect()
}

fn without_us(lab: &Lab, words: &[&str]) -> String {
    let rotate = lab.command(&[]);
    let mut bare = Command::new(words[0]);
    bare.args(&words[1..]).current_dir(lab.path("")).env_clear();
    bare.envs(rotate.get_envs().filter_map(|(name, value)| Some((name, value?))));
    String::from_utf8(bare.output().unwrap().stdout).unwrap()
}

#[test]
fn the_environment_is_the_same_but_for_the_value_and_our_secrets() {
    let mut lab = Lab::new();
    let old = lab.adopted();
    lab.configure_with(
        "admin_key = \"env:THE_ADMIN_KEY\"",
        &format!("{}\n{}", lab.key("prod"), lab.key_with("other", "slots = { type = \"env\" }", &[])),
    );
    let secrets = ["THE_ADMIN_KEY", "PROD_PRIMARY", "PROD_SECONDARY", "OTHER_PRIMARY", "OTHER_SECONDARY"];
    for name in secrets {
        lab.set(name, "hidden");
    }
    lab.set("ANTHROPIC_API_KEY", "the one before");
    lab.set("AWS_SESSION_TOKEN", "of another provider");
    lab.set("ODD", "two\nlines = and \"quotes\"");
    let mut expected = variables(&without_us(&lab, &["env", "-0"]));
    for name in secrets {
        assert!(expected.remove(name).is_some());
    }
    expected.insert("ANTHROPIC_API_KEY".to_owned(), old.value.clone());
    let ran = lab.run("exec prod -- env -0").expect(0);
    assert_eq!(variables(&ran.stdout), expected);
    assert_eq!(ran.stderr, "");

    expected.insert("ANTHROPIC_API_KEY".to_owned(), "the one before".to_owned());
    expected.insert("MY_KEY".to_owned(), old.value);
    assert_eq!(variables(&lab.run("exec prod --env MY_KEY -- env -0").expect(0).stdout), expected);
}

#[test]
fn a_name_that_cannot_be_a_variable_is_refused() {
    let lab = Lab::new();
    lab.adopted();
    let ran = lab.run("exec prod --env A-B -- true").expect(2).says(&["cannot be the name"]);
    assert_eq!(super::running::leased(&lab), Vec::<String>::new(), "{ran:?}");
}

#[test]
fn the_value_is_in_no_argument_and_no_file_that_was_not_there_before() {
    let lab = Lab::new();
    let old = lab.adopted();
    let script = "cat /proc/$PPID/cmdline /proc/$$/cmdline state/leases/prod/*";
    let ran = run(&lab, "--preflight", script).expect(0).without_secrets();
    assert!(ran.stdout.contains("exec") && ran.stdout.contains(&old.fingerprint()), "{ran:?}");
    assert!(!ran.stdout.contains(&old.value) && !ran.stderr.contains(&old.value));
    for name in ["last-good", "preflight"] {
        assert!(!lab.read(&format!("state/leases/prod/{name}")).contains(&old.value), "{name}");
    }
}

#[test]
fn stdin_directory_and_arguments_pass_untouched() {
    let lab = Lab::new();
    lab.adopted();
    assert_eq!(lab.run_with_input("exec prod -- cat", b"a\0b\xff").expect(0).stdout, "a\0b\u{fffd}");
    let script = "pwd; printf '<%s>' \"$@\"";
    let mut command = lab.command(&["exec", "--", "sh", "-c", script, "sh", "--json", "a b", "", "--", "-x"]);
    let ran = lab.finish_command(&mut command).expect(0);
    let directory = lab.path("").canonicalize().unwrap();
    assert_eq!(ran.stdout, format!("{}\n<--json><a b><><--><-x>", directory.display()));
}

/// Signals 32 and 33 are the C library's own; it sets them in every process that it starts.
fn without_reserved(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| match line.split_once(":\t") {
        Some((name, mask)) => {
            let mask = u64::from_str_radix(mask, 16).unwrap() & !(0b11 << 31);
            format!("{name} {mask:b}")
        }
        None => line.to_owned(),
    });
    lines.collect()
}

#[test]
fn limits_and_signals_are_those_that_we_were_given() {
    let lab = Lab::new();
    lab.adopted();
    let look = "ulimit -S -c; ulimit -H -c; grep -E '^Sig(Ign|Blk|Cgt)' /proc/self/status; umask";
    let rotate = assert_cmd::cargo::cargo_bin!("rotate").display().to_string();
    // Ignored from the start, as nohup does it; and a limit of its own.
    for before in ["", "trap '' HUP USR1; ", "ulimit -S -c 0; ", "ulimit -S -c $(ulimit -H -c); umask 027; "]
    {
        let bare = without_us(&lab, &["sh", "-c", &format!("{before}sh -c \"{look}\"")]);
        let wrapped =
            without_us(&lab, &["sh", "-c", &format!("{before}{rotate} exec prod -- sh -c \"{look}\"")]);
        assert!(bare.contains("SigIgn"), "{bare}");
        assert_eq!(without_reserved(&wrapped), without_reserved(&bare), "{before}");
    }
}

#[test]
fn a_pair_comes_as_two_variables_and_takes_no_other_name() {
    let user = User::create("exec-pair");
    let mut lab = Lab::new();
    let door = strict(&lab, |_| None);
    let old = lab.for_user(&user, &door.base_url(), "", "");
    lab.run("adopt prod --from file:old.key").expect(0);
    lab.set("AWS_SESSION_TOKEN", "of a temporary key");
    let script = "echo $AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY:${AWS_SESSION_TOKEN-none}";
    assert_eq!(run(&lab, "", script).expect(0).stdout.trim(), format!("{}:none", old.value()));
    run(&lab, "--env AWS_KEY", script).expect(2).says(&["needs two"]);
}
