//! The tokens that messages used: by minute, key and model.

use std::collections::BTreeMap;
use std::ops::{AddAssign, Range};

use jiff::Timestamp;

/// The tokens of one message, or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) input: u64,
    pub(super) output: u64,
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
    }
}

/// What was used in one minute by one key of one model.
pub(super) struct Entry<'u> {
    pub(super) minute_start_seconds: i64,
    pub(super) key_index: usize,
    pub(super) model: &'u str,
    pub(super) tokens: Tokens,
}

/// All use since the start.
#[derive(Clone, Default)]
pub(super) struct Usage {
    /// By the second each minute starts, then by the indices of key and model.
    minutes: BTreeMap<i64, BTreeMap<(usize, usize), Tokens>>,
    models: Vec<String>,
}

impl Usage {
    pub(super) fn record(&mut self, now: Timestamp, key_index: usize, model: &str, tokens: Tokens) {
        let model_index = self.models.iter().position(|known| known == model).unwrap_or_else(|| {
            self.models.push(model.to_owned());
            self.models.len() - 1
        });
        let minute = now.as_second() - now.as_second().rem_euclid(60);
        *self.minutes.entry(minute).or_default().entry((key_index, model_index)).or_default() += tokens;
    }

    /// What was used in the minutes that start in `seconds`.
    pub(super) fn entries(&self, seconds: Range<i64>) -> impl Iterator<Item = Entry<'_>> {
        // an empty range is fine, a reversed one would panic
        let end = seconds.end.max(seconds.start);
        self.minutes.range(seconds.start..end).flat_map(move |(&minute_start_seconds, uses)| {
            uses.iter().map(move |(&(key_index, model_index), &tokens)| Entry {
                minute_start_seconds,
                key_index,
                model: self.models.get(model_index).map_or("", String::as_str),
                tokens,
            })
        })
    }
}
