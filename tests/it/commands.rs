//! Every command by the real executable, one file each.

mod abort;
mod adopt;
mod arguments;
mod finish;
mod history;
mod key;
mod ledger;
mod man;
mod phases;
mod promote;
mod purge;
mod sandbox;
mod stage;
mod status;
mod undo;

use crate::lab::Lab;

/// A lab whose only provider setting is the address: without an admin key.
fn without_admin_key() -> Lab {
    let lab = Lab::new();
    lab.configure_with("", &lab.key("prod"));
    lab
}

/// A dry run: it changes nothing and lists its steps, on both renderings; the text.
#[track_caller]
fn dry_run(lab: &Lab, arguments: &str) -> String {
    let before = lab.standing();
    let text = lab.run(&format!("{arguments} --dry-run")).expect(0).without_secrets();
    let json = lab.run(&format!("{arguments} --dry-run --json")).expect(0).without_secrets().json();
    assert_eq!(before, lab.standing(), "a dry run changed something");
    let steps: Vec<_> = json["plan"].as_array().unwrap().iter().map(|step| step.as_str().unwrap()).collect();
    assert!(text.stdout.contains("nothing was changed"), "{text:#?}");
    for step in &steps {
        assert!(text.stdout.contains(step), "`{step}` is missing in {text:#?}");
    }
    lab.normal(&text.stdout)
}

/// Every member's name of a document is snake_case, and every time in it is RFC 3339 in UTC.
#[track_caller]
pub fn well_formed(document: &serde_json::Value) {
    assert_eq!(document["schema_version"], 1, "{document}");
    check(document);
}

#[track_caller]
fn check(value: &serde_json::Value) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, value) in members {
                let is_snake = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                assert!(name.chars().all(is_snake), "{name}");
                let is_time = name.ends_with("_at") || name == "not_before" || name == "undo_until";
                if is_time && !value.is_null() {
                    let text = value.as_str().unwrap_or_else(|| panic!("{name}: {value}"));
                    assert!(text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok(), "{name}: {text}");
                }
                if name.ends_with("_seconds") || name == "seconds" {
                    assert!(value.is_number(), "{name}: {value}");
                }
                check(value);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(check),
        _ => {}
    }
}
