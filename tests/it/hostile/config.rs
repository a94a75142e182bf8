//! rotate.toml of every shape: refused with a place and a remedy, or it holds together.

use rotate::config::{Environment, Scope, load};
use rotate::exit::ExitCode;

use super::case;
use super::mutation::{Random, mutated};
use super::tally::{self, GENERATED};
use crate::proof;

const FILES: [&[u8]; 2] = [include_bytes!("corpus/rotate.toml"), include_bytes!("corpus/aws.toml")];

const WORDS: [&str; 30] = [
    "[keys.prod]\n",
    "[[keys.prod.targets]]\n",
    "[keys.\"\u{202e}\"]\n",
    "[keys.Prod]\n",
    "[defaults]\n",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'''",
    "\"\"\"",
    "=",
    ".",
    ",",
    "#",
    "\n",
    "\\u0000",
    "\\",
    "\0",
    "grace = \"1s\"\n",
    "grace = \"99999999999999d\"\n",
    "probe_attempts = -1\n",
    "slots = { type = \"env\" }\n",
    "state = \"~/x\"\n",
    "\"-5m\"",
    "\"1e9d\"",
    "type = \"file\"\n",
    "admin_key = \"command:\"\n",
    "1979-05-27T07:32:00Z",
];

#[test]
fn a_configuration_holds_together_or_is_refused_with_a_remedy() {
    let files = FILES.map(<[u8]>::to_vec);
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().to_owned();
    let environment =
        Environment::new(home.clone(), move |name| (name == "HOME").then(|| home.clone().into()));
    let path = directory.path().join("rotate.toml");
    for file in &files {
        std::fs::write(&path, file).unwrap();
        load(&path, Scope::Text, None, &environment).expect("an example is right as it is");
    }
    let mut loaded = 0;
    let cases = case::run("configuration", proof::size(20_000, 200_000), |random| {
        let text = if random.one_in(3) { lines(random, &files) } else { mutated(random, &files, &WORDS) };
        std::fs::write(&path, text).unwrap();
        let scope = *random.pick(&[Scope::Text, Scope::Everything, Scope::OnlyKey("prod")]);
        match load(&path, scope, None, &environment) {
            Ok(config) => {
                loaded += 1;
                assert!(!config.keys.is_empty());
                for (name, key) in &config.keys {
                    assert_eq!(name, &key.name);
                    assert!(matches!(scope, Scope::OnlyKey(_)) || key.grace > key.grace_floor());
                }
            }
            Err(failure) => {
                assert!(matches!(failure.exit, ExitCode::Configuration | ExitCode::Usage), "{failure:?}");
                assert!(!failure.hint.is_empty() && failure.message.len() < 4096, "{failure:?}");
            }
        }
    });
    assert!(loaded > cases / 20, "{loaded} of {cases} were loaded: the rest says little");
    tally::counted(GENERATED, cases);
}

/// Lines of the examples left out, doubled, moved and exchanged.
fn lines(random: &mut Random, files: &[Vec<u8>]) -> Vec<u8> {
    let all: Vec<Vec<&[u8]>> =
        files.iter().map(|file| file.split_inclusive(|byte| *byte == b'\n').collect()).collect();
    let mut lines = random.pick(&all).clone();
    for _ in 0..=random.below(3) {
        let (at, other) = (random.below(lines.len()), random.below(lines.len()));
        match random.below(4) {
            0 if lines.len() > 1 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[other]),
            2 => lines.swap(at, other),
            _ => {
                let file = random.pick(&all);
                lines[at] = file[random.below(file.len())];
            }
        }
    }
    lines.concat()
}
