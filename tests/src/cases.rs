//! A *table of cases*: all of them are checked, some at a time, and those that fail are told together.

use std::sync::atomic::{AtomicUsize, Ordering};

/// One fault of so many is tried at each writing call in the gate, and one kill of so many, by turns.
pub const FAULTS_BY_TURNS: usize = 5;
pub const KILLS_BY_TURNS: usize = 2;

/// Whether a case belongs to the part of a matrix that is tried: one of so many, by turns, or all of it where the environment
/// has `FAULTS=all`.
pub fn is_tried(case: usize, one_of: usize) -> bool {
    case.is_multiple_of(one_of) || std::env::var("FAULTS").is_ok_and(|value| value == "all")
}

/// Checks every case of a table, a few at a time, and panics with all that failed.
///
/// `CASE=N` in the environment checks the N-th alone.
pub fn check_all<C: Sync>(cases: &[C], check: impl Fn(&C) -> Result<(), String> + Sync) {
    const AT_A_TIME: usize = 8;
    let only = std::env::var("CASE").ok().map(|number| number.parse().expect("CASE is a number"));
    let numbered = (1..).zip(cases).filter(|(number, _)| only.is_none_or(|only: usize| only == *number));
    let numbered: Vec<(usize, &C)> = numbered.collect();
    assert!(!numbered.is_empty(), "none of {} cases is checked", cases.len());
    let next = AtomicUsize::new(0);
    let mut failures: Vec<(usize, String)> = std::thread::scope(|scope| {
        let work = || {
            let mine = std::iter::from_fn(|| numbered.get(next.fetch_add(1, Ordering::Relaxed)));
            mine.filter_map(|(number, case)| Some((*number, check(case).err()?))).collect::<Vec<_>>()
        };
        let workers: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("a case panics with its failure"))
            .collect()
    });
    failures.sort();
    let told = failures.iter().map(|(number, failure)| format!("\n\nCASE={number} {failure}"));
    let told: String = told.collect();
    assert!(failures.is_empty(), "{} of {} cases:{told}", failures.len(), numbered.len());
}
