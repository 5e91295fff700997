//! Plans: made, approved on either side, revised, canceled.

use serde_json::{Value, json};

use crate::harness::{EDIT, ISSUE, PLAN, REPO, Story, offline};

fn planned(replies: &[&str]) -> Story {
    let story = Story::new(offline(), replies);
    let run = story.run(&story.label("dev1", &["ai-help"]));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert_eq!(story.labels(), "ai-help plan-pending", "{}", story.told(&run));
    let seen = story.github.snapshot();
    assert!(seen.contains("PROJ-7 Plan: The time-out is too short."), "{seen}");
    assert!(!seen.contains("Acme"), "{seen}");
    // In one second nobody reads a plan and answers it.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    story
}

/// A command on the pull request, as a webhook of GitHub makes a task of it.
fn on_pull_request(story: &Story, mode: &str, user: &str, text: &str) -> Value {
    let comment = story.github.now(|state| state.at(REPO).comment(user, 1, text));
    json!({
        "repo_url": story.github.repo_url(REPO), "issue_id": 1, "mode": mode, "trigger_user": user,
        "comment_id": comment, "pull_request": 1,
    })
}

#[test]
fn a_plan_is_approved_on_jira() {
    let story = planned(&[PLAN, EDIT]);
    assert!(story.said()[0].starts_with("Plan ready for review: #1"), "{:?}", story.said());
    assert!(story.said()[0].contains("The time-out is too short."), "{:?}", story.said());
    let run = story.run(&story.command("dev2", "approve", "/approve"));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert_eq!(story.labels(), "ai-done ai-help", "{}", story.told(&run));
    let seen = story.github.snapshot();
    assert!(seen.contains("PROJ-7 Raise the time-out"), "{seen}");
    story.finish();
}

#[test]
fn a_plan_is_approved_on_the_pull_request_and_told_on_jira() {
    let story = planned(&[PLAN, EDIT]);
    let run = story.run(&on_pull_request(&story, "approve", "dev2", "/approve"));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert_eq!(story.labels(), "ai-done ai-help", "{}", story.told(&run));
    assert!(story.said().last().unwrap().starts_with("Done: #1"), "{}", story.told(&run));
    story.finish();
}

#[test]
fn a_plan_is_revised_on_jira() {
    let revised = PLAN.replace("The time-out is too short.", "The time-out is much too short.");
    let story = planned(&[PLAN, &revised]);
    let run = story.run(&story.command("dev2", "revise", "/revise say how much"));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    let seen = story.github.snapshot();
    assert!(seen.contains("much too short"), "{seen}");
    assert!(story.said().last().unwrap().contains("The time-out is much too short."), "{:?}", story.said());
    assert!(format!("{:?}", story.asked()).contains("say how much"));
    assert_eq!(story.labels(), "ai-help plan-pending");
    story.finish();
}

/// A command that not everybody may read is none: what the model makes of it goes to GitHub.
#[test]
fn a_command_in_an_internal_note_is_refused_and_not_quoted() {
    let story = planned(&[PLAN]);
    for (who, is_internal) in [("dev1", true), ("dev2", false)] {
        let message = story.command(who, "revise", "/revise mention the customer");
        story.jira.now(|site| {
            let comment = site.at(ISSUE).comments.last_mut().unwrap();
            comment.is_internal = is_internal;
            comment.visibility = (!is_internal).then(|| "Administrators".to_owned());
        });
        for _ in 0..2 {
            let run = story.run(&message);
            assert_eq!(run.status, Some(0), "{}", story.told(&run));
        }
        let last = story.said().pop().unwrap();
        assert!(last.starts_with("A command counts only where everybody can read it"), "{last}");
    }
    let said = story.said();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(!said.join("\n").contains("mention the customer"), "{said:?}");
    assert!(!format!("{:?}", story.asked()).contains("mention the customer"));
    assert_eq!(story.labels(), "ai-help plan-pending");
    story.finish();
}

#[test]
fn who_may_not_write_may_not_approve() {
    let story = planned(&[PLAN]);
    for _ in 0..2 {
        let run = story.run(&story.command("guest", "approve", "/approve"));
        assert_eq!(run.status, Some(0), "{}", story.told(&run));
    }
    let said = story.said();
    let refused = said.iter().filter(|text| text.contains("only people with write access")).count();
    assert_eq!(refused, 1, "{said:?}");
    assert_eq!(story.labels(), "ai-help plan-pending");
    story.finish();
}

#[test]
fn a_stop_on_jira_ends_a_run() {
    let story = Story::new(offline(), &[EDIT]);
    let message = story.label("dev1", &["ai-help", "quickfix"]);
    // While the model is asked, the status comment is edited.
    story.jira.on_call("updateComment", 1, |site| {
        site.catch_up();
        site.comment(ISSUE, "stranger", "/stop");
        site.comment(ISSUE, "dev2", "/stop");
    });
    let run = story.run(&message);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert!(story.said()[0].starts_with("Stopped: `dev2` asked to stop"), "{}", story.told(&run));
    assert_eq!(story.labels(), "ai-help quickfix");
    assert!(!story.github.snapshot().contains("pull #"), "{}", story.told(&run));
    story.finish();
}

#[test]
fn a_label_that_is_taken_off_ends_a_run() {
    let story = Story::new(offline(), &[EDIT]);
    let message = story.label("dev1", &["ai-help", "quickfix"]);
    story.jira.on_call("updateComment", 1, |site| {
        site.relabel(ISSUE, "stranger", &["quickfix", "ai-working"]);
    });
    let run = story.run(&message);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert!(story.said()[0].starts_with("Stopped: the label `ai-help` was removed"), "{}", story.told(&run));
    story.finish();
}

/// An approval that is given for a plan of an issue whose text moved since is none.
#[test]
fn a_plan_is_stale_once_the_issue_is_edited() {
    let story = planned(&[PLAN]);
    story.jira.now(|site| site.describe(ISSUE, "dev1", "Change `timeout` from 30 to 9000 in config.toml."));
    let run = story.run(&story.command("dev1", "approve", "/approve"));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert!(story.said().last().unwrap().contains("The plan is stale"), "{}", story.told(&run));
    story.finish();
}

/// Comments of Jira and of GitHub have ids of their own, which say nothing of each other.
#[test]
fn a_stop_on_jira_ends_a_run_that_began_on_the_pull_request() {
    let story = planned(&[PLAN, EDIT]);
    let mut message = on_pull_request(&story, "approve", "dev2", "/approve");
    message["triggered_at"] = json!(jiff::Timestamp::now().to_string());
    story.jira.on_call("updateComment", 1, |site| {
        // Lower than any id of GitHub's.
        site.next_id = 1;
        site.catch_up();
        site.comment(ISSUE, "dev2", "/stop");
    });
    let run = story.run(&message);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert!(
        story.said().last().unwrap().starts_with("Stopped: `dev2` asked to stop"),
        "{}",
        story.told(&run)
    );
    assert!(!story.github.snapshot().contains("PROJ-7 Raise the time-out"), "{}", story.told(&run));
    story.finish();
}
