//! Values in places where no value belongs.

use super::tally;
use super::trap::Trap;

#[test]
fn malformed_values_are_not_repeated() {
    let trap = Trap::new();
    trap.run("adopt prod --from file:old.key");
    let value = trap.values["new"].clone();
    let malformed = [
        format!("\"{value}\"\n"),
        format!("ANTHROPIC_API_KEY={value}"),
        format!("{value} {value}"),
        format!("{value}\n{value}\n"),
        format!(" {value}"),
        format!("{value}\u{7}"),
        format!("Bearer {value}"),
        format!("x{value}"),
        value[..value.len() / 2 + 9].to_owned(),
    ];
    for input in malformed {
        for more in ["", " --json", " -vv"] {
            let command = format!("stage prod --from -{more}");
            let ran = trap.lab.run_with_input(&command, input.as_bytes());
            // What is merely cut off looks like a key, and the provider refuses it.
            assert!([2, 20].contains(&ran.code), "{input:?}: {ran:#?}");
            trap.search(&command, &ran);
        }
    }
    tally::over();
}

#[test]
fn a_value_in_the_wrong_place_is_not_repeated() {
    let trap = Trap::new();
    trap.run("adopt prod --from file:old.key");
    let (value, admin) = (&trap.values["new"], &trap.values["admin"]);
    for more in ["", " --json", " -vv"] {
        for command in [
            format!("stage prod --from {value}"),
            format!("stage prod {value}"),
            format!("stage {value}"),
            format!("stage prod --value {value}"),
            format!("revoke-now prod --yes --reason leak --replace-from {value}"),
            format!("stage prod --from file:{value}"),
            format!("stage prod --from env:{value}"),
            format!("status {value}"),
            value.clone(),
        ] {
            let ran = trap.run(&format!("{command}{more}"));
            assert_ne!(ran.code, 0, "{ran:#?}");
        }
    }
    // In the configuration; the file itself is the operator's own.
    let good = trap.lab.read("rotate.toml");
    for pasted in [
        good.replace("file:admin.key", admin),
        good.replace("[keys.prod]", &format!("[keys.prod]\n{value} = 1")),
        good.replace("[keys.prod]", &format!("[keys.prod]\nowner = {value}")),
        good.replace("app.env\"", &format!("{value}\" x")),
    ] {
        trap.lab.write("rotate.toml", &pasted);
        let ran = [trap.lab.run("promote prod"), trap.lab.run("status -vv"), trap.lab.run("check --json")];
        trap.lab.write("rotate.toml", &good);
        for ran in ran {
            trap.search("with a value pasted into rotate.toml", &ran);
        }
    }
    tally::over();
}

#[test]
fn a_value_in_free_text_is_refused_before_anything_keeps_it() {
    let trap = Trap::new();
    trap.run("adopt prod --from file:old.key");
    trap.run("stage prod --from file:new.key");
    let value = &trap.values["new"];
    let before = trap.lab.standing();
    for more in ["", " --json", " -vv"] {
        for command in [
            format!("revoke-now prod --yes --reason {value}"),
            format!("revoke-now prod --yes --reason leaked:{value}."),
            format!("stage prod --replace --from file:replacement.key --reason={value}"),
            format!("stage prod --replace --from file:replacement.key --ticket {value}"),
            format!("status --config {value}"),
            format!("--config /srv/{value}/rotate.toml status"),
            format!("promote prod --state {value}"),
            format!("adopt {value}"),
            format!("status prod {value}"),
            format!("history {value}"),
            format!("man {value}"),
        ] {
            let ran = trap.run(&format!("{command}{more}"));
            assert_eq!(ran.code, 2, "{command}: {ran:#?}");
            ran.says(&["consider this key exposed"]);
        }
    }
    assert_eq!(trap.run(&format!("adopt -- {value}")).code, 2);
    let reason = format!("it was {value} that leaked");
    let ran = trap.lab.run_words(&["revoke-now", "prod", "--yes", "--reason", &reason]);
    trap.search("revoke-now --reason in words", &ran);
    assert_eq!(ran.code, 2, "{ran:#?}");
    assert_eq!(trap.lab.standing(), before);
    tally::over();
}

#[test]
fn a_value_in_free_text_of_the_configuration_is_refused() {
    let trap = Trap::new();
    trap.run("adopt prod --from file:old.key");
    let value = &trap.values["new"];
    let good = trap.lab.read("rotate.toml");
    let fields = ["purpose", "owner", "environment", "monthly_limit", "revoke_scope", "workspace"];
    let in_key = fields.map(|field| {
        (field, good.replace("[keys.prod]", &format!("[keys.prod]\n{field} = \"this one: {value}\"")))
    });
    let defaults = format!("[defaults]\nowner = \"{value}\"\n\n[keys.prod]");
    let others = [
        ("owner", good.replace("[keys.prod]", &defaults)),
        ("name", good.replace("name = \"spy\"", &format!("name = \"{value}\""))),
        ("secret value", good.replace("keys.prod", &format!("keys.{}", &value[..40]))),
    ];
    for (word, pasted) in in_key.into_iter().chain(others) {
        assert_ne!(pasted, good, "{word}");
        trap.lab.write("rotate.toml", &pasted);
        let ran = [trap.lab.run("status -vv"), trap.lab.run("ledger"), trap.lab.run("promote --json")];
        trap.lab.write("rotate.toml", &good);
        for ran in ran {
            trap.search("with a value pasted into rotate.toml", &ran);
            assert_eq!(ran.code, 3, "{word}: {ran:#?}");
            ran.says(&[word, "rotate.toml:"]);
        }
    }
    tally::over();
}
