//! Plan, revise, approve: what a person reads at each turn, and what makes an approval void.

use serde_json::Value;
use tests::github::{Fault, GitHub, Permission, Refused, When};

use crate::harness::{
    EDIT, PLAN, REPO, Run, Story, check_all, hello, offline, run, seen, wish, without_tokens,
};

/// A story in which the plan is posted as pull request 2.
fn planned(replies: &[&str]) -> Story {
    let story = Story::new(offline(hello()), &[&[PLAN], replies].concat());
    let ended = story.run(&story.wish("plan"));
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    assert_eq!(story.labels(1), "ai-help plan-pending", "{}", story.told(&ended));
    story
}

fn approve(story: &Story) -> Run {
    story.run(&story.command("approve", "dev1", 2, "/approve"))
}

/// A command where all is over is answered, and makes no failure of it.
#[test]
fn an_approval_of_what_was_merged_is_answered_and_leaves_the_labels() {
    let story = planned(&[EDIT]);
    let ended = approve(&story);
    assert_eq!(story.labels(1), "ai-done ai-help", "{}", story.told(&ended));
    story.github.now(|state| {
        state.at(REPO).merge("dev1", 2);
        state.at(REPO).close("dev1", 1);
    });
    let ended = approve(&story);
    assert!(
        story.answer(1).starts_with("**Could not be done.** The issue is closed."),
        "{}",
        story.told(&ended)
    );
    assert_eq!(story.labels(1), "ai-done ai-help", "{}", story.told(&ended));
    story.finish();
}

/// The approval stands on the issue, or on the pull request.
#[test]
fn the_rule_based_engine_plans_and_carries_out() {
    for thread in [1, 2] {
        let github = GitHub::start(offline(hello()));
        let planned = run(&github, &wish(&github, "plan", "dev1"), &[]);
        assert_eq!(planned.status, Some(0), "{}\n{}", planned.stderr, github.journal().summary());
        let comment = github.now(|state| state.at(REPO).comment("dev1", thread, "/approve"));
        let mut task = wish(&github, "approve", "dev1");
        task["issue_id"] = thread.into();
        task["comment_id"] = comment.into();
        if thread == 2 {
            task["pull_request"] = 2.into();
        }
        let done = run(&github, &task, &[]);
        assert_eq!(done.status, Some(0), "{}\n{}", done.stderr, github.journal().summary());
        let text = seen(&github);
        assert!(
            text.contains("pull #2 open by ai-agent[bot]: Change `timeout` from `30` to `90`\n"),
            "{text}"
        );
        assert!(text.contains("    labels: ai-done, ai-help\n"), "{text}");
        github.finish();
    }
}

/// From the plan over two revisions to the pull request, as the page shows it in the end.
#[test]
fn a_plan_is_revised_and_the_earlier_ones_folded_below() {
    let second = PLAN.replace("to 90", "to 120").replace("## Risks\n", "---\n\n## Risks\n");
    let third = PLAN.replace("to 90", "to 150");
    let edit = EDIT.replace("90", "150");
    let story = planned(&[&second, &third, &edit]);
    for (thread, text) in [(1, "/revise make it 120"), (2, "/revise\n\nno, 150")] {
        let task = story.command("revise", "dev1", thread, text);
        let revised = story.run(&task);
        assert_eq!(revised.status, Some(0), "{}", story.told(&revised));
        assert_eq!(story.labels(1), "ai-help plan-pending", "{}", story.told(&revised));
        // The same message once more changes nothing and asks nobody.
        let before = story.github.snapshot();
        let again = story.run(&task);
        assert_eq!((again.status, story.github.snapshot()), (Some(0), before), "{}", story.told(&again));
    }
    let description = story.github.now(|state| state.first().issue(2).body.clone()).expect("a description");
    assert!(description.contains(&third) && !description.contains("to 120"), "{description}");
    let frame = "\n\n---\nCarrying it out costs nothing. Nothing is changed before someone with write access comments \
        `/approve`. `/revise` and what should be different rewrites the plan.";
    let folded =
        |plan: &str| format!("\n\n<details><summary>The plan before</summary>\n\n{plan}\n\n</details>");
    let expected = format!("{third}{frame}{}{}", folded(&second), folded(PLAN));
    assert_eq!(story.answer(2), expected);
    let prompts: Vec<String> = story.asked().iter().map(|request| request.body.to_string()).collect();
    assert!(prompts[2].contains("no, 150"), "{}", prompts[2]);

    let done = approve(&story);
    assert_eq!(done.status, Some(0), "{}", story.told(&done));
    let page = seen(&story.github);
    let head = "  pull #2 open by ai-agent[bot]: Raise the time-out\n    ai-agent/issue-1 -> main\n    reviewers: dev1\n    labels: ai-generated\n";
    assert!(page.contains(head), "{page}");
    assert_eq!(story.labels(1), "ai-done ai-help");
    assert_eq!(story.answer(2), expected);
    story.finish();
}

/// What happens between the plan and its approval, how the run ends, what the issue says, and its labels.
struct Case {
    name: &'static str,
    happen: fn(&Story) -> Value,
    status: i32,
    answer: &'static str,
    labels: &'static str,
}

fn command(story: &Story) -> Value {
    story.command("approve", "dev1", 2, "/approve")
}

const STALE: &str = "Comment `/revise` to get a new plan for how things are now, then approve that one.";
const DONE: &str = "**Done**: #2 ([diff](/octo/hello/pull/2/files)) is ready for review.\n\nopenai:scripted, 1 call, BILL\n\nNot what you meant? Close the \
    pull request, say more on this issue, and comment `/retry`.";
const PLANNED: &str = "**Plan ready for review**: #2.\n\nopenai:scripted, 1 call, BILL\n\nComment `/approve` to have it \
    carried out, `/revise` and what should be different to have it rewritten, or close the pull request.";

/// A review of the plan's pull request, and the task that a webhook makes of it or of its comment on a line.
fn reviewed(story: &Story, kind: &str, user: &str, text: &str, line: Option<&str>) -> Value {
    let (review, comment) = story.github.now(|state| state.at(REPO).review(user, 2, text, line));
    let mut task = story.wish_of("approve", user);
    task["issue_id"] = 2.into();
    task["pull_request"] = 2.into();
    task["comment_id"] = comment.unwrap_or(review).into();
    task["comment_kind"] = kind.into();
    task
}

const CASES: &[Case] = &[
    Case { name: "nothing happened", happen: command, status: 0, answer: DONE, labels: "ai-done ai-help" },
    Case {
        name: "the command stands on the issue",
        happen: |story| story.command("approve", "dev1", 1, "/approve"),
        status: 0,
        answer: DONE,
        labels: "ai-done ai-help",
    },
    Case {
        name: "the base moved elsewhere",
        happen: |story| {
            story.github.now(|state| state.at(REPO).push_file("dev1", "main", "other.txt", "new\n"));
            command(story)
        },
        status: 0,
        answer: DONE,
        labels: "ai-done ai-help",
    },
    Case {
        name: "the issue was edited",
        happen: |story| {
            story.github.now(|state| state.at(REPO).rewrite(1, "Change `timeout` from 30 to 95."));
            command(story)
        },
        status: 0,
        answer: "**Could not be done.** The plan is stale: the issue's title or text was changed.\n\nSTALE",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "the title was edited",
        happen: |story| {
            story.github.now(|state| state.at(REPO).retitle("dev1", 1, "Another title"));
            command(story)
        },
        status: 0,
        answer: "**Could not be done.** The plan is stale: the issue's title or text was changed.\n\nSTALE",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "the plan was edited",
        happen: |story| {
            story.github.now(|state| {
                let mut scene = state.at(REPO);
                let plan = scene.issue(2).comments[0].clone();
                scene.edit_comment(plan.id, &plan.body.replace("to 90", "to 9000"));
            });
            command(story)
        },
        status: 0,
        answer: "**Could not be done.** The plan is stale: the text of the plan was changed.\n\nSTALE",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "the plan was deleted",
        happen: |story| {
            story.github.now(|state| {
                let mut scene = state.at(REPO);
                let plan = scene.issue(2).comments[0].id;
                scene.delete_comment(plan);
            });
            command(story)
        },
        status: 0,
        answer: "**Could not be done.** There is no plan of the agent on the pull request.\n\nComment `/retry` on the issue for a new plan.",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "somebody else posted a plan",
        happen: |story| {
            story.github.now(|state| {
                let mut scene = state.at(REPO);
                let plan = scene.issue(2).comments[0].clone();
                scene.delete_comment(plan.id);
                scene.comment("dev1", 2, &plan.body);
            });
            command(story)
        },
        status: 0,
        answer: "**Could not be done.** There is no plan of the agent on the pull request.\n\nComment `/retry` on the issue for a new plan.",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "a file that was read changed on the base",
        happen: |story| {
            story.github.now(|state| {
                state.at(REPO).push_file("dev1", "main", "config.toml", "port = 1\ntimeout = 30\n");
                state.at(REPO).push_file("dev1", "main", "other.txt", "new\n")
            });
            command(story)
        },
        status: 0,
        answer: "**Could not be done.** The plan is stale: newer commits changed `config.toml`.\n\nSTALE",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "the repository's configuration changed",
        happen: |story| {
            story.github.now(|state| {
                state.at(REPO).push_file("dev1", "main", ".github/ai-agent.toml", "language = \"German\"\n")
            });
            command(story)
        },
        status: 0,
        answer: "**Could not be done.** The plan is stale: the agent's model or configuration was changed.\n\nSTALE",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "the command was edited",
        happen: |story| {
            let task = story.command("approve", "dev1", 2, "well");
            let comment = task["comment_id"].as_u64().unwrap();
            story.github.now(|state| state.at(REPO).edit_comment(comment, "/approve"));
            task
        },
        status: 0,
        answer: "**Could not be done.** The comment with the command was edited.\n\nWrite the command in a new comment.\n\nComment `/approve` on the pull request to try again.",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "the command was deleted",
        happen: |story| {
            let task = command(story);
            let comment = task["comment_id"].as_u64().unwrap();
            story.github.now(|state| state.at(REPO).delete_comment(comment));
            task
        },
        status: 0,
        answer: "**Could not be done.** The comment with the command was deleted.\n\nWrite the command in a new comment.\n\nComment `/approve` on the pull request to try again.",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "the command is another one's",
        happen: |story| {
            let mut task = story.command("approve", "guest", 2, "/approve");
            task["trigger_user"] = "dev1".into();
            task
        },
        status: 0,
        answer: "**Could not be done.** The comment with the command was not written by the person who asked.\n\nWrite the command in a new comment.\n\nComment `/approve` on the pull request to try again.",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "the command stands on another issue",
        happen: |story| {
            let mut task = command(story);
            let elsewhere = story.github.now(|state| {
                let mut scene = state.at(REPO);
                let other = scene.open("dev1", "Another plan", None);
                scene.comment("dev1", other, "/approve")
            });
            task["comment_id"] = elsewhere.into();
            task
        },
        status: 0,
        answer: "**Could not be done.** The comment with the command stands on another issue or pull request.\n\nWrite the command in a new comment.\n\nComment `/approve` on the pull request to try again.",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "the command stands on the issue, and the task says the pull request",
        happen: |story| {
            let mut task = command(story);
            let on_issue = story.command("approve", "dev1", 1, "/approve");
            task["comment_id"] = on_issue["comment_id"].clone();
            task
        },
        status: 0,
        answer: "**Could not be done.** The comment with the command stands on another issue or pull request.\n\nWrite the command in a new comment.\n\nComment `/approve` on the pull request to try again.",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "whoever asked may not approve",
        happen: |story| {
            let config = "approve-by = \"others\"\n";
            story
                .github
                .now(|state| state.at(REPO).push_file("dev1", "main", ".github/ai-agent.toml", config));
            command(story)
        },
        status: 0,
        answer: "@dev1, you asked for this plan, and here only others may approve it (`approve-by = \"others\"`). Ask someone else with write access to comment `/approve`.",
        labels: "ai-help plan-pending",
    },
    Case {
        name: "the command is the text of a review",
        happen: |story| reviewed(story, "review", "dev1", "/approve", None),
        status: 0,
        answer: DONE,
        labels: "ai-done ai-help",
    },
    Case {
        name: "the command stands on a line of a review",
        happen: |story| reviewed(story, "review_line", "dev1", "", Some("/approve")),
        status: 0,
        answer: DONE,
        labels: "ai-done ai-help",
    },
    Case {
        name: "the command in a review was edited",
        happen: |story| {
            let task = reviewed(story, "review", "dev1", "well", None);
            let review = task["comment_id"].as_u64().unwrap();
            story.github.now(|state| state.at(REPO).edit_review(2, review, "/approve"));
            task
        },
        status: 0,
        answer: "**Could not be done.** The comment with the command was edited.\n\nWrite the command in a new comment.\n\nComment `/approve` on the pull request to try again.",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "the review is another one's",
        happen: |story| {
            let mut task = reviewed(story, "review", "guest", "/approve", None);
            task["trigger_user"] = "dev1".into();
            task
        },
        status: 0,
        answer: "**Could not be done.** The comment with the command was deleted.\n\nWrite the command in a new comment.\n\nComment `/approve` on the pull request to try again.",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "the review says something else",
        happen: |story| reviewed(story, "review", "dev1", "please /approve", None),
        status: 0,
        answer: "**Could not be done.** The comment no longer holds the command.\n\nWrite the command in a new comment.\n\nComment `/approve` on the pull request to try again.",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "who approves may not",
        happen: |story| story.command("approve", "guest", 2, "/approve"),
        status: 0,
        answer: PLANNED,
        labels: "ai-help plan-pending",
    },
    Case {
        name: "the pull request was closed",
        happen: |story| {
            story.github.now(|state| state.at(REPO).close("dev1", 2));
            command(story)
        },
        status: 0,
        answer: "**Could not be done.** #2 is closed.\n\nComment `/retry` on the issue for a new plan.",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "the pull request was merged",
        happen: |story| {
            story.github.now(|state| state.at(REPO).merge("dev1", 2));
            command(story)
        },
        status: 0,
        answer: "**Could not be done.** #2 is merged already.\n\nComment `/retry` on the issue for a new plan.",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "the pull request is another one",
        happen: |story| {
            story.github.now(|state| {
                state.at(REPO).push_file("dev1", "feature", "other.txt", "new\n");
                state.at(REPO).open_pull("dev1", "A feature", "feature", "main")
            });
            let mut task = command(story);
            task["pull_request"] = 3.into();
            task
        },
        status: 0,
        answer: "**Could not be done.** #3 is not the agent's pull request for this issue.\n\nComment `/retry` on the issue for a new plan.",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "a person committed to the branch",
        happen: |story| {
            story
                .github
                .now(|state| state.at(REPO).push_file("dev1", "ai-agent/issue-1", "other.txt", "new\n"));
            command(story)
        },
        status: 0,
        answer: "**Could not be done.** The branch `ai-agent/issue-1` holds commits that are not the agent's.\n\nRename or delete the branch, then comment `/retry` on the issue.",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "a person amended the plan's commit",
        happen: |story| {
            story.github.now(|state| state.at(REPO).amend("dev1", "ai-agent/issue-1"));
            command(story)
        },
        status: 0,
        answer: "**Could not be done.** The branch `ai-agent/issue-1` holds commits that are not the agent's.\n\nRename or delete the branch, then comment `/retry` on the issue.",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "the branch was deleted",
        happen: |story| {
            story.github.now(|state| state.at(REPO).delete_branch("ai-agent/issue-1"));
            command(story)
        },
        status: 0,
        answer: "**Could not be done.** The branch `ai-agent/issue-1` is gone, and the plan with it.\n\nComment `/retry` on the issue for a new plan.",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "the issue was closed",
        happen: |story| {
            story.github.now(|state| state.at(REPO).close("dev1", 1));
            command(story)
        },
        status: 0,
        answer: "**Could not be done.** The issue is closed.\n\nOpen it again.\n\nComment `/approve` on the pull request to try again.",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "a stale plan was revised",
        happen: |story| {
            story.github.now(|state| {
                state.at(REPO).push_file("dev1", "main", "config.toml", "port = 1\ntimeout = 30\n")
            });
            let stale = story.run(&command(story));
            assert!(
                story.answer(1).contains("newer commits changed `config.toml`"),
                "{}",
                story.told(&stale)
            );
            let revised = story.run(&story.command("revise", "dev1", 2, "/revise as things are now"));
            assert_eq!(story.labels(1), "ai-help plan-pending", "{}", story.told(&revised));
            command(story)
        },
        status: 0,
        answer: DONE,
        labels: "ai-done ai-help",
    },
    Case {
        name: "it was carried out before",
        happen: |story| {
            assert_eq!(approve(story).status, Some(0));
            command(story)
        },
        status: 0,
        answer: "**Could not be done.** The plan was carried out already.\n\nReview the pull request as it is; or close it, say more on the issue, and comment `/retry` there.",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "a commit arrives while the model thinks",
        happen: |story| {
            story.github.on_call(When::nth("graphql:repository", 1), |state| {
                state.at(REPO).push_file("dev1", "ai-agent/issue-1", "other.txt", "new\n");
            });
            command(story)
        },
        status: 0,
        answer: "**Could not be done.** The branch `ai-agent/issue-1` was changed while the agent worked.\n\nLook at the branch; delete or rename it, then comment `/retry`.",
        labels: "ai-failed ai-help",
    },
    Case {
        name: "the pull request is closed while the model thinks",
        happen: |story| {
            story.github.on_call(When::nth("graphql:repository", 1), |state| {
                state.at(REPO).close("dev1", 2);
            });
            command(story)
        },
        status: 0,
        answer: "**Stopped**: #2 was closed. Nothing more is written.\n\nComment `/retry` to start again.",
        labels: "ai-help",
    },
    Case {
        name: "a stop on the pull request while the model thinks",
        happen: |story| {
            story.github.on_call(When::nth("graphql:repository", 1), |state| {
                state.at(REPO).comment("dev1", 2, "/stop");
            });
            command(story)
        },
        status: 0,
        answer: "**Stopped**: `dev1` asked to stop. Nothing more is written.\n\nComment `/approve` on the pull request to try again.",
        labels: "ai-help",
    },
    Case {
        name: "a permission that cannot be asked for",
        happen: |story| {
            story.github.fault(When::every("repos/get-collaborator-permission-level"), Fault::ServerError);
            command(story)
        },
        status: 75,
        answer: PLANNED,
        labels: "ai-help plan-pending",
    },
    Case {
        name: "a maintainer's right was taken away",
        happen: |story| {
            story.github.now(|state| state.at(REPO).set_permission("dev1", Permission::Triage));
            command(story)
        },
        status: 0,
        answer: PLANNED,
        labels: "ai-help plan-pending",
    },
];

/// An approval that waited while the plan was rewritten is one of another plan.
#[test]
fn an_approval_is_of_the_plan_that_was_there() {
    let again = PLAN.replace("to 90", "to 120");
    let story = Story::new(offline(hello()), &[PLAN, &again, EDIT]);
    let planned = story.run(&story.wish("plan"));
    assert_eq!(planned.status, Some(0), "{}", story.told(&planned));
    let early = command(&story);
    let revised = story.run(&story.command("revise", "dev1", 2, "/revise make it 120"));
    assert_eq!(revised.status, Some(0), "{}", story.told(&revised));
    let refused = story.run(&early);
    assert_eq!(
        story.answer(1),
        "**Could not be done.** The plan was rewritten after it was approved.\n\nRead the plan as it is now; if it is good, comment \
         `/approve` again.",
        "{}",
        story.told(&refused)
    );
    let done = approve(&story);
    assert!(without_tokens(&story.answer(1)).starts_with("**Done**"), "{}", story.told(&done));
    story.finish();
}

/// Feedback can stand in a review, too.
#[test]
fn a_plan_is_revised_by_a_review() {
    let again = PLAN.replace("to 90", "to 120");
    let story = Story::new(offline(hello()), &[PLAN, &again]);
    let planned = story.run(&story.wish("plan"));
    assert_eq!(planned.status, Some(0), "{}", story.told(&planned));
    let mut task = reviewed(&story, "review_line", "dev1", "Hm.", Some("/revise make it 120"));
    task["mode"] = "revise".into();
    let revised = story.run(&task);
    assert!(story.answer(2).contains("to 120"), "{}", story.told(&revised));
    let prompts = story.asked();
    assert!(prompts[1].body.to_string().contains("make it 120"), "{}", prompts[1].body);
    story.finish();
}

#[test]
fn an_approval_holds_for_what_it_was_given_for() {
    check_all(CASES, |case| {
        let replies = if case.name == "a stale plan was revised" { [PLAN, EDIT] } else { [EDIT, EDIT] };
        let story = planned(&replies);
        let task = (case.happen)(&story);
        let ended = story.run(&task);
        let answer = story.answer(1).replace(STALE, "STALE");
        let answer = without_tokens(&answer);
        let wanted = (Some(case.status), case.answer.to_owned(), case.labels.to_owned());
        let got = (ended.status, answer, story.labels(1));
        let violations = story.github.take_violations();
        (got == wanted && violations.is_empty())
            .then_some(())
            .ok_or_else(|| format!("{}: {got:#?}\n{violations:?}\n{}", case.name, story.told(&ended)))
    });
}

/// The commit of a plan that a user's token moves is known as ours again.
#[test]
fn a_user_in_the_place_of_an_app_revises_and_carries_out() {
    let world = offline(hello().user("agent", Permission::Admin));
    let story = Story::new(world, &[PLAN, &PLAN.replace("to 90", "to 120"), EDIT]);
    let token = story.github.personal_token("agent");
    let variables = [("AGENT_GITHUB_APP_ID", ""), ("AGENT_GITHUB_TOKEN", token.as_str())];
    let planned = story.run_with(&story.wish("plan"), &variables);
    assert_eq!(story.labels(1), "ai-help plan-pending", "{}", story.told(&planned));
    story.github.now(|state| state.at(REPO).push_file("dev1", "main", "other.txt", "new\n"));
    for (mode, text, labels) in [
        ("revise", "/revise make it 120", "ai-help plan-pending"),
        ("approve", "/approve", "ai-done ai-help"),
    ] {
        let ended = story.run_with(&story.command(mode, "dev1", 2, text), &variables);
        assert_eq!((ended.status, story.labels(1).as_str()), (Some(0), labels), "{}", story.told(&ended));
    }
    story.finish();
}

/// A plan that was kept is posted without a question, unless the base has moved.
#[test]
fn a_plan_that_was_kept_is_completed() {
    check_all(&[(false, 1), (true, 2)], |(moved, asked)| {
        let story = Story::new(offline(hello()), &[PLAN, PLAN]);
        let task = story.wish("plan");
        story.run_killed(&task, "graphql:createCommitOnBranch", Fault::StallBefore);
        if *moved {
            story.github.now(|state| state.at(REPO).push_file("dev1", "main", "other.txt", "new\n"));
        }
        let ended = story.run(&task);
        let got = (ended.status, story.labels(1), story.answer(2).starts_with(PLAN), story.asked().len());
        let violations = story.github.take_violations();
        (got == (Some(0), "ai-help plan-pending".to_owned(), true, *asked) && violations.is_empty())
            .then_some(())
            .ok_or_else(|| format!("{moved}: {got:?} {violations:?}\n{}", story.told(&ended)))
    });
}

/// Another login makes nobody another person, and whoever has a plan completed has asked for it.
#[test]
fn who_asked_for_a_plan_is_known_under_another_login_and_by_a_retry() {
    let others = [("AGENT_APPROVE_BY", "others")];
    let world = || offline(hello().user("dev2", Permission::Write).user("dev3", Permission::Write));
    let barred = |story: &Story, user: &str| {
        let ended = story.run_with(&story.command("approve", user, 2, "/approve"), &others);
        let told = story.answer(1).starts_with(&format!("@{user}, you asked for this plan"));
        assert!(told, "{user}: {}", story.told(&ended));
    };

    let story = Story::new(world(), &[PLAN]);
    let planned = story.run_with(&story.wish_of("plan", "dev2"), &others);
    assert_eq!(planned.status, Some(0), "{}", story.told(&planned));
    story.github.now(|state| state.rename_user("dev2", "dev4"));
    barred(&story, "dev4");
    story.finish();

    // The first run dies before it posts the plan; somebody else has it completed.
    let story = Story::new(world(), &[PLAN, EDIT]);
    let mut task = story.wish("plan");
    story.github.fault(When::nth("issues/create-comment", 2), Fault::Refused(Refused::Permission));
    let failed = story.run_with(&task, &others);
    assert!(story.answer(1).starts_with("**Could not be done.**"), "{}", story.told(&failed));
    task["trigger_user"] = "dev2".into();
    task["delivery_id"] = "retry-1".into();
    let completed = story.run_with(&task, &others);
    assert_eq!(completed.status, Some(0), "{}", story.told(&completed));
    barred(&story, "dev1");
    barred(&story, "dev2");
    let done = story.run_with(&story.command("approve", "dev3", 2, "/approve"), &others);
    assert!(story.answer(1).starts_with("**Done**"), "{}", story.told(&done));
    story.finish();
}

/// Who asked for a plan, or for a revision of it, may not approve it where only others may; the operator's word is enough.
#[test]
fn a_plan_is_approved_by_somebody_else() {
    let world = offline(hello().user("dev2", Permission::Write).user("dev3", Permission::Write));
    let again = PLAN.replace("to 90", "to 120");
    let story = Story::new(world, &[PLAN, &again, EDIT]);
    let others = [("AGENT_APPROVE_BY", "others")];
    let planned = story.run_with(&story.wish("plan"), &others);
    assert_eq!(planned.status, Some(0), "{}", story.told(&planned));
    let revised = story.run_with(&story.command("revise", "dev2", 2, "/revise make it 120"), &others);
    assert_eq!(revised.status, Some(0), "{}", story.told(&revised));
    for user in ["dev1", "dev2"] {
        let barred = story.run_with(&story.command("approve", user, 2, "/approve"), &others);
        assert!(
            story.answer(1).starts_with(&format!("@{user}, you asked for this plan")),
            "{}",
            story.told(&barred)
        );
        assert_eq!(story.labels(1), "ai-help plan-pending", "{}", story.told(&barred));
    }
    let done = story.run_with(&story.command("approve", "dev3", 2, "/approve"), &others);
    assert!(story.answer(1).starts_with("**Done**"), "{}", story.told(&done));
    story.finish();
}
