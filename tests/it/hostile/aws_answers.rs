//! What stands for AWS answers in shapes of its own.

use std::sync::{Arc, Mutex};

use serde_json::json;

use super::mutation::{ESCAPES, Random, mutate_json, mutated};
use super::tally::{self, FIELDS};
use super::terminal::assert_fit;
use crate::lab::Lab;
use crate::lab::double::{Double, http_answer};
use crate::proof;

const CODES: [&str; 6] = [
    "AccessDeniedException",
    "ResourceNotFoundException",
    "ExpiredTokenException",
    "InvalidRequestException",
    "DecryptionFailure",
    "SomethingNew",
];

fn answer(random: &mut Random) -> Vec<u8> {
    let status = *random.pick(&[400, 400, 403, 200, 200, 302]);
    let mut document = if status == 200 {
        json!({"ARN": "arn:x", "Name": "s", "VersionId": "v1", "SecretString": "{\"key\":\"x\"}",
            "VersionIdsToStages": {"v1": ["AWSCURRENT"]}})
    } else {
        json!({"__type": random.pick(&CODES), "message": random.pick(&ESCAPES), "Message": "x".repeat(100_000)})
    };
    mutate_json(random, &mut document);
    let mut body = document.to_string();
    if random.one_in(3) {
        body = String::from_utf8_lossy(&mutated(random, &[body.into_bytes()], &["\"", "{", "null"]))
            .into_owned();
    }
    let escape = random.pick(&ESCAPES).replace(['\r', '\n', '\0'], "");
    let headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amzn-requestid", &escape),
        ("x-amzn-errortype", CODES[0]),
    ];
    let some = if random.one_in(2) { &headers[..] } else { &headers[..1] };
    http_answer(status, some, &body)
}

#[test]
fn no_answer_of_aws_ends_a_promotion_or_reaches_the_terminal_as_it_is() {
    let next: Arc<Mutex<Vec<u8>>> = Arc::default();
    let answers = Arc::clone(&next);
    let aws = Double::start(move |_| answers.lock().unwrap().clone());
    let (lab, old, new) = Lab::with_secrets(&aws.base_url(), &["s"]);
    let start = lab.snapshot();
    let cases = super::case::run("AWS", proof::size(24, 600), |random| {
        *next.lock().unwrap() = answer(random);
        let talk = ["", " --json", " -vvv"][random.below(3)];
        let ran = lab.run(&format!("promote prod{talk}")).without_secrets();
        assert_fit(&ran, "promote");
        // An answer that is well-formed lets the promotion begin, and none lets it come to its end.
        let (value, phase) = match ran.code {
            21 => (&old.value, "SecondaryStaged"),
            12 => (&new.value, "Promoted"),
            _ => panic!("{ran:#?}"),
        };
        assert_eq!(lab.run("key prod").expect(0).stdout.trim(), value);
        assert_eq!(lab.phase("prod"), phase);
        lab.restore(&start);
    });
    tally::counted(FIELDS, cases);
}
