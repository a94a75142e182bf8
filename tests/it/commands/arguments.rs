//! What every command shares: the key's name, streams, colour, verbosity, wrong arguments.

use crate::lab::Lab;

#[test]
fn the_key_may_be_left_out_where_there_is_one() {
    let lab = Lab::new();
    lab.console_key("old");
    lab.run("adopt --from file:old.key").expect(0);
    lab.console_key("new");
    lab.run("stage --from file:new.key").expect(0);
    lab.run("promote").expect(0);
    lab.work_with("prod");
    lab.advance_minutes(61);
    lab.run("finish").expect(0);
    lab.run("undo").expect(0);
    lab.run("abort").expect(0);
}

#[test]
fn with_several_keys_it_has_to_be_named() {
    let lab = Lab::new();
    lab.configure(&["a", "b"].map(|name| lab.key_with(name, "", &[])).concat());
    lab.console_key("old");
    for command in [
        "adopt --from file:old.key",
        "stage --from file:old.key",
        "promote",
        "finish",
        "abort",
        "undo",
        "purge --yes",
        "key",
    ] {
        lab.refused(command, 2).says(&["which key?", "a, b"]);
    }
}

#[test]
fn a_key_that_is_not_there_is_refused_with_the_nearest_name() {
    let lab = Lab::new();
    lab.console_key("old");
    for command in [
        "adopt prdo --from file:old.key",
        "stage prdo --from file:old.key",
        "promote prdo",
        "finish prdo",
        "abort prdo",
        "undo prdo",
        "purge prdo --yes",
        "revoke-now prdo --reason leak --yes",
        "status prdo",
        "history prdo",
        "history prdo --verify",
        "key prdo",
    ] {
        lab.refused(command, 2).says(&["`prdo`", "did you mean `prod`?"]);
    }
}

#[test]
fn quiet_leaves_the_result_and_the_errors() {
    let lab = Lab::new();
    lab.adopted();
    lab.console_key("new");
    for command in ["stage -q --from file:new.key", "-q promote"] {
        let ran = lab.run(command).expect(0);
        assert_eq!(ran.stderr, "", "{command}");
        assert!(ran.stdout.contains("prod"), "{command}");
    }
    lab.refused("finish --quiet", 10).says(&["not yet:"]);
}

#[test]
fn verbose_tells_what_happens_and_never_a_value() {
    let lab = Lab::new();
    lab.console_key("old");
    lab.run("adopt -vvv --from file:old.key").expect(0).without_secrets();
    lab.console_key("new");
    let ran = lab.run("stage -vv --from file:new.key").expect(0).without_secrets();
    assert!(ran.stderr.contains("GET /v1/models"), "{ran:#?}");
    lab.run("-vvv promote").expect(0).without_secrets();
    lab.work_with("prod");
    lab.advance_minutes(61);
    lab.run("finish -v -v -v").expect(0).without_secrets();
    lab.run("undo -vvv").expect(0).without_secrets();
    lab.run("abort -vvv").expect(0).without_secrets();
    let ran = lab.run("status -vvv --json").expect(0).without_secrets();
    ran.json();
}

#[test]
fn colour_follows_the_flag_and_no_color() {
    let mut lab = Lab::new();
    lab.adopted();
    let coloured = |lab: &Lab, arguments: &str| {
        let ran = lab.run(arguments);
        (ran.stdout.contains('\u{1b}'), ran.stderr.contains('\u{1b}'))
    };
    assert_eq!(coloured(&lab, "status"), (false, false), "not on a pipe");
    assert_eq!(coloured(&lab, "status --color always"), (true, false));
    assert_eq!(coloured(&lab, "promote --color always"), (false, true));
    assert_eq!(coloured(&lab, "promote --color never"), (false, false));
    lab.set("NO_COLOR", "1");
    assert_eq!(coloured(&lab, "status --color always"), (true, false), "the flag is more particular");
    assert_eq!(coloured(&lab, "status --color auto"), (false, false));
    assert_eq!(coloured(&lab, "status --color always --json"), (false, false), "a document has none");
}

#[test]
fn on_a_terminal_no_color_is_heeded() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let mut lab = Lab::new();
    for (no_color, expected) in [(None, true), (Some(""), true), (Some("1"), false)] {
        if let Some(value) = no_color {
            lab.set("NO_COLOR", value);
        }
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = std::fs::File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let mut command = lab.command(&["status"]);
        assert!(command.stdin(std::process::Stdio::null()).stdout(theirs).status().unwrap().success());
        let mut shown = vec![0; 4096];
        let length = std::io::Read::read(&mut std::fs::File::from(ours), &mut shown).unwrap();
        assert_eq!(shown[..length].contains(&0x1b), expected, "NO_COLOR={no_color:?}");
    }
}

#[test]
fn wrong_arguments_are_exit_2_also_as_a_document() {
    let lab = Lab::new();
    for arguments in ["", "frobnicate", "promote --frobnicate", "status --color sometimes", "history a b"] {
        lab.run(arguments).expect(2);
        let document = lab.run(&format!("{arguments} --json")).expect(2).json();
        assert_eq!(document["error"]["kind"], "usage", "{arguments}");
        assert_eq!(document["error"]["exit_code"], 2);
        assert!(!document["error"]["hint"].as_str().unwrap().is_empty());
        assert!(!document["error"]["message"].as_str().unwrap().contains('\n'));
    }
    lab.run("statsu").expect(2).says(&["status"]);
}

#[test]
fn evidence_that_must_be_met_cannot_be_accepted_on_a_guess() {
    let lab = Lab::new();
    for item in ["grace", "active"] {
        lab.run(&format!("finish prod --accept-unknown {item}")).expect(2).says(&["must be met"]);
    }
    lab.run("finish prod --accept-unknown tragets").expect(2).says(&["targets"]);
}

#[test]
fn a_key_pasted_anywhere_on_the_command_line_is_not_repeated() {
    let lab = Lab::new();
    let value = lab.console_key("pasted").value;
    for arguments in [
        format!("stage prod --from {value}"),
        format!("stage prod --from={value}"),
        format!("adopt prod --from env:{value}"),
        format!("stage {value}"),
        format!("stage prod {value}"),
        format!("promote prod {value}"),
        format!("key prod --slot {value}"),
        format!("finish prod --accept-unknown {value}"),
        value.clone(),
        format!("--{value}"),
        format!("revoke-now prod --reason leaked --yes --replace-from {value}"),
    ] {
        lab.run(&arguments).expect(2).without_secrets();
        let document = lab.run(&format!("{arguments} --json")).expect(2).without_secrets().json();
        assert_eq!(document["error"]["exit_code"], 2);
    }
    lab.refused(&format!("stage prod --from {value}"), 2).says(&["consider this key exposed"]);
    lab.run(&format!("stage prod {value}")).expect(2).says(&["consider this key exposed"]);
}

#[test]
fn a_reason_has_to_say_something() {
    let lab = Lab::new();
    lab.staged();
    let before = lab.standing();
    for reason in ["", " ", "\t\n"] {
        for command in [&["revoke-now", "prod", "--yes"][..], &["stage", "prod", "--from", "file:new.key"]] {
            let arguments = [command, &["--reason", reason]].concat();
            lab.run_words(&arguments).expect(2).says(&["--reason", "say why"]);
            let document = lab.run_words(&[&arguments[..], &["--json"]].concat()).expect(2).json();
            assert_eq!(document["error"]["kind"], "usage");
        }
    }
    assert_eq!(lab.standing(), before);
}

#[test]
fn a_name_that_begins_like_a_key_but_is_short_is_a_name() {
    let lab = Lab::new();
    lab.configure(&lab.key("sk-prod"));
    lab.run("status sk-prod").expect(0);
    lab.refused("promote sk-prdo", 2).says(&["did you mean `sk-prod`?"]);
}

#[test]
fn yes_says_where_it_has_nothing_to_answer() {
    let lab = Lab::new();
    for command in ["adopt", "stage", "promote", "finish", "abort"] {
        lab.run(&format!("{command} --help")).expect(0).says(&["this command asks for no confirmation"]);
    }
    for command in ["undo", "purge", "revoke-now"] {
        lab.run(&format!("{command} --help")).expect(0).says(&["Do not ask for confirmation"]);
    }
}

#[test]
fn help_and_version_are_results_on_stdout() {
    let lab = Lab::new();
    for arguments in ["--help", "-h", "--version", "help stage", "stage --help", "revoke-now -h"] {
        let ran = lab.run(arguments).expect(0);
        assert!(!ran.stdout.is_empty() && ran.stderr.is_empty(), "{arguments}");
    }
    lab.run("--help").expect(0).says(&["Exit codes tell the next move"]);
}

#[test]
fn state_and_configuration_can_be_elsewhere() {
    let mut lab = Lab::new();
    lab.adopted();
    std::fs::rename(lab.path("rotate.toml"), lab.path("other.toml")).unwrap();
    lab.refused("status", 3).says(&["rotate.toml"]);
    lab.run("status --config other.toml").expect(0);
    lab.set("ROTATE_CONFIG", "other.toml");
    assert_eq!(lab.phase("prod"), "Idle");
    lab.set("ROTATE_STATE", lab.path("elsewhere"));
    assert_eq!(lab.phase("prod"), "null");
    let state = lab.path("state").display().to_string();
    assert_eq!(
        lab.run(&format!("status --state {state} --json")).expect(0).json()["keys"][0]["phase"],
        "Idle"
    );
}
