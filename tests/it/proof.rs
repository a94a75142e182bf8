//! How much a proof does, and the figures it reached.
//!
//! CI runs a bounded slice of each; `./scripts/prove` sets `ROTATE_PROVE=all` and runs everything.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Whether everything is to be run, and not the slice that fits into CI.
pub fn is_whole() -> bool {
    std::env::var_os("ROTATE_PROVE").is_some_and(|wanted| wanted == "all")
}

/// The size of a proof: the slice's, or the whole one's.
pub fn size(slice: usize, whole: usize) -> usize {
    if is_whole() { whole } else { slice }
}

/// Writes down what a proof reached, as one row for docs/reliability.md: what was done in a few words, with the
/// numbers that were counted in this run. Called once, after everything was asserted.
pub fn reached(proof: &str, figure: &str) {
    assert!(!figure.contains(['|', '\n']), "a figure is one cell of a table: {figure}");
    println!("{proof}: {figure}");
    if is_whole() {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("proofs");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(format!("{proof}.txt")), format!("{figure}\n")).unwrap();
    }
}

/// Does something with each, two at a time: as many as the machine that CI runs on has cores.
pub fn side_by_side<T: Sync>(all: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::SeqCst)) {
                    work(one);
                }
            });
        }
    });
}

/// A whole number as people read it: 1,234,567.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
