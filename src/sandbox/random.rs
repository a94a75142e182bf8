//! A small seeded generator, for the sandbox only: the same seed gives the same keys and faults.

/// SplitMix64 (Steele, Lea, Flood 2014). Predictable: fit for nothing that must stay secret.
#[derive(Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in `0.0..1.0`.
    pub(super) fn fraction(&mut self) -> f64 {
        // 53 bits: as many as an f64 holds exactly
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Characters drawn from a non-empty ASCII alphabet.
    pub(super) fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        let size = alphabet.len().max(1) as u64;
        (0..length)
            .filter_map(|_| alphabet.get((self.next() % size) as usize))
            .map(|&character| char::from(character))
            .collect()
    }
}
