//! A check tells people what it found: once, again after a while, and when it is over.

use crate::lab::Lab;
use crate::lab::inbox::Inbox;

/// A lab with an adopted key and an inbox that hears of everything from now on.
fn watched(lines: &str) -> (Lab, Inbox) {
    let lab = Lab::new();
    lab.at_work();
    let inbox = Inbox::new();
    lab.subscribe("hook", &inbox, lines);
    (lab, inbox)
}

#[test]
fn a_key_that_expires_in_the_night_pages_with_the_next_check() {
    let lab = Lab::new();
    lab.adopted_until("2026-03-02T01:00:00Z");
    let inbox = Inbox::new();
    lab.subscribe("pager", &inbox, "severities = [\"critical\"]\nevents = [\"rejected\"]");
    lab.run("check").expect(30);
    assert_eq!(inbox.heard(), Vec::<String>::new(), "it paged for a key that lives");

    lab.advance_minutes(14 * 60);
    lab.run("check").expect(20);
    assert_eq!(inbox.heard(), ["rejected critical firing"]);
    let page = &inbox.taken()[0];
    assert_eq!(page.text("key"), "prod");
    assert!(page.text("hint").contains("rotate stage prod"), "{}", page.body);

    for _ in 0..5 {
        lab.advance_minutes(5);
        lab.run("check").expect(20);
    }
    assert_eq!(inbox.heard().len(), 1, "it was told again and again");
}

#[test]
fn what_is_over_is_told_to_whoever_heard_of_it() {
    let (lab, inbox) = watched("");
    let old = lab.status("prod")["active"]["provider_key_id"].as_str().unwrap().to_owned();
    lab.console_set(&old, "inactive");
    lab.run("check").expect(20);
    lab.console_set(&old, "active");
    lab.run("check").expect(0);
    lab.run("check").expect(0);
    assert_eq!(inbox.heard(), ["rejected critical firing", "rejected critical resolved"]);
    let [fired, over] = &inbox.taken()[..] else { panic!() };
    assert_eq!(fired.text("dedup_key"), over.text("dedup_key"));
    assert_ne!(fired.headers["rotate-delivery"], over.headers["rotate-delivery"]);
}

#[test]
fn what_stands_is_repeated_as_configured() {
    let (lab, inbox) = watched("repeat = \"2h\"");
    lab.write("app.env", "ANTHROPIC_API_KEY=other\n");
    for _ in 0..9 {
        lab.run("check").expect(30);
        lab.advance_minutes(31);
    }
    assert_eq!(inbox.heard(), ["target_drift critical firing"; 3]);
}

#[test]
fn fifty_keys_with_one_dead_provider_are_one_incident() {
    let lab = Lab::new();
    let names: Vec<String> = (0..50).map(|number| format!("key-{number:02}")).collect();
    let tables = || names.iter().map(|name| lab.key_with(name, "", &[])).collect::<Vec<_>>().join("\n");
    lab.configure(&tables());
    lab.console_key("shared");
    for name in &names {
        lab.console_key(name);
        lab.run(&format!("adopt {name} --from file:{name}.key")).expect(0);
    }
    lab.configure_at("http://127.0.0.1:1", "", &tables());
    let inbox = Inbox::new();
    lab.subscribe("hook", &inbox, "");
    lab.run("check").expect(21);
    lab.run("check").expect(21);
    assert_eq!(inbox.heard(), ["unreachable warning firing"]);
    let told = inbox.taken()[0].json();
    assert_eq!((&told["key"], told["keys"].as_array().unwrap().len()), (&serde_json::Value::Null, 50));
    assert!(told["summary"].as_str().unwrap().contains("50 keys of anthropic"), "{told}");
    // It got worse, and is told once more.
    lab.run("check").expect(21);
    assert_eq!(inbox.heard().last().unwrap(), "unreachable critical firing");
    lab.configure(&tables());
    lab.subscribe("hook", &inbox, "");
    lab.run("check").expect(0);
    assert_eq!(inbox.heard()[1..], ["unreachable critical firing", "unreachable critical resolved"]);
}

#[test]
fn a_check_of_one_key_settles_nothing_of_the_others() {
    let lab = Lab::new();
    lab.configure(&format!("{}\n{}", lab.key("prod"), lab.key_with("other", "", &[])));
    lab.adopted();
    lab.console_key("second");
    lab.run("adopt other --from file:second.key").expect(0);
    let inbox = Inbox::new();
    lab.subscribe("hook", &inbox, "");
    lab.write("app.env", "ANTHROPIC_API_KEY=other\n");
    lab.run("check prod").expect(30);
    lab.run("check other").expect(0);
    assert_eq!(inbox.heard(), ["target_drift critical firing"]);
}

#[test]
fn each_reminder_is_told_once() {
    let (lab, inbox) = watched("events = [\"rotation_due\"]\nrepeat = \"365d\"");
    let day = 24 * 60;
    // Due 90 days after the adoption, with reminders 14 and 3 days ahead.
    for _ in 0..92 {
        lab.advance_minutes(day);
        lab.run("check");
    }
    assert_eq!(inbox.heard(), ["rotation_due warning firing"; 3]);
    let told: Vec<String> = inbox.taken().iter().map(|taken| taken.text("summary")).collect();
    assert!(told[0].contains("due in 14d") || told[0].contains("due in 13d"), "{told:?}");
    assert!(told[1].contains("due in 3d") || told[1].contains("due in 2d"), "{told:?}");
    assert!(told[2].contains("overdue"), "{told:?}");
}

#[test]
fn a_check_tells_that_alerts_do_not_arrive() {
    let (lab, inbox) = watched("");
    inbox.now_answering(|| crate::lab::inbox::Answer::status(503));
    lab.write("app.env", "ANTHROPIC_API_KEY=other\n");
    lab.run("check").expect(30).without_secrets().says(&[
        "1 alert is undelivered since",
        "rotate alerts flush",
        "503",
    ]);
    lab.run("status").expect(0).says(&["1 alert is undelivered since"]);
    assert_eq!(lab.run("status --json").expect(0).json()["alerts"]["undelivered"], 1);
}

#[test]
fn a_monitor_hears_when_a_check_begins_and_how_it_ends() {
    let lab = Lab::new();
    let old = lab.at_work();
    let inbox = Inbox::new();
    lab.write("check.url", &inbox.url());
    let table = "\n[alerts.cron]\ntype = \"healthchecks\"\nurl = \"file:check.url\"\nallow_loopback = true\n";
    lab.write("rotate.toml", &format!("{}{table}", lab.read("rotate.toml")));
    lab.run("check").expect(0);
    lab.console_set(&old.id, "inactive");
    lab.run("check").expect(20);
    assert_eq!(inbox.paths(), ["/hook/start", "/hook", "/hook/start", "/hook/fail"]);
    assert!(inbox.taken()[3].body.contains("critical prod active"), "{}", inbox.taken()[3].body);
}
