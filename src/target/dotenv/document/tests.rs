use proptest::prelude::*;

use super::*;

const NEW: &str = "sk-ant-api03-NEW_value";

fn secret(text: &str) -> Secret {
    Secret::from_text(text.to_owned()).unwrap()
}

fn edited(before: &str, value: &str) -> String {
    String::from_utf8(edit(before.as_bytes(), "KEY", &secret(value)).unwrap().to_vec()).unwrap()
}

fn held(text: &str) -> Vec<String> {
    let values = values(text.as_bytes(), "KEY").unwrap();
    values.iter().map(|value| String::from_utf8(value.to_vec()).unwrap()).collect()
}

#[test]
fn only_the_value_changes() {
    // `@` stands for the value; the old one is put in its place before, the new one after.
    let documents = [
        "KEY=@",
        "KEY=@\n",
        "KEY=@\r\nB=2\r\n",
        "KEY=@\rB=2\r",
        "\u{feff}KEY=@\n",
        "# KEY=commented\n#KEY=commented\n\nA=1\nKEY=@\nB=2",
        "export KEY=@\n",
        "  export\tKEY = @  # the production key\n",
        "KEY='@'\n",
        "KEY=\"@\"\n",
        "KEY=`@`\n",
        "KEY='@' # don't touch\n",
        "KEY=\"@\"#close\n",
        "KEY=@ # it's \"odd\n",
        "KEY=@\nOTHER_KEY=x\nKEY_2=y\nMY-KEY=z\nkey=w\nKEY2='KEY=q'\n",
        "A=it's fine\nKEY=@\nB=don't\n",
        "KEY=@\nA=1\nexport KEY='@'\nKEY=\"@\" # last\n",
        "A=\"line\nKEY=inside\nlast\"\nKEY=@\n",
        "A='line\nKEY=inside\n'\nKEY=@\nB=`\nKEY=inside\n`\n",
        "A=\"say \\\"hi\\\"\nKEY=inside\n\"\nKEY=@\n",
        "A='it\\'s'\nKEY=@\n",
        "DIR='C:\\keys\\'\nKEY=@\n",
        "DIR='C:\\keys\\'\nKEY='@'\nB='x'\n",
        "export = odd\nexport=odd\nexport KEY\nKEY\nA=\nKEY=@\n",
        "A=b=c\nKEY=@\n: comment\n===\n=\n",
    ];
    for document in documents {
        let (before, after) = (document.replace('@', "sk-old"), document.replace('@', NEW));
        assert_eq!(edited(&before, NEW), after, "{before:?}");
        assert_eq!(edited(&after, NEW), after, "a second time");
        assert!(held(&after).iter().all(|value| value == NEW), "{after:?}");
    }
}

#[test]
fn an_empty_value_is_filled_in() {
    let cases = [
        ("KEY=\n", "KEY=@\n"),
        ("KEY=", "KEY=@"),
        ("KEY= # here\n", "KEY=@ # here\n"),
        ("KEY=''\n", "KEY='@'\n"),
        ("KEY=\"\"\r\n", "KEY=\"@\"\r\n"),
        ("KEY = \nA=1\n", "KEY =@ \nA=1\n"),
    ];
    for (before, after) in cases {
        assert_eq!(held(before), [""]);
        assert_eq!(edited(before, NEW), after.replace('@', NEW));
    }
}

#[test]
fn a_missing_variable_is_appended() {
    let cases = [
        ("", "KEY=@\n"),
        ("\u{feff}", "\u{feff}KEY=@\n"),
        ("A=1\n", "A=1\nKEY=@\n"),
        ("A=1", "A=1\nKEY=@\n"),
        ("A=1\r\nB=2", "A=1\r\nB=2\r\nKEY=@\r\n"),
        ("# KEY=old\n", "# KEY=old\nKEY=@\n"),
        ("A=\"\nKEY=inside\n\"", "A=\"\nKEY=inside\n\"\nKEY=@\n"),
    ];
    for (before, after) in cases {
        assert!(held(before).is_empty());
        assert_eq!(edited(before, NEW), after.replace('@', NEW));
    }
}

#[test]
fn quotes_change_where_the_value_would_mean_something_else_in_them() {
    let cases = [
        ("KEY=old\n", "a$b", "KEY='a$b'\n"),
        ("KEY=old\n", "a#b", "KEY='a#b'\n"),
        ("KEY=old # c\n", "a\\b", "KEY='a\\b' # c\n"),
        ("KEY=\"old\"\n", "a#b", "KEY=\"a#b\"\n"),
        ("KEY=\"old\"\n", "a$b", "KEY='a$b'\n"),
        ("KEY='old'\n", "a$b", "KEY='a$b'\n"),
        ("KEY='old'\n", "ab\\", "KEY=\"ab\\\\\"\n"),
        ("KEY=old\n", "a\\\\$b", "KEY=\"a\\\\\\\\\\$b\"\n"),
        ("KEY=old\n", "a+/b==", "KEY=a+/b==\n"),
        ("A=1\n", "a&b", "A=1\nKEY='a&b'\n"),
    ];
    for (before, value, after) in cases {
        assert_eq!(edited(before, value), after, "{before:?} {value:?}");
        assert_eq!(edited(after, value), after, "a second time");
        assert_eq!(held(after), [value]);
    }
}

#[test]
fn bytes_that_are_not_utf8_stay() {
    let edited = edit(b"\xff\xfe=1\nKEY=\"\xe9t\xe9\" # \x80\n", "KEY", &secret(NEW)).unwrap();
    assert_eq!(edited.as_slice(), [b"\xff\xfe=1\nKEY=\"", NEW.as_bytes(), b"\" # \x80\n"].concat());
}

#[test]
fn nothing_is_changed_by_guess() {
    let cases: &[(&[u8], Unclear)] = &[
        (b"A=1\nB=\"open\nKEY=x\n", Unclear::Unterminated { line: 2 }),
        (b"KEY='open\n", Unclear::Unterminated { line: 1 }),
        (b"A=\"open\nKEY=\"x\"\n", Unclear::TextAfterQuote { line: 1 }),
        (b"KEY=\"a\"b\n", Unclear::TextAfterQuote { line: 1 }),
        (b"\r\nKEY=\"a\"; export KEY\n", Unclear::TextAfterQuote { line: 2 }),
        (b"KEY=a; export KEY\n", Unclear::MoreThanAValue { line: 1 }),
        (b"DIR='C:\\'\nKEY=x\nB='\n'\n", Unclear::Disputed { line: 2 }),
        (b"\xff\xfeK\0E\0Y\0=\0", Unclear::NotText),
    ];
    for (before, unclear) in cases {
        let before_text = String::from_utf8_lossy(before);
        assert_eq!(edit(before, "KEY", &secret(NEW)).map(|_| ()), Err(*unclear), "{before_text:?}");
        assert_eq!(check(before, "KEY"), Err(*unclear), "{before_text:?}");
    }
}

/// Lines without the variable, of which each ends where it seems to.
fn other_line() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-J]{1,5}=[a-z0-9#$ .-]{0,12}",
        "export [A-J]{1,3}='[a-zé =#\n]{0,12}'",
        "[A-J]{1,3} = \"([a-z =#\n]|KEY=|\\\\\"){0,6}\"( #[ -~é]{0,4})?",
        "#[ -~]{0,20}",
        "[ \t]{0,3}",
        Just("#KEY=old".to_owned()),
        Just("KEYS=x".to_owned()),
    ]
}

fn own_line() -> impl Strategy<Value = (String, String)> {
    let spaces = || prop_oneof![Just(""), Just(" "), Just("\t ")];
    let front = (prop_oneof![Just(""), Just(" "), Just("export ")], spaces(), spaces());
    let quote = prop_oneof![Just(""), Just("'"), Just("\""), Just("`")];
    let back = prop_oneof![Just(""), Just("  "), Just(" # KEY='")];
    (front, quote, back).prop_map(|((front, before, after), quote, back)| {
        (format!("{front}KEY{before}={after}{quote}"), format!("{quote}{back}"))
    })
}

proptest! {
    #[test]
    fn all_bytes_outside_the_value_stay(
        lines in prop::collection::vec(prop_oneof![
            3 => other_line().prop_map(|line| (line, None)),
            1 => own_line().prop_map(|(front, back)| (front, Some(back))),
        ], 0..12),
        old in "[A-Za-z0-9_-]{1,20}",
        new in "[A-Za-z0-9_-]{1,20}",
        line_end in prop_oneof![Just("\n"), Just("\r\n")],
        ends_with_line_end: bool,
    ) {
        let document = |value: &str| {
            let lines: Vec<String> = lines.iter().map(|(front, back)| match back {
                Some(back) => format!("{front}{value}{back}"),
                None => front.clone(),
            }).collect();
            lines.join(line_end) + if ends_with_line_end { line_end } else { "" }
        };
        let result = edited(&document(&old), &new);
        if lines.iter().any(|(_, back)| back.is_some()) {
            prop_assert_eq!(&result, &document(&new));
        } else {
            prop_assert!(result.starts_with(&document(&old)));
        }
        prop_assert_eq!(&edited(&result, &new), &result);
        prop_assert!(held(&result).iter().all(|value| *value == new));
    }

    #[test]
    fn any_value_is_read_back(
        value in "[!#-&(-_a-~é]{1,24}",
        quote in prop_oneof![Just(""), Just("'"), Just("\""), Just("`")],
    ) {
        let result = edited(&format!("A=1\nKEY={quote}old{quote} # c\nB='x'\n"), &value);
        prop_assert_eq!(held(&result), [value.as_str()]);
        prop_assert_eq!(&edited(&result, &value), &result);
        prop_assert!(result.starts_with("A=1\nKEY=") && result.ends_with(" # c\nB='x'\n"));
    }

    #[test]
    fn any_file_is_edited_right_or_refused(
        bytes in prop::collection::vec(
            prop::sample::select("KEYAB=='\"`\\\n\r\n #$xé\t;".as_bytes().to_vec()), 0..60),
    ) {
        if let Ok(edited) = edit(&bytes, "KEY", &secret(NEW)) {
            let values = values(&edited, "KEY").unwrap();
            prop_assert!(!values.is_empty() && values.iter().all(|value| value.as_slice() == NEW.as_bytes()));
            prop_assert_eq!(edit(&edited, "KEY", &secret(NEW)).unwrap(), edited);
        }
    }
}
