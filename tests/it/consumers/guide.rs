//! The guide shows the very files that the tests of this folder run.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use super::agent::{command, example};
use crate::lab::Lab;

#[test]
fn the_guide_shows_every_example_as_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = std::fs::read_to_string(root.join("docs/guides/consumers.md")).unwrap();
    let mut count = 0;
    for entry in std::fs::read_dir(root.join("docs/examples")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let is_shown =
            ["text", "json", "ini"].iter().any(|kind| guide.contains(&format!("```{kind}\n{text}```\n")));
        assert!(is_shown, "docs/guides/consumers.md shows another {}", path.display());
        count += 1;
    }
    assert!(count >= 5, "only {count} examples were seen");
}

#[test]
fn the_helper_of_the_settings_prints_the_key_and_nothing_where_there_is_none() {
    let settings = std::fs::read_to_string(example("claude-settings.json")).unwrap();
    let settings: Value = serde_json::from_str(&settings).unwrap();
    let lab = Lab::new();
    lab.configure(&lab.key_with("prod-publish", "", &[]));
    // Claude Code runs a helper by a shell.
    let ask = || {
        let mut shell = command(&lab, Path::new("sh"));
        shell.args(["-c", settings["apiKeyHelper"].as_str().unwrap()]).stdin(Stdio::null());
        lab.finish_command(&mut shell)
    };
    let ran = ask().expect(6);
    assert_eq!(ran.stdout, "");
    let key = lab.console_key("old");
    lab.run("adopt prod-publish --from file:old.key").expect(0);
    let ran = ask().expect(0);
    assert_eq!((ran.stdout, ran.stderr), (format!("{}\n", key.value), String::new()));
    let age = settings["env"]["CLAUDE_CODE_API_KEY_HELPER_TTL_MS"].as_str().unwrap();
    assert!(age.parse::<u64>().unwrap() <= 300_000, "{age} is later than the guide says");
}
