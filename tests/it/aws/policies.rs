//! The policies of the guide allow what the source calls, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;

/// Every `"SERVICE:…"` in a text.
fn actions(text: &str, service: &str) -> BTreeSet<String> {
    let start = format!("\"{service}:");
    let found = text.split(start.as_str()).skip(1);
    found.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

#[test]
fn the_guide_allows_what_is_called_and_nothing_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let guide = read("docs/guides/aws-policies.md");
    let policies: Vec<_> =
        guide.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    for policy in &policies {
        serde_json::from_str::<serde_json::Value>(policy).unwrap();
    }
    let [operator, reader, iam] = &policies[..] else { panic!("{} policies", policies.len()) };
    for (policy, service, file) in
        [(operator, "secretsmanager", "src/aws/secrets_manager.rs"), (iam, "iam", "src/aws/iam.rs")]
    {
        let source = read(file);
        let called = actions(&source, service);
        assert!(called.len() > 3, "{called:?}");
        assert_eq!(actions(policy, service), called, "{service}");
        // Each action is named beside the call that it permits.
        for action in called {
            let method = action.chars().fold(String::new(), |mut name, c| {
                if c.is_uppercase() && !name.is_empty() {
                    name.push('_');
                }
                name.extend(c.to_lowercase());
                name
            });
            assert!(source.contains(&format!(".{method}()")), "{action} is not called as .{method}()");
        }
    }
    assert_eq!(
        actions(reader, "secretsmanager"),
        BTreeSet::from(["GetSecretValue".to_owned()]),
        "references"
    );
}
