//! Who hears of what.

use crate::lab::Lab;
use crate::lab::inbox::Inbox;

#[test]
fn each_receiver_hears_what_it_asked_for() {
    let lab = Lab::new();
    let other = lab.key_with("other", "environment = \"staging\"", &[]);
    let prod = lab.key("prod").replace("grace =", "environment = \"production\"\ngrace =");
    lab.configure(&format!("{prod}\n{other}"));
    let routes = [
        ("all", ""),
        ("events", "events = [\"staged\"]"),
        ("severe", "severities = [\"warning\", \"critical\"]"),
        ("other", "keys = [\"other\"]"),
        ("production", "environments = [\"production\"]"),
    ];
    let inboxes = routes.map(|(name, lines)| {
        let inbox = Inbox::new();
        lab.subscribe(name, &inbox, lines);
        (name, inbox)
    });
    lab.staged();
    lab.console_key("second");
    lab.run("adopt other --from file:second.key").expect(0);
    lab.write("app.env", "ANTHROPIC_API_KEY=other\n");
    lab.run("check").expect(30);
    let heard: Vec<(&str, Vec<String>)> = inboxes
        .iter()
        .map(|(name, inbox)| {
            let told =
                |taken: &crate::lab::inbox::Taken| format!("{} {}", taken.text("key"), taken.text("event"));
            (*name, inbox.taken().iter().map(told).collect())
        })
        .collect();
    let words = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        heard,
        [
            ("all", words(&["prod adopted", "prod staged", "other adopted", "prod target_drift"])),
            ("events", words(&["prod staged"])),
            ("severe", words(&["prod target_drift"])),
            ("other", words(&["other adopted"])),
            ("production", words(&["prod adopted", "prod staged", "prod target_drift"])),
        ]
    );
}
