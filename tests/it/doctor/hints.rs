//! Hints end in a command, and the commands mend.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::environment::{Environment, names};

fn findings(environment: &Environment) -> Vec<Value> {
    environment.run("--json").json()["findings"].as_array().unwrap().clone()
}

#[test]
fn every_hint_ends_in_a_command() {
    for name in names() {
        for finding in findings(&Environment::new(&name)) {
            let hint = finding["hint"].as_str().unwrap();
            assert!(hint.ends_with('`') && hint.matches('`').count() >= 2, "{name}: {hint}");
            for field in ["seen", "why"] {
                let text = finding[field].as_str().unwrap();
                assert!(!text.is_empty() && !text.ends_with('.'), "{name}: {text}");
            }
        }
    }
}

/// What stands between the last two backticks.
fn command(hint: &str) -> &str {
    let end = hint.rfind('`').unwrap();
    let begin = hint[..end].rfind('`').unwrap();
    &hint[begin + 1..end]
}

/// The findings after a command was typed in the same shell.
fn after(environment: &Environment, command: &str) -> Vec<String> {
    let rotate = environment.lab.command(&[]);
    let program = rotate.get_program().to_str().unwrap().to_owned();
    // What a hint calls `rotate` is the one under test.
    let script = format!(
        "rotate() {{ '{program}' \"$@\"; }}\n{command}\n'{program}' doctor {} --json",
        environment.arguments
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(environment.lab.path(""))
        .env_clear()
        .envs(rotate.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let document: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{command}: {}", String::from_utf8_lossy(&output.stderr)));
    document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_command_of_a_hint_mends_what_was_found() {
    for (name, left) in [
        ("quoted", vec![]),
        ("typographic_quotes", vec![]),
        ("trailing_newline", vec![]),
        ("windows_line_end", vec![]),
        ("surrounding_space", vec![]),
        ("oauth_token_as_api_key", vec!["cli_login_without_key"]),
        ("admin_key_as_api_key", vec!["no_credential"]),
        ("api_key_as_oauth_token", vec![]),
        ("auth_token_beside_api_key", vec![]),
        ("base_url_in_clear_text", vec![]),
        ("base_url_empty", vec![]),
        ("bedrock_beside_key", vec![]),
        ("key_over_helper", vec![]),
        ("custom_headers", vec![]),
        ("workload_identity_beside_key", vec![]),
        ("aws_keys_beside_sso", vec![]),
        ("aws_keys_beside_profile", vec!["aws_static_profile"]),
        ("aws_stale_session_token", vec![]),
        ("github_two_tokens", vec![]),
        ("key_retiring", vec![]),
        ("key_revoked", vec![]),
        ("key_unknown", vec![]),
        ("key_quoted", vec![]),
    ] {
        let environment = Environment::new(name);
        let before = findings(&environment);
        let id = before[0]["id"].as_str().unwrap();
        let command = command(before[0]["hint"].as_str().unwrap());
        let left: Vec<String> =
            left.iter().filter(|id| !id.starts_with("aws_")).map(|id: &&str| (*id).to_owned()).collect();
        let found = after(&environment, command);
        assert_eq!(found, left, "{name}: `{command}` after {id}");
    }
}
