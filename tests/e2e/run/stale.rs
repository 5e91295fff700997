//! *Stale heads*: a person pushes to the branch before any call of a run. What the person pushed stays, the run comes to an end
//! that it tells, and the same task once more changes nothing.

use tests::cases::{FAULTS_BY_TURNS, is_tried};
use tests::github::When;

use crate::faults::{Mode, settings, stage};
use crate::harness::{REPO, check_all, seen};

const BRANCH: &str = "ai-agent/issue-1";
/// Deliveries until a task has ended.
const RUNS: usize = 3;

/// How a status comment of a run begins that has not ended.
const OPEN: [&str; 4] = ["**Working on it**", "**Repairing**", "**Interrupted", "**Waiting**"];

/// How many calls a run of a mode makes.
fn calls(mode: Mode) -> usize {
    let (story, task) = stage(mode);
    let before = story.github.journal().calls.len();
    story.run_with(&task, settings(mode));
    story.github.journal().calls.len() - before
}

/// What is wrong when somebody pushes before the n-th call.
fn pushed(mode: Mode, n: usize) -> Result<(), String> {
    let (story, task) = stage(mode);
    let at = story.github.journal().calls.len() + n;
    story.github.on_call(When::matching(move |call| call.number == at), |state| {
        state.at(REPO).push_file("dev1", BRANCH, "late.txt", "late\n");
    });
    let mut ends = Vec::new();
    for _ in 0..RUNS {
        let ended = story.run_with(&task, settings(mode));
        ends.push(ended.status);
        if matches!(ended.status, Some(0 | 1)) {
            break;
        }
    }
    let mut wrong = story.github.take_violations();
    if !matches!(ends.last(), Some(Some(0 | 1))) {
        wrong.push("it does not end".to_owned());
    }
    let page = seen(&story.github);
    let is_kept = story.github.now(|state| {
        let scene = state.at(REPO);
        let head = scene.repo().branch(BRANCH).expect("the branch");
        scene.repo().store.entry_at(head.as_str(), "late.txt").is_some()
    });
    if !is_kept {
        wrong.push("what the person pushed is gone".to_owned());
    }
    if OPEN.iter().any(|words| page.contains(words)) || story.labels(1).contains("ai-working") {
        wrong.push("it says that it still works".to_owned());
    }
    let asked = story.asked().len();
    let again = story.run_with(&task, settings(mode));
    if !matches!(again.status, Some(0 | 1)) || seen(&story.github) != page || story.asked().len() != asked {
        wrong.push(format!("once more it does something else: {again:?}\n{}", seen(&story.github)));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let (call, journal) = (n, story.github.journal().summary());
    Err(format!("{mode:?}, before call {call}: {ends:?}\n{}\n{journal}\n{page}", wrong.join("\n")))
}

fn check(mode: Mode) {
    let cases: Vec<usize> = (1..=calls(mode)).filter(|n| is_tried(*n, FAULTS_BY_TURNS)).collect();
    check_all(&cases, |n| pushed(mode, *n));
}

#[test]
fn a_revision_keeps_what_a_person_pushes() {
    check(Mode::Revise);
}

#[test]
fn an_approval_keeps_what_a_person_pushes() {
    check(Mode::Approve);
}

#[test]
fn a_follow_up_keeps_what_a_person_pushes() {
    check(Mode::Fix);
}

#[test]
fn a_release_of_checks_keeps_what_a_person_pushes() {
    check(Mode::Ci);
}

#[test]
fn an_update_keeps_what_a_person_pushes() {
    check(Mode::Update);
}

#[test]
fn a_repair_keeps_what_a_person_pushes() {
    check(Mode::Repair);
}

#[test]
fn words_about_checks_keep_what_a_person_pushes() {
    check(Mode::Red);
    check(Mode::Green);
}
