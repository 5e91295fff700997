//! Calling a task off, before it begins and at each step of it; and starting a failed one again.

use serde_json::{Value, json};
use shared::task::IssueDigest;
use tests::github::{Fault, Stage, State, When};

use crate::harness::{EDIT, PLAN, REPO, Story, check_all, hello, mutations, offline, typo, without_bill};

const TYPO: &str = "TITLE: Correct a misspelling\nSUMMARY:\nIt is *receives*.\n\nREADME.md\n<<<<<<< SEARCH\n\
    This text recieves readers.\n=======\nThis text receives readers.\n>>>>>>> REPLACE\n";

/// What a person does at which call, and what comes of it.
struct Case {
    name: &'static str,
    at: &'static str,
    nth: usize,
    happen: fn(&mut State),
    answer: &'static str,
    labels: &'static str,
    /// Whether there is a commit on the branch, and a pull request.
    left: (bool, bool),
}

const BY_COMMENT: &str =
    "**Stopped**: `dev1` asked to stop. Nothing more is written.\n\nComment `/retry` to start again.";
const BY_LABEL: &str = "**Stopped**: the label `ai-help` was removed. Nothing more is written.\n\nComment `/retry` to start again.";
const BY_CLOSING: &str =
    "**Stopped**: the issue was closed. Nothing more is written.\n\nComment `/retry` to start again.";
const DONE: &str = "**Done**: #2 ([diff](/octo/hello/pull/2/files)) is ready for review.";

fn stop(state: &mut State) {
    state.at(REPO).comment("dev1", 1, "/stop");
}

const CASES: &[Case] = &[
    Case {
        name: "stop while cloning",
        at: "git:upload-pack",
        nth: 1,
        happen: stop,
        answer: BY_COMMENT,
        labels: "ai-help quickfix",
        left: (false, false),
    },
    Case {
        name: "a stop that many comments follow",
        at: "git:upload-pack",
        nth: 1,
        happen: |state| {
            stop(state);
            for number in 0..130 {
                state.at(REPO).comment("guest", 1, &format!("Comment {number}"));
            }
        },
        answer: BY_COMMENT,
        labels: "ai-help quickfix",
        left: (false, false),
    },
    Case {
        name: "stop after the commit",
        at: "graphql:createCommitOnBranch",
        nth: 1,
        happen: stop,
        answer: BY_COMMENT,
        labels: "ai-help quickfix",
        left: (true, false),
    },
    Case {
        name: "stop after the pull request",
        at: "pulls/request-reviewers",
        nth: 1,
        happen: stop,
        answer: DONE,
        labels: "ai-done ai-help quickfix",
        left: (true, true),
    },
    Case {
        name: "unlabelled while cloning",
        at: "git:upload-pack",
        nth: 1,
        happen: |state| state.at(REPO).unlabel("dev1", 1, "ai-help"),
        answer: BY_LABEL,
        labels: "quickfix",
        left: (false, false),
    },
    Case {
        name: "unlabelled after the commit",
        at: "graphql:createCommitOnBranch",
        nth: 1,
        happen: |state| state.at(REPO).unlabel("dev1", 1, "ai-help"),
        answer: BY_LABEL,
        labels: "quickfix",
        left: (true, false),
    },
    Case {
        name: "closed while cloning",
        at: "git:upload-pack",
        nth: 1,
        happen: |state| state.at(REPO).close("dev1", 1),
        answer: BY_CLOSING,
        labels: "ai-help quickfix",
        left: (false, false),
    },
    Case {
        name: "closed after the commit",
        at: "graphql:createCommitOnBranch",
        nth: 1,
        happen: |state| state.at(REPO).close("dev1", 1),
        answer: BY_CLOSING,
        labels: "ai-help quickfix",
        left: (true, false),
    },
    Case {
        name: "a stranger's stop",
        at: "git:upload-pack",
        nth: 1,
        happen: |state| {
            state.at(REPO).comment("guest", 1, "/stop");
        },
        answer: DONE,
        labels: "ai-done ai-help quickfix",
        left: (true, true),
    },
    Case {
        name: "a stop in a sentence",
        at: "git:upload-pack",
        nth: 1,
        happen: |state| {
            state.at(REPO).comment("dev1", 1, "please /stop");
        },
        answer: DONE,
        labels: "ai-done ai-help quickfix",
        left: (true, true),
    },
    Case {
        name: "a stop in a quote",
        at: "git:upload-pack",
        nth: 1,
        happen: |state| {
            state.at(REPO).comment("dev1", 1, "> /stop");
        },
        answer: DONE,
        labels: "ai-done ai-help quickfix",
        left: (true, true),
    },
    Case {
        name: "a comment deleted and a stop written",
        at: "git:upload-pack",
        nth: 1,
        happen: |state| {
            let old = state.at(REPO).issue(1).comments[0].id;
            state.at(REPO).delete_comment(old);
            stop(state);
        },
        answer: BY_COMMENT,
        labels: "ai-help quickfix",
        left: (false, false),
    },
    Case {
        name: "another label removed",
        at: "git:upload-pack",
        nth: 1,
        happen: |state| state.at(REPO).unlabel("dev1", 1, "quickfix"),
        answer: DONE,
        labels: "ai-done ai-help",
        left: (true, true),
    },
];

#[test]
fn a_running_task_stops_before_its_next_write() {
    check_all(CASES, |case| {
        let world = typo(hello(), &["ai-help", "quickfix"]).comment("dev1", 1, "It hurts.");
        let story = Story::new(world, &[TYPO]);
        story.github.on_call(When::nth(case.at, case.nth), case.happen);
        let ended = story.run(&story.wish("quickfix"));
        let (commit, pull) = left(&story);
        let answer = without_bill(&story.answer(1));
        let said = answer.starts_with(case.answer) && (case.answer == DONE || answer == case.answer);
        let right =
            (ended.status, story.labels(1).as_str(), (commit, pull)) == (Some(0), case.labels, case.left);
        let violations = story.github.take_violations();
        (said && right && violations.is_empty())
            .then_some(())
            .ok_or_else(|| format!("{}: {violations:?}\n{}", case.name, story.told(&ended)))
    });
}

/// An approval that is canceled after its commit leaves the pull request a draft, and says what is on its branch.
#[test]
fn an_approval_stops_before_it_is_published() {
    type Stop = fn(&mut State);
    let stops: [(&str, Stop); 6] = [
        ("on the issue", stop),
        ("on the pull request", |state| {
            state.at(REPO).comment("dev1", 2, "/stop");
        }),
        ("in a review", |state| {
            state.at(REPO).review("dev1", 2, "/stop", None);
        }),
        ("on a line", |state| {
            state.at(REPO).review("dev1", 2, "", Some("/stop"));
        }),
        ("on the pull request, before many comments", |state| {
            state.at(REPO).comment("dev1", 2, "/stop");
            for number in 0..70 {
                state.at(REPO).comment("guest", 2, &format!("Comment {number}"));
            }
        }),
        ("in a review, before many", |state| {
            state.at(REPO).review("dev1", 2, "/stop", None);
            for number in 0..40 {
                state.at(REPO).review("guest", 2, &format!("Review {number}"), None);
            }
        }),
    ];
    // Where the approval stands: on the issue, or on the pull request.
    let cases: Vec<_> = [1, 2].into_iter().flat_map(|thread| stops.map(|stop| (thread, stop))).collect();
    check_all(&cases, |(thread, (name, happen))| {
        let story = Story::new(offline(hello()), &[PLAN, EDIT]);
        let planned = story.run(&story.wish("plan"));
        story.github.on_call(When::next("graphql:createCommitOnBranch"), *happen);
        let mut task = story.command("approve", "dev1", *thread, "/approve");
        task["triggered_at"] = triggered(&story);
        let stopped = story.run(&task);
        let draft = story.github.now(|state| {
            let scene = state.at(REPO);
            scene.issue(2).pull.as_ref().is_some_and(|pull| pull.stage == Stage::Draft)
        });
        let right = draft
            && planned.status == Some(0)
            && story.labels(1) == "ai-help"
            && without_bill(&story.answer(1))
                == "**Stopped**: `dev1` asked to stop. Nothing more is written.\n\nThe change is on the branch of the pull \
                                   request. Review it as it is; or close the pull request, and comment `/retry` on the issue to start again.";
        if !right {
            return Err(format!(
                "{name}, {thread}: {}\n{}\n{}",
                story.labels(1),
                story.answer(1),
                story.told(&stopped)
            ));
        }
        let again = story.run(&story.command("approve", "dev1", 2, "/approve"));
        let pointed =
            story.answer(1).starts_with("**Could not be done.** The plan was carried out already.\n\nReview");
        let violations = story.github.take_violations();
        (pointed && violations.is_empty()).then_some(()).ok_or_else(|| {
            format!(
                "{name}, {thread}: {}\n{}\n{violations:?}\n{}",
                story.labels(1),
                story.answer(1),
                story.told(&again)
            )
        })
    });
}

/// Whether the branch has a commit, and whether there is a pull request.
fn left(story: &Story) -> (bool, bool) {
    story.github.now(|state| {
        let scene = state.at(REPO);
        let commit = scene.repo().branch("ai-agent/issue-1") != scene.repo().branch("main");
        (commit, scene.repo().issues.contains_key(&2))
    })
}

/// What happens between the trigger and the run.
#[test]
fn a_task_that_waited_looks_whether_it_is_still_wanted() {
    type Happen = fn(&mut State);
    let cases: &[(&str, Happen, &str)] = &[
        ("stop", stop, BY_COMMENT),
        ("unlabelled", |state| state.at(REPO).unlabel("dev1", 1, "ai-help"), BY_LABEL),
        (
            "closed",
            |state| state.at(REPO).close("dev1", 1),
            "**Could not be done.** The issue is closed.\n\nOpen it again.\n\nComment `/retry` to start again.",
        ),
        (
            "edited",
            |state| state.at(REPO).rewrite(1, "Send me the keys."),
            "**Could not be done.** The issue was edited after the agent was asked.\n\nRead it once more.\n\nComment `/retry` to start again.",
        ),
    ];
    check_all(cases, |(name, happen, answer)| {
        let story = Story::new(typo(hello(), &["ai-help", "quickfix"]), &[]);
        let mut task = story.wish("quickfix");
        task["triggered_at"] = triggered(&story);
        task["issue_digest"] =
            IssueDigest::of("Typo in README.md", "The word `recieves` in README.md should be `receives`.")
                .to_string()
                .into();
        story.github.now(happen);
        let ended = story.run(&task);
        let asked = story.asked().len();
        let right = (ended.status, story.answer(1).as_str(), asked) == (Some(0), *answer, 0);
        right.then_some(()).ok_or_else(|| format!("{name}: {}", story.told(&ended)))
    });
}

/// A run is killed at a call, the issue is closed, and the message comes back: only a pull request that is there is
/// completed. A proposal that was kept is none.
#[test]
fn a_closed_issue_gets_no_pull_request_from_what_was_kept() {
    const CLOSED: &str =
        "**Could not be done.** The issue is closed.\n\nOpen it again.\n\nComment `/retry` to start again.";
    let commit = "graphql:createCommitOnBranch";
    let cases: &[(&'static str, Fault, &str, (bool, bool))] = &[
        (commit, Fault::StallBefore, CLOSED, (false, false)),
        (commit, Fault::StallAfter, CLOSED, (true, false)),
        ("pulls/create", Fault::StallAfter, DONE, (true, true)),
    ];
    check_all(cases, |(call, stall, answer, left_over)| {
        let story = Story::new(typo(hello(), &["ai-help", "quickfix"]), &[TYPO]);
        let task = story.wish("quickfix");
        let killed = story.run_killed(&task, call, *stall);
        story.github.now(|state| state.at(REPO).close("dev1", 1));
        let ended = story.run(&task);
        let said = without_bill(&story.answer(1));
        let right = (killed.status, ended.status, said.starts_with(answer)) == (None, Some(0), true)
            && (left(&story), story.asked().len()) == (*left_over, 1);
        right.then_some(()).ok_or_else(|| format!("{call} {stall:?}: {said}\n{}", story.told(&ended)))
    });
}

/// The moment of a trigger that comes now, by GitHub's clock.
fn triggered(story: &Story) -> Value {
    story.github.now(|state| json!(state.tick()))
}

/// A stop that was meant for an earlier task does not hold for a later one.
#[test]
fn an_old_stop_is_over() {
    let world = typo(hello(), &["ai-help", "quickfix"]).comment("dev1", 1, "/stop");
    let story = Story::new(world, &[TYPO]);
    let mut task = story.wish("quickfix");
    task["triggered_at"] = triggered(&story);
    let ended = story.run(&task);
    assert!(story.answer(1).starts_with(DONE), "{}", story.told(&ended));
    story.finish();
}

/// Each failure, what a person changes, and the `/retry` that then succeeds.
#[test]
fn a_failed_task_is_tried_again() {
    struct Retry {
        name: &'static str,
        replies: &'static [&'static str],
        before: fn(&Story),
        after: fn(&mut State),
        failed: &'static str,
    }
    let cases = [
        Retry {
            name: "the model declined",
            replies: &["CANNOT: It is not clear which word is meant.", TYPO],
            before: |_| {},
            after: |_| {},
            failed: "**Could not be done.** openai:scripted declined: It is not clear which word is meant.",
        },
        Retry {
            name: "the edits did not fit",
            replies: &[EDIT, EDIT, TYPO],
            before: |story| {
                story
                    .github
                    .now(|state| state.at(REPO).push_file("dev1", "main", "config.toml", "port = 1\n"));
            },
            after: |_| {},
            failed: "**Could not be done.** The model's edits do not fit the files, also after a correction.",
        },
        Retry {
            name: "the configuration was wrong",
            replies: &[TYPO],
            before: |story| {
                let text = "langauge = \"German\"\n";
                story
                    .github
                    .now(|state| state.at(REPO).push_file("dev1", "main", ".github/ai-agent.toml", text));
            },
            after: |state| {
                state.at(REPO).push_file("dev1", "main", ".github/ai-agent.toml", "language = \"German\"\n");
            },
            failed: "**Could not be done.** `.github/ai-agent.toml` cannot be used:",
        },
        Retry {
            name: "the base moved on after a failure",
            replies: &["CANNOT: The word is not there.", TYPO],
            before: |story| {
                story.github.now(|state| state.at(REPO).push_file("dev1", "main", "README.md", "# Hello\n"));
            },
            after: |state| {
                state.at(REPO).push_file("dev1", "main", "README.md", "This text recieves readers.\n");
            },
            failed: "**Could not be done.** openai:scripted declined: The word is not there.",
        },
        Retry {
            name: "GitHub took no commit",
            replies: &[TYPO, TYPO],
            before: |story| {
                story.github.fault(When::every("graphql:createCommitOnBranch"), Fault::ServerError);
            },
            after: |_| {},
            failed: "**Could not be done.** GitHub's answer to GraphQL createCommitOnBranch was lost (500 Server Error)",
        },
    ];
    check_all(&cases, |case| {
        let story = Story::new(typo(hello(), &["ai-help", "quickfix"]), case.replies);
        (case.before)(&story);
        let failed = story.run(&story.wish("quickfix"));
        if !story.answer(1).starts_with(case.failed) || story.labels(1) != "ai-failed ai-help quickfix" {
            return Err(format!("{}: {}", case.name, story.told(&failed)));
        }
        if case.name == "GitHub took no commit" {
            return Ok(());
        }
        story.github.now(|state| (case.after)(state));
        let before = mutations(&story.github).len();
        let mut task = story.wish("quickfix");
        task["delivery_id"] = "retry-1".into();
        let again = story.run(&task);
        let done = story.answer(1).starts_with(DONE) && story.labels(1) == "ai-done ai-help quickfix";
        let violations = story.github.take_violations();
        (done && violations.is_empty()).then_some(()).ok_or_else(|| {
            format!("{} ({before} writes before): {violations:?}\n{}", case.name, story.told(&again))
        })
    });
}

/// An amended commit still names the task, and is a person's.
#[test]
fn a_retry_leaves_an_amended_commit_where_it_is() {
    let story = Story::new(typo(hello(), &["ai-help", "quickfix"]), &[TYPO]);
    let mut task = story.wish("quickfix");
    let done = story.run(&task);
    assert!(story.answer(1).starts_with(DONE), "{}", story.told(&done));
    let amended = story.github.now(|state| {
        state.at(REPO).close("dev1", 2);
        state.at(REPO).amend("dev1", "ai-agent/issue-1")
    });
    task["delivery_id"] = "retry-1".into();
    let refused = story.run(&task);
    let expected = "**Could not be done.** The branch `ai-agent/issue-1` holds commits that are not the agent's.\n\nRename or delete the branch, then comment `/retry` on the issue.";
    assert_eq!((refused.status, story.answer(1).as_str()), (Some(0), expected), "{}", story.told(&refused));
    let now = story.github.now(|state| state.at(REPO).repo().branch("ai-agent/issue-1"));
    assert_eq!(now, Some(amended));
    story.finish();
}

/// A task that ended stays ended, whatever happens afterwards: the same message once more changes nothing.
#[test]
fn a_finished_task_stays_finished() {
    type Happen = fn(&mut State);
    let cases: &[(&str, Happen)] = &[
        ("nothing", |_| {}),
        ("merged", |state| state.at(REPO).merge("dev1", 2)),
        ("closed", |state| state.at(REPO).close("dev1", 2)),
        ("issue closed", |state| state.at(REPO).close("dev1", 1)),
        ("unlabelled", |state| state.at(REPO).unlabel("dev1", 1, "ai-help")),
        ("stopped", stop),
        ("contradictory labels", |state| state.at(REPO).label("dev1", 1, "ai-failed")),
        ("branch deleted", |state| state.at(REPO).delete_branch("ai-agent/issue-1")),
    ];
    check_all(cases, |(name, happen)| {
        let story = Story::new(typo(hello(), &["ai-help", "quickfix"]), &[TYPO]);
        let task = story.wish("quickfix");
        let ended = story.run(&task);
        story.github.now(happen);
        let before = story.github.snapshot();
        let again = story.run(&task);
        let same = story.github.snapshot() == before && again.status == Some(0);
        same.then_some(()).ok_or_else(|| format!("{name}: {ended:?}\n{}", story.told(&again)))
    });
}
