use super::finding::of_trouble;
use super::printable::{address, name};
use super::*;
use crate::rotation::credential::{Credential, ReadBack, SlotName, TargetId};
use crate::rotation::phase::KeyState;
use crate::secret::Fingerprint;
use crate::target::dotenv::document::Unclear;

/// As long and as mixed as a real key, and none.
fn key(tail: char) -> String {
    format!("sk-ant-{}-{}{tail}", "api03", "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY".repeat(3))
}

fn set(variable: &str, value: &str) -> Assignment {
    Assignment { variable: variable.to_owned(), place: Place::Environment, value: Value::new(value) }
}

fn line(variable: &str, value: &str, line: usize) -> Assignment {
    let place = Place::EnvFile { path: "app.env".to_owned(), line };
    Assignment { variable: variable.to_owned(), place, value: Value::new(value) }
}

fn seen(assignments: Vec<Assignment>) -> Seen {
    Seen { assignments, ..Seen::default() }
}

fn ids(seen: &Seen) -> Vec<&'static str> {
    examine(seen).findings.iter().map(|finding| finding.id.name()).collect()
}

#[test]
fn oddities_are_told_apart() {
    let whole = key('A');
    let cases: Vec<(Vec<u8>, Option<Oddity>)> = vec![
        (whole.clone().into_bytes(), None),
        (b"".to_vec(), Some(Oddity::Empty)),
        (b" \t\r\n".to_vec(), Some(Oddity::Empty)),
        (format!("\"{whole}\"").into_bytes(), Some(Oddity::Quoted)),
        (format!("'{whole}'\n").into_bytes(), Some(Oddity::Quoted)),
        (format!("{whole}\n").into_bytes(), Some(Oddity::TrailingNewline)),
        (format!("{whole}\r\n\n").into_bytes(), Some(Oddity::TrailingNewline)),
        (format!("{whole}\n{whole}").into_bytes(), Some(Oddity::SeveralLines)),
        (format!(" {whole}").into_bytes(), Some(Oddity::SurroundingSpace)),
        (format!("{whole} {whole}").into_bytes(), Some(Oddity::InnerSpace)),
        (format!("{whole}\u{1b}[0m").into_bytes(), Some(Oddity::Control)),
        ([whole.as_bytes(), b"\xff"].concat(), Some(Oddity::NotText)),
        (format!("{whole}{whole}").into_bytes(), Some(Oddity::PastedTwice)),
        (format!("{whole},{whole}").into_bytes(), Some(Oddity::PastedTwice)),
        (b"abcdefgh1abcdefgh1".to_vec(), Some(Oddity::PastedTwice)),
        (b"abcdefgh1abcdefgh2".to_vec(), None),
    ];
    for (bytes, expected) in cases {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(Value::new(bytes).oddity(), expected, "{text:?}");
    }
}

#[test]
fn what_templates_say_is_no_key_and_a_key_with_such_letters_is() {
    for text in [
        "your-api-key",
        "<ANTHROPIC_API_KEY>",
        "changeme",
        "CHANGE-ME",
        "sk-ant-api03-...",
        "xxx",
        "null",
        "None",
        "sk-ant-api03-placeholder",
        "TODO",
        "********",
        "0000000000000000",
        "\"your key here\"",
        "AKIAIOSFODNN7EXAMPLE",
        "sk-ant-api03-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        assert_eq!(Value::new(text).oddity(), Some(Oddity::Placeholder), "{text}");
    }
    for text in [
        "${KEY}",
        "$KEY",
        "$(pass show key)",
        "{{ secrets.KEY }}",
        "${{ secrets.KEY }}",
        "op://vault/item/key",
    ] {
        assert_eq!(Value::new(text).oddity(), Some(Oddity::Unexpanded), "{text}");
    }
    for text in [
        key('x').replace("aB3d", "your").replace("G7hJ", "Xxx7"),
        // A session token of AWS's has such a run in it.
        format!("IQoJb3JpZ2luX2Vj//////////{}", key('A').replace('-', "+")),
        format!("AK{}XXX2TODOYOURAB7", "IA"),
        "$2y$10$saltsaltsaltsaltsaltsa".to_owned(),
    ] {
        assert_eq!(Value::new(text.as_str()).oddity(), None, "{text}");
    }
}

#[test]
fn what_is_shown_of_a_value_is_its_fingerprint_or_nothing() {
    let whole = key('A');
    let fingerprint = Fingerprint::of(whole.as_bytes());
    for text in [whole.clone(), format!("\"{whole}\"\n"), format!(" '{whole}' ")] {
        let value = Value::new(text);
        assert_eq!(value.fingerprint(), Some(fingerprint));
        assert_eq!(value.shown(), fingerprint.to_string());
        assert!(!format!("{value:?}").contains("aB3d"));
    }
    for text in ["", "hunter2", "elevenchars", "two words of some length"] {
        assert_eq!(Value::new(text).fingerprint(), None, "{text}");
        assert!(!format!("{:?}", Value::new(text)).contains("hunter2"));
    }
}

#[test]
fn addresses_are_shown_without_what_may_be_secret() {
    let told = |text: &str| address(text).map(|address| address.shown);
    assert_eq!(
        told("https://u:p@llm.example.net:8443/x/v1/?key=1#f").unwrap(),
        "https://llm.example.net:8443"
    );
    assert_eq!(told("http://[::1]:8080").unwrap(), "http://[::1]:8080");
    for nonsense in ["", "llm.example.net", "ftp://x", "https://", "javascript:alert(1)", "https://a b"] {
        assert_eq!(told(nonsense), None, "{nonsense}");
    }
    assert!(address("http://10.0.0.1").unwrap().is_clear_text);
    for here in ["http://localhost:1", "http://127.0.0.1", "http://[::1]", "https://10.0.0.1"] {
        assert!(!address(here).unwrap().is_clear_text, "{here}");
    }
    assert!(address("https://x/v1/").unwrap().ends_in_v1 && !address("https://x/v10").unwrap().ends_in_v1);
    assert!(address("https://u@x").unwrap().has_password);
    assert!(!told("https://sk-ant-api03-abcdefgh1.example").unwrap().contains("abcdefgh1"));
    assert!(!name(&key('A')).contains("aB3d"));
    assert_eq!(name("a\u{1b}[31m\nb"), "a[31mb");
}

#[test]
fn claude_code_and_the_sdks_rank_each_pair_as_they_are_documented() {
    let in_order_of_claude_code = [
        ("CLAUDE_CODE_USE_BEDROCK", "bedrock"),
        ("ANTHROPIC_AUTH_TOKEN", "auth_token"),
        ("ANTHROPIC_API_KEY", "api_key"),
        ("CLAUDE_CODE_OAUTH_TOKEN", "oauth_token"),
    ];
    let in_order_of_the_sdks = [
        ("ANTHROPIC_API_KEY", "api_key"),
        ("ANTHROPIC_AUTH_TOKEN", "auth_token"),
        ("ANTHROPIC_PROFILE", "profile"),
    ];
    for (consumer, order) in [(0, &in_order_of_claude_code[..]), (1, &in_order_of_the_sdks[..])] {
        for (at, (first, mechanism)) in order.iter().enumerate() {
            for (second, _) in &order[at + 1..] {
                for names in [[first, second], [second, first]] {
                    let report = examine(&seen(names.map(|name| set(name, &key('A'))).into()));
                    let winner = report.mechanisms[consumer].winner.as_ref().unwrap();
                    assert_eq!(winner.mechanism, *mechanism, "{names:?}");
                    assert_eq!(report.mechanisms[consumer].passed_over.len(), 1, "{names:?}");
                }
            }
        }
    }
}

#[test]
fn workload_identity_comes_between_a_selected_profile_and_the_default_one() {
    let identity = || {
        vec![
            set("ANTHROPIC_FEDERATION_RULE_ID", "fdrl_1"),
            set("ANTHROPIC_ORGANIZATION_ID", "00000000-0000-4000-8000-000000000000"),
            set("ANTHROPIC_IDENTITY_TOKEN", &key('A')),
        ]
    };
    let winner = |seen: &Seen| examine(seen).mechanisms[1].winner.as_ref().unwrap().mechanism;
    let default_profile = Some("default.json".to_owned());
    assert_eq!(
        winner(&Seen { default_profile: default_profile.clone(), ..seen(identity()) }),
        "workload_identity"
    );
    assert_eq!(
        winner(&Seen { default_profile: default_profile.clone(), ..Seen::default() }),
        "default_profile"
    );
    let selected =
        Seen { selected_profile: Some("active_config".to_owned()), default_profile, ..seen(identity()) };
    assert_eq!(winner(&selected), "profile");
}

#[test]
fn a_file_fills_only_what_is_not_set_and_its_last_line_counts() {
    let of = |assignments| {
        let seen = seen(assignments);
        seen.effective("ANTHROPIC_API_KEY").map(|one| one.value.shown())
    };
    let name = "ANTHROPIC_API_KEY";
    let (one, two) = (Value::new(key('A')).shown(), Value::new(key('B')).shown());
    assert_eq!(of(vec![line(name, &key('A'), 1), line(name, &key('B'), 2)]), Some(two.clone()));
    assert_eq!(of(vec![set(name, &key('A')), line(name, &key('B'), 1)]), Some(one));
    assert_eq!(of(vec![set(name, ""), line(name, &key('B'), 1)]), Some("empty".to_owned()));
    let place = Place::TargetFile { path: "x".to_owned(), line: 1 };
    let target = Assignment { variable: name.to_owned(), place, value: Value::new(key('A')) };
    assert_eq!(of(vec![target]), None, "a target is somebody else's environment");
}

#[test]
fn settings_may_have_words_that_no_key_has() {
    let seen =
        seen(vec![set("ANTHROPIC_API_KEY", &key('A')), set("ANTHROPIC_ORGANIZATION_ID", "example your org")]);
    assert_eq!(ids(&seen), Vec::<&str>::new());
}

#[test]
fn the_worst_comes_first() {
    let seen = seen(vec![
        set("ANTHROPIC_API_KEY", &format!("{}\n", key('A'))),
        set("ANTHROPIC_BASE_URL", "https://llm.example.net"),
    ]);
    let severities: Vec<_> = examine(&seen).findings.iter().map(|finding| finding.severity).collect();
    assert_eq!(severities, [Severity::Critical, Severity::Warning]);
    assert_eq!(Severity::Critical.name(), "critical");
}

#[test]
fn remarks_alone_need_no_attention() {
    let finding = |severity| Finding::new(Id::NoCredential, severity, "s", "w", "h");
    let of = |severity| Report { findings: vec![finding(severity)], ..Report::default() }.needs_attention();
    assert!(!Report::default().needs_attention() && !of(Severity::Ok));
    assert!(of(Severity::Warning) && of(Severity::Critical));
}

#[test]
fn ids_are_named_once_and_as_scripts_write_them() {
    let mut names: Vec<_> = Id::ALL.iter().map(|id| id.name()).collect();
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Id::ALL.len());
}

#[test]
fn an_unclear_file_is_mended_by_its_own_remedy() {
    let trouble =
        |unclear| Trouble::Unclear { path: "it's.env".to_owned(), variable: "KEY".to_owned(), unclear };
    let hint = of_trouble(&trouble(Unclear::Unterminated { line: 3 })).hint;
    assert_eq!(hint, "close the quote on line 3: `${EDITOR:-vi} +3 'it'\\''s.env'`");
    assert_eq!(
        of_trouble(&trouble(Unclear::NotText)).hint,
        "save the file as UTF-8: `${EDITOR:-vi} 'it'\\''s.env'`"
    );
}

/// A key that was adopted with this value, and what its one target holds.
fn adopted(value: &str, held: ReadBack) -> KeySeen {
    let credential = Credential {
        fingerprint: Fingerprint::of(value.as_bytes()),
        last4: String::new(),
        provider_key_id: None,
        expires_at: None,
        never_served: false,
    };
    KeySeen {
        name: "prod".to_owned(),
        provider: "anthropic",
        carriers: vec![vec!["ANTHROPIC_API_KEY".to_owned()]],
        base_url: None,
        uses_aws: false,
        record: Record::Known(Box::new(KeyState::adopted(
            credential,
            SlotName::Primary,
            jiff::Timestamp::UNIX_EPOCH,
        ))),
        slots: Vec::new(),
        targets: vec![TargetSeen { id: TargetId("command:push".to_owned()), file: None, held }],
    }
}

#[test]
fn each_answer_of_a_target_has_its_finding() {
    let active = key('A');
    let of = |held| ids(&Seen { key: Some(adopted(&active, held)), ..Seen::default() });
    assert_eq!(of(ReadBack::Holds(Fingerprint::of(active.as_bytes()))), Vec::<&str>::new());
    assert_eq!(of(ReadBack::NotReadable), Vec::<&str>::new());
    assert_eq!(of(ReadBack::Absent), ["target_drift"]);
    assert_eq!(of(ReadBack::Holds(Fingerprint::of(b"other"))), ["target_drift"]);
    assert_eq!(of(ReadBack::Unknown("no answer".to_owned())), ["target_unreadable"]);
}

#[test]
fn a_pair_is_compared_as_one_and_only_where_both_halves_are_in_one_place() {
    let (id, secret) =
        (format!("AK{}IOSFODNN7ABCDEF", "IA"), "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xYzA1bC2dE".to_owned());
    let carriers = vec![["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(str::to_owned).to_vec()];
    let of = |assignments: Vec<Assignment>, value: &str| {
        let key = KeySeen {
            provider: "aws-iam",
            carriers: carriers.clone(),
            targets: Vec::new(),
            ..adopted(value, ReadBack::NotReadable)
        };
        ids(&Seen { key: Some(key), ..seen(assignments) })
    };
    let pair = format!("{id}:{secret}");
    let both = || vec![set("AWS_ACCESS_KEY_ID", &id), set("AWS_SECRET_ACCESS_KEY", &secret)];
    assert_eq!(of(both(), &pair), Vec::<&str>::new());
    assert_eq!(of(both(), "another pair"), ["unknown_value"]);
    let apart = vec![set("AWS_ACCESS_KEY_ID", &id), line("AWS_SECRET_ACCESS_KEY", &secret, 1)];
    assert_eq!(of(apart, "another pair"), Vec::<&str>::new());
}
