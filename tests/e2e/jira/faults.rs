//! Each fault at each writing call of a run, then the same message again: nothing is lost, and nothing is made twice.

use tests::jira::Fault;

use crate::harness::{ISSUE, Story, typo};

const WRITES: [&str; 5] =
    ["addComment", "updateComment", "editIssue", "createOrUpdateRemoteIssueLink", "doTransition"];

fn check(operation: &str, fault: &Fault) {
    let mut story = Story::new(typo(), &[]);
    story.more =
        "[sites.acme.transitions]\nstarted = \"In Progress\"\npull-request = \"In Review\"\n".to_owned();
    let message = story.label("dev1", &["ai-help", "quickfix"]);
    story.jira.fault(operation, 1, fault.clone());
    let mut run = story.run_by_rules(&message);
    // A failure that passes comes back from the queue.
    if run.status != Some(0) {
        run = story.run_by_rules(&message);
    }
    let told = || format!("{operation} {fault:?}: {}", story.told(&run));
    assert_eq!(run.status, Some(0), "{}", told());
    assert_eq!(story.labels(), "ai-done ai-help quickfix", "{}", told());
    let said = story.said();
    assert_eq!(said.len(), 1, "one comment: {}", told());
    assert!(said[0].starts_with("Done: #1"), "{}", told());
    let (links, status) = story.jira.now(|site| (site.at(ISSUE).links.len(), site.at(ISSUE).status));
    assert_eq!((links, status), (1, "In Review"), "{}", told());
    assert_eq!(story.github.snapshot().matches("\n  pull #").count(), 1, "{}", told());
    story.finish();
}

#[test]
fn a_connection_that_breaks_before_a_write() {
    WRITES.iter().for_each(|operation| check(operation, &Fault::DropBefore));
}

#[test]
fn a_connection_that_breaks_after_a_write() {
    WRITES.iter().for_each(|operation| check(operation, &Fault::DropAfter));
}

#[test]
fn an_answer_that_is_lost_on_the_way() {
    WRITES.iter().for_each(|operation| check(operation, &Fault::BadGatewayAfter));
}

#[test]
fn a_rate_limit_of_a_second() {
    WRITES.iter().for_each(|operation| check(operation, &Fault::TooMany(1)));
}

#[test]
fn a_site_that_is_away_for_a_moment() {
    WRITES.iter().for_each(|operation| check(operation, &Fault::Maintenance));
}
