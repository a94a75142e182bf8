//! Killed at any point of a command, with slots in a secret: run again, it converges, and makes no second
//! version of anything.

use crate::lab::moto::Moto;
use crate::lab::{ConsoleKey, Lab};

const POINTS_LIMIT: usize = 60;

struct Bench {
    lab: Lab,
    name: String,
    old: ConsoleKey,
    new: ConsoleKey,
}

impl Bench {
    fn adopt(name: String) -> Self {
        let mut lab = Lab::new();
        lab.use_aws(&Moto::get().url());
        let slots = format!(
            "probe_attempts = 1\nslots = {{ type = \"aws-secrets-manager\", secret_id = \"{name}\", refresh = \"5m\" }}"
        );
        lab.configure(&lab.key_with("prod", &slots, &[]));
        let (old, new) = (lab.console_key("old"), lab.console_key("new"));
        Moto::get().create(&name, &old.value);
        lab.run("adopt prod --from file:old.key").expect(0);
        Self { lab, name, old, new }
    }

    fn run(&self, arguments: &str) {
        self.lab.run(arguments).expect(0);
    }

    /// What consumers read, and what `rotate key` gives, is accepted by the provider.
    fn serves(&self, when: &str) {
        for value in
            [Moto::get().current(&self.name), self.lab.run("key prod").expect(0).stdout.trim().to_owned()]
        {
            let id = if value == self.old.value { &self.old.id } else { &self.new.id };
            assert!(value == self.old.value || value == self.new.value, "{when}: a value that nobody staged");
            assert_eq!(self.lab.console_status(id), "active", "{when}: consumers hold a dead key");
        }
    }
}

/// Kills the command at every point, each time from a fresh start, and runs it again.
fn converges(case: &str, prepare: impl Fn(&Bench), command: &str, versions: usize, judge: impl Fn(&Bench)) {
    for at in 1..POINTS_LIMIT {
        let bench = Bench::adopt(format!("killed/{case}/{at}"));
        prepare(&bench);
        let words: Vec<_> = command.split(' ').collect();
        let mut killed = bench.lab.command(&words);
        killed.env("ROTATE_TEST_CRASH_AT", at.to_string());
        let is_over = bench.lab.finish_command(&mut killed).code == 0;
        let when = format!("{case}, killed at {at}");
        bench.serves(&when);
        bench.run(command);
        bench.serves(&when);
        assert_eq!(
            Moto::get().versions(&bench.name).len(),
            versions,
            "{when}: {:?}",
            Moto::get().versions(&bench.name)
        );
        judge(&bench);
        if is_over {
            assert!(at > 4, "{case} has only {at} points");
            return;
        }
    }
    panic!("{case} has more points than were looked at");
}

const STAGE: &str = "stage prod --from file:new.key";

#[test]
fn stage() {
    converges(
        "stage",
        |_| {},
        STAGE,
        2,
        |bench| {
            assert_eq!(bench.lab.phase("prod"), "SecondaryStaged");
            assert_eq!(Moto::get().current(&bench.name), bench.old.value);
            bench.run("promote prod");
        },
    );
}

#[test]
fn promote() {
    converges(
        "promote",
        |bench| bench.run(STAGE),
        "promote prod",
        2,
        |bench| {
            assert_eq!(Moto::get().current(&bench.name), bench.new.value);
        },
    );
}

#[test]
fn abort() {
    let prepare = |bench: &Bench| {
        bench.run(STAGE);
        bench.run("promote prod");
    };
    converges("abort", prepare, "abort prod", 3, |bench| {
        assert_eq!(Moto::get().current(&bench.name), bench.old.value);
        assert_eq!(bench.lab.phase("prod"), "Idle");
    });
}

#[test]
fn finish() {
    let prepare = |bench: &Bench| {
        bench.run(STAGE);
        bench.run("promote prod");
        bench.lab.work_with("prod");
        bench.lab.advance_minutes(61);
    };
    converges("finish", prepare, "finish prod", 2, |bench| {
        assert_eq!(bench.lab.console_status(&bench.old.id), "inactive");
        assert_eq!(Moto::get().current(&bench.name), bench.new.value);
    });
}
