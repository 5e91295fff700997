//! A pull request whose issue on Jira was moved, deleted, restricted or archived: the words stand where somebody asked.

use serde_json::{Value, json};
use tests::jira::Site;

use crate::after::{
    FIX_AT_ONCE, changed, checked, config, fails, happened, jira_waits, on_pull_request, reviewed,
};
use crate::harness::{ISSUE, PLAN, REPO, Run, Story, hello, offline};

/// What the agent says on the pull request, without markers and what is for the log.
fn told(story: &Story) -> Vec<String> {
    let bot = story.github.app_login();
    story.github.now(|state| {
        let scene = state.at(REPO);
        let ours = scene.issue(1).comments.iter().filter(|comment| comment.author == bot);
        let text = |body: &str| body.split("\n\nTask `").next().unwrap_or_default().to_owned();
        ours.map(|comment| text(comment.body.split("\n\n<!-- ai-agent:").next().unwrap_or_default()))
            .collect()
    })
}

/// Delivered twice, as any message can be.
fn twice(story: &Story, message: &Value) -> Run {
    let first = story.run(message);
    assert_eq!(first.status, Some(0), "{first:?}");
    let second = story.run(message);
    assert_eq!(second.status, Some(0), "{second:?}");
    second
}

#[test]
fn commands_reviews_and_checks_are_answered_on_the_pull_request_of_an_issue_that_is_gone() {
    const GONE: &str = "he issue PROJ-7 was deleted, or the agent may not see it.\n\n\
        Let the agent's account see the issue, or go on with this pull request yourself.";
    type Happen = fn(&mut Site);
    let cases: [(Happen, &str); 3] = [
        (
            |site| site.rename(ISSUE, "OPS-1"),
            "he issue PROJ-7 was moved and is OPS-1 now.\n\n\
             Comment `/retry` on OPS-1 to have it done there, or go on with this pull request yourself.",
        ),
        (|site| site.at(ISSUE).is_restricted = true, GONE),
        (|site| site.issues.clear(), GONE),
    ];
    for (happen, words) in cases {
        let story = changed(checked(), &[]);
        story.jira.now(happen);
        let mut expected = Vec::new();
        for (asks, text) in
            [("fix", "/fix make it 60"), ("ci", "/ci"), ("update", "/update"), ("fix", "/retry")]
        {
            let run = twice(&story, &on_pull_request(&story, asks, "dev2", text));
            expected.push(format!("**Could not be done.** T{words}"));
            assert_eq!(told(&story), expected, "{text}: {run:?}");
        }
        let run = twice(&story, &reviewed(&story));
        expected.push(format!("**Could not be done.** T{words}"));
        assert_eq!(told(&story), expected, "{run:?}");

        // What nobody asked for is told once, however often checks end.
        fails(&story);
        let mut red = happened(&story, "checks");
        twice(&story, &red);
        red["task_id"] = json!("e".repeat(32));
        let run = twice(&story, &red);
        expected.push(format!("**The checks of this pull request are left to you.** T{words}"));
        assert_eq!(told(&story), expected, "{run:?}");
        assert_eq!(config(&story), "port = 8000\ntimeout = 90\n");

        story.github.now(|state| state.at(REPO).merge("dev2", 1));
        let run = twice(&story, &happened(&story, "closed"));
        assert_eq!(told(&story), expected, "{run:?}");
        assert_eq!(story.asked().len(), 1);
        story.finish();
    }
}

/// What cannot be said on the issue is said on the pull request; once the issue is restored, the same message does its work.
#[test]
fn an_issue_that_is_archived_is_told_on_the_pull_request() {
    let no_comment = |site: &mut Site| {
        site.permissions.remove("ADD_COMMENTS");
    };
    let story = changed(checked(), &[FIX_AT_ONCE]);
    story.jira.now(jira_waits);
    story.jira.now(no_comment);
    fails(&story);
    let red = happened(&story, "checks");
    let fix = on_pull_request(&story, "fix", "dev2", "/fix make it 60");
    for _ in 0..2 {
        for message in [&red, &fix] {
            let run = story.run(message);
            assert_eq!(run.status, Some(2), "{run:?}");
        }
    }
    let said = told(&story);
    assert_eq!(said.len(), 2, "{said:?}");
    let words =
        "**The checks of this pull request are left to you.** The agent may not write on PROJ-7: Jira finds";
    assert!(said[0].starts_with(words), "{said:?}");
    assert!(said[1].starts_with("**Could not be done.** Jira finds POST"), "{said:?}");
    for said in &said {
        assert!(said.contains("You do not have the permission to comment on this issue."), "{said}");
    }
    story.jira.now(|site| {
        site.permissions.insert("ADD_COMMENTS");
    });
    let run = story.run(&fix);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert_eq!(config(&story), "port = 8000\ntimeout = 60\n", "{}", story.told(&run));
    story.finish();

    let story = Story::of(hello(), offline(), &[PLAN]);
    let run = story.run(&story.label("dev1", &["ai-help"]));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    let before = told(&story).len();
    story.jira.now(no_comment);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let approve = on_pull_request(&story, "approve", "dev2", "/approve");
    for _ in 0..2 {
        let run = story.run(&approve);
        assert_eq!(run.status, Some(2), "{run:?}");
    }
    let said = told(&story).split_off(before);
    assert!(said.len() == 1 && said[0].starts_with("**Could not be done.** Jira finds POST"), "{said:?}");
    story.finish();
}

/// Who may not ask is told where he asked.
#[test]
fn a_stranger_is_refused_on_the_pull_request() {
    let story = changed(hello(), &[]);
    let run = twice(&story, &on_pull_request(&story, "fix", "guest", "/fix make it 60"));
    assert_eq!(
        told(&story),
        [
            "@guest, only people with write access to this repository can ask for this. If you are given it, ask again here after 60 minutes. Whoever asks again without it is not heard here for 24 hours."
        ],
        "{}",
        story.told(&run)
    );
    assert_eq!(story.said().len(), 1, "{}", story.told(&run));
    story.finish();
}
