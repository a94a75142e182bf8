//! Large things by small numbers. A situation holds the numbers, so it is compared, hashed and copied in no time; and what
//! was worked out once from the same numbers is looked up.

use std::collections::HashMap;
use std::fmt::{Debug, Write};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::sync::{Arc, RwLock};

/// One copy of everything that was ever put here.
pub struct Shelf<T> {
    inner: RwLock<Inner<T>>,
}

struct Inner<T> {
    things: Vec<Arc<T>>,
    numbers: HashMap<u64, u32>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { inner: RwLock::new(Inner { things: Vec::new(), numbers: HashMap::new() }) }
    }
}

impl<T: Debug + Eq> Shelf<T> {
    /// The number of a thing: the same for equal ones.
    pub fn put(&self, thing: T) -> u32 {
        let hash = hash_of(&thing);
        let mut inner = self.inner.write().unwrap();
        if let Some(number) = inner.numbers.get(&hash).copied() {
            assert_eq!(*inner.things[number as usize], thing, "two things with one hash");
            return number;
        }
        let number = u32::try_from(inner.things.len()).unwrap();
        inner.numbers.insert(hash, number);
        inner.things.push(Arc::new(thing));
        number
    }

    pub fn get(&self, number: u32) -> Arc<T> {
        Arc::clone(&self.inner.read().unwrap().things[number as usize])
    }

    pub fn all(&self) -> Vec<Arc<T>> {
        self.inner.read().unwrap().things.clone()
    }
}

/// The types of the core have no hash; their descriptions tell everything.
fn hash_of(thing: &impl Debug) -> u64 {
    let mut writer = HashWriter(DefaultHasher::new());
    write!(writer, "{thing:?}").unwrap();
    writer.0.finish()
}

struct HashWriter(DefaultHasher);

impl Write for HashWriter {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

/// What was worked out before.
pub struct Memory<K, V> {
    shards: [RwLock<HashMap<K, V>>; 16],
}

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| RwLock::new(HashMap::new())) }
    }
}

impl<K: Eq + Hash, V: Copy> Memory<K, V> {
    pub fn of(&self, key: K, work_out: impl FnOnce() -> V) -> V {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(&key);
        let shard = &self.shards[(hash >> 60) as usize];
        if let Some(known) = shard.read().unwrap().get(&key) {
            return *known;
        }
        let value = work_out();
        shard.write().unwrap().insert(key, value);
        value
    }
}
