//! Each fault at each writing call of a run, then the same message again: nothing is lost, and nothing is made twice.

use tests::jira::Fault;

use crate::harness::{EDIT, ISSUE, PLAN, Run, Story, offline, typo};

const WRITES: [&str; 5] =
    ["addComment", "updateComment", "editIssue", "createOrUpdateRemoteIssueLink", "doTransition"];

const TRANSITIONS: &str =
    "[sites.acme.transitions]\nstarted = \"In Progress\"\npull-request = \"In Review\"\n";

/// One pull request, one comment, one link, and every label as it should be.
fn is_done(story: &Story, run: &Run, case: &str) {
    let told = || format!("{case}: {}", story.told(run));
    assert_eq!(run.status, Some(0), "{}", told());
    assert_eq!(story.labels(), "ai-done ai-help quickfix", "{}", told());
    let said = story.said();
    assert_eq!(said.len(), 1, "{}", told());
    assert!(said[0].starts_with("Done: #1"), "{}", told());
    let (links, status) = story.jira.now(|site| (site.at(ISSUE).links.len(), site.at(ISSUE).status));
    assert_eq!((links, status), (1, "In Review"), "{}", told());
    assert_eq!(story.github.snapshot().matches("\n  pull #").count(), 1, "{}", told());
}

fn check(operation: &str, fault: &Fault) {
    let mut story = Story::new(typo(), &[]);
    story.more.push_str(TRANSITIONS);
    let message = story.label("dev1", &["ai-help", "quickfix"]);
    story.jira.fault(operation, 1, fault.clone());
    let mut run = story.run_by_rules(&message);
    // A failure that passes comes back from the queue.
    if run.status != Some(0) {
        run = story.run_by_rules(&message);
    }
    is_done(&story, &run, &format!("{operation} {fault:?}"));
    story.finish();
}

/// At each writing call.
fn check_all(fault: &Fault) {
    for operation in WRITES {
        check(operation, fault);
    }
}

#[test]
fn a_connection_that_breaks_before_a_write() {
    check_all(&Fault::DropBefore);
}

#[test]
fn a_connection_that_breaks_after_a_write() {
    check_all(&Fault::DropAfter);
}

#[test]
fn an_answer_that_is_lost_on_the_way() {
    check_all(&Fault::BadGatewayAfter);
}

#[test]
fn a_rate_limit_of_a_second() {
    check_all(&Fault::TooMany(1));
}

#[test]
fn a_site_that_is_away_for_a_moment() {
    check_all(&Fault::Maintenance);
}

/// A process that dies at a call, before it has an effect or after, leaves what the next run completes.
#[test]
fn a_run_that_is_killed_is_completed_by_the_next() {
    for operation in WRITES {
        for fault in [Fault::StallBefore, Fault::StallAfter] {
            let mut story = Story::new(typo(), &[]);
            story.more.push_str(TRANSITIONS);
            let message = story.label("dev1", &["ai-help", "quickfix"]);
            story.jira.fault(operation, 1, fault.clone());
            let killed = story.run_killed(&message);
            assert_eq!(killed.status, None, "{operation} {fault:?}: {}", story.told(&killed));
            let run = story.run_by_rules(&message);
            is_done(&story, &run, &format!("{operation} {fault:?}"));
            story.finish();
        }
    }
}

/// The same for an approval: its commit is made once, and the issue says so once.
#[test]
fn an_approval_survives_every_fault_on_jira() {
    for operation in ["addComment", "updateComment", "editIssue"] {
        for fault in [Fault::DropBefore, Fault::DropAfter, Fault::BadGatewayAfter, Fault::TooMany(1)] {
            let story = Story::new(offline(), &[PLAN, EDIT]);
            let run = story.run(&story.label("dev1", &["ai-help"]));
            assert_eq!(run.status, Some(0), "{}", story.told(&run));
            std::thread::sleep(std::time::Duration::from_millis(1_100));
            let message = story.command("dev2", "approve", "/approve");
            story.jira.fault(operation, 1, fault.clone());
            let mut run = story.run(&message);
            if run.status != Some(0) {
                run = story.run(&message);
            }
            let told = || format!("{operation} {fault:?}: {}", story.told(&run));
            assert_eq!(run.status, Some(0), "{}", told());
            assert_eq!(story.labels(), "ai-done ai-help", "{}", told());
            assert_eq!(story.said().len(), 2, "{}", told());
            assert!(story.said()[1].starts_with("Done: #1"), "{}", told());
            assert_eq!(
                story.github.snapshot().matches("PROJ-7 Raise the time-out\n    M ").count(),
                1,
                "{}",
                told()
            );
            story.finish();
        }
    }
}
