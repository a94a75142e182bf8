//! Sixty-four processes with mixed commands at one key, started together, some of them killed, round after round.
//!
//! After every round: no update was lost (the journal, done again entry by entry, adds up to the state on disk), the
//! chain of the journal holds, no key was revoked twice but where a kill took the outcome of the first time, the locks
//! are free, no more is left behind than was killed, and one operator comes to rest. All the while a consumer asks
//! for the key and finds it accepted.

mod crowd;
mod ledger;
mod operator;
mod planted;
mod round;

use crate::chance::Chance;
use crate::proof;
use crowd::Kind;
use round::{Arena, Sums};

/// The seed of every draw: who comes, who is killed and when. How the processes meet is the machine's.
const SEED: u64 = 20_260_301;

const CROWD: usize = 64;

/// So many rounds go on with the same key and its history; then another key begins.
const ROUNDS_OF_A_KEY: usize = 50;

#[test]
fn nothing_is_lost_or_done_twice_in_a_crowd() {
    let rounds = proof::size(12, 1000);
    let mut dice = Chance::new(SEED);
    let mut sums = Sums::default();
    let mut arena = Arena::new();
    for round in 0..rounds {
        if round > 0 && round % ROUNDS_OF_A_KEY == 0 {
            arena = Arena::new();
            println!("{round} of {rounds} rounds are over: {}", sums.figure(round, CROWD));
        }
        let kind = match dice.below(8) {
            0..=3 => Kind::Usual,
            4..=6 => Kind::Emergency,
            _ => Kind::Outage,
        };
        let found = arena.round(CROWD, kind, round, &mut dice);
        found
            .unwrap_or_else(|fault| panic!("{fault}\nin round {round} ({kind:?}, seed {SEED})"))
            .add_to(&mut sums);
    }
    sums.assert_worth_it(rounds);
    proof::reached("races", &sums.figure(rounds, CROWD));
}
