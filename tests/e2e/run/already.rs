//! Nothing to do: what the issue asks for is there. The issue is told where, and no pull request is left over.

use crate::harness::{EDIT, PLAN, Story, hello, mutations, offline, seen, without_bill};

pub(crate) const SOLVED: &str = "The file says so.\n\nSOLVED: `timeout` is long enough for @dev1 and @everyone.\n\
                                 config.toml:7: timeout = 30\n";

#[test]
fn the_issue_is_told_what_is_there_and_where() {
    for mode in ["quickfix", "plan"] {
        let story = Story::new(offline(hello()), &[SOLVED]);
        let head = story.github.now(|state| state.first().repo().branch("main").unwrap());
        let task = story.wish(mode);
        let ended = story.run(&task);
        assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
        let expected = format!(
            "**Nothing to change**: the repository already does what this issue asks for.\n\n\
             `timeout` is long enough for @dev1 and `@everyone`.\n\n\
             - [`config.toml`, line 2](/octo/hello/blob/{head}/config.toml#L2): `timeout = 30`\n\n\
             If that is right, close the issue. If something is still missing, say what, and comment `/retry`."
        );
        assert_eq!(without_bill(&story.answer(1)), expected);
        assert_eq!(story.labels(1), "ai-done ai-help");
        let writes = mutations(&story.github);
        assert!(
            !writes.iter().any(|write| write.starts_with("pulls/") || write.contains("Commit")),
            "{writes:?}"
        );

        // The same message once more: the task ended, and stays so.
        let before = story.github.snapshot();
        let again = story.run(&task);
        assert_eq!((again.status, story.github.snapshot()), (Some(0), before), "{}", story.told(&again));
        assert_eq!(story.asked().len(), 1);
        story.finish();
    }
}

/// The branch is there, as after any end without a change, and in nobody's way.
#[test]
fn more_can_be_asked_for_afterwards() {
    let story = Story::new(offline(hello()), &[SOLVED, EDIT]);
    let ended = story.run(&story.wish("quickfix"));
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    let mut again = story.wish("quickfix");
    again["task_id"] = format!("{:032x}", 7).into();
    let ended = story.run(&again);
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    assert!(
        seen(&story.github).contains("  pull #2 open by ai-agent[bot]: Raise the time-out\n"),
        "{}",
        story.told(&ended)
    );
    assert_eq!(story.labels(1), "ai-done ai-help");
    story.finish();
}

/// A plan was approved, or is to be revised, and meanwhile somebody did the work: its draft is closed.
#[test]
fn the_draft_of_a_plan_is_closed() {
    for (mode, text) in [("approve", "/approve"), ("revise", "/revise is it not so already?")] {
        let story = Story::new(offline(hello()), &[PLAN, SOLVED]);
        let ended = story.run(&story.wish("plan"));
        assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
        let task = story.command(mode, "dev1", 2, text);
        let ended = story.run(&task);
        assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
        let page = seen(&story.github);
        assert!(page.contains("  pull #2 closed draft by ai-agent[bot]: Plan: "), "{page}");
        assert!(
            story.answer(1).contains("\n\n#2, which held the plan, is closed.\n\n"),
            "{}",
            story.answer(1)
        );
        assert_eq!(story.labels(1), "ai-done ai-help");
        let before = story.github.snapshot();
        let again = story.run(&task);
        assert_eq!(
            (again.status, story.github.snapshot()),
            (Some(0), before.clone()),
            "{}",
            story.told(&again)
        );
        // Nor does the webhook of what was closed change anything: nobody declined it.
        let closed = story.run(&story.wish_of("closed", "octo"));
        assert_eq!((closed.status, story.github.snapshot()), (Some(0), before), "{}", story.told(&closed));
        story.finish();
    }
}
