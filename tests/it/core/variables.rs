//! What a credential is called in the environment of a job.

use rotate::error::Failure;
use rotate::exit::ExitCode;
use rotate::secret::Secret;
use rotate::workflow::variables::{stale, variables};

fn made(provider: &str, value: &str, name: Option<&str>) -> Vec<(String, String)> {
    let value = Secret::from_text(value.to_owned()).unwrap();
    let made = variables(provider, &value, name).unwrap_or_else(|failure| panic!("{failure}"));
    made.into_iter().map(|one| (one.name, one.value.to_string())).collect()
}

fn refused(provider: &str, value: &str, name: Option<&str>) -> Failure {
    let value = Secret::from_text(value.to_owned()).unwrap();
    variables(provider, &value, name).err().unwrap()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_single_value_has_the_usual_name_or_the_one_that_was_asked_for() {
    assert_eq!(made("anthropic", "sk-1", None), pairs(&[("ANTHROPIC_API_KEY", "sk-1")]));
    assert_eq!(made("anthropic", "sk-1", Some("_MY_KEY2")), pairs(&[("_MY_KEY2", "sk-1")]));
}

#[test]
fn a_pair_has_two_names_and_is_split_at_the_first_colon() {
    let expected = pairs(&[("AWS_ACCESS_KEY_ID", "AKIA1"), ("AWS_SECRET_ACCESS_KEY", "a/b+c:d=")]);
    assert_eq!(made("aws-iam", "AKIA1:a/b+c:d=", None), expected);
    assert_eq!(refused("aws-iam", "AKIA1:secret", Some("X")).exit, ExitCode::Usage);
    assert_eq!(refused("aws-iam", "AKIA1", None).exit, ExitCode::State);
}

#[test]
fn names_that_no_shell_can_set_are_refused() {
    for name in ["", "1A", "A-B", "A B", "A=B", "A;B", "Ä", "A\n"] {
        assert_eq!(refused("anthropic", "sk-1", Some(name)).exit, ExitCode::Usage, "{name:?}");
    }
    assert_eq!(refused("somebody", "sk-1", None).exit, ExitCode::Usage);
    assert_eq!(made("somebody", "sk-1", Some("A")), pairs(&[("A", "sk-1")]));
}

#[test]
fn a_session_token_of_another_pair_does_not_stay() {
    assert_eq!((stale("aws-iam"), stale("anthropic")), (&["AWS_SESSION_TOKEN"][..], &[][..]));
}
