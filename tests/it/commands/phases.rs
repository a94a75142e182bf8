//! Every command in every phase: it is refused with the right next command, or converges.

use std::fs;

use crate::lab::Lab;

/// Each refused command: arguments, and the commands that its hint must name.
type Refused = &'static [(&'static str, &'static [&'static str])];

/// In the order of the arguments: nothing changes, exit 6, and the hint names exactly these commands.
#[track_caller]
fn refuses(lab: &Lab, table: Refused) {
    for (arguments, next) in table {
        let ran = lab.refused(arguments, 6);
        let hint = ran.stderr.split_once("hint: ").map(|(_, hint)| hint).unwrap();
        let named: Vec<_> = hint.split('`').skip(1).step_by(2).collect();
        let next: Vec<_> = next.iter().map(|command| format!("rotate {command}")).collect();
        assert_eq!(named, next, "rotate {arguments}: {ran:#?}");
        let document = lab.refused(&format!("{arguments} --json"), 6).json();
        assert_eq!(document["error"]["kind"], "wrong_phase");
        if !arguments.starts_with("revoke-now") {
            lab.refused(&format!("{arguments} --dry-run"), 6);
        }
    }
}

/// Exit 0 and nothing changes.
#[track_caller]
fn converges(lab: &Lab, commands: &[&str]) {
    for arguments in commands {
        let before = lab.standing();
        lab.run(arguments).expect(0).without_secrets();
        assert_eq!(before, lab.standing(), "rotate {arguments}");
    }
}

/// A lab whose only target fails as long as there is a file `fail`.
fn failing() -> Lab {
    let lab = Lab::new();
    let push = lab.script("push", "cd \"$(dirname \"$0\")\"; cat > pushed; if [ -e fail ]; then exit 1; fi");
    lab.configure(&lab.key_with("prod", "", &[&format!("type = \"command\"\ncommand = [\"{push}\"]")]));
    lab
}

#[test]
fn never_adopted() {
    let lab = Lab::new();
    lab.console_key("new");
    refuses(
        &lab,
        &[
            ("stage --from file:new.key", &["adopt prod"]),
            ("promote", &["adopt prod"]),
            ("finish", &["adopt prod"]),
            ("abort", &["adopt prod"]),
            ("undo", &["adopt prod"]),
            ("purge --yes", &["adopt prod"]),
            ("revoke-now --reason leak --yes", &[]),
        ],
    );
}

#[test]
fn idle() {
    let lab = Lab::new();
    lab.adopted();
    lab.console_key("other");
    converges(&lab, &["adopt --from file:old.key"]);
    refuses(
        &lab,
        &[
            ("adopt --from file:other.key", &["stage prod"]),
            ("promote", &["stage prod"]),
            ("finish", &["stage prod"]),
            ("abort", &["stage prod"]),
            ("undo", &["stage prod"]),
            ("purge --yes", &["stage prod"]),
        ],
    );
}

#[test]
fn secondary_staged() {
    let lab = Lab::new();
    lab.staged();
    lab.console_key("other");
    converges(
        &lab,
        &["adopt --from file:old.key", "stage --from file:new.key", "stage --from file:new.key --replace"],
    );
    refuses(
        &lab,
        &[
            ("adopt --from file:other.key", &["stage prod"]),
            ("stage --from file:other.key", &["promote prod", "stage prod --replace"]),
            ("finish", &["promote prod", "abort prod"]),
            ("undo", &["abort prod", "promote prod"]),
            ("purge --yes", &["promote prod", "abort prod"]),
        ],
    );
}

#[test]
fn promoted() {
    let lab = failing();
    lab.staged();
    lab.write("fail", "");
    lab.console_key("other");
    lab.run("promote").expect(12);
    converges(&lab, &["adopt --from file:new.key"]);
    refuses(
        &lab,
        &[
            ("stage --from file:other.key", &["promote prod", "abort prod"]),
            ("finish", &["promote prod", "abort prod"]),
            ("undo", &["abort prod", "promote prod"]),
            ("purge --yes", &["promote prod", "abort prod"]),
        ],
    );
    lab.run("promote").expect(12);
    fs::remove_file(lab.path("fail")).unwrap();
    lab.run("promote").expect(0);
    assert_eq!(lab.phase("prod"), "GraceWindow");
}

#[test]
fn promoted_and_on_the_way_back() {
    let lab = failing();
    lab.promoted();
    lab.write("fail", "");
    lab.console_key("other");
    lab.run("abort").expect(12);
    converges(&lab, &["adopt --from file:old.key"]);
    refuses(
        &lab,
        &[
            ("stage --from file:other.key", &["abort prod"]),
            ("promote", &["abort prod"]),
            ("finish", &["abort prod"]),
            ("undo", &["abort prod"]),
            ("purge --yes", &["abort prod"]),
        ],
    );
    fs::remove_file(lab.path("fail")).unwrap();
    lab.run("abort").expect(0);
}

#[test]
fn grace_window() {
    let lab = Lab::new();
    lab.promoted();
    lab.console_key("other");
    converges(&lab, &["adopt --from file:new.key", "promote"]);
    refuses(
        &lab,
        &[
            ("adopt --from file:other.key", &["stage prod"]),
            ("stage --from file:other.key", &["finish prod", "abort prod"]),
            ("undo", &["abort prod", "finish prod"]),
            ("purge --yes", &["finish prod", "abort prod"]),
        ],
    );
    lab.refused("finish", 10);
}

#[test]
fn revoked() {
    let lab = Lab::new();
    lab.finished();
    converges(&lab, &["adopt --from file:new.key", "finish", "finish --wait"]);
    refuses(&lab, &[("promote", &["stage prod"]), ("abort", &["undo prod", "stage prod"])]);
}

#[test]
fn revoked_and_purged() {
    let lab = Lab::new();
    lab.finished();
    lab.run("purge --yes").expect(0);
    converges(&lab, &["purge --yes", "finish"]);
    refuses(&lab, &[("promote", &["stage prod"]), ("undo", &["stage prod"]), ("abort", &["stage prod"])]);
}

#[test]
fn idle_after_an_abort() {
    let lab = Lab::new();
    lab.promoted();
    lab.run("abort").expect(0);
    converges(&lab, &["abort", "adopt --from file:old.key"]);
    refuses(&lab, &[("promote", &["stage prod"]), ("finish", &["stage prod"]), ("undo", &["stage prod"])]);
}
