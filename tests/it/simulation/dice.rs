//! Chance, drawn from a seed: the same seed throws the same dice for ever.

use crate::chance::Chance;

#[derive(Clone, Debug)]
pub struct Dice(Chance);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Chance::new(seed))
    }

    pub fn throw(&mut self) -> u64 {
        self.0.number()
    }

    /// From zero to `limit`, which is not reached.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.throw() % limit
    }

    /// True so many times in a thousand.
    pub fn chance(&mut self, in_a_thousand: u64) -> bool {
        self.below(1000) < in_a_thousand
    }

    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.0.below(choices.len())]
    }
}
