//! What can be wrong with a secret, and what AWS says no to: each in words, with what mends it.

use serde_json::json;

use super::interference::{error, operation};
use crate::lab::Lab;
use crate::lab::double::{Double, http_answer};
use crate::lab::moto::Moto;

#[track_caller]
fn refused(moto: &Moto, secret: &str, words: &[&str]) {
    let (lab, old, _) = Lab::with_secrets(&moto.url(), &[secret]);
    let ran = lab.run("promote prod").without_secrets();
    assert_eq!(ran.code, 21, "{ran:#?}");
    assert_eq!(lab.phase("prod"), "SecondaryStaged", "nobody is moved");
    assert_eq!(lab.run("key prod").expect(0).stdout.trim(), old.value);
    ran.says(words);
}

#[test]
fn secrets_that_cannot_be_written_are_refused_before_anything_moves() {
    let moto = Moto::get();
    refused(moto, "no-such", &["there is no secret no-such in eu-central-1", "create-secret"]);
    moto.create("deleted", "x");
    moto.call("DeleteSecret", json!({"SecretId": "deleted"}));
    refused(moto, "deleted", &["scheduled for deletion", "restore-secret --secret-id deleted"]);
    moto.call("CreateSecret", json!({"Name": "binary", "SecretBinary": "AAEC"}));
    refused(moto, "binary", &["binary is binary", "SecretString"]);
    moto.call("CreateSecret", json!({"Name": "empty"}));
    refused(moto, "empty", &["has no current version", "put-secret-value --secret-id empty"]);
    moto.create("document", r#"{"other":"CANARY"}"#);
    refused(moto, "document#key", &["under the key `key`", "no such key", "json_key"]);
    refused(moto, "document", &["something other than one credential", "json_key"]);
    moto.create("numbers", r#"{"key":1}"#);
    refused(moto, "numbers#key", &["is not a text"]);
    moto.create("twice", r#"{"key":"a","key":"b"}"#);
    refused(moto, "twice#key", &["has that key twice"]);
    moto.create("prose", "two words");
    refused(moto, "prose", &["something other than one credential"]);
    refused(moto, "prose#key", &["not a JSON document"]);
    assert_eq!(moto.current("document"), r#"{"other":"CANARY"}"#);
}

/// AWS as documented, as far as a check asks: one secret, with these fields of its description.
fn described(fields: serde_json::Value) -> Double {
    Double::start(move |request| {
        let mut answer = json!({"ARN": "arn:x", "Name": "s", "VersionIdsToStages": {"v1": ["AWSCURRENT"]}});
        match operation(request) {
            "DescribeSecret" => {
                answer.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            }
            _ => {
                answer =
                    json!({"ARN": "arn:x", "Name": "s", "VersionId": "v1", "SecretString": "placeholder"})
            }
        }
        http_answer(200, &[("content-type", "application/x-amz-json-1.1")], &answer.to_string())
    })
}

#[test]
fn secrets_that_belong_to_somebody_else_are_refused() {
    for (fields, words) in [
        (json!({"RotationEnabled": true}), ["rotation of AWS's own", "cancel-rotate-secret --secret-id s"]),
        (json!({"OwningService": "rds"}), ["managed by rds", "a secret of your own"]),
        (json!({"DeletedDate": 1.7e9}), ["scheduled for deletion", "restore-secret"]),
    ] {
        let aws = described(fields);
        let (lab, ..) = Lab::with_secrets(&aws.base_url(), &["s"]);
        let ran = lab.run("promote prod").without_secrets();
        assert_eq!(ran.code, 21, "{ran:#?}");
        ran.says(&words);
        assert!(aws.take().iter().all(|request| !operation(request).starts_with("Put")));
    }
}

/// From documentation: what AWS answers, and what is said of it.
const ANSWERS: &[(u16, &str, &str, &[&str])] = &[
    (
        400,
        "AccessDeniedException",
        "User: arn:x is not authorized",
        &["secretsmanager:DescribeSecret on s", "aws-policies.md"],
    ),
    (400, "AccessDeniedException", "Access to KMS is not allowed", &["kms:Decrypt"]),
    (400, "DecryptionFailure", "can't decrypt", &["kms:Decrypt"]),
    (400, "ExpiredTokenException", "The security token is expired", &["have expired", "aws sso login"]),
    (400, "UnrecognizedClientException", "The security token is invalid", &["does not know the credentials"]),
    (
        400,
        "InvalidSignatureException",
        "Signature expired: 20260301 is now earlier than 20260302",
        &["clock is wrong", "timedatectl"],
    ),
    (403, "RequestTimeTooSkewed", "too skewed", &["clock is wrong"]),
    (403, "SignatureDoesNotMatch", "does not match", &["secret access key is wrong", "date -u"]),
    (400, "ThrottlingException", "Rate exceeded", &["throttles", "run the same command again"]),
    (500, "InternalServiceError", "oops", &["AWS failed", "InternalServiceError"]),
    (400, "BrandNewException", "\u{1b}[31mred", &["BrandNewException", "red"]),
];

#[test]
fn what_aws_says_no_to_is_put_into_words() {
    for (status, code, message, words) in ANSWERS {
        let aws = Double::start(move |_| error(*status, code, message));
        let (lab, ..) = Lab::with_secrets(&aws.base_url(), &["s"]);
        let ran = lab.run("promote prod").without_secrets();
        assert_eq!(ran.code, 21, "{code}: {ran:#?}");
        assert!(!ran.stderr.contains('\u{1b}'));
        ran.says(words);
    }
}

#[test]
fn each_denied_action_is_named() {
    let moto = Moto::get();
    for action in ["GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"] {
        let name = format!("denied/{action}");
        moto.create(&name, "placeholder");
        let front = super::interference::between(move |request, _| {
            (operation(request) == action).then(|| error(400, "AccessDeniedException", "not authorized"))
        });
        let (lab, ..) = Lab::with_secrets(&front.base_url(), &[&name]);
        let ran = lab.run("promote prod").without_secrets();
        assert!([12, 21].contains(&ran.code), "{ran:#?}");
        ran.says(&[&format!("AWS denies secretsmanager:{action} on {name}"), "get-caller-identity"]);
        assert_eq!(moto.current(&name), "placeholder");
    }
}

#[test]
fn an_echoed_value_is_not_repeated() {
    let moto = Moto::get();
    moto.create("echo", "placeholder");
    let front = super::interference::between(|request, _| {
        (operation(request) == "PutSecretValue")
            .then(|| error(400, "InvalidParameterException", &request.body))
    });
    let (lab, ..) = Lab::with_secrets(&front.base_url(), &["echo"]);
    lab.run("-vvv promote prod")
        .expect(12)
        .without_secrets()
        .says(&["InvalidParameterException", "redacted"]);
}

#[test]
fn no_network_no_region_no_credentials() {
    let moto = Moto::get();
    moto.create("surroundings", "placeholder");
    let (mut lab, ..) = Lab::with_secrets(&moto.url(), &["surroundings"]);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    lab.use_aws(&format!("http://{free}"));
    lab.run("promote prod").expect(21).says(&["did not answer", "check the network"]);
    let garbage = Double::start(|_| http_answer(200, &[], "<html>not AWS</html>"));
    lab.use_aws(&garbage.base_url());
    lab.run("promote prod").expect(21);
    lab.use_aws(&moto.url());
    lab.unset("AWS_REGION");
    lab.run("promote prod").expect(21).says(&["no AWS region is known", "AWS_REGION"]);
    lab.use_aws(&moto.url());
    lab.unset("AWS_ACCESS_KEY_ID");
    lab.run("promote prod").expect(21).says(&["no AWS credentials were found", "aws sso login"]);
    lab.use_aws(&moto.url());
    lab.set("AWS_PROFILE", "no-such-profile");
    lab.unset("AWS_ACCESS_KEY_ID");
    lab.run("promote prod").expect(21).says(&["no-such-profile"]);
    lab.unset("AWS_PROFILE");
    // Documentation addresses: nothing is sent, so nothing can answer.
    lab.use_aws("http://192.0.2.1");
    lab.run("promote prod").expect(21).says(&["in clear text", "AWS_ENDPOINT_URL"]);
    lab.use_aws(&moto.url());
    lab.run("promote prod").expect(0);
}

#[test]
fn a_proxy_of_the_environment_is_not_used() {
    let moto = Moto::get();
    moto.create("proxy", "placeholder");
    let (mut lab, ..) = Lab::with_secrets(&moto.url(), &["proxy"]);
    let elsewhere = Double::start(|_| http_answer(200, &[], "{}"));
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        lab.set(name, elsewhere.base_url());
    }
    lab.run("promote prod").expect(0);
    assert!(elsewhere.take().is_empty());
}
