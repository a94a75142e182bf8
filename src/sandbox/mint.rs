//! Names and values in the shapes the documentation shows.

use super::random::Random;

const VALUE: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
const NAME: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz123456789";
const HEX: &[u8] = b"0123456789abcdef";

/// `sk-ant-api03-`, 93 random characters and `AA`: 108 characters, as real keys have.
pub(super) fn api_key_value(random: &mut Random) -> String {
    format!("sk-ant-api03-{}AA", random.text(VALUE, 93))
}

/// `sk-ant-admin01-`, 91 random characters and `AA`: 108 characters.
pub(super) fn admin_key_value(random: &mut Random) -> String {
    format!("sk-ant-admin01-{}AA", random.text(VALUE, 91))
}

/// An id such as `apikey_01Rj2N8SVvo6BePZj99NhmiT`.
pub(super) fn id(random: &mut Random, kind: &str) -> String {
    format!("{kind}_01{}", random.text(NAME, 22))
}

/// A random id in the form of a UUID, as organizations have.
pub(super) fn uuid(random: &mut Random) -> String {
    let mut part = |length| random.text(HEX, length);
    format!("{}-{}-4{}-8{}-{}", part(8), part(4), part(3), part(3), part(12))
}

/// `partial_key_hint`: the first 16 and the last 4 characters of an ASCII value.
pub(super) fn hint(value: &str) -> String {
    let first = value.get(..16).unwrap_or_default();
    let last = value.len().checked_sub(4).and_then(|start| value.get(start..)).unwrap_or_default();
    format!("{first}...{last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_names_have_the_documented_shape() {
        let random = &mut Random::new(1);
        let value = api_key_value(random);
        assert_eq!(value.len(), 108);
        assert!(value.starts_with("sk-ant-api03-") && value.ends_with("AA"));
        assert!(value.bytes().all(|byte| VALUE.contains(&byte)));
        assert_eq!(hint(&value), format!("{}...{}", &value[..16], &value[104..]));
        assert_eq!(admin_key_value(random).len(), 108);
        assert_eq!(id(random, "apikey").len(), "apikey_01Rj2N8SVvo6BePZj99NhmiT".len());
        assert_eq!(uuid(random).len(), 36);
    }

    #[test]
    fn one_seed_gives_one_sequence() {
        let sequence = |seed| api_key_value(&mut Random::new(seed));
        assert_eq!(sequence(7), sequence(7));
        assert_ne!(sequence(7), sequence(8));
    }
}
