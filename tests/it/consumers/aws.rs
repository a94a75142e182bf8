//! An AWS SDK that asks `rotate key` for its access key, and a shell that does.

use serde_json::{Value, json};

use super::agent::{Agent, command, example};
use crate::lab::Lab;
use crate::lab::iam::{AccessKey, User, signer, strict};
use crate::lab::moto;

const KEY: &str = "publish-aws";

/// A lab whose key was adopted for a user of its own, at this door.
fn adopted(lab: &mut Lab, user: &User, endpoint_url: &str, lines: &str) -> AccessKey {
    lab.use_aws(endpoint_url);
    lab.write(
        "rotate.toml",
        &format!(
            "state = \"state\"\n\n[keys.{KEY}]\nprovider = \"aws-iam\"\niam_user = \"{}\"\n\
             probe_attempts = 1\n{lines}\n",
            user.name
        ),
    );
    let old = user.create_key();
    lab.write("old.key", &format!("{}\n", old.value()));
    lab.run(&format!("adopt {KEY} --from file:old.key")).expect(0);
    old
}

const HOUR: &str = "longest_job = \"45m\"\ngrace = \"60m\"";

#[test]
fn boto3_asks_rotate_and_signs_with_the_active_key_through_a_rotation() {
    let mut lab = Lab::new();
    let user = User::create("boto3-consumer");
    let door = strict(&lab, |_| None);
    let old = adopted(&mut lab, &user, &door.base_url(), HOUR);
    let mut command = command(&lab, &moto::python());
    command.arg(example("aws_agent.py")).env("AWS_CONFIG_FILE", example("aws-config.ini"));
    // The profile is all that it has; and boto3 knows no simulated time.
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "ROTATE_TEST_CLOCK"] {
        command.env_remove(name);
    }
    let mut agent = Agent::spawn(command);
    let mut signed_by = |when: &str| {
        door.take();
        let arn = agent.ask("who am I");
        assert!(arn.ends_with("boto3-consumer"), "{when}: {arn:?}");
        let heard = door.take();
        assert_eq!(heard.len(), 1, "{when}: {heard:?}");
        signer(&heard[0])
    };
    assert_eq!(signed_by("adopted"), old.id);
    lab.run(&format!("stage {KEY}")).expect(0);
    assert_eq!(signed_by("staged"), old.id);
    lab.run(&format!("promote {KEY}")).expect(0);
    let mut used = vec![signed_by("promoted")];
    for _ in 0..7 {
        lab.advance_minutes(10);
        used.push(signed_by("in the window"));
    }
    // What this agent asks is what a probe asks, so that its use proves nothing.
    lab.run(&format!("finish {KEY} --accept-unknown last_used")).expect(0);
    used.push(signed_by("finished"));
    assert_eq!(user.status(&old.id), "Inactive");
    assert_ne!(used[0], old.id);
    assert!(used.iter().all(|id| *id == used[0]), "{used:?}");
}

#[test]
fn each_format_gives_an_access_key_its_two_names() {
    let mut lab = Lab::new();
    let user = User::create("formats");
    let door = strict(&lab, |_| None);
    let AccessKey { id, secret } = adopted(&mut lab, &user, &door.base_url(), HOUR);
    let printed = |format: &str| lab.run(&format!("key {KEY} --format {format}")).expect(0).stdout;
    assert_eq!(printed("value"), format!("{id}:{secret}\n"));
    assert_eq!(
        printed("env"),
        format!(
            "unset AWS_SESSION_TOKEN\nexport AWS_ACCESS_KEY_ID='{id}'\nexport AWS_SECRET_ACCESS_KEY='{secret}'\n"
        )
    );
    assert_eq!(printed("dotenv"), format!("AWS_ACCESS_KEY_ID={id}\nAWS_SECRET_ACCESS_KEY={secret}\n"));
    let object: Value = serde_json::from_str(&printed("json")).unwrap();
    assert_eq!(object, json!({"AWS_ACCESS_KEY_ID": id, "AWS_SECRET_ACCESS_KEY": secret}));
    let credentials: Value = serde_json::from_str(&printed("credential-process")).unwrap();
    let expected = json!({
        "Version": 1, "AccessKeyId": id, "SecretAccessKey": secret, "Expiration": "2026-03-01T12:05:00Z",
    });
    assert_eq!(credentials, expected);
    lab.refused(&format!("key {KEY} --format env --env AWS_KEY"), 2).says(&["needs two", "leave out --env"]);
}

#[test]
fn an_expiration_is_never_later_than_half_the_grace_window() {
    let mut lab = Lab::new();
    let user = User::create("short-grace");
    let door = strict(&lab, |_| None);
    adopted(&mut lab, &user, &door.base_url(), "longest_job = \"1m\"\ngrace = \"3m\"");
    let printed = lab.run(&format!("key {KEY} --format credential-process")).expect(0).stdout;
    let credentials: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(credentials["Expiration"], "2026-03-01T12:01:30Z");
}
