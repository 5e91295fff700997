//! The status comment leads to what a run made on the pull request: its commit, its comment, the threads that it replied in, its
//! plan.

use crate::ci;
use crate::fix;
use crate::harness::{EDIT, PLAN, REPO, Story, hello, offline};
use crate::{repair, update};

const BRANCH: &str = "ai-agent/issue-1";

/// The newest words of the agent on the issue, as they are.
fn told(story: &Story) -> String {
    let bot = story.github.app_login();
    story.github.now(|state| {
        let scene = state.first();
        let mut ours = scene.issue(1).comments.iter().filter(|comment| comment.author == bot);
        ours.next_back().map(|comment| comment.body.clone()).unwrap_or_default()
    })
}

fn diff_and_commit(story: &Story) -> String {
    let head = story.github.now(|state| state.at(REPO).repo().branch(BRANCH).unwrap());
    format!("#2 ([diff](/octo/hello/pull/2/files), [commit](/octo/hello/commit/{head})")
}

/// Where the newest comment of the agent on the pull request is.
fn comment(story: &Story) -> String {
    let bot = story.github.app_login();
    let id = story.github.now(|state| {
        let scene = state.first();
        scene.issue(2).comments.iter().rfind(|comment| comment.author == bot).unwrap().id
    });
    format!("/octo/hello/pull/2#issuecomment-{id}")
}

#[test]
fn a_change_leads_to_its_commit_and_a_plan_to_its_comment() {
    let story = Story::new(offline(hello()), &[PLAN, EDIT]);
    let run = story.run(&story.wish("plan"));
    let plan = format!("**Plan ready for review**: #2 ([plan]({})).", comment(&story));
    assert!(told(&story).starts_with(&plan), "{}\n{run:?}", told(&story));
    let run = story.run(&story.command("approve", "dev1", 2, "/approve"));
    let done = format!("**Done**: {}) is ready for review.", diff_and_commit(&story));
    assert!(told(&story).starts_with(&done), "{}\n{run:?}", told(&story));
    story.finish();
}

#[test]
fn a_follow_up_leads_to_all_that_it_said() {
    let story = Story::new(fix::opened_in(hello()), &[fix::BOTH, "CANNOT: I do not know how."]);
    let (review, first) = fix::short_review(&story, "dev1");
    let run = story.run(&fix::asked(&story, "dev1", review));
    let words = format!(
        "On {}, [comment]({}), [thread 1](/octo/hello/pull/2#discussion_r{first})): **Changed** in ",
        diff_and_commit(&story),
        comment(&story)
    );
    assert!(told(&story).starts_with(&words), "{words}\n{}\n{run:?}", told(&story));
    let run = story.run(&story.command("fix", "dev1", 2, "/fix make it 70"));
    let words = format!(
        "On #2 ([diff](/octo/hello/pull/2/files), [comment]({})): **Could not be done.** ",
        comment(&story)
    );
    assert!(told(&story).starts_with(&words), "{words}\n{}\n{run:?}", told(&story));
    story.finish();
}

#[test]
fn an_update_leads_to_its_merge_and_its_comment() {
    let story = Story::new(fix::opened_in(hello()), &[update::SETTLED]);
    update::conflict(&story);
    let run = story.run(&story.command("update", "dev1", 2, "/update"));
    let words = format!("On {}, [comment]({})): **Updated** in ", diff_and_commit(&story), comment(&story));
    assert!(told(&story).starts_with(&words), "{words}\n{}\n{run:?}", told(&story));
    story.finish();
}

#[test]
fn a_repair_and_checks_that_may_start_lead_to_their_commit() {
    let made = "TITLE: Lower the time-out\nSUMMARY:\nIt was too long.\n\nconfig.toml\n<<<<<<< SEARCH\ntimeout = 90\n=======\n\
        timeout = 60\n>>>>>>> REPLACE\n";
    let story = Story::new(repair::checked(), &[EDIT, made]);
    story.run(&story.wish("quickfix"));
    repair::fails(&story, "build", repair::log("E   assert 90 < 80"));
    let run = story.run(&repair::event(&story));
    let words = format!("**Repair 1 of 3** of {}): Lower the time-out.", diff_and_commit(&story));
    assert!(told(&story).starts_with(&words), "{words}\n{}\n{run:?}", told(&story));
    story.finish();

    let story = ci::held();
    let run = story.run(&story.command("ci", "dev1", 2, "/ci"));
    let words = format!("**Checks may start** on {}): @dev1", diff_and_commit(&story));
    assert!(told(&story).starts_with(&words), "{words}\n{}\n{run:?}", told(&story));
    story.finish();
}
