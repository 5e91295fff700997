//! A short run of a target on a stable compiler: seeds that are right, changed at random in a way that repeats.

use proptest::{
    collection::vec,
    prelude::*,
    sample::Index,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

/// Inputs of one target.
const CASES: u32 = 2_000;

#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Word(Index, Index),
    Remove(Index, usize),
    Repeat(Index, Index, usize),
    Rest(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), at()).prop_map(|(at, word)| Change::Word(at, word)),
        (at(), 1..200_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        (at(), at(), 1..200_usize).prop_map(|(from, to, length)| Change::Repeat(from, to, length)),
        (at(), at()).prop_map(|(at, seed)| Change::Rest(at, seed)),
    ]
}

/// Runs `target` on each seed, and on seeds with up to eight changes; `words` are what the format is made of.
pub(crate) fn run(seeds: &[Vec<u8>], words: &[&str], target: fn(&[u8])) {
    assert!(!seeds.is_empty(), "there are no seeds");
    for seed in seeds {
        target(seed);
    }
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let inputs = (any::<Index>(), vec(change(), 1..8)).prop_map(|(seed, changes)| {
        let mut input = seed.get(seeds).clone();
        for change in changes {
            apply(&mut input, &change, seeds, words);
        }
        input
    });
    let ended = runner.run(&inputs, |input| {
        target(&input);
        Ok(())
    });
    if let Err(error) = ended {
        panic!("{error}");
    }
}

fn apply(input: &mut Vec<u8>, change: &Change, seeds: &[Vec<u8>], words: &[&str]) {
    let place = |at: &Index| at.index(input.len() + 1);
    match change {
        Change::Set(at, byte) => {
            let at = place(at);
            input.splice(at..(at + 1).min(input.len()), [*byte]);
        }
        Change::Word(at, word) => {
            let at = place(at);
            input.splice(at..at, word.get(words).bytes());
        }
        Change::Remove(at, length) => {
            let at = place(at);
            input.drain(at..(at + length).min(input.len()));
        }
        Change::Repeat(from, to, length) => {
            let (from, to) = (place(from), place(to));
            let piece = input[from..(from + length).min(input.len())].to_vec();
            input.splice(to..to, piece);
        }
        Change::Rest(at, seed) => {
            let at = place(at);
            let other = seed.get(seeds);
            input.truncate(at);
            input.extend_from_slice(&other[at.min(other.len())..]);
        }
    }
}
