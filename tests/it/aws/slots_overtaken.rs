//! A command that is stopped anywhere, overtaken by an emergency, and then continued, where the slots lie in a secret.
//! Nobody can be kept from committing while a network takes its time: a late write must fail by itself.

use serde_json::Value;

use super::interference::{between, error, operation};
use super::slots::{adopted, staged};
use crate::lab::Lab;
use crate::lab::double::{Double, Heard};
use crate::lab::moto::Moto;
use crate::overtaken::{continued, stopped};

/// More points than any command passes.
const POINTS_LIMIT: u32 = 60;

/// moto takes a label for a second version; AWS documents that the one that bears it must be named.
fn door() -> Double {
    between(|request, moto| {
        let is_taken =
            operation(request) == "UpdateSecretVersionStage" && names_nobody_who_bears_it(request, moto);
        is_taken.then(|| error(400, "InvalidParameterException", "RemoveFromVersionId can't be empty."))
    })
}

fn names_nobody_who_bears_it(request: &Heard, moto: &Moto) -> bool {
    let asked: Value = serde_json::from_str(&request.body).unwrap();
    let text = |name: &str| asked[name].as_str().unwrap_or_default().to_owned();
    let label = text("VersionStage");
    let bears =
        |(id, labels): &(String, Vec<String>)| labels.contains(&label) && *id != text("MoveToVersionId");
    asked["RemoveFromVersionId"].is_null() && moto.versions(&text("SecretId")).iter().any(bears)
}

/// Stops a command at each of its points, lets an emergency go on, and continues: `rotate key` gives what the emergency
/// has put there.
#[track_caller]
fn leaves_the_slots_to_an_emergency(
    case: &str,
    prepare: impl Fn(&str, &str) -> Lab,
    arguments: &[&str],
    replacement: &str,
) {
    let door = door();
    for point in 1..POINTS_LIMIT {
        let secret = format!("overtaken/{case}/{point}");
        let lab = prepare(&door.base_url(), &secret);
        let Some(child) = stopped(&lab, arguments, point) else {
            assert!(point > 5, "the points were not reached");
            return;
        };
        let emergency = format!("revoke-now prod --replace-from file:{replacement}.key --reason leak --yes");
        // Names are drawn anew at another time.
        lab.advance_minutes(1);
        lab.run(&emergency).expect(0);
        continued(child);
        let key = lab.run("key prod");
        assert_eq!(key.code, 0, "point {point}: {:#?} {key:#?}", Moto::get().versions(&secret));
        assert_eq!(key.stdout, lab.read(&format!("{replacement}.key")), "point {point}");
        assert!(lab.accepts(key.stdout.trim()), "point {point}");
        lab.run("history --verify").expect(0);
    }
    panic!("the command never ended by itself");
}

#[test]
fn a_stage_that_is_overtaken_writes_no_slot_over() {
    let prepare = |url: &str, secret: &str| {
        let (lab, _) = adopted(url, secret);
        lab.console_key("new");
        lab.console_key("replacement");
        lab
    };
    let stage = ["stage", "prod", "--from", "file:new.key"];
    leaves_the_slots_to_an_emergency("stage", prepare, &stage, "replacement");
}

#[test]
fn an_abort_that_is_overtaken_erases_nothing_that_was_put_there_since() {
    let prepare = |url: &str, secret: &str| staged(url, secret).0;
    leaves_the_slots_to_an_emergency("abort", prepare, &["abort", "prod"], "new");
}
