//! Query strings.

use std::ops::RangeInclusive;

use super::answer::Refusal;

/// The decoded parameters of one request.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Decodes `raw`; a name that ends in `[]` may come more than once.
    ///
    /// # Errors
    /// 400 for a name that is not among `known` (a mistyped filter must not go unnoticed), for one
    /// given twice, and for text that does not decode.
    pub(super) fn parse(raw: Option<&str>, known: &[&str]) -> Result<Self, Refusal> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for part in raw.unwrap_or_default().split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if !known.contains(&name.as_str()) {
                return Err(Refusal::invalid(format!("{name}: Extra inputs are not permitted")));
            }
            if !name.ends_with("[]") && pairs.iter().any(|(earlier, _)| *earlier == name) {
                return Err(Refusal::invalid(format!("{name}: given more than once")));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// `limit`, or its default.
    ///
    /// # Errors
    /// 400 for anything that is not a number in the range.
    pub(super) fn limit(&self, default: usize, range: RangeInclusive<usize>) -> Result<usize, Refusal> {
        let Some(text) = self.one("limit") else { return Ok(default) };
        text.parse().ok().filter(|limit| range.contains(limit)).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            Refusal::invalid(format!("limit: Input should be a number from {least} to {most}"))
        })
    }
}

fn decode(text: &str) -> Result<String, Refusal> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next())
                .zip(hex(rest.next()))
                .map(|(high, low)| high << 4 | low)
                .ok_or_else(undecodable)?,
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| undecodable())
}

fn hex(digit: Option<u8>) -> Option<u8> {
    char::from(digit?).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn undecodable() -> Refusal {
    Refusal::invalid("the query string does not decode")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_decode_or_are_refused() {
        let query = Query::parse(Some("a%5B%5D=1&a[]=x+%c3%a9&b"), &["a[]", "b"]).unwrap();
        assert_eq!(query.all("a[]").collect::<Vec<_>>(), ["1", "x é"]);
        assert_eq!(query.one("b"), Some(""));
        for bad in ["c=1", "b=1&b=2", "b=%", "b=%f", "b=%+1", "b=%ff", "b=%zz"] {
            assert!(Query::parse(Some(bad), &["a[]", "b"]).is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_are_numbers_in_range() {
        let limit = |raw| Query::parse(Some(raw), &["limit"]).unwrap().limit(20, 1..=1000);
        assert_eq!(limit("").unwrap(), 20);
        assert_eq!(limit("limit=1000").unwrap(), 1000);
        for bad in ["limit=0", "limit=1001", "limit=", "limit=-1", "limit=x"] {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }
}
