//! Every fault at every writing call.

use tests::github::{Fault, GitHub, When};

use crate::basic::QUICKFIX_DONE;
use crate::harness::{hello, mutations, run, seen, typo, wish};

/// Every fault at every writing call of a run, and the same task once more: in the end all is as if nothing had happened.
#[test]
fn a_fault_at_any_call_leaves_nothing_twice_and_nothing_out() {
    let writes = {
        let github = GitHub::start(typo(hello(), &["ai-help", "quickfix"]));
        run(&github, &wish(&github, "quickfix", "dev1"), &[]);
        mutations(&github).len()
    };
    let cases: Vec<(usize, Fault)> =
        (1..=writes).flat_map(|n| Fault::ALL.into_iter().map(move |fault| (n, fault))).collect();
    let failures: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let mine: Vec<_> = cases.iter().copied().skip(worker).step_by(4).collect();
                scope.spawn(move || {
                    mine.into_iter().filter_map(|(n, fault)| survives(n, fault)).collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

/// What is wrong after a fault at the n-th write and a second delivery; `None` if all is well.
fn survives(n: usize, fault: Fault) -> Option<String> {
    let github = GitHub::start(typo(hello(), &["ai-help", "quickfix"]));
    github.fault(When::Mutation(n), fault);
    let task = wish(&github, "quickfix", "dev1");
    let mut ends = Vec::new();
    for _ in 0..3 {
        let ended = run(&github, &task, &[]);
        ends.push(ended.status);
        if ended.status == Some(0) {
            break;
        }
    }
    let wrong = seen(&github) != QUICKFIX_DONE || ends.last() != Some(&Some(0));
    let report = wrong.then(|| {
        format!("write {n}, {fault:?}: {ends:?}\n{}\n{}", github.journal().summary(), seen(&github))
    });
    let violations = github.take_violations();
    report.or_else(|| (!violations.is_empty()).then(|| format!("write {n}, {fault:?}: {violations:?}")))
}
