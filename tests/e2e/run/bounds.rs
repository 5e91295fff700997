//! The approved plan bounds the change: what it does not name is refused once, and leaves a draft if the model insists.

use crate::harness::{PLAN, Story, hello, offline, seen, without_bill};

const BOTH: &str = "SUMMARY:\nSensors need longer, and the text says so.\nTITLE: Raise the time-out\n\nconfig.toml\n<<<<<<< SEARCH\n\
    timeout = 30\n=======\ntimeout = 90\n>>>>>>> REPLACE\n\nREADME.md\n<<<<<<< SEARCH\nThis text recieves readers.\n=======\n\
    This text receives readers.\n>>>>>>> REPLACE\n";

fn approved(replies: &[&str]) -> Story {
    let story = Story::new(offline(hello()), &[&[PLAN], replies].concat());
    let planned = story.run(&story.wish("plan"));
    assert_eq!(planned.status, Some(0), "{}", story.told(&planned));
    let done = story.run(&story.command("approve", "dev1", 2, "/approve"));
    assert_eq!(done.status, Some(0), "{}", story.told(&done));
    story
}

#[test]
fn a_model_that_insists_leaves_a_draft_that_says_so_first() {
    let readme = BOTH.split_once("README.md\n").unwrap().1;
    for second in
        [BOTH.to_owned(), format!("SUMMARY:\nIt says so.\nTITLE: Raise the time-out\n\nREADME.md\n{readme}")]
    {
        let story = approved(&[BOTH, &second]);
        let correction = story.asked()[2].body.to_string();
        assert!(
            correction.contains("the approved plan does not name this file. Leave it out"),
            "{correction}"
        );
        assert!(correction.contains("(README.md, line"), "{correction}");
        let page = seen(&story.github);
        assert!(page.contains("  pull #2 open draft by ai-agent[bot]: Raise the time-out\n"), "{page}");
        assert!(page.contains("    reviewers: dev1\n"), "{page}");
        let body = story.github.now(|state| state.first().issue(2).body.clone()).unwrap();
        assert!(body.starts_with("> **Not in the approved plan:** `README.md`. "), "{body}");
        assert_eq!(
            without_bill(&story.answer(1)).split("\n\n").take(2).collect::<Vec<_>>(),
            [
                "**Done, and left as a draft**: #2 ([diff](/octo/hello/pull/2/files)).",
                "It changes files that the approved plan does not name: `README.md`. Look at these first, and mark the pull \
                 request as ready if they belong to the change."
            ]
        );
        assert_eq!(story.labels(1), "ai-done ai-help");
        story.finish();
    }
}

#[test]
fn a_model_that_gives_in_is_ready_for_review() {
    let story = approved(&[BOTH, "SUMMARY:\nSensors need longer.\nTITLE: Raise the time-out\n"]);
    let page = seen(&story.github);
    assert!(page.contains("  pull #2 open by ai-agent[bot]: Raise the time-out\n"), "{page}");
    let body = story.github.now(|state| state.first().issue(2).body.clone()).unwrap();
    assert!(body.starts_with("Sensors need longer.\n"), "{body}");
    assert!(
        body.contains(
            "> The model also proposed to change `README.md`, which the approved plan does not name."
        ),
        "{body}"
    );
    story.finish();
}
