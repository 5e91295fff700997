//! What is not as it should be on Jira's side: each with its words, and nothing lost.

use tests::jira::Fault;

use crate::harness::{ISSUE, REPO, Story, people, typo};

fn is_untouched(story: &Story) -> bool {
    let seen = story.github.snapshot();
    !seen.contains("ai-agent/") && !seen.contains("pull #")
}

#[test]
fn an_issue_without_a_home_is_told_what_to_do_once() {
    let site = typo().issue("OPS-1", "dev1", "Typo", "x", &["ai-help", "quickfix"]);
    let story = Story::new(site, &[]);
    let message = story.jira.now(|site| site.request("OPS-1", "begin", None));
    for _ in 0..2 {
        let run = story.run_by_rules(&message);
        assert_eq!(run.status, Some(0), "{}", story.told(&run));
    }
    let said = story.jira.now(|site| site.said("OPS-1"));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("Could not be done. No repository is configured for the project OPS."),
        "{said:?}"
    );
    assert!(is_untouched(&story));
    story.finish();
}

/// What was said of one request silences nothing that is wrong with another one.
#[test]
fn each_thing_that_is_wrong_is_told_once() {
    let mut story = Story::new(typo(), &[]);
    let (one, other) = (story.github.repo_url(REPO), story.github.repo_url("octo/other"));
    story.more = format!("[sites.acme.components.PROJ]\nOne = \"{one}\"\nOther = \"{other}\"\n");
    let run = story.run_by_rules(&story.label("dev1", &["ai-help", "quickfix"]));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    let before = story.github.snapshot();
    for _ in 0..2 {
        let message = story.command("dev1", "retry", "Thanks.");
        let comment = message["jira"]["comment"].as_u64().unwrap();
        story.jira.now(|site| site.edit_comment(ISSUE, comment, "/retry"));
        let run = story.run_by_rules(&message);
        assert_eq!(run.status, Some(0), "{}", story.told(&run));
    }
    story.jira.now(|site| site.at(ISSUE).components = vec!["One".to_owned(), "Other".to_owned()]);
    for _ in 0..2 {
        let run = story.run_by_rules(&story.command("dev1", "retry", "/retry"));
        assert_eq!(run.status, Some(0), "{}", story.told(&run));
    }
    let said = story.said();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].starts_with("Done: #1"), "{said:?}");
    assert!(said[1].starts_with("The comment with the command was edited."), "{said:?}");
    assert!(said[2].contains("belong to two repositories"), "{said:?}");
    assert_eq!(story.github.snapshot(), before);
    story.finish();
}

#[test]
fn an_issue_that_is_gone_ends_quietly() {
    let story = Story::new(typo(), &[]);
    let message = story.label("dev1", &["ai-help", "quickfix"]);
    // Deleted, or kept from the agent by a security level: Jira does not tell which.
    story.jira.now(|site| site.at(ISSUE).is_restricted = true);
    let run = story.run_by_rules(&message);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert!(is_untouched(&story), "{}", story.told(&run));
    story.jira.now(|site| site.issues.clear());
    let run = story.run_by_rules(&message);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    story.finish();
}

#[test]
fn an_issue_that_was_moved_is_told_its_new_key() {
    let story = Story::new(typo(), &[]);
    let message = story.label("dev1", &["ai-help", "quickfix"]);
    story.jira.now(|site| site.rename(ISSUE, "PROJ-70"));
    let run = story.run_by_rules(&message);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    let said = story.jira.now(|site| site.said("PROJ-70"));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("This issue was PROJ-7 when the agent was asked, and is PROJ-70 now."),
        "{said:?}"
    );
    assert!(is_untouched(&story));
    story.finish();
}

#[test]
fn an_issue_that_moves_while_the_agent_works_is_left_alone() {
    let story = Story::new(typo(), &[]);
    let message = story.label("dev1", &["ai-help", "quickfix"]);
    story.jira.on_call("updateComment", 1, |site| site.rename(ISSUE, "OPS-1"));
    let run = story.run_by_rules(&message);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert!(!story.github.snapshot().contains("pull #"), "{run:?}\n{}", story.jira.summary());
    let (said, mut labels) = story.jira.now(|site| (site.said("OPS-1"), site.at("OPS-1").labels.clone()));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("Stopped: the issue was moved to OPS-1. Nothing more is written."),
        "{said:?}"
    );
    labels.sort();
    assert_eq!(labels, ["ai-help", "quickfix"], "{said:?}");
    story.finish();
}

#[test]
fn an_issue_that_is_done_asks_for_nothing() {
    let story = Story::new(typo(), &[]);
    let message = story.label("dev1", &["ai-help", "quickfix"]);
    story.jira.now(|site| site.at(ISSUE).status = "Done");
    let run = story.run_by_rules(&message);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert!(story.said()[0].starts_with("Could not be done. The issue is closed."), "{}", story.told(&run));
    story.finish();
}

#[test]
fn an_issue_without_a_description_is_one_all_the_same() {
    let site = people().issue(ISSUE, "dev1", "Change `recieves` to `receives` in README.md", "", &[]);
    let story = Story::new(site, &[]);
    story.jira.now(|site| site.at(ISSUE).description = serde_json::Value::Null);
    let run = story.run_by_rules(&story.label("dev1", &["ai-help", "quickfix"]));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert_eq!(story.said().len(), 1, "{}", story.told(&run));
    story.finish();
}

/// Jira lets an issue have 5,000 comments. All of them are read, in pages, and of what they say a bounded part is kept.
#[test]
fn an_issue_that_is_full_of_comments_takes_little_memory_and_the_agents_own_are_found() {
    let story = Story::new(typo(), &[]);
    let long = "x".repeat(4_000);
    story.jira.now(|site| {
        for at in 0..4_998 {
            let who = if at % 4 == 0 { "stranger" } else { "guest" };
            site.comment(ISSUE, who, &format!("{at} {long}"));
        }
        // Of long before anybody asked.
        for comment in &mut site.at(ISSUE).comments {
            comment.created -= jiff::SignedDuration::from_hours(24);
            comment.updated = comment.created;
        }
    });
    let message = story.label("dev1", &["ai-help", "quickfix"]);
    let (run, peak) = story.run_measured(&message, &[("AGENT_MODEL", "builtin")]);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert_eq!(story.labels(), "ai-done ai-help quickfix");
    let pages = story.jira.count("getComments");
    eprintln!("4,998 comments of 4 KB: {pages} pages, peak {peak} KiB");
    assert!(pages <= 110, "{pages} pages");
    assert!((1..160 * 1024).contains(&peak), "{peak} KiB");
    // The agent's own comment is found behind others, and edited where no other one can be made.
    story.jira.now(|site| site.comment(ISSUE, "stranger", "The last one."));
    let run = story.run_by_rules(&message);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert_eq!(story.said().len(), 1, "{}", story.told(&run));
    story.finish();
}

/// Nothing is begun on an issue where nothing can be said.
#[test]
fn an_issue_that_takes_no_further_comment_is_the_operators_to_correct() {
    let story = Story::new(typo(), &[]);
    story.jira.now(|site| {
        for at in 0..5_000 {
            site.comment(ISSUE, "stranger", &at.to_string());
        }
    });
    let message = story.label("dev1", &["ai-help", "quickfix"]);
    let run = story.run_by_rules(&message);
    let words = "too much for one issue: The number of comments has reached the limit of 5000.";
    assert!(run.status == Some(2) && run.stderr.contains(words), "{}", story.told(&run));
    assert!(!story.github.snapshot().contains("pull #"), "{}", story.told(&run));
    story.jira.now(|site| site.at(ISSUE).comments.truncate(4_000));
    let run = story.run_by_rules(&message);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert_eq!(story.labels(), "ai-done ai-help quickfix");
    story.finish();
}

#[test]
fn a_label_in_other_letters_is_the_same_label() {
    let story = Story::new(typo(), &[]);
    let run = story.run_by_rules(&story.label("dev1", &["AI-HELP", "QuickFix", "AI-Failed"]));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert_eq!(story.labels(), "AI-HELP QuickFix ai-done", "{}", story.told(&run));
    story.finish();
}

#[test]
fn a_site_may_lie_below_a_path() {
    let mut site = typo();
    site.base_path = "/ex/jira/0ac1";
    let story = Story::new(site, &[]);
    let api = format!("api = \"{}/ex/jira/0ac1\"\naccount =", story.jira.url());
    let config = story.config().replacen("account =", &api, 1);
    let run = story.run_with(
        &story.label("dev1", &["ai-help", "quickfix"]),
        &[("AGENT_MODEL", "builtin"), ("AGENT_JIRA_FILE", ""), ("AGENT_JIRA", &config)],
    );
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert_eq!(story.labels(), "ai-done ai-help quickfix");
    story.finish();
}

#[test]
fn a_transition_that_needs_a_field_is_left_to_a_person() {
    let mut story = Story::new(typo(), &[]);
    story.more = "[sites.acme.transitions]\npull-request = \"Done\"\n".to_owned();
    story.jira.now(|site| site.needs_resolution = true);
    let run = story.run_by_rules(&story.label("dev1", &["ai-help", "quickfix"]));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    let said = story.said();
    assert!(
        said[0].contains("This is left for you:") && said[0].contains("Resolution is required."),
        "{said:?}"
    );
    assert_eq!(story.labels(), "ai-done ai-help quickfix");
    story.finish();
}

/// A workflow can offer a transition from a status to itself, which would be one more entry of the history.
#[test]
fn an_issue_that_has_the_status_is_left_where_it_is() {
    for name in ["in review", "Ask for review"] {
        let mut story = Story::new(typo(), &[]);
        story.more = format!("[sites.acme.transitions]\npull-request = \"{name}\"\n");
        story.jira.now(|site| site.at(ISSUE).status = "In Review");
        let run = story.run_by_rules(&story.label("dev1", &["ai-help", "quickfix"]));
        assert_eq!(run.status, Some(0), "{}", story.told(&run));
        assert!(!story.said()[0].contains("This is left for you"), "{}", story.told(&run));
        assert_eq!(story.jira.count("doTransition"), 0, "{name}: {}", story.told(&run));
        story.finish();
    }
}

#[test]
fn a_transition_that_is_not_there_is_told_with_those_that_are() {
    let mut story = Story::new(typo(), &[]);
    story.more = "[sites.acme.transitions]\npull-request = \"Ship\"\n".to_owned();
    let run = story.run_by_rules(&story.label("dev1", &["ai-help", "quickfix"]));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    let said = story.said();
    assert!(
        said[0].contains("no transition `Ship` is possible now; there are: `Start progress`"),
        "{said:?}"
    );
    story.finish();
}

/// What cannot be told on the issue is told to the operator, and the message stays.
#[test]
fn a_site_that_does_not_let_us_in_is_told_by_the_end() {
    for (fault, status, words) in [
        (Fault::Unauthorized, 2, "Jira does not accept the credentials"),
        (Fault::LoginPage, 2, "a page to log in"),
        (
            Fault::Redirect("https://evil.example/rest/api/3/x".to_owned()),
            2,
            "a redirect to evil.example, which is not followed",
        ),
        (Fault::TooMany(86_400), 75, "86400 s to wait"),
        (Fault::Maintenance, 75, "503 a page that says so"),
    ] {
        let story = Story::new(typo(), &[]);
        let message = story.label("dev1", &["ai-help", "quickfix"]);
        for nth in 1..=12 {
            story.jira.fault("getIssue", nth, fault.clone());
        }
        let run = story.run_with(&message, &[("AGENT_MODEL", "builtin"), ("AGENT_GITHUB_MAX_WAIT", "1s")]);
        assert!(run.status == Some(status) && run.stderr.contains(words), "{fault:?}: {}", story.told(&run));
        assert!(is_untouched(&story), "{}", story.told(&run));
        story.jira.recover();
        // Once it is over, the same message does its work.
        let run = story.run_by_rules(&message);
        assert_eq!(run.status, Some(0), "{fault:?}: {}", story.told(&run));
        assert_eq!(story.labels(), "ai-done ai-help quickfix", "{fault:?}: {}", story.told(&run));
        story.finish();
    }
}

#[test]
fn a_message_of_a_site_that_is_not_configured_is_the_operators_to_correct() {
    let story = Story::new(typo(), &[]);
    let mut message = story.label("dev1", &["ai-help", "quickfix"]);
    message["jira"]["site"] = "other".into();
    let run = story.run_by_rules(&message);
    assert!(
        run.status == Some(2) && run.stderr.contains("the site `other` of Jira is not configured"),
        "{}",
        story.told(&run)
    );
    story.finish();
}

/// An issue on which we may not say a word, because it is archived or a permission is missing.
#[test]
fn an_issue_that_takes_no_comment_is_the_operators_to_correct() {
    let story = Story::new(typo(), &[]);
    let message = story.label("dev1", &["ai-help", "quickfix"]);
    story.jira.now(|site| {
        site.permissions.remove("ADD_COMMENTS");
    });
    let run = story.run_by_rules(&message);
    let words = "You do not have the permission to comment on this issue.";
    assert!(run.status == Some(2) && run.stderr.contains(words), "{}", story.told(&run));
    assert!(!story.github.snapshot().contains("pull #"), "{}", story.told(&run));
    story.jira.now(|site| {
        site.permissions.insert("ADD_COMMENTS");
    });
    let run = story.run_by_rules(&message);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert_eq!(story.labels(), "ai-done ai-help quickfix");
    story.finish();
}

/// Labels and links decide nothing: the pull request is there, and what is left is told.
#[test]
fn what_may_not_be_set_around_the_pull_request_is_told() {
    let story = Story::new(typo(), &[]);
    let message = story.label("dev1", &["ai-help", "quickfix"]);
    story.jira.now(|site| {
        site.permissions.remove("EDIT_ISSUES");
        site.permissions.remove("LINK_ISSUES");
    });
    let run = story.run_by_rules(&message);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    let said = story.said();
    assert!(said[0].starts_with("Done: #1"), "{said:?}");
    for words in ["set the labels of this issue", "You do not have permission to link issues."] {
        assert!(said[0].contains(words), "{words}: {said:?}");
    }
    story.finish();
}

/// A command on the pull request of an issue of Jira, where nobody configured Jira any more.
#[test]
fn a_pull_request_of_an_unknown_site_is_told_as_such() {
    let story = Story::new(typo(), &[]);
    let run = story.run_by_rules(&story.label("dev1", &["ai-help", "quickfix"]));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    let comment = story.github.now(|state| state.at(REPO).comment("dev1", 1, "/approve"));
    let task = serde_json::json!({
        "repo_url": story.github.repo_url(REPO), "issue_id": 1, "mode": "approve", "trigger_user": "dev1",
        "comment_id": comment, "pull_request": 1,
    });
    let without = [("AGENT_MODEL", "builtin"), ("AGENT_JIRA_FILE", ""), ("AGENT_JIRA_CREDENTIALS", "")];
    let run = story.run_with(&task, &without);
    assert!(
        run.stderr.contains("PROJ-7 is an issue of Jira, and no site is configured"),
        "{}",
        story.told(&run)
    );
    story.finish();
}
