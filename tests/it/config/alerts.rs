//! `[alerts.NAME]`: what is read, what is refused, and what an emergency looks past.

use std::collections::BTreeSet;
use std::time::Duration;

use rotate::alert::route::Route;
use rotate::alert::{Kind, Severity};
use rotate::config::{AlertSettings, Config, ReceiverSettings, Scope, SecretReference};

use super::{Bench, INLINE_SECRET, key, load, refused};

/// The settings of the one receiver of a configuration with these lines.
#[track_caller]
fn receiver(lines: &str) -> AlertSettings {
    let mut config = load(&with(lines)).unwrap();
    assert_eq!(config.alerts.len(), 1);
    config.alerts.remove(0)
}

/// One key in production, and one receiver with these lines.
fn with(lines: &str) -> String {
    format!("{}\n[alerts.on-call]\n{lines}\n", key("environment = \"production\""))
}

fn names(config: &Config) -> Vec<&str> {
    config.alerts.iter().map(|alert| alert.name.as_str()).collect()
}

fn reference(text: &str) -> SecretReference {
    text.parse().unwrap()
}

#[test]
fn the_shortest_receiver_hears_of_everything() {
    let settings = receiver("type = \"slack\"\nurl = \"env:HOOK\"");
    assert_eq!(settings.name, "on-call");
    assert_eq!(settings.kind, ReceiverSettings::Slack { url: reference("env:HOOK") });
    assert_eq!(settings.route, Route::default());
    assert_eq!(settings.repeat, Duration::from_secs(24 * 60 * 60));
    assert_eq!(settings.timeout, Duration::from_secs(10));
    assert!(!settings.allow_loopback && !settings.allow_link_local);
}

#[test]
fn a_configuration_without_receivers_has_none() {
    assert!(load(&key("")).unwrap().alerts.is_empty());
    assert!(load(&format!("{}\n[alerts]\n", key(""))).unwrap().alerts.is_empty());
}

#[test]
fn a_route_is_read_as_sets() {
    let settings = receiver(
        "type = \"webhook\"\nurl = \"env:HOOK\"\nevents = [\"rejected\", \"emergency\"]\nseverities = [\"critical\"]\n\
         keys = [\"prod\"]\nenvironments = [\"production\"]\nrepeat = \"4h\"\ntimeout = \"3s\"\n\
         allow_loopback = true\nallow_link_local = true",
    );
    let set = |name: &str| Some(BTreeSet::from([name.to_owned()]));
    let route = Route {
        events: Some(BTreeSet::from([Kind::Rejected, Kind::Emergency])),
        severities: Some(BTreeSet::from([Severity::Critical])),
        keys: set("prod"),
        environments: set("production"),
    };
    assert_eq!(settings.route, route);
    assert_eq!((settings.repeat.as_secs(), settings.timeout.as_secs()), (4 * 3600, 3));
    assert!(settings.allow_loopback && settings.allow_link_local);
}

#[test]
fn every_type_has_its_fields() {
    let url = || reference("env:HOOK");
    let cases = [
        ("type = \"discord\"\nurl = \"env:HOOK\"", ReceiverSettings::Discord { url: url() }),
        ("type = \"healthchecks\"\nurl = \"env:HOOK\"", ReceiverSettings::Healthchecks { url: url() }),
        (
            "type = \"pagerduty\"\nsecret = \"env:KEY\"",
            ReceiverSettings::PagerDuty { secret: reference("env:KEY"), url: None },
        ),
        (
            "type = \"pagerduty\"\nsecret = \"env:KEY\"\nurl = \"env:HOOK\"",
            ReceiverSettings::PagerDuty { secret: reference("env:KEY"), url: Some(url()) },
        ),
        (
            "type = \"webhook\"\nurl = \"env:HOOK\"\nsecret = \"command:pass show hook\"",
            ReceiverSettings::Webhook { url: url(), secret: Some(reference("command:pass show hook")) },
        ),
        (
            "type = \"command\"\ncommand = [\"/bin/tell\", \"x\"]",
            ReceiverSettings::Command { command: vec!["/bin/tell".to_owned(), "x".to_owned()] },
        ),
        (
            "type = \"email\"\nurl = \"env:HOOK\"\nsecret = \"env:KEY\"\nfrom = \"rotate <r@example.com>\"\n\
             to = [\"a@example.com\", \"B <b@example.com>\"]\nca_file = \"/etc/ca.pem\"\nallow_plain = true",
            ReceiverSettings::Email {
                url: url(),
                secret: Some(reference("env:KEY")),
                from: "rotate <r@example.com>".to_owned(),
                to: vec!["a@example.com".to_owned(), "B <b@example.com>".to_owned()],
                ca_file: Some("/etc/ca.pem".into()),
                allow_plain: true,
            },
        ),
    ];
    for (lines, expected) in cases {
        assert_eq!(receiver(lines).kind, expected, "{lines}");
    }
    assert_eq!(receiver("type = \"command\"\ncommand = [\"x\"]").timeout, Duration::from_secs(30));
}

#[test]
fn every_reference_of_a_receiver_is_at_hand() {
    let of =
        |lines: &str| receiver(lines).kind.references().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(of("type = \"slack\"\nurl = \"env:HOOK\""), ["env:HOOK"]);
    assert_eq!(of("type = \"pagerduty\"\nsecret = \"env:KEY\""), ["env:KEY"]);
    assert_eq!(of("type = \"webhook\"\nurl = \"env:HOOK\"\nsecret = \"env:KEY\""), ["env:HOOK", "env:KEY"]);
    let mail = "type = \"email\"\nurl = \"env:HOOK\"\nsecret = \"env:KEY\"\nfrom = \"a@b.example\"\nto = [\"a@b.example\"]";
    assert_eq!(of(mail), ["env:HOOK", "env:KEY"]);
    assert!(of("type = \"command\"\ncommand = [\"x\"]").is_empty());
}

#[test]
fn paths_are_taken_from_the_files_directory() {
    let bench = Bench::with(&with("type = \"slack\"\nurl = \"file:slack.url\""));
    let config = bench.load(Scope::Everything).unwrap();
    let expected = ReceiverSettings::Slack { url: SecretReference::File(bench.path("slack.url")) };
    assert_eq!(config.alerts[0].kind, expected);
}

#[test]
fn what_is_wrong_is_refused_with_its_line_and_remedy() {
    let slack = "type = \"slack\"\nurl = \"env:HOOK\"";
    let email = "type = \"email\"\nurl = \"env:HOOK\"";
    let mail = format!("{email}\nfrom = \"r@example.com\"\nto = [\"a@example.com\"]");
    let cases: Vec<(String, &[&str])> = vec![
        (String::new(), &["[alerts.on-call] has no `type`"]),
        ("type = \"slak\"".to_owned(), &[":6:", "`slak`", "did you mean `slack`?"]),
        ("type = \"slack\"".to_owned(), &["has no `url`", "url = \"file:"]),
        ("type = \"pagerduty\"".to_owned(), &["has no `secret`"]),
        ("type = \"command\"".to_owned(), &["has no `command`"]),
        (email.to_owned(), &["has no `from`"]),
        (format!("{email}\nfrom = \"r@example.com\""), &["has no `to`"]),
        (format!("{slack}\nchannel = \"x\""), &[":8:", "unknown field `channel`"]),
        (format!("{slack}\nsevrities = []"), &["did you mean `severities`?"]),
        (format!("{slack}\nsecret = \"env:KEY\""), &["type slack", "one of type pagerduty, email, webhook"]),
        (format!("{slack}\ncommand = [\"x\"]"), &["no field of a receiver of type slack", "type command"]),
        ("type = \"command\"\ncommand = [\"x\"]\nurl = \"env:HOOK\"".to_owned(), &["`url`", "type command"]),
        (format!("{slack}\nevents = [\"rejectd\"]"), &["`rejectd`", "did you mean `rejected`?"]),
        (format!("{slack}\nevents = []"), &["is empty", "remove events"]),
        (format!("{slack}\nevents = \"rejected\""), &["a list of texts"]),
        (format!("{slack}\nseverities = [\"error\"]"), &["`error`", "info, warning, critical"]),
        (format!("{slack}\nkeys = [\"prot\"]"), &["`prot`", "did you mean `prod`?"]),
        (format!("{slack}\nenvironments = [\"producton\"]"), &["did you mean `production`?"]),
        (format!("{slack}\nrepeat = \"0s\""), &["longer than zero"]),
        (format!("{slack}\ntimeout = 5"), &["a duration in quotes"]),
        (format!("{slack}\nallow_loopback = \"yes\""), &["true or false"]),
        (mail.replace("r@example.com", "nobody"), &["no mail address"]),
        (mail.replace("a@example.com", "a@b\\nBcc: c@d"), &["no mail address"]),
        (mail.replace("[\"a@example.com\"]", "[]"), &["nobody"]),
        (mail.replace("r@example.com", INLINE_SECRET), &["secret value"]),
    ];
    for (lines, words) in cases {
        refused(&with(&lines), words);
    }
    refused(&format!("{}\n[alerts]\nslack = 1\n", key("")), &["`slack` in [alerts] must be a table"]);
    refused(&format!("alerts = 1\n{}", key("")), &["`alerts` must be a table"]);
    let long = "x".repeat(65);
    for name in ["\"a b\"", "\"\"", "-a", "\"../x\"", &long] {
        refused(&format!("{}\n[alerts.{name}]\n{slack}\n", key("")), &["not a name for a receiver"]);
    }
}

#[test]
fn an_address_or_a_secret_in_the_file_is_refused_without_being_repeated() {
    for address in [
        "https://hooks.slack.com/services/T0/B0/CANARY",
        "http://127.0.0.1/CANARY",
        "hooks.slack.com/services/CANARY",
        "smtps://user:CANARY@mail.example.com",
        "HTTPS://discord.com/api/webhooks/1/CANARY",
    ] {
        refused(
            &with(&format!("type = \"slack\"\nurl = \"{address}\"")),
            &["`url` in [alerts.on-call] is an address itself", "mode 0600", "file:PATH", "env:NAME"],
        );
    }
    let refused_secret = |secret: &str, words: &[&str]| {
        refused(&with(&format!("type = \"webhook\"\nurl = \"env:HOOK\"\nsecret = \"{secret}\"")), words)
    };
    refused_secret(INLINE_SECRET, &["`secret`", "a secret value itself", "consider it exposed"]);
    refused_secret("CANARY-hunter2", &["`secret`", "not a secret reference"]);
    refused_secret("-", &["no stdin"]);
    refused(&with(&format!("type = \"slack\"\nurl = \"{INLINE_SECRET}\"")), &["a secret value itself"]);
}

#[test]
fn a_program_that_is_given_an_address_is_a_reference() {
    let settings = receiver("type = \"slack\"\nurl = \"command:vault read https://vault.example/hook\"");
    assert!(matches!(settings.kind, ReceiverSettings::Slack { url: SecretReference::Command(_) }));
}

#[test]
fn a_receiver_that_is_set_up_wrongly_stops_no_emergency() {
    let good = "[alerts.good]\ntype = \"slack\"\nurl = \"env:HOOK\"\nkeys = [\"prod\"]\n";
    let load = |text: &str| {
        let config = Bench::with(text).load(Scope::OnlyKey("prod")).unwrap();
        let said = config.set_aside.as_ref().map(ToString::to_string).unwrap_or_default();
        (names(&config).iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), said)
    };
    let prod = key("");
    // Whole: nothing is set aside.
    assert_eq!(load(&format!("{prod}{good}")), (vec!["good".to_owned()], String::new()));
    // A receiver is wrong: the others are told.
    let (names, said) = load(&format!("{prod}{good}[alerts.bad]\ntype = \"slak\"\n"));
    assert_eq!(names, ["good"]);
    assert!(said.contains("slak"), "{said}");
    // Another key is wrong: all are told, also one whose route names it.
    let (names, said) = load(&format!("{prod}{good}[keys.other]\nprovider = \"nobody\"\n"));
    assert_eq!(names, ["good"]);
    assert!(said.contains("nobody"), "{said}");
    // Another key is no TOML at all.
    assert_eq!(load(&format!("{prod}[keys.other]\n!\n{good}")).0, ["good"]);
    // The receivers are no TOML at all.
    assert!(load(&format!("{prod}{good}[alerts.bad]\n!\n")).0.is_empty());
    // They are no tables.
    assert!(load(&format!("alerts = 1\n{prod}")).0.is_empty());
}
