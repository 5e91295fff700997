//! The gate before CI: which changes wait for a person, and how a person lets them go.

use std::time::Duration;

use serde_json::Value;
use tests::github::{File, GitHub, Permission, World};

use crate::fix::FIX;
use crate::harness::{EDIT, PLAN, REPO, Run, Story, check_all, hello, offline, seen};

/// The file that a change of `EDIT` touches, under another name.
fn edit_of(path: &str) -> String {
    EDIT.replace("config.toml", path)
}

fn asked_by(author: &str) -> World {
    hello().file("Makefile", "port = 8000\ntimeout = 30\n").issue_by(
        author,
        1,
        "Sensors go offline too early",
        "Change `timeout` from 30 to 90.",
        &["ai-help"],
    )
}

/// Messages of the branch's commits, newest first, without those of the default branch.
fn messages(github: &GitHub) -> Vec<String> {
    github.now(|state| {
        let scene = state.at(REPO);
        let repo = scene.repo();
        let (base, head) = (repo.branch("main").unwrap(), repo.branch("ai-agent/issue-1").unwrap());
        let commits = repo.store.commits_between(&base, &head);
        commits.iter().rev().map(|oid| repo.store.commit(oid).unwrap().message).collect()
    })
}

/// Whether workflows started on the newest commit of the branch.
fn is_started(github: &GitHub) -> bool {
    github.now(|state| {
        let scene = state.at(REPO);
        let head = scene.repo().branch("ai-agent/issue-1").unwrap();
        scene.repo().started.contains(&head)
    })
}

pub(crate) fn description(github: &GitHub) -> String {
    github.now(|state| state.first().issue(2).body.clone()).unwrap()
}

const ALWAYS: &str = "here somebody with write access always starts them";
const OUTSIDER: &str = "the issue was not written by somebody with write access";
const EXECUTED: &str = "the change touches files that CI or build tools execute";

/// The operator's setting, the repository's, who wrote the issue, what changes, and why its checks are held back.
struct Case {
    operator: Option<&'static str>,
    repository: Option<&'static str>,
    author: &'static str,
    path: &'static str,
    held: Option<&'static str>,
}

const CASES: &[Case] = &[
    Case { operator: None, repository: None, author: "dev1", path: "config.toml", held: None },
    Case { operator: None, repository: None, author: "guest", path: "config.toml", held: Some(OUTSIDER) },
    Case { operator: None, repository: None, author: "dev1", path: "Makefile", held: Some(EXECUTED) },
    Case {
        operator: None,
        repository: Some("auto"),
        author: "guest",
        path: "config.toml",
        held: Some(OUTSIDER),
    },
    Case { operator: Some("auto"), repository: None, author: "guest", path: "Makefile", held: None },
    Case {
        operator: Some("auto"),
        repository: Some("trusted"),
        author: "guest",
        path: "config.toml",
        held: Some(OUTSIDER),
    },
    Case {
        operator: Some("auto"),
        repository: Some("ask"),
        author: "dev1",
        path: "config.toml",
        held: Some(ALWAYS),
    },
    Case {
        operator: Some("ask"),
        repository: Some("auto"),
        author: "dev1",
        path: "config.toml",
        held: Some(ALWAYS),
    },
    Case { operator: Some("ask"), repository: None, author: "dev1", path: "config.toml", held: Some(ALWAYS) },
];

#[test]
fn a_change_waits_for_a_person_unless_people_who_may_write_are_behind_all_of_it() {
    check_all(CASES, |case| {
        let world = match case.repository {
            Some(ci) => asked_by(case.author).file(".github/ai-agent.toml", &format!("ci = \"{ci}\"\n")),
            None => asked_by(case.author),
        };
        let story = Story::new(world, &[&edit_of(case.path)]);
        let variables: Vec<(&str, &str)> = case.operator.iter().map(|ci| ("AGENT_CI", *ci)).collect();
        let ended = story.run_with(&story.wish("quickfix"), &variables);
        let (page, answer, github) = (seen(&story.github), story.answer(1), &story.github);
        let is_draft = page.contains("pull #2 open draft by");
        let right = match case.held {
            None => !is_draft && is_started(github) && page.contains("reviewers: dev1"),
            Some(why) => {
                is_draft
                    && !is_started(github)
                    && !page.contains("reviewers")
                    && description(github).starts_with(&format!("> **Checks are held back**: {why}. Read"))
                    && answer.contains(&format!("is open as a draft. Its checks are held back: {why}."))
                    && messages(github)[0].contains("\n\n[skip ci] The checks start when somebody")
            }
        };
        let right = right && ended.status == Some(0) && story.labels(1) == "ai-done ai-help";
        let case = format!("{:?} {:?} {} {}", case.operator, case.repository, case.author, case.path);
        let told = story.told(&ended);
        story.finish();
        right.then_some(()).ok_or_else(|| format!("{case}: {answer}\n{told}"))
    });
}

/// GitHub's commit call cannot keep an executable, so such a change goes another way.
#[test]
fn a_change_that_is_pushed_waits_as_well() {
    let file = tests::github::File::executable("run.txt", "timeout = 30\n");
    let story = Story::new(offline(hello().put(file)), &[&edit_of("run.txt")]);
    let ended = story.run_with(&story.wish("quickfix"), &[("AGENT_CI", "ask")]);
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    assert!(seen(&story.github).contains("M 100755"), "{}", story.told(&ended));
    assert!(!is_started(&story.github), "{:?}", messages(&story.github));
    // What is pushed has the time of this machine, of which the stand-in's clock is behind.
    story.github.now(|state| state.pass(Duration::from_hours(24 * 3_000)));
    let ended = let_go(&story, "dev1");
    assert!(is_started(&story.github), "{}", story.told(&ended));
    story.finish();
}

/// A quick fix whose checks are held back.
pub(crate) fn held() -> Story {
    let story = Story::new(offline(hello()), &[EDIT]);
    let ended = story.run_with(&story.wish("quickfix"), &[("AGENT_CI", "ask")]);
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    assert!(!is_started(&story.github), "{}", story.told(&ended));
    story
}

fn let_go(story: &Story, user: &str) -> Run {
    let task = story.command("ci", user, 2, "/ci");
    story.run(&task)
}

#[test]
fn a_person_lets_the_checks_start_and_nothing_is_left_that_could_stop_later_ones() {
    let story = held();
    let task = story.command("ci", "dev1", 2, "/ci\nI have read it.");
    let ended = story.run(&task);
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    assert!(is_started(&story.github), "{}", story.told(&ended));
    let messages = messages(&story.github);
    assert!(messages.len() == 1 && !messages[0].contains("skip"), "{messages:?}");
    assert!(messages[0].contains("\nAgent-Task: "), "{messages:?}");
    assert!(description(&story.github).starts_with("Sensors need longer."), "{}", story.told(&ended));
    let page = seen(&story.github);
    assert!(page.contains("pull #2 open by ai-agent[bot]: Raise the time-out"), "{page}");
    assert!(page.contains("reviewers: dev1"), "{page}");
    assert_eq!(
        story.answer(1),
        "**Checks may start** on #2 ([diff](/octo/hello/pull/2/files)): @dev1 has let them."
    );
    assert_eq!(story.labels(1), "ai-done ai-help");
    // The same message once more, and the same command once more.
    let again = story.run(&task);
    assert_eq!((again.status, seen(&story.github)), (Some(0), page), "{}", story.told(&again));
    let head = story.github.now(|state| state.at(REPO).repo().branch("ai-agent/issue-1"));
    let again = let_go(&story, "dev1");
    assert_eq!(again.status, Some(0), "{}", story.told(&again));
    assert_eq!(story.github.now(|state| state.at(REPO).repo().branch("ai-agent/issue-1")), head);
    story.finish();
}

/// The pull request of an issue that is closed can be open, and the command stand on either.
#[test]
fn checks_of_an_issue_that_is_closed_are_let_go() {
    for thread in [1, 2] {
        let story = held();
        story.github.now(|state| state.at(REPO).close("dev1", 1));
        let task = story.command("ci", "dev1", thread, "/ci");
        let ended = story.run(&task);
        assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
        assert!(is_started(&story.github), "{}", story.told(&ended));
        assert_eq!(story.labels(1), "ai-done ai-help");
        story.finish();
    }
}

/// What happens to a change that waits, and what `/ci` is answered then. The branch stays where it is.
struct Refusal {
    name: &'static str,
    happen: fn(&Story),
    answer: &'static str,
}

const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "a person's commit is on top",
        happen: |story| {
            story.github.now(|state| {
                state.at(REPO).push_file("dev1", "ai-agent/issue-1", "a.txt", "a\n");
            });
        },
        answer: "**Could not be done.** The newest commit on #2 is not the agent's, and it decided whether checks start.\n\nIf they \
                 did not, push a commit of your own.",
    },
    Refusal {
        name: "a person amended the commit",
        happen: |story| {
            story.github.now(|state| {
                state.at(REPO).amend("dev1", "ai-agent/issue-1");
            });
        },
        answer: "**Could not be done.** The newest commit on #2 is not the agent's, and it decided whether checks start.\n\nIf they \
                 did not, push a commit of your own.",
    },
    Refusal {
        name: "the pull request was closed",
        happen: |story| story.github.now(|state| state.at(REPO).close("dev1", 2)),
        answer: "**Could not be done.** #2 is closed.\n\nComment `/retry` on the issue to start again.",
    },
    Refusal {
        name: "the branch was deleted",
        happen: |story| story.github.now(|state| state.at(REPO).delete_branch("ai-agent/issue-1")),
        answer: "**Could not be done.** #2 is closed.\n\nComment `/retry` on the issue to start again.",
    },
    Refusal {
        name: "the pull request was merged",
        happen: |story| story.github.now(|state| state.at(REPO).merge("dev1", 2)),
        answer: "**Could not be done.** #2 is merged already.\n\nComment `/retry` on the issue to start again.",
    },
];

#[test]
fn what_cannot_be_let_go_is_told_and_left_as_it_is() {
    check_all(REFUSALS, |refusal| {
        let story = held();
        (refusal.happen)(&story);
        let head = |story: &Story| story.github.now(|state| state.at(REPO).repo().branch("ai-agent/issue-1"));
        let before = head(&story);
        let ended = let_go(&story, "dev1");
        let (answer, told) = (story.answer(1), story.told(&ended));
        let right =
            answer == refusal.answer && head(&story) == before && story.labels(1) == "ai-done ai-help";
        story.finish();
        right.then_some(()).ok_or_else(|| format!("{}: {answer}\n{told}", refusal.name))
    });
}

/// What lands between the command and its run, which nobody can have read who wrote the command.
struct Later {
    name: &'static str,
    replies: &'static [&'static str],
    happen: fn(&Story),
}

const LATER_COMMITS: &[Later] = &[
    Later {
        name: "a follow-up",
        replies: &[EDIT, FIX],
        happen: |story| {
            let fix = story.command("fix", "dev1", 2, "/fix make it 120");
            let ended = story.run_with(&fix, &[("AGENT_CI", "ask")]);
            assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
        },
    },
    Later {
        name: "a commit that no comment tells of",
        replies: &[EDIT],
        happen: |story| {
            let message = "More\n\n[skip ci] The checks start when somebody with write access comments /ci.\n\nAgent-Task: 00\n";
            story.github.now(|state| {
                let file = File::text("more.txt", "more\n");
                state.at(REPO).push("ai-agent[bot]", "ai-agent/issue-1", message, &[file]);
            });
        },
    },
];

#[test]
fn a_commit_that_came_after_the_command_is_not_let_go_by_it() {
    check_all(LATER_COMMITS, |later| {
        let story = Story::new(offline(hello()), later.replies);
        let ended = story.run_with(&story.wish("quickfix"), &[("AGENT_CI", "ask")]);
        assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
        let task: Value = story.command("ci", "dev1", 2, "/ci");
        (later.happen)(&story);
        let head = || story.github.now(|state| state.at(REPO).repo().branch("ai-agent/issue-1"));
        let before = head();
        let refused = story.run(&task);
        let answer = story.answer(1);
        let is_refused = answer
            == "**Could not be done.** #2 got a commit after `/ci` was written, and its checks are held back.\n\nRead the newest commit, \
                then comment `/ci` again."
            && head() == before
            && !is_started(&story.github);
        // Whoever has read it lets all of them go.
        let released = let_go(&story, "dev1");
        let is_released = is_started(&story.github)
            && messages(&story.github).len() == 2
            && messages(&story.github).iter().all(|message| !message.contains("[skip ci]"));
        // The earlier command once more changes nothing.
        let after = head();
        story.run(&task);
        let right = is_refused && is_released && head() == after;
        let told = format!("{refused:?}\n{}", story.told(&released));
        story.finish();
        right.then_some(()).ok_or_else(|| format!("{}: {answer}\n{told}", later.name))
    });
}

#[test]
fn a_plan_has_no_checks_to_start() {
    let story = Story::new(offline(hello()), &[PLAN]);
    let planned = story.run(&story.wish("plan"));
    assert_eq!(planned.status, Some(0), "{}", story.told(&planned));
    let ended = let_go(&story, "dev1");
    assert_eq!(
        story.answer(1),
        "**Could not be done.** #2 holds a plan: there is no change yet that could be checked.\n\nComment `/approve` first.",
        "{}",
        story.told(&ended)
    );
    assert_eq!(story.labels(1), "ai-help plan-pending");
    story.finish();
}

/// Who may not write lets nothing start, whoever's name is in the task.
#[test]
fn a_stranger_lets_nothing_start() {
    let story = held();
    let ended = let_go(&story, "guest");
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    assert!(!is_started(&story.github), "{}", story.told(&ended));
    // A task that names somebody else than the author of the comment.
    let mut task = story.command("ci", "guest", 2, "/ci");
    task["trigger_user"] = "dev1".into();
    let ended = story.run(&task);
    assert!(!is_started(&story.github), "{}", story.told(&ended));
    assert_eq!(
        story.answer(1),
        "**Could not be done.** The comment with the command was not written by the person who asked.\n\nWrite the command in a new comment.\n\nComment \
         `/ci` on the pull request to try again."
    );
    // Somebody whose access was taken away meanwhile.
    let task = story.command("ci", "dev1", 2, "/ci");
    story.github.now(|state| state.at(REPO).set_permission("dev1", Permission::Read));
    let ended = story.run(&task);
    assert!(!is_started(&story.github), "{}", story.told(&ended));
    story.finish();
}

/// The branch moves between the look at it and the write.
#[test]
fn a_commit_that_comes_between_is_not_overwritten() {
    let story = held();
    story.github.on_call(tests::github::When::next("graphql:updateRefs"), |state| {
        state.at(REPO).push_file("dev1", "ai-agent/issue-1", "a.txt", "a\n");
    });
    let ended = let_go(&story, "dev1");
    let page = seen(&story.github);
    assert!(page.contains("commit by dev1: Update a.txt"), "{}", story.told(&ended));
    story.finish();
}
