//! One text of a JSON document, read and replaced so that every other byte stays as it is.

use std::ops::Range;

use serde::de::IgnoredAny;
use zeroize::Zeroizing;

/// Why a document has no text under a name. Never repeats the document: it holds secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoMember {
    #[error("it is not a JSON document")]
    NotJson,
    #[error("its JSON document is not an object")]
    NotAnObject,
    #[error("its JSON document has no such key")]
    Missing,
    #[error("its JSON document has that key twice")]
    Twice,
    #[error("what its JSON document has under that key is not a text")]
    NotText,
}

/// The text under `key`, at the top level of the document.
///
/// # Errors
/// [`NoMember`].
pub fn text(document: &str, key: &str) -> Result<Zeroizing<String>, NoMember> {
    let span = find(document, key)?;
    serde_json::from_str(&document[span]).map(Zeroizing::new).map_err(|_| NoMember::NotText)
}

/// The document with another text under `key`; every other byte is the same.
///
/// # Errors
/// [`NoMember`].
pub fn with_text(document: &str, key: &str, text: &str) -> Result<Zeroizing<String>, NoMember> {
    let span = find(document, key)?;
    let quoted = Zeroizing::new(serde_json::to_string(text).map_err(|_| NoMember::NotText)?);
    Ok(Zeroizing::new([&document[..span.start], &quoted, &document[span.end..]].concat()))
}

/// Where the text under `key` stands, with its quotes.
fn find(document: &str, key: &str) -> Result<Range<usize>, NoMember> {
    serde_json::from_str::<IgnoredAny>(document).map_err(|_| NoMember::NotJson)?;
    // From here on it is known to be valid, so that looking for quotes and brackets is enough.
    let mut scan = Scan { bytes: document.as_bytes(), at: 0 };
    scan.skip_space();
    if scan.peek() != Some(b'{') {
        return Err(NoMember::NotAnObject);
    }
    scan.at += 1;
    let mut found = None;
    loop {
        scan.skip_space();
        if scan.peek() != Some(b'"') {
            break;
        }
        let name = scan.skip_value();
        scan.skip_space();
        scan.at += 1; // the colon
        scan.skip_space();
        let value = scan.skip_value();
        let is_it = serde_json::from_str::<String>(&document[name]).is_ok_and(|name| name == key);
        if is_it && found.replace(value).is_some() {
            return Err(NoMember::Twice);
        }
        scan.skip_space();
        if scan.peek() != Some(b',') {
            break;
        }
        scan.at += 1;
    }
    let span = found.ok_or(NoMember::Missing)?;
    if document[span.clone()].starts_with('"') { Ok(span) } else { Err(NoMember::NotText) }
}

/// A place in a valid document.
struct Scan<'d> {
    bytes: &'d [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Skips one value, however deep.
    fn skip_value(&mut self) -> Range<usize> {
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => self.skip_text(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                b'}' | b']' | b',' | b':' if depth == 0 => break,
                byte if depth == 0 && byte.is_ascii_whitespace() => break,
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            if depth == 0 {
                break;
            }
        }
        start..self.at
    }

    fn skip_text(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_other_byte_stays() {
        let cases = [
            (r#"{"a":"x"}"#, r#"{"a":"NEW"}"#),
            (" {\n\t\"b\" : [1, {\"a\": \"no\"}] ,\r\n \"a\"  :  \"x\\\"}\" , \"c\":null }\n", ""),
            (r#"{"\u0061":"x","b":1e5,"B":"{\"a\":1}"}"#, r#"{"\u0061":"NEW","b":1e5,"B":"{\"a\":1}"}"#),
            (r#"{"b":1.50,"b":2,"a":""}"#, r#"{"b":1.50,"b":2,"a":"NEW"}"#),
            (r#"{"ü😀":true,"a":"\ud83d\ude00"}"#, r#"{"ü😀":true,"a":"NEW"}"#),
        ];
        for (before, after) in cases {
            let after = match after {
                "" => before.replace(r#""x\"}""#, r#""NEW""#),
                after => after.to_owned(),
            };
            assert_eq!(*with_text(before, "a", "NEW").unwrap(), after);
            assert_eq!(*text(&after, "a").unwrap(), "NEW");
        }
    }

    #[test]
    fn what_is_not_one_text_is_refused() {
        let cases = [
            ("", NoMember::NotJson),
            ("sk-ant-api03-x", NoMember::NotJson),
            (r#"{"a":"x""#, NoMember::NotJson),
            (r#"{"a":"x"} trailing"#, NoMember::NotJson),
            (r#"["a"]"#, NoMember::NotAnObject),
            (r#""a""#, NoMember::NotAnObject),
            ("{}", NoMember::Missing),
            (r#"{"b":{"a":"x"}}"#, NoMember::Missing),
            (r#"{"a":"x","\u0061":"y"}"#, NoMember::Twice),
            (r#"{"a":1,"a":"y"}"#, NoMember::Twice),
            (r#"{"a":null}"#, NoMember::NotText),
            (r#"{"a":{"a":"x"}}"#, NoMember::NotText),
            (r#"{"a":"\ud83d"}"#, NoMember::NotText),
        ];
        for (document, expected) in cases {
            assert_eq!(text(document, "a").unwrap_err(), expected, "{document}");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_document_keeps_its_other_members(
            before in prop::collection::vec((any::<String>(), json()), 0..4),
            after in prop::collection::vec((any::<String>(), json()), 0..4),
            key in any::<String>(), old in any::<String>(), new in any::<String>(), pretty: bool,
        ) {
            let mut members: serde_json::Map<String, Value> = before.into_iter().collect();
            members.insert(key.clone(), Value::from(old.clone()));
            for (name, value) in after {
                members.entry(name).or_insert(value);
            }
            let expected = {
                let mut members = members.clone();
                members.insert(key.clone(), Value::from(new.clone()));
                Value::Object(members)
            };
            let document = Value::Object(members);
            let show = |value: &Value| match pretty {
                true => serde_json::to_string_pretty(value).unwrap(),
                false => value.to_string(),
            };
            let shown = show(&document);
            prop_assert_eq!(&*text(&shown, &key).unwrap(), &old);
            let changed = with_text(&shown, &key, &new).unwrap();
            prop_assert_eq!(&*changed, &show(&expected));
            prop_assert_eq!(&*with_text(&changed, &key, &old).unwrap(), &shown);
        }

        #[test]
        fn no_text_makes_it_fall_over(document in any::<String>(), key in any::<String>()) {
            let _ = with_text(&document, &key, "new");
        }
    }
}
