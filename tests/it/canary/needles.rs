//! What to search for: the values in every form in which they could have got out.

/// A value's forms.
pub struct Needles {
    forms: Vec<(String, Vec<u8>)>,
}

impl Needles {
    pub fn of<'v>(values: impl IntoIterator<Item = (&'v str, &'v str)>) -> Self {
        let mut forms = Vec::new();
        for (name, value) in values {
            // A piece from the middle is found in the whole value, in its URL and JSON forms, and alone.
            let piece = &value[value.len() / 2 - 8..value.len() / 2 + 8];
            forms.push((format!("{name}, raw"), piece.as_bytes().to_vec()));
            forms.push((format!("{name}, backwards"), piece.bytes().rev().collect()));
            let hex: String = piece.bytes().map(|byte| format!("{byte:02x}")).collect();
            forms.push((format!("{name}, hex"), hex.clone().into_bytes()));
            forms.push((format!("{name}, upper hex"), hex.to_uppercase().into_bytes()));
            let percent: String = piece.bytes().map(|byte| format!("%{byte:02X}")).collect();
            forms.push((format!("{name}, percent"), percent.into_bytes()));
            let escaped: String = piece.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
            forms.push((format!("{name}, JSON escapes"), escaped.into_bytes()));
            let bytes: String = piece.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
            forms.push((format!("{name}, as a list of bytes"), bytes.into_bytes()));
            for shift in 0..3 {
                // Whole groups, so that what stands before and after does not matter.
                let groups = &value.as_bytes()[shift..shift + (value.len() - shift) / 3 * 3];
                let text = base64(&groups[9..groups.len() - 9]);
                forms.push((format!("{name}, base64"), text.clone().into_bytes()));
                let url_safe = text.replace('+', "-").replace('/', "_");
                forms.push((format!("{name}, URL-safe base64"), url_safe.into_bytes()));
            }
        }
        Self { forms }
    }

    /// The first form that is in there.
    pub fn found_in(&self, bytes: &[u8]) -> Option<&str> {
        let is_in = |needle: &[u8]| memchr::memmem::find(bytes, needle).is_some();
        self.forms.iter().find(|(_, needle)| is_in(needle)).map(|(name, _)| name.as_str())
    }
}

/// Of a whole number of groups of three.
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter = |bits: u32| char::from(LETTERS[(bits & 63) as usize]);
    bytes
        .chunks_exact(3)
        .flat_map(|group| {
            let bits = u32::from(group[0]) << 16 | u32::from(group[1]) << 8 | u32::from(group[2]);
            [letter(bits >> 18), letter(bits >> 12), letter(bits >> 6), letter(bits)]
        })
        .collect()
}

#[test]
fn every_form_is_found() {
    let value = "sk-ant-api03-R2D2abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP0123456789";
    let needles = Needles::of([("key", value)]);
    let escaped: String = value.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    for text in [value.to_owned(), format!("x{value}y"), escaped] {
        assert!(needles.found_in(text.as_bytes()).is_some(), "{text}");
    }
    for before in ["", "a", "ab", "abc"] {
        let text = format!("{before}{value}abc");
        let whole = text.len() / 3 * 3;
        assert!(needles.found_in(base64(&text.as_bytes()[..whole]).as_bytes()).is_some(), "{before}");
    }
    assert_eq!(needles.found_in(b"sk-ant-api03-R2D...6789 ab12cd34"), None);
}
