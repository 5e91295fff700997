//! Every *odd answer* at every call of a run, given once, and then all is well: the run ends as if nothing had happened, in
//! one attempt, with the one answer of the model. What is final stays final.
//!
//! Answers of one class mean the same to a client. The gate tries a `quickfix`, and of each class the next one at each call;
//! `ODD_ANSWERS=all` in the environment tries all of them in every mode, `ODD_ANSWERS=fix` in that one (the names are those of
//! [`Mode`], in small letters), and `CASE=N` the N-th case alone.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;
use tests::github::{Effect, Fault, Refused, When};

use crate::faults::{Mode, Usual, settings, stage, usual};
use crate::harness::{Story, check_all, seen};

type Class = &'static [Fault];

const LOST: Class = &[Fault::DropBefore, Fault::BadGateway, Fault::Empty, Fault::Refused(Refused::Page)];
const LIMITED: Class = &[Fault::Refused(Refused::Abuse), Fault::Refused(Refused::SecondaryLimit)];
/// Each of these is believed when it is said twice, so each has its own way on at each call.
const DOUBTFUL: [Class; 3] = [
    &[Fault::Refused(Refused::BadCredentials)],
    &[Fault::Refused(Refused::NotFound)],
    &[Fault::Refused(Refused::Conflict)],
];
const INVALID: Class = &[Fault::Refused(Refused::Invalid)];
const NOT_YET: Class = &[
    Fault::Refused(Refused::NodeNotSeen),
    Fault::Refused(Refused::HeadInvalid),
    Fault::Refused(Refused::NoCommitsBetween),
    Fault::Refused(Refused::TooQuickly),
];
const DONE_BUT_LOST: Class = &[Fault::DropAfter, Fault::EmptyAfter];

const fn graphql(kind: Option<&'static str>, message: &'static str) -> Fault {
    Fault::Graphql { kind, message }
}

/// A call of GraphQL is answered with 200, and then these.
const GRAPHQL_LOST: Class = &[
    graphql(Some("RESOURCE_LIMITS_EXCEEDED"), "Resource limits for this query exceeded."),
    graphql(Some("INTERNAL"), "Internal server error"),
    graphql(Some("SERVICE_UNAVAILABLE"), "Service unavailable"),
    graphql(
        None,
        "We couldn't respond to your request in time. Sorry about that. Please try resubmitting your request.",
    ),
    graphql(None, "Timeout while executing the query"),
    Fault::Unexplained,
];
const GRAPHQL: [Class; 3] = [
    &[graphql(Some("NOT_FOUND"), "Could not resolve to a node with the global id of 'PR_kwDOCB8ND85gTAiS'.")],
    &[graphql(Some("NOT_FOUND"), "The branch was not found.")],
    &[Fault::GraphqlLimit { reset_in: 1 }],
];
const MUTATION: [Class; 3] = [
    &[Fault::UnexplainedAfter],
    &[graphql(Some("STALE_DATA"), "Expected branch to point to another commit.")],
    &[graphql(Some("UNPROCESSABLE"), "A problem occurred.")],
];

/// The git server knows no GraphQL and no JSON.
const GIT: [Class; 3] = [
    &[Fault::DropBefore, Fault::BadGateway],
    &[Fault::Refused(Refused::BadCredentials)],
    &[Fault::Refused(Refused::NotFound)],
];

/// The classes of answers that a call can meet.
fn classes(operation: &str, effect: Effect) -> Vec<Class> {
    if operation.starts_with("git:") {
        return GIT.to_vec();
    }
    let mut classes = vec![LOST, LIMITED];
    classes.extend(DOUBTFUL);
    match (operation.starts_with("graphql:"), effect) {
        (true, Effect::Read) => classes.extend(GRAPHQL),
        (true, Effect::Mutation) => classes.extend([GRAPHQL, MUTATION].concat()),
        (false, Effect::Read) => {}
        (false, Effect::Mutation) => classes.extend([INVALID, NOT_YET, DONE_BUT_LOST]),
    }
    if operation.starts_with("graphql:") {
        classes.push(GRAPHQL_LOST);
    }
    classes
}

/// How much of it is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Of each class the next one at each call.
    Gate,
    All,
}

/// One odd answer, to the n-th call of an operation in a run.
struct Case {
    operation: String,
    nth: usize,
    fault: Fault,
}

/// Time for a call of a machine with much to do, and little patience with faults.
const UNHURRIED: &[(&str, &str)] = &[("AGENT_GITHUB_MAX_WAIT", "6s"), ("AGENT_GITHUB_TIMEOUT", "1min")];

/// The settings of the runs of a mode, with that time.
fn unhurried(mode: Mode) -> Vec<(&'static str, &'static str)> {
    [settings(mode), UNHURRIED].concat()
}

fn cases(mode: Mode, extent: Extent) -> Vec<Case> {
    let (story, task) = stage(mode);
    let before = story.github.journal().calls.len();
    let ended = story.run_with(&task, &unhurried(mode));
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    let calls = story.github.journal().calls.split_off(before);
    let mut cases = Vec::new();
    let mut counted: HashMap<String, usize> = HashMap::new();
    for (number, call) in (1..).zip(calls) {
        let nth = counted.entry(call.operation.clone()).or_default();
        *nth += 1;
        for class in classes(&call.operation, call.effect) {
            let tried = match extent {
                Extent::Gate => std::slice::from_ref(&class[number % class.len()]),
                Extent::All => class,
            };
            let operation = || call.operation.clone();
            cases.extend(tried.iter().map(|fault| Case { operation: operation(), nth: *nth, fault: *fault }));
        }
    }
    cases
}

/// How much is tried, in which modes; in the gate in these.
fn tried(gate: &[Mode]) -> (Extent, Vec<Mode>) {
    let (extent, modes): (_, Vec<Mode>) = match std::env::var("ODD_ANSWERS").as_deref() {
        Ok("all") => (Extent::All, Mode::ALL.to_vec()),
        Ok(name) => {
            let named = |mode: &Mode| format!("{mode:?}").eq_ignore_ascii_case(name);
            (Extent::All, Mode::ALL.into_iter().filter(named).collect())
        }
        Err(_) => (Extent::Gate, gate.to_vec()),
    };
    let names = Mode::ALL.map(|mode| format!("{mode:?}").to_lowercase()).join(", ");
    assert!(!modes.is_empty(), "ODD_ANSWERS is `all` or one of: {names}");
    (extent, modes)
}

#[test]
fn an_odd_answer_that_comes_once_changes_nothing() {
    let (extent, modes) = tried(&[Mode::QuickFix]);
    for mode in modes {
        let usual = usual(mode);
        check_all(&cases(mode, extent), |Case { operation, nth, fault }| {
            let (story, task) = stage(mode);
            story.github.fault(When::nth(operation, *nth), *fault);
            let ended = story.run_with(&task, &unhurried(mode));
            // How often the progress is shown hangs on the time: the last call may not have come.
            story.github.recover();
            let right = ended.status == Some(0)
                && seen(&story.github) == usual.page
                && story.asked().len() == usual.asked
                && story.github.take_violations().is_empty();
            right
                .then_some(())
                .ok_or_else(|| format!("{mode:?}, {operation}, {fault:?}: {}", story.told(&ended)))
        });
    }
}

/// What a run made a moment ago may not be seen everywhere, also when it is looked for a second time.
#[test]
fn what_was_just_made_may_be_missed_twice_in_a_row() {
    let not_found = Fault::Refused(Refused::NotFound);
    let no_branch = graphql(Some("NOT_FOUND"), "The branch was not found.");
    // On the pull request, or anywhere.
    let cases = [
        (Mode::QuickFix, "issues/add-labels", "/2/", not_found),
        (Mode::QuickFix, "pulls/request-reviewers", "/2/", not_found),
        (Mode::Plan, "issues/create-comment", "/2/", not_found),
        (Mode::Revise, "graphql:updateRefs", "", no_branch),
    ];
    check_all(&cases, |(mode, operation, at, fault)| {
        let (story, task) = stage(*mode);
        // So that a revision has to move the branch.
        if *mode == Mode::Revise {
            story.github.now(|state| {
                state.first().push_file("dev1", "main", "b.txt", "b\n");
            });
        }
        let (operation, at) = (*operation, *at);
        let before = story.github.journal().count(operation);
        for _ in 0..2 {
            let when = When::matching(move |call| call.operation == operation && call.path.contains(at));
            story.github.fault(when, *fault);
        }
        let ended = story.run_with(&task, UNHURRIED);
        let right = ended.status == Some(0)
            && story.github.journal().count(operation) >= before + 3
            && !story.answer(1).contains("This is left for you");
        right.then_some(()).ok_or_else(|| format!("{mode:?}, {operation}: {}", story.told(&ended)))
    });
}

/// What is said twice, or names a permission, a repository that cannot be written, or an issue that is gone, is believed at
/// once: nobody waits for it, and nothing is done twice.
#[test]
fn what_is_final_stays_final() {
    let cases = [
        ("issues/create-comment", Refused::Permission, 2, "does not allow POST", 1),
        ("issues/create-comment", Refused::Archived, 2, "Repository was archived so is read-only.", 1),
        ("issues/create-comment", Refused::Blocked, 2, "Repository access blocked", 1),
        ("git/create-ref", Refused::BadCredentials, 2, "does not accept the credentials for POST", 2),
        ("git/create-ref", Refused::Gone, 2, "This issue was deleted", 1),
        ("git/create-ref", Refused::NotFound, 2, "finds nothing for POST", 2),
        ("git/create-ref", Refused::Invalid, 0, "", 2),
    ];
    check_all(&cases, |(operation, refused, status, stderr, times)| {
        let (story, task) = stage(Mode::QuickFix);
        story.github.fault(When::every(operation), Fault::Refused(*refused));
        let ended = story.run_with(&task, UNHURRIED);
        let tried = story.github.journal().count(operation);
        // The last words are a comment as well.
        let tried = if *operation == "issues/create-comment" { tried.div_ceil(2) } else { tried };
        let right = ended.status == Some(*status)
            && ended.stderr.contains(stderr)
            && tried == *times
            && !seen(&story.github).contains("pull #2");
        right.then_some(()).ok_or_else(|| format!("{operation}, {refused:?}: {}", story.told(&ended)))
    });
}

/// A query of a run: its operation, its number among the calls of that, and its text.
type Query = (String, usize, String);

/// The queries of a run without trouble.
fn queries(mode: Mode) -> Vec<Query> {
    let (story, task) = stage(mode);
    let before = story.github.journal().calls.len();
    let ended = story.run_with(&task, &unhurried(mode));
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    let mut counted: HashMap<String, usize> = HashMap::new();
    let calls = story.github.journal().calls.split_off(before).into_iter();
    let queries = calls.filter(|call| call.operation.starts_with("graphql:")).map(|call| {
        let nth = counted.entry(call.operation.clone()).or_default();
        *nth += 1;
        let request: Value = serde_json::from_slice(&call.body).unwrap();
        (call.operation, *nth, request["query"].as_str().unwrap().to_owned())
    });
    queries.collect()
}

/// Of the queries that a quick fix does not make, one value of so many is tried in the gate.
const NULLS_BY_TURNS: usize = 4;

/// What is not there if it is null, so that a run may end with nothing done, or with an explanation: a pull request without an author
/// is not the agent's.
const ABSENT: [&str; 6] =
    ["/repository", "/issue", "/pullRequest", "/pullRequest/author", "/defaultBranchRef", "/target"];

/// What GitHub's schema allows to be null is null once in a while: where that says that there is nothing, nothing is done;
/// else the run goes on. In the gate each query is tried in the first mode that makes it.
#[test]
fn what_the_schema_allows_to_be_null_ends_no_run() {
    let (extent, modes) = tried(&Mode::ALL);
    let mut known = HashSet::new();
    let mut cases: Vec<(Mode, Arc<Usual>, Query)> = Vec::new();
    for mode in modes {
        let is_tried = |(_, _, text): &Query| known.insert(text.clone()) || extent == Extent::All;
        let tried: Vec<Query> = queries(mode).into_iter().filter(is_tried).collect();
        if !tried.is_empty() {
            let usual = Arc::new(usual(mode));
            cases.extend(tried.into_iter().map(|query| (mode, Arc::clone(&usual), query)));
        }
    }
    check_all(&cases, |(mode, usual, (operation, call, _))| {
        let is_whole = extent == Extent::All || *mode == Mode::QuickFix;
        for nth in (0..).step_by(if is_whole { 1 } else { NULLS_BY_TURNS }) {
            let (story, task) = stage(*mode);
            story.github.fault(When::nth(operation, *call), Fault::Null(nth));
            let ended = story.run_with(&task, &unhurried(*mode));
            story.github.recover();
            let Some(pointer) = story.github.take_nulled() else { break };
            let is_absence = ABSENT.iter().any(|end| pointer.ends_with(end));
            let as_usual = ended.status == Some(0) && seen(&story.github) == usual.page;
            let understood =
                !ended.stderr.contains("that was expected") && !ended.stderr.contains("panicked");
            if !(as_usual || is_absence && understood) {
                return Err(format!("{mode:?}, {operation}, null at {pointer}: {}", story.told(&ended)));
            }
        }
        Ok(())
    });
}

/// What cannot be set around a pull request that is there is left to a person, in a line.
#[test]
fn what_comes_after_the_pull_request_is_no_failure() {
    let cases = [
        ("issues/add-labels", Refused::Label, "set the labels"),
        ("issues/add-labels", Refused::Permission, "set the labels"),
        ("issues/remove-label", Refused::Permission, "set the labels of this issue"),
        ("pulls/request-reviewers", Refused::Permission, "ask for the review"),
        ("pulls/request-reviewers", Refused::NotFound, "ask for the review"),
    ];
    check_all(&cases, |(operation, refused, line)| {
        let (story, task) = stage(Mode::QuickFix);
        story.github.fault(When::every(operation), Fault::Refused(*refused));
        let ended = story.run_with(&task, UNHURRIED);
        let answer = story.answer(1);
        let right = ended.status == Some(0)
            && answer.starts_with("**Done**: #2 ([diff](/octo/hello/pull/2/files)) is ready for review.\n\nThis is left for you:\n\n- ")
            && answer.contains(line)
            && story.asked().len() == 1;
        right.then_some(()).ok_or_else(|| format!("{operation}, {refused:?}: {}", story.told(&ended)))
    });
}

/// The last words find a place on the pull request when the issue is locked meanwhile.
#[test]
fn an_issue_that_is_locked_in_the_middle_is_answered_on_its_pull_request() {
    let (story, task) = stage(Mode::QuickFix);
    story.github.on_call(When::next("pulls/create"), |state| state.first().lock(1));
    let ended = story.run_with(&task, UNHURRIED);
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    let answer = story.answer(2);
    assert!(
        answer.starts_with("**Done**: #2 ([diff](/octo/hello/pull/2/files)) is ready for review."),
        "{}",
        story.told(&ended)
    );
    assert_eq!(story.labels(1), "ai-done ai-help");
}

/// An issue that is full of labels gets its words; when there is room again, its label.
#[test]
fn an_issue_with_a_hundred_labels_is_done_all_the_same() {
    for (others, label) in [(99, ""), (98, "ai-done ")] {
        let (story, task) = stage(Mode::QuickFix);
        story.github.now(|state| {
            for number in 0..others {
                state.first().label("dev1", 1, &format!("other-{number}"));
            }
        });
        let ended = story.run_with(&task, UNHURRIED);
        assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
        let answer = story.answer(1);
        assert!(
            answer.starts_with("**Done**: #2 ([diff](/octo/hello/pull/2/files)) is ready for review."),
            "{answer}"
        );
        let left = "- set the labels of this issue: GitHub finds POST";
        assert_eq!(answer.contains(left), label.is_empty(), "{answer}");
        assert!(story.labels(1).starts_with(&format!("{label}ai-help other-0 ")), "{}", story.labels(1));
    }
}

/// A draft whose plan did not get there, and a pull request whose run ended before its end: `/retry` completes both, and
/// the model is not asked again.
#[test]
fn a_retry_completes_what_is_there() {
    type Happen = fn(&Story);
    let cases: [(Mode, Happen, &str); 2] = [
        (
            Mode::Plan,
            |story| {
                let refused = Fault::Refused(Refused::Permission);
                story.github.fault(When::nth("issues/create-comment", 2), refused);
            },
            "ai-help plan-pending",
        ),
        (
            Mode::QuickFix,
            |story| {
                story.github.fault(When::next("pulls/create"), Fault::DropAfter);
                story.github.fault(When::every("pulls/list"), Fault::Refused(Refused::Permission));
            },
            "ai-done ai-help",
        ),
    ];
    check_all(&cases, |(mode, happen, labels)| {
        let (story, mut task) = stage(*mode);
        happen(&story);
        let failed = story.run_with(&task, UNHURRIED);
        if failed.status != Some(2) || !story.answer(1).starts_with("**Could not be done.**") {
            return Err(format!("{mode:?} did not fail: {}", story.told(&failed)));
        }
        story.github.recover();
        task["delivery_id"] = "retry-1".into();
        let again = story.run_with(&task, UNHURRIED);
        let right = again.status == Some(0)
            && story.labels(1) == *labels
            && story.asked().len() == 1
            && story.github.journal().count("pulls/create") == 1;
        if !right {
            return Err(format!("{mode:?}: {}", story.told(&again)));
        }
        // What got to its end stays as it is.
        task["delivery_id"] = "retry-2".into();
        let once_more = story.run_with(&task, UNHURRIED);
        let refused =
            story.answer(1).starts_with("**Could not be done.** #2 is open for this issue already.");
        refused.then_some(()).ok_or_else(|| format!("{mode:?}: {}", story.told(&once_more)))
    });
}

/// A draft whose plan is nowhere gets another one by `/retry`, on the same pull request.
#[test]
fn a_draft_without_a_plan_gets_one() {
    let (story, mut task) = stage(Mode::Plan);
    let planned = story.run_with(&task, UNHURRIED);
    assert_eq!(planned.status, Some(0), "{}", story.told(&planned));
    story.github.now(|state| {
        for thread in [1, 2] {
            let comments: Vec<u64> =
                state.first().issue(thread).comments.iter().map(|comment| comment.id).collect();
            for comment in comments {
                state.first().delete_comment(comment);
            }
        }
    });
    task["delivery_id"] = "retry-1".into();
    let again = story.run_with(&task, UNHURRIED);
    assert_eq!(again.status, Some(0), "{}", story.told(&again));
    assert!(story.answer(1).starts_with("**Plan ready for review**: #2."), "{}", story.told(&again));
    assert!(story.answer(2).starts_with("## Summary"), "{}", story.told(&again));
    assert_eq!(story.labels(1), "ai-help plan-pending");
    // And it can be carried out.
    let approval = story.command("approve", "dev1", 2, "/approve");
    let approved = story.run_with(&approval, UNHURRIED);
    assert_eq!(approved.status, Some(0), "{}", story.told(&approved));
}
