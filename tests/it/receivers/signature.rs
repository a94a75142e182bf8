//! Signatures: known ones, forged ones, and the check that the reference shows.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use rotate::alert::signature::{TOLERANCE, Unverified, sign, verify};

use super::mail_server::installed;
use super::secret;

const KEY: &str = "whsec_0123456789abcdef";
const BODY: &[u8] = b"{\"schema_version\":1}";
/// `printf '1700000000.{"schema_version":1}' | openssl dgst -sha256 -hmac whsec_0123456789abcdef`
const KNOWN: &str = "t=1700000000,v1=3fde93dcbb941be6448aa75a0cef362d45284e25f2dd39cf7e1ad9200c91512c";
/// The same for an empty body.
const KNOWN_EMPTY: &str = "t=1700000000,v1=0e1fd9afd303fb6f213cc511093ec9783e6286d777cfee89f917aebd54d9a963";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn check(header: &str, body: &[u8], now: i64) -> Result<(), Unverified> {
    verify(&secret(KEY), header, body, at(now), TOLERANCE)
}

#[test]
fn known_signatures() {
    assert_eq!(sign(&secret(KEY), BODY, at(1_700_000_000)).unwrap(), KNOWN);
    assert_eq!(sign(&secret(KEY), b"", at(1_700_000_000)).unwrap(), KNOWN_EMPTY);
    check(KNOWN, BODY, 1_700_000_000).unwrap();
    check(KNOWN_EMPTY, b"", 1_700_000_000).unwrap();
    // A key longer than the block of the hash is hashed itself.
    let long = secret(&"k".repeat(100));
    let signed = sign(&long, BODY, at(0)).unwrap();
    verify(&long, &signed, BODY, at(0), TOLERANCE).unwrap();
    assert_eq!(verify(&secret(KEY), &signed, BODY, at(0), TOLERANCE), Err(Unverified::Forged));
}

#[test]
fn a_signature_is_worth_something_for_five_minutes_either_way() {
    for (now, expected) in [
        (1_700_000_300, Ok(())),
        (1_699_999_700, Ok(())),
        (1_700_000_301, Err(Unverified::WrongTime)),
        (1_699_999_699, Err(Unverified::WrongTime)),
    ] {
        assert_eq!(check(KNOWN, BODY, now), expected, "{now}");
    }
    assert_eq!(
        verify(&secret(KEY), KNOWN, BODY, at(1_700_000_001), Duration::ZERO),
        Err(Unverified::WrongTime)
    );
}

#[test]
fn whatever_is_changed_is_noticed() {
    let code = KNOWN.split_once("v1=").unwrap().1;
    assert_eq!(check(KNOWN, b"{\"schema_version\":2}", 1_700_000_000), Err(Unverified::Forged));
    assert_eq!(
        check(&KNOWN.replace("t=1700000000", "t=1700000001"), BODY, 1_700_000_000),
        Err(Unverified::Forged)
    );
    // The full stop keeps time and body apart.
    let moved = [b"0.", BODY].concat();
    assert_eq!(
        check(&KNOWN.replace("t=1700000000", "t=170000000"), &moved, 170_000_000),
        Err(Unverified::Forged)
    );
    for at in 0..code.len() {
        let mut changed = code.to_owned();
        let digit = if &code[at..=at] == "0" { "1" } else { "0" };
        changed.replace_range(at..=at, digit);
        assert_eq!(
            check(&format!("t=1700000000,v1={changed}"), BODY, 1_700_000_000),
            Err(Unverified::Forged),
            "{at}"
        );
    }
    for part in ["", "00", &code[..62], &code[..2]] {
        assert_eq!(
            check(&format!("t=1700000000,v1={part}"), BODY, 1_700_000_000),
            Err(Unverified::Forged),
            "{part}"
        );
    }
}

#[test]
fn one_of_several_signatures_is_enough_and_none_is_not() {
    let other = "0".repeat(64);
    let fitting = KNOWN.split_once("v1=").unwrap().1;
    for header in [
        format!("t=1700000000,v1={other},v1={fitting}"),
        format!("t=1700000000, v1={fitting}, v1={other}"),
        format!("v1={fitting},t=1700000000,v2=later"),
        format!("t=1700000000,v1={}", fitting.to_uppercase()),
    ] {
        check(&header, BODY, 1_700_000_000).unwrap();
    }
    let malformed = [
        String::new(),
        "t=1700000000".to_owned(),
        format!("v1={fitting}"),
        format!("t=soon,v1={fitting}"),
        format!("t=1700000000,t=1700000000,v1={fitting}"),
        format!("t=1700000000,v1={}", &fitting[..63]),
        format!("t=1700000000,v1=ü{}", &fitting[2..]),
        format!("t=1700000000,v1={fitting},x"),
        format!("t=1700000000,v2={fitting}"),
    ];
    for header in malformed {
        assert_eq!(check(&header, BODY, 1_700_000_000), Err(Unverified::Malformed), "{header}");
    }
}

#[test]
fn the_check_of_the_reference_agrees() {
    let page = include_str!("../../../docs/reference/configuration.md");
    let snippet = page.split("```").find(|block| block.contains("def is_genuine")).unwrap();
    let snippet = snippet.strip_prefix("text\n").unwrap();
    let program = format!(
        "{snippet}\nimport sys\nprint(is_genuine({KEY:?}.encode(), sys.argv[1], sys.stdin.buffer.read()))\n"
    );
    let genuine = |header: &str, body: &[u8]| {
        let mut child = Command::new(installed("bin/python"))
            .args(["-c", &program, header])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(body).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    let header = sign(&secret(KEY), BODY, Timestamp::now()).unwrap();
    assert_eq!(genuine(&header, BODY), "True\n");
    assert_eq!(genuine(&header, b"{}"), "False\n");
    assert_eq!(genuine(KNOWN, BODY), "False\n");
}
