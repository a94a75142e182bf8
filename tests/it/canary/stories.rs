//! Whole stories, and what children get to see.

use super::tally;
use super::trap::{Trap, files};

#[test]
fn a_whole_story_keeps_every_value_in_its_place() {
    for talk in ["", " -vv", " --json", " -vvv --color always"] {
        let trap = Trap::new();
        for command in [
            "adopt prod --from file:old.key",
            "stage prod --from file:new.key --ticket OPS-1 --reason quarterly",
            "promote prod --dry-run",
            "promote prod",
            "status",
            "finish prod",
            "history",
            "history --verify",
            "ledger",
            "check --all",
            "due --rehearse",
        ] {
            trap.run(&format!("{command}{talk}"));
        }
        trap.lab.advance_minutes(61);
        for command in [
            "finish prod",
            "undo prod",
            "abort prod",
            "stage prod --from file:replacement.key",
            "stage prod --from file:new.key --replace",
            "revoke-now prod --suspect new --reason leaked --yes",
            "revoke-now prod --reason again --replace-from file:replacement.key --yes",
            "purge prod --yes",
            "revoke-now prod --reason third --accept-outage --yes",
            "status prod",
            "key prod",
        ] {
            trap.run(&format!("{command}{talk}"));
        }
        assert_eq!(trap.lab.status("prod")["outage"], true, "the story came to its end");
        assert!(trap.lab.path("seen").read_dir().unwrap().count() > 4, "the spy saw something");
    }
    tally::over();
}

#[test]
fn failures_keep_every_value_in_its_place() {
    let trap = Trap::new();
    trap.run("adopt prod --from file:old.key");
    trap.lab.write("down", "");
    trap.run("stage prod --from file:new.key");
    assert_eq!(trap.run("promote prod -vv").code, 12, "the spy fails and prints the value");
    assert_eq!(trap.run("promote prod --json").code, 12);
    trap.run("status prod --json");
    trap.run("history --json");
    assert_eq!(trap.run("revoke-now prod --reason leaked --yes").code, 12);
    trap.run("stage prod --from file:new.key");
    trap.run("adopt prod --from file:replacement.key");
    tally::over();
}

#[test]
fn a_child_does_not_inherit_a_value_from_the_environment() {
    let mut trap = Trap::new();
    trap.run("adopt prod --from file:old.key");
    let (new, admin) = (trap.values["new"].clone(), trap.values["admin"].clone());
    let text = trap.lab.read("rotate.toml").replace("file:admin.key", "env:MY_ADMIN_KEY");
    trap.lab.write("rotate.toml", &text);
    trap.lab.set("NEW_KEY", new.clone());
    trap.lab.set("MY_ADMIN_KEY", admin);
    trap.lab.set("ANTHROPIC_API_KEY_PRIMARY", new);
    trap.lab.run("stage prod --from env:NEW_KEY").expect(0);
    trap.lab.run("promote prod").expect(0);
    let mut children = 0;
    for path in files(&trap.lab.path("seen")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let found = trap.needles.found_in(&std::fs::read(&path).unwrap()).map(str::to_owned);
        // The parent's own environment is what the operator made it.
        if name.starts_with("self-") || name.contains("cmdline") {
            assert_eq!(found, None, "{name}");
            children += 1;
        }
    }
    assert!(children >= 3, "the spy saw its own environment and both command lines");
    tally::over();
}

#[test]
fn a_command_reference_neither_leaks_nor_is_repeated() {
    let trap = Trap::new();
    trap.run("adopt prod --from file:old.key");
    let script = trap.lab.script("vault", "cat new.key; cat new.key >&2; exit 3");
    for talk in ["", " --json", " -vv"] {
        let command = format!("command:{script}");
        let ran = trap.lab.run_words(
            &[&["stage", "prod", "--from", &command][..], &talk.split_whitespace().collect::<Vec<_>>()]
                .concat(),
        );
        assert_eq!(ran.code, 21, "{ran:#?}");
        trap.search("stage prod --from command:", &ran);
    }
    tally::over();
}
