//! What comes after the pull request: checks, repairs, reviews, commands, and its end, all of it told on the issue of Jira.

use std::time::Duration;

use serde_json::{Value, json};
use tests::github::{CheckKind, Log, Opinion, Report, Stage, Verdict, World};
use tests::jira::Fault;

use crate::harness::{BRANCH, EDIT, ISSUE, PLAN, REPO, Run, Story, hello, offline};

pub(crate) const REPAIR: &str = "TITLE: Lower the time-out\nSUMMARY:\nIt was too long.\n\nconfig.toml\n<<<<<<< SEARCH\ntimeout = 90\n\
     =======\ntimeout = 60\n>>>>>>> REPLACE\n";
const FIX: &str = "FIX: 1 It is 45 now.\nTITLE: Wait for 45 seconds\n\nconfig.toml\n<<<<<<< SEARCH\ntimeout = 60\n=======\n\
     timeout = 45\n>>>>>>> REPLACE\n";
/// The same on top of the change alone.
pub(crate) const FIX_AT_ONCE: &str = "FIX: 1 It is 60 now.\nTITLE: Wait for 60 seconds\n\nconfig.toml\n<<<<<<< SEARCH\ntimeout = 90\n\
     =======\ntimeout = 60\n>>>>>>> REPLACE\n";

/// A repository with a check that its default branch has passed.
pub(crate) fn checked() -> World {
    hello().before(|scene| {
        let test = "def test_timeout():\n    assert timeout() < 80\n";
        scene.push_file("octo", "main", "tests/test_config.py", test);
        scene.check("main", "build", CheckKind::Run, Verdict::Passed);
    })
}

pub(crate) fn fails(story: &Story) {
    let log = "2026-11-21T10:00:06.5000000Z E   assert 90 < 80\n".as_bytes().to_vec();
    let report = Report {
        steps: vec![("Run tests", "failure", "2026-11-21T10:00:05Z", "2026-11-21T10:00:07Z")],
        log: Log::Kept(log),
        ..Report::default()
    };
    story.github.now(|state| {
        state.at(REPO).check_reports(BRANCH, "build", CheckKind::Run, Verdict::Failed, report);
    });
}

fn passes(story: &Story) {
    story.github.now(|state| state.at(REPO).check(BRANCH, "build", CheckKind::Run, Verdict::Passed));
}

/// The message that `ingest` makes of something that happened on the branch: the key of the issue is the branch's.
pub(crate) fn happened(story: &Story, mode: &str) -> Value {
    let head = story.github.now(|state| state.at(REPO).repo().branch(BRANCH).unwrap().to_string());
    let kind = if mode == "checks" { "c" } else { "d" };
    json!({
        "repo_url": story.github.repo_url(REPO), "issue_id": ISSUE, "mode": mode, "trigger_user": "octo",
        "task_id": format!("{kind}{}", &head[..31]),
    })
}

/// The message of a command on the pull request.
pub(crate) fn on_pull_request(story: &Story, mode: &str, user: &str, text: &str) -> Value {
    let comment = story.github.now(|state| state.at(REPO).comment(user, 1, text));
    json!({
        "repo_url": story.github.repo_url(REPO), "issue_id": 1, "mode": mode, "trigger_user": user,
        "comment_id": comment, "pull_request": 1,
    })
}

/// The message of a review that requests a change in one thread.
pub(crate) fn reviewed(story: &Story) -> Value {
    let lines = [("config.toml", 2, "Still too long: make it 45.")];
    let (review, _) = story
        .github
        .now(|state| state.at(REPO).give_review("dev2", 1, Opinion::ChangesRequested, "", &lines));
    json!({
        "repo_url": story.github.repo_url(REPO), "issue_id": 1, "mode": "fix", "trigger_user": "dev2",
        "comment_id": review, "comment_kind": "review", "pull_request": 1,
    })
}

fn ended(story: &Story, message: &Value) -> Run {
    let run = story.run(message);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    run
}

/// A quick fix of a model, and its pull request.
pub(crate) fn changed(world: World, replies: &[&str]) -> Story {
    let mut story = Story::of(world, offline(), &[&[EDIT], replies].concat());
    "[sites.acme.transitions]\npull-request = \"In Review\"\nmerged = \"Finish\"\n"
        .clone_into(&mut story.more);
    let message = story.label("dev1", &["ai-help", "quickfix"]);
    ended(&story, &message);
    assert_eq!(story.labels(), "ai-done ai-help quickfix");
    story
}

pub(crate) fn config(story: &Story) -> String {
    story.github.now(|state| {
        let scene = state.at(REPO);
        let head = scene.repo().branch(BRANCH).unwrap();
        let entry = scene.repo().store.entry_at(head.as_str(), "config.toml").unwrap();
        String::from_utf8(scene.repo().store.blob(&entry.oid).unwrap()).unwrap()
    })
}

fn status(story: &Story) -> &'static str {
    story.jira.now(|site| site.at(ISSUE).status)
}

fn last(story: &Story) -> String {
    story.said().pop().unwrap()
}

#[test]
fn an_issue_of_jira_goes_from_red_checks_over_a_review_to_merged() {
    let story = changed(checked(), &[REPAIR, FIX]);
    assert!(last(&story).contains("is open as a draft."), "{:?}", story.said());
    assert_eq!(status(&story), "In Review");

    // Red: it is repaired, once.
    fails(&story);
    let red = happened(&story, "checks");
    for _ in 0..2 {
        let run = ended(&story, &red);
        assert_eq!(config(&story), "port = 8000\ntimeout = 60\n", "{}", story.told(&run));
        assert!(last(&story).starts_with("Repair 1 of 3 of #1"), "{}", story.told(&run));
        assert_eq!(story.said().len(), 2, "{}", story.told(&run));
    }
    let commits = story.github.snapshot();
    assert!(commits.contains("PROJ-7 Lower the time-out"), "{commits}");

    // Green: it is shown.
    passes(&story);
    let run = ended(&story, &happened(&story, "checks"));
    assert!(last(&story).starts_with("Checks passed: #1"), "{}", story.told(&run));
    assert!(story.github.snapshot().contains("    reviewers: dev1\n"), "{}", story.told(&run));

    // A review: it is answered there, and told here.
    let run = ended(&story, &reviewed(&story));
    assert_eq!(config(&story), "port = 8000\ntimeout = 45\n", "{}", story.told(&run));
    assert!(last(&story).contains("1 thread changed"), "{}", story.told(&run));
    assert!(story.github.snapshot().contains("PROJ-7 Wait for 45 seconds"), "{}", story.told(&run));
    assert_eq!(story.labels(), "ai-done ai-help quickfix");
    assert_eq!(status(&story), "In Review");

    // Merged: the issue is where the operator wants it, however often that is told.
    story.github.now(|state| state.at(REPO).merge("dev2", 1));
    let merged = happened(&story, "closed");
    for _ in 0..2 {
        let run = ended(&story, &merged);
        assert_eq!(status(&story), "Done", "{}", story.told(&run));
    }
    assert_eq!(story.labels(), "ai-done ai-help quickfix");
    assert!(!story.github.snapshot().contains("  issue #"));
    story.finish();
}

/// A person who takes it back has the last word.
#[test]
fn an_issue_that_was_taken_back_is_not_moved_again() {
    let story = changed(hello(), &[]);
    story.github.now(|state| state.at(REPO).merge("dev2", 1));
    let merged = happened(&story, "closed");
    ended(&story, &merged);
    assert_eq!(status(&story), "Done");
    story.jira.now(|site| site.transition(ISSUE, "dev2", "In Progress"));
    let run = ended(&story, &merged);
    assert_eq!(status(&story), "In Progress", "{}", story.told(&run));
    story.finish();
}

#[test]
fn a_pull_request_that_is_declined_frees_the_issue() {
    let story = changed(hello(), &[]);
    story.github.now(|state| state.at(REPO).close("dev2", 1));
    let run = ended(&story, &happened(&story, "closed"));
    assert_eq!(story.labels(), "ai-help quickfix", "{}", story.told(&run));
    assert_eq!(status(&story), "In Review");
    story.finish();
}

/// What may not be set at the end is for the operator, and the labels are right.
#[test]
fn a_transition_that_is_refused_at_the_end_fails_nothing() {
    let story = changed(hello(), &[]);
    story.github.now(|state| state.at(REPO).merge("dev2", 1));
    story.jira.now(|site| site.needs_resolution = true);
    let run = ended(&story, &happened(&story, "closed"));
    assert!(run.stderr.contains("Resolution is required."), "{}", story.told(&run));
    assert_eq!(story.labels(), "ai-done ai-help quickfix");
    story.finish();
}

/// A site that is away when a pull request is merged, and back for the next delivery.
#[test]
fn an_end_that_could_not_be_shown_is_shown_by_the_next_delivery() {
    for operation in ["getIssue", "doTransition"] {
        let story = changed(hello(), &[]);
        story.github.now(|state| state.at(REPO).merge("dev2", 1));
        let merged = happened(&story, "closed");
        for nth in 1..=12 {
            story.jira.fault(operation, nth, Fault::Maintenance);
        }
        story.run_with(&merged, &[("AGENT_GITHUB_MAX_WAIT", "1s")]);
        assert_eq!(status(&story), "In Review");
        story.jira.recover();
        let run = ended(&story, &merged);
        assert_eq!(status(&story), "Done", "{operation}: {}", story.told(&run));
        story.finish();
    }
}

/// Commands on the issue are those of GitHub's issues.
#[test]
fn a_fix_is_asked_for_on_jira_and_on_the_pull_request() {
    for on_jira in [true, false] {
        let story = changed(hello(), &[FIX_AT_ONCE]);
        story.jira.now(jira_waits);
        let message = if on_jira {
            story.command("dev2", "fix", "/fix make it 60")
        } else {
            on_pull_request(&story, "fix", "dev2", "/fix make it 60")
        };
        let run = ended(&story, &message);
        assert_eq!(config(&story), "port = 8000\ntimeout = 60\n", "{}", story.told(&run));
        assert!(format!("{:?}", story.asked()).contains("make it 60"));
        assert!(last(&story).starts_with("On #1"), "{}", story.told(&run));
        let seen = story.github.snapshot();
        assert!(seen.contains("PROJ-7 Wait for 60 seconds"), "{seen}");
        assert_eq!(story.labels(), "ai-done ai-help quickfix");
        // Once more it changes nothing.
        let run = ended(&story, &message);
        assert_eq!(story.asked().len(), 2, "{}", story.told(&run));
        story.finish();
    }
}

/// What is about the pull request works where the issue is done; whoever asks for anything else is told so.
#[test]
fn a_command_on_an_issue_that_is_done_works_or_is_answered() {
    let story = changed(hello(), &[FIX_AT_ONCE]);
    story.jira.now(|site| {
        jira_waits(site);
        site.transition(ISSUE, "dev1", "Done");
    });
    let run = ended(&story, &story.command("dev2", "fix", "/fix make it 60"));
    assert_eq!(config(&story), "port = 8000\ntimeout = 60\n", "{}", story.told(&run));
    for (asks, text) in [("retry", "/retry"), ("approve", "/approve")] {
        let message = story.command("dev2", asks, text);
        let before = story.said().len();
        for _ in 0..2 {
            let run = ended(&story, &message);
            assert_eq!(story.said().len(), before + 1, "{text}: {}", story.told(&run));
        }
    }
    let said = story.said();
    assert!(said[2].starts_with("Could not be done. The issue is closed.\nOpen it again."), "{said:?}");
    assert_eq!((story.labels().as_str(), status(&story)), ("ai-done ai-help quickfix", "Done"));
    story.finish();
}

#[test]
fn a_branch_is_brought_up_to_date_from_jira() {
    let story = changed(hello(), &[]);
    story.jira.now(jira_waits);
    story.github.now(|state| {
        state.at(REPO).push_file("dev2", "main", "NEWS.md", "# News\n");
    });
    let message = story.command("dev2", "update", "/update");
    let run = ended(&story, &message);
    assert!(last(&story).contains("Updated in "), "{}", story.told(&run));
    let seen = story.github.snapshot();
    assert!(seen.contains("PROJ-7 Merge main into ai-agent/PROJ-7"), "{}", story.told(&run));
    // Once more it changes nothing.
    let run = ended(&story, &message);
    assert_eq!(story.github.snapshot(), seen, "{}", story.told(&run));
    assert_eq!(story.said().len(), 2, "{}", story.told(&run));
    assert_eq!(config(&story), "port = 8000\ntimeout = 90\n");
    assert_eq!(story.labels(), "ai-done ai-help quickfix");
    story.finish();
}

/// In one moment nobody reads what was done and answers it.
pub(crate) fn jira_waits(site: &mut tests::jira::Site) {
    std::thread::sleep(Duration::from_millis(20));
    site.catch_up();
}

/// What is said of a plan that is carried out already is said of the change.
#[test]
fn a_revision_on_jira_of_what_is_done_is_a_fix() {
    let story = changed(hello(), &[FIX_AT_ONCE]);
    let run = ended(&story, &story.command("dev2", "revise", "/revise make it 60"));
    assert_eq!(config(&story), "port = 8000\ntimeout = 60\n", "{}", story.told(&run));
    assert!(last(&story).starts_with("On #1"), "{}", story.told(&run));
    story.finish();
}

/// A fix that failed is tried again by `/retry` on the pull request.
#[test]
fn a_fix_that_failed_is_tried_again_from_the_pull_request() {
    let story = changed(hello(), &["CANNOT: not today", FIX_AT_ONCE]);
    let run = ended(&story, &on_pull_request(&story, "fix", "dev2", "/fix make it 60"));
    assert!(last(&story).contains("Could not be done."), "{}", story.told(&run));
    let run = ended(&story, &on_pull_request(&story, "fix", "dev2", "/retry"));
    assert_eq!(config(&story), "port = 8000\ntimeout = 60\n", "{}", story.told(&run));
    story.finish();
}

#[test]
fn checks_that_are_held_back_are_let_go_from_jira_and_from_the_pull_request() {
    for on_jira in [true, false] {
        let story = changed(hello().file(".github/ai-agent.toml", "ci = \"ask\"\n"), &[]);
        assert!(last(&story).contains("`/ci`"), "{:?}", story.said());
        let message = if on_jira {
            story.command("dev2", "ci", "/ci")
        } else {
            on_pull_request(&story, "ci", "dev2", "/ci")
        };
        let is_started = || {
            story.github.now(|state| {
                let scene = state.at(REPO);
                let head = scene.repo().branch(BRANCH).unwrap();
                scene.repo().started.contains(&head)
            })
        };
        assert!(!is_started());
        let run = ended(&story, &message);
        assert!(is_started(), "{}", story.told(&run));
        assert!(last(&story).contains("dev2"), "{}", story.told(&run));
        story.finish();
    }
}

/// Who may not write commands nothing, wherever it is written.
#[test]
fn a_stranger_commands_nothing_after_the_pull_request() {
    for (asks, text) in
        [("fix", "/fix make it 60"), ("ci", "/ci"), ("approve", "/approve"), ("retry", "/retry")]
    {
        let story = changed(hello(), &[]);
        let before = story.github.snapshot();
        for _ in 0..2 {
            ended(&story, &story.command("stranger", asks, text));
        }
        assert_eq!(story.github.snapshot(), before, "{asks}");
        let said = story.said();
        assert_eq!(said.len(), 2, "{asks}: {said:?}");
        assert!(said[1].contains("has no GitHub login"), "{asks}: {said:?}");
        assert_eq!(story.labels(), "ai-done ai-help quickfix");
        story.finish();
    }
}

/// A plan, approved on the pull request, with all that comes after it.
#[test]
fn a_plan_of_jira_is_repaired_and_merged_as_well() {
    let mut story = Story::of(checked(), offline(), &[PLAN, EDIT, REPAIR]);
    "[sites.acme.transitions]\nmerged = \"Done\"\n".clone_into(&mut story.more);
    let message = story.label("dev1", &["ai-help"]);
    ended(&story, &message);
    // A plan has no change whose checks could say anything.
    fails(&story);
    let run = ended(&story, &happened(&story, "checks"));
    assert_eq!(story.said().len(), 1, "{}", story.told(&run));
    std::thread::sleep(Duration::from_millis(1_100));
    ended(&story, &on_pull_request(&story, "approve", "dev2", "/approve"));
    assert_eq!(config(&story), "port = 8000\ntimeout = 90\n");
    fails(&story);
    let run = ended(&story, &happened(&story, "checks"));
    assert_eq!(config(&story), "port = 8000\ntimeout = 60\n", "{}", story.told(&run));
    story.github.now(|state| {
        state.at(REPO).stage("dev2", 1, Stage::Ready);
        state.at(REPO).merge("dev2", 1);
    });
    let run = ended(&story, &happened(&story, "closed"));
    assert_eq!(status(&story), "Done", "{}", story.told(&run));
    story.finish();
}

/// A branch of that name by somebody else is nothing to us.
#[test]
fn a_branch_of_others_with_the_name_of_an_issue_is_left_alone() {
    let story = Story::of(checked(), offline(), &[]);
    story.github.now(|state| {
        let mut scene = state.at(REPO);
        scene.create_branch(BRANCH, "main");
        scene.push_file("dev2", BRANCH, "a.txt", "a\n");
        let number = scene.open_pull("dev2", "Mine", BRANCH, "main");
        scene.stage("dev2", number, Stage::Draft);
    });
    fails(&story);
    let before = story.github.snapshot();
    ended(&story, &happened(&story, "checks"));
    assert_eq!(story.github.snapshot(), before);
    story.github.now(|state| state.at(REPO).merge("dev2", 1));
    ended(&story, &happened(&story, "closed"));
    assert!(story.said().is_empty() && story.labels().is_empty());
    story.finish();
}
