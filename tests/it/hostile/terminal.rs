//! Terminal escapes and megabytes in every field that somebody else fills in: what reaches a stream is there to be
//! read, has an end, and the verdict is right.

mod fields;
mod recorded;
mod surroundings;

use rotate::readable::is_readable;

use crate::lab::Ran;

/// More than anything says that was asked of these labs.
const LONGEST_BYTES: usize = 128 << 10;

/// The same, and that nothing foreign passes for a line of ours.
#[track_caller]
pub fn assert_fit(ran: &Ran, which: &str) {
    assert_readable(ran, which);
    for text in [&ran.stdout, &ran.stderr] {
        let is_forged =
            |line: &str| ["hint: curl", "  hint: curl"].iter().any(|forged| line.starts_with(forged));
        assert!(!text.lines().any(is_forged), "{which}: {text}");
    }
}

/// Fails the test where a stream holds what a terminal obeys, or has no end, or tells of a defect.
#[track_caller]
pub fn assert_readable(ran: &Ran, which: &str) {
    for text in [&ran.stdout, &ran.stderr] {
        let odd =
            text.chars().find(|character| !is_readable(*character) && !matches!(character, '\n' | '\t'));
        assert_eq!(odd, None, "{which}: {text:?}");
        assert!(text.len() < LONGEST_BYTES, "{which}: {} bytes, {}", text.len(), &text[..2000]);
        assert!(!text.contains("panicked"), "{which}: {text}");
    }
    assert!(![1, 101, -1].contains(&ran.code), "{which}: {ran:#?}");
}
