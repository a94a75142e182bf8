//! Dotenv files of every shape: what is changed is read back, and nothing else is changed.

use rotate::secret::Secret;
use rotate::target::dotenv::document::{check, edit, values};

use super::case;
use super::mutation::mutated;
use super::tally::{self, GENERATED};
use crate::proof;

const FILES: [&[u8]; 4] = [
    include_bytes!("corpus/plain.env"),
    include_bytes!("corpus/quoted.env"),
    include_bytes!("corpus/odd.env"),
    include_bytes!("corpus/windows.env"),
];

const WORDS: [&str; 22] = [
    "KEY=",
    "KEY",
    "OTHER=1",
    "export ",
    "=",
    "'",
    "\"",
    "`",
    "\\",
    "\\\\",
    "\\'",
    "#",
    " #",
    "\n",
    "\r",
    "\r\n",
    "\t",
    "$HOME",
    "\0",
    "\u{feff}",
    "KEY='",
    "\nKEY=x\n",
];

/// Plain, and with everything in it that some program takes for more than a letter.
const VALUES: [&str; 6] =
    ["sk-plain_value-1", "with$dollar", "back\\slash", "two\\\\and#hash", "ends\\", "a=b;c&d|e"];

/// The writer's: whatever the file, the value that was written is the value that is read.
#[test]
fn a_value_is_read_back_as_it_was_written_and_the_rest_stays() {
    let files = FILES.map(<[u8]>::to_vec);
    let mut edits = 0;
    let cases = case::run("dotenv", proof::size(80_000, 3_000_000), |random| {
        let before = mutated(random, &files, &WORDS);
        let text = *random.pick(&VALUES);
        let value = Secret::from_text(text.to_owned()).unwrap();
        let _ = values(&before, "KEY");
        let Ok(after) = edit(&before, "KEY", &value) else { return };
        edits += 1;
        check(&before, "KEY").expect("what can be changed passes the check");
        let held = values(&after, "KEY").unwrap();
        assert!(!held.is_empty() && held.iter().all(|held| held.as_slice() == text.as_bytes()));
        assert_eq!(edit(&after, "KEY", &value).unwrap(), after, "a second time");
        if let Ok(others) = values(&before, "OTHER") {
            assert_eq!(values(&after, "OTHER"), Ok(others), "another variable");
        }
        let plain = |text: &str| Secret::from_text(text.to_owned()).unwrap();
        let (one, two) = (plain("sk-one-1"), plain("sk-two-22"));
        // What would not be read back is refused, and some odd files are, with some values.
        if let (Ok(with_one), Ok(with_two)) = (edit(&before, "KEY", &one), edit(&before, "KEY", &two)) {
            assert_eq!(edit(&with_one, "KEY", &two), Ok(with_two), "nothing is left of the one before");
        }
    });
    assert!(edits > cases / 3, "{edits} of {cases} could be edited: the rest says little");
    tally::counted(GENERATED, cases);
}
