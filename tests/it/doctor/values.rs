//! Values of the right shape that no scanner finds in a file: they are made from a kind and a name.

use std::collections::BTreeSet;

/// Replaces `@KIND:NAME@` by a value of that kind, always the same; remembers what it made.
#[derive(Default)]
pub struct Values {
    made: BTreeSet<String>,
    /// The values of the lab's own keys, by name.
    keys: Vec<(&'static str, String)>,
}

impl Values {
    /// With the lab's own keys, by name.
    pub fn new(keys: Vec<(&'static str, String)>) -> Self {
        Self { keys, ..Self::default() }
    }

    /// Every value that was put somewhere.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.made.iter().map(String::as_str)
    }

    pub fn expand(&mut self, text: &str) -> String {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('@') {
            expanded.push_str(before);
            let token = after.split_once('@').and_then(|(token, after)| Some((self.make(token)?, after)));
            match token {
                Some((value, after)) => {
                    expanded.push_str(&value);
                    rest = after;
                }
                None => {
                    expanded.push('@');
                    rest = after;
                }
            }
        }
        expanded.push_str(rest);
        expanded
    }

    fn make(&mut self, token: &str) -> Option<String> {
        let own = self.keys.iter().find(|(name, _)| *name == token).map(|(_, value)| value.clone());
        let value = own.or_else(|| token.split_once(':').and_then(|(kind, name)| value(kind, name)))?;
        self.made.insert(value.clone());
        Some(value)
    }
}

/// The value of a kind and a name.
pub fn value(kind: &str, name: &str) -> Option<String> {
    let seed = format!("{kind}:{name}");
    let mixed = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let upper = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    Some(match kind {
        "api" => format!("sk-ant-{}-{}", "api03", letters(&seed, mixed, 95)),
        "oat" => format!("sk-ant-{}-{}", "oat01", letters(&seed, mixed, 95)),
        "ort" => format!("sk-ant-{}-{}", "ort01", letters(&seed, mixed, 95)),
        "admin" => format!("sk-ant-{}-{}", "admin01", letters(&seed, mixed, 95)),
        "openai" => format!("sk-{}-{}", "proj", letters(&seed, mixed, 60)),
        "akia" => format!("AK{}{}7", "IA", letters(&seed, upper, 15)),
        "asia" => format!("AS{}{}7", "IA", letters(&seed, upper, 15)),
        "awssecret" => letters(&seed, mixed, 40),
        // As AWS makes them: with a long run of one character.
        "session" => format!("IQo{}//////////{}", letters(&seed, mixed, 30), letters(&seed, mixed, 200)),
        "ghp" => format!("gh{}_{}", "p", letters(&seed, mixed, 36)),
        "gho" => format!("gh{}_{}", "o", letters(&seed, mixed, 36)),
        "ghs" => format!("gh{}_{}", "s", letters(&seed, mixed, 36)),
        "word" => letters(&seed, mixed, 40),
        _ => return None,
    })
}

/// Letters that look random and are the same for the same seed; digits and both cases among the first of them.
fn letters(seed: &str, alphabet: &[u8], count: usize) -> String {
    let mut state = seed.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..count).map(|_| char::from(alphabet[(next() >> 20) as usize % alphabet.len()])).collect()
}

#[test]
fn values_are_made_and_remembered() {
    let mut values = Values::new(vec![("old", "OLD".to_owned())]);
    let text = values.expand("a@api:one@b@old@c@nothing@ me@example.net @api:one@");
    let one = value("api", "one").unwrap();
    assert_eq!(text, format!("a{one}bOLDc@nothing@ me@example.net {one}"));
    assert_eq!(values.all().collect::<Vec<_>>(), ["OLD", &one]);
    assert_eq!(one.len(), 108);
    assert_ne!(one, value("api", "two").unwrap());
}
