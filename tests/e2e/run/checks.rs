//! A pull request is a draft until its checks are green.

use serde_json::Value;
use tests::github::{CheckKind, Level, Stage, Verdict, When, World};

use crate::harness::{EDIT, PLAN, REPO, Run, Story, check_all, hello, offline, seen};

const BRANCH: &str = "ai-agent/issue-1";

/// A repository with checks: the default branch has passed one.
fn checked() -> World {
    offline(hello()).before(|scene| {
        scene.push_file("octo", "main", "ci.txt", "Something for CI.\n");
        scene.check("main", "build", CheckKind::Run, Verdict::Passed);
    })
}

fn event(story: &Story, mode: &str) -> Value {
    story.wish_of(mode, "octo")
}

/// What a webhook about checks comes to where nothing is repaired.
fn ended(story: &Story) -> Run {
    let run = story.run_with(&event(story, "checks"), &[("AGENT_REPAIRS", "0")]);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    run
}

fn check(story: &Story, name: &str, kind: CheckKind, verdict: Verdict) {
    story.github.now(|state| state.at(REPO).check(BRANCH, name, kind, verdict));
}

fn is_draft(story: &Story) -> bool {
    seen(&story.github).contains("pull #2 open draft by ai-agent[bot]")
}

/// A quick fix whose checks are still to come.
fn drafted() -> Story {
    let story = Story::new(checked(), &[EDIT]);
    let run = story.run(&story.wish("quickfix"));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert!(is_draft(&story), "{}", story.told(&run));
    story
}

#[test]
fn a_change_is_a_draft_until_all_its_checks_are_green() {
    let story = drafted();
    let answer = story.answer(1);
    let words = "**Done**: #2 ([diff](/octo/hello/pull/2/files)) is open as a draft. It becomes ready for review once its \
                 checks are green. If none starts, mark it as ready yourself.";
    assert!(answer.starts_with(words), "{answer}");
    assert!(!seen(&story.github).contains("reviewers"), "{}", seen(&story.github));
    assert_eq!(story.labels(1), "ai-done ai-help");
    // Nothing has begun; then two have, and one of them has ended. None of that changes anything or is told.
    let before = seen(&story.github);
    ended(&story);
    check(&story, "build", CheckKind::Run, Verdict::Running);
    check(&story, "lint", CheckKind::Status, Verdict::Passed);
    ended(&story);
    assert_eq!(seen(&story.github), before);
    check(&story, "build", CheckKind::Run, Verdict::Passed);
    check(&story, "deploy", CheckKind::Run, Verdict::Skipped);
    let run = ended(&story);
    let page = seen(&story.github);
    assert!(!is_draft(&story) && page.contains("    reviewers: dev1\n"), "{}", story.told(&run));
    assert_eq!(story.answer(1), answer);
    // Twenty checks are twenty events.
    for _ in 0..2 {
        ended(&story);
        assert_eq!(seen(&story.github), page);
    }
    story.finish();
}

#[test]
fn what_failed_is_told_once_and_what_passes_after_all_is_told_too() {
    let story = drafted();
    check(&story, "build (`1.80`)", CheckKind::Run, Verdict::Failed);
    check(&story, "license/cla", CheckKind::Status, Verdict::Failed);
    check(&story, "lint", CheckKind::Run, Verdict::Passed);
    let run = ended(&story);
    let words = "**Checks failed** on #2 ([diff](/octo/hello/pull/2/files)):\n\n- ``build (`1.80`)``\n- `license/cla`\n\nThe pull \
                 request stays a draft. Push a commit that fixes it, or mark it as ready for review as it is.";
    assert_eq!(story.answer(1), words, "{}", story.told(&run));
    let page = seen(&story.github);
    for _ in 0..2 {
        ended(&story);
        assert_eq!(seen(&story.github), page);
    }
    check(&story, "build (`1.80`)", CheckKind::Run, Verdict::Passed);
    check(&story, "license/cla", CheckKind::Status, Verdict::Passed);
    let run = ended(&story);
    assert!(!is_draft(&story), "{}", story.told(&run));
    assert_eq!(
        story.answer(1),
        "**Checks passed**: #2 ([diff](/octo/hello/pull/2/files)) is ready for review."
    );
    story.finish();
}

/// What keeps a pull request with green checks from being marked as ready.
struct Case {
    name: &'static str,
    happen: fn(&Story),
}

const CASES: &[Case] = &[
    Case {
        name: "a person's commit is on top",
        happen: |story| {
            story.github.now(|state| {
                state.at(REPO).push_file("dev1", BRANCH, "a.txt", "a\n");
            });
        },
    },
    Case {
        name: "a person amended the commit",
        happen: |story| {
            story.github.now(|state| {
                state.at(REPO).amend("dev1", BRANCH);
            });
        },
    },
    Case {
        name: "a person made it a draft again",
        happen: |story| {
            story.github.now(|state| {
                state.at(REPO).stage("dev1", 2, Stage::Ready);
                state.at(REPO).stage("dev1", 2, Stage::Draft);
            });
        },
    },
    Case { name: "it was merged", happen: |story| story.github.now(|state| state.at(REPO).merge("dev1", 2)) },
    Case {
        name: "a fork has a branch of this name",
        happen: |story| {
            story.github.now(|state| {
                state.at(REPO).close("dev1", 2);
                let number = state.at(REPO).open_fork_pull("guest", "Mine", BRANCH, "main");
                state.at(REPO).stage("guest", number, Stage::Draft);
            });
        },
    },
    Case { name: "it was closed", happen: |story| story.github.now(|state| state.at(REPO).close("dev1", 2)) },
    Case {
        name: "the branch was deleted",
        happen: |story| story.github.now(|state| state.at(REPO).delete_branch(BRANCH)),
    },
    Case {
        name: "a stranger's pull request has the branch",
        happen: |story| {
            story.github.now(|state| {
                state.at(REPO).close("dev1", 2);
                let number = state.at(REPO).open_pull("guest", "Mine", BRANCH, "main");
                state.at(REPO).stage("guest", number, Stage::Draft);
            });
        },
    },
];

#[test]
fn green_checks_make_nothing_ready_that_is_in_a_persons_hands() {
    check_all(CASES, |case| {
        let story = drafted();
        (case.happen)(&story);
        let there = story.github.now(|state| state.at(REPO).repo().branch(BRANCH).is_some());
        if there {
            check(&story, "build", CheckKind::Run, Verdict::Passed);
        }
        let before = seen(&story.github);
        let run = story.run(&event(&story, "checks"));
        let right = run.status == Some(0) && seen(&story.github) == before;
        let told = story.told(&run);
        story.finish();
        right.then_some(()).ok_or_else(|| format!("{}: {told}", case.name))
    });
}

/// Green checks of an empty commit say nothing about a change that nobody has made yet.
#[test]
fn a_plan_stays_a_draft_whatever_its_checks_say() {
    let story = Story::new(checked(), &[PLAN, EDIT]);
    let run = story.run(&story.wish("plan"));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    check(&story, "build", CheckKind::Run, Verdict::Passed);
    let before = seen(&story.github);
    ended(&story);
    assert_eq!(seen(&story.github), before);
    // Carried out, it waits for the checks of the change.
    let run = story.run(&story.command("approve", "dev1", 2, "/approve"));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert!(is_draft(&story), "{}", story.told(&run));
    check(&story, "build", CheckKind::Run, Verdict::Passed);
    let run = ended(&story);
    assert!(!is_draft(&story), "{}", story.told(&run));
    story.finish();
}

/// Checks of outside systems can pass while those of Actions are held back.
#[test]
fn what_is_held_back_stays_a_draft_whatever_other_checks_say() {
    let story = Story::new(checked(), &[EDIT]);
    let run = story.run_with(&story.wish("quickfix"), &[("AGENT_CI", "ask")]);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    check(&story, "dco", CheckKind::Status, Verdict::Passed);
    let before = seen(&story.github);
    ended(&story);
    assert_eq!(seen(&story.github), before);
    // Let go, it waits for all of them.
    let run = story.run(&story.command("ci", "dev1", 2, "/ci"));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert!(is_draft(&story), "{}", story.told(&run));
    assert!(
        story.answer(1).contains("It becomes ready for review once its checks are green."),
        "{}",
        story.answer(1)
    );
    check(&story, "build", CheckKind::Run, Verdict::Passed);
    let run = ended(&story);
    assert!(!is_draft(&story), "{}", story.told(&run));
    story.finish();
}

/// What ends before the pull request is there, no event tells.
#[test]
fn checks_that_end_while_the_pull_request_is_opened_count() {
    let story = Story::new(checked(), &[EDIT]);
    story.github.on_call(When::next("pulls/create"), |state| {
        state.at(REPO).check(BRANCH, "build", CheckKind::Run, Verdict::Passed);
    });
    let run = story.run(&story.wish("quickfix"));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert!(!is_draft(&story), "{}", story.told(&run));
    assert!(story.answer(1).contains("is ready for review."), "{}", story.answer(1));
    story.finish();
}

/// An App that may not see checks would wait for ever.
#[test]
fn without_the_permission_nothing_waits() {
    let write = ["contents", "issues", "pull_requests"].map(|name| (name, Level::Write));
    let story = Story::new(checked().app_permissions(&write), &[EDIT]);
    let run = story.run(&story.wish("quickfix"));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert!(!is_draft(&story), "{}", story.told(&run));
    story.finish();
}

/// Where CI does not run for pushes, the base has no checks, and pull requests tell that there are any.
#[test]
fn checks_that_run_on_pull_requests_alone_are_waited_for() {
    let world = offline(hello()).before(|scene| {
        scene.push_file("dev1", "feature", "other.txt", "new\n");
        let number = scene.open_pull("dev1", "A feature", "feature", "main");
        scene.check("feature", "build", CheckKind::Run, Verdict::Passed);
        scene.merge("dev1", number);
    });
    let story = Story::new(world, &[EDIT]);
    let run = story.run(&story.wish("quickfix"));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert!(seen(&story.github).contains("pull #3 open draft by ai-agent[bot]"), "{}", story.told(&run));
    check(&story, "build", CheckKind::Run, Verdict::Passed);
    let run = ended(&story);
    assert!(seen(&story.github).contains("pull #3 open by ai-agent[bot]"), "{}", story.told(&run));
    story.finish();
}

/// A repository in which no check has ever run.
#[test]
fn without_checks_nothing_waits() {
    let story = Story::new(offline(hello()), &[EDIT]);
    let run = story.run(&story.wish("quickfix"));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert!(!is_draft(&story), "{}", story.told(&run));
    story.finish();
}

/// What is done to the pull request, and the labels of the issue then.
struct End {
    name: &'static str,
    happen: fn(&Story),
    labels: &'static str,
}

const ENDS: &[End] = &[
    End {
        name: "merged",
        happen: |story| story.github.now(|state| state.at(REPO).merge("dev1", 2)),
        labels: "ai-done ai-help",
    },
    End {
        name: "declined",
        happen: |story| story.github.now(|state| state.at(REPO).close("dev1", 2)),
        labels: "ai-help",
    },
    End {
        name: "open again by now",
        happen: |story| {
            story.github.now(|state| {
                state.at(REPO).close("dev1", 2);
                state.at(REPO).reopen("dev1", 2);
            });
        },
        labels: "ai-done ai-help",
    },
    End {
        name: "a stranger's pull request was closed",
        happen: |story| {
            story.github.now(|state| {
                let number = state.at(REPO).open_pull("guest", "Mine", BRANCH, "main");
                state.at(REPO).close("guest", number);
            });
        },
        labels: "ai-done ai-help",
    },
];

#[test]
fn the_labels_of_an_issue_follow_what_became_of_its_pull_request() {
    check_all(ENDS, |end| {
        let story = Story::new(offline(hello()), &[EDIT]);
        let run = story.run(&story.wish("quickfix"));
        assert_eq!(run.status, Some(0), "{}", story.told(&run));
        (end.happen)(&story);
        let comments = story.answer(1);
        for _ in 0..2 {
            let run = story.run(&event(&story, "closed"));
            if run.status != Some(0) || story.labels(1) != end.labels || story.answer(1) != comments {
                return Err(format!("{}: {} {}", end.name, story.labels(1), story.told(&run)));
            }
        }
        story.finish();
        Ok(())
    });
}

/// The labels are those of the run that works.
#[test]
fn a_run_at_work_keeps_its_labels() {
    let story = Story::new(offline(hello()), &[PLAN, EDIT]);
    let run = story.run(&story.wish("plan"));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    let approve = story.command("approve", "dev1", 2, "/approve");
    story.github.on_call(When::next("graphql:createCommitOnBranch"), |state| {
        state.at(REPO).close("dev1", 2);
    });
    let killed =
        story.run_killed(&approve, "graphql:createCommitOnBranch", tests::github::Fault::StallBefore);
    assert_eq!(killed.status, None, "{}", story.told(&killed));
    assert!(story.labels(1).contains("ai-working"), "{}", story.labels(1));
    let run = story.run(&event(&story, "closed"));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert!(story.labels(1).contains("ai-working"), "{}", story.labels(1));
    story.github.take_violations();
}
