//! The top of a pull request's description after later commits of the agent: which of the changed files CI or build tools
//! execute, as it is by then. What people wrote there stays.

use serde_json::Value;
use tests::github::{File, When, World};

use crate::ci::description;
use crate::fix::{self, opened_in};
use crate::harness::{EDIT, REPO, Story, hello};
use crate::repair;

const NAMED: &str = "> **Look at this first:** CI or build tools execute: `Makefile`.\n\n";
const MAKEFILE: &str = "port = 8000\ntimeout = 30\n";

/// An answer to a comment that changes the Makefile.
fn fixed(from: u8, to: u8) -> String {
    format!(
        "FIX: 1 Done.\nTITLE: Wait in the Makefile\n\nMakefile\n<<<<<<< SEARCH\ntimeout = {from}\n=======\ntimeout = {to}\n>>>>>>> \
         REPLACE\n"
    )
}

/// Nothing is held back here.
fn run(story: &Story, task: &Value) {
    let ended = story.run_with(task, &[("AGENT_CI", "auto")]);
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
}

fn write(story: &Story, text: &str) {
    story.github.now(|state| state.at(REPO).rewrite(2, text));
}

fn world() -> World {
    hello().file("Makefile", MAKEFILE)
}

#[test]
fn a_follow_up_names_what_ci_executes_and_takes_it_back() {
    let story = Story::new(opened_in(world()), &[&fixed(30, 120), &fixed(120, 30)]);
    write(&story, "It waits longer.\r\n\r\nSee the wiki.");
    run(&story, &story.command("fix", "dev1", 2, "/fix the Makefile as well"));
    assert_eq!(description(&story.github), format!("{NAMED}It waits longer.\r\n\r\nSee the wiki."));
    write(&story, &format!("Please hurry.\r\n\r\n{NAMED}See the wiki."));
    run(&story, &story.command("fix", "dev1", 2, "/fix leave the Makefile as it was"));
    assert_eq!(description(&story.github), "Please hurry.\r\n\r\nSee the wiki.");
    story.finish();
}

/// A person edits the description while the model thinks.
#[test]
fn what_people_write_meanwhile_stays() {
    let story = Story::new(opened_in(world()), &[&fixed(30, 120)]);
    write(&story, "It waits longer.");
    story.github.on_call(When::next("graphql:createCommitOnBranch"), |state| {
        state.at(REPO).rewrite(2, "It waits much longer.");
    });
    run(&story, &story.command("fix", "dev1", 2, "/fix the Makefile as well"));
    assert_eq!(description(&story.github), format!("{NAMED}It waits much longer."));
    story.finish();
}

#[test]
fn a_repair_names_what_ci_executes() {
    let world = repair::checked().before(|scene| {
        scene.push_file("octo", "main", "Makefile", MAKEFILE);
    });
    let made = "TITLE: Lower the time-out\nSUMMARY:\nIt was too long.\n\nconfig.toml\n<<<<<<< SEARCH\ntimeout = 90\n=======\n\
        timeout = 60\n>>>>>>> REPLACE\n\nMakefile\n<<<<<<< SEARCH\ntimeout = 30\n=======\ntimeout = 60\n>>>>>>> REPLACE\n";
    let story = Story::new(world, &[EDIT, made]);
    run(&story, &story.wish("quickfix"));
    let before = description(&story.github);
    repair::fails(&story, "build", repair::log("E   assert 90 < 80"));
    run(&story, &repair::event(&story));
    assert_eq!(description(&story.github), format!("{NAMED}{before}"));
    story.finish();
}

/// The base has the same change by now.
#[test]
fn an_update_takes_back_what_the_base_has_by_now() {
    let changed = "port = 8000\ntimeout = 31\n";
    let world = opened_in(world()).before(|scene| {
        let message = "Wait in the Makefile\n\nProposed for #1.\n\nAgent-Task: 00\n";
        scene.push(fix::BOT, fix::BRANCH, message, &[File::text("Makefile", changed)]);
        scene.push_file("dev1", "main", "Makefile", changed);
    });
    let story = Story::new(world, &[]);
    write(&story, &format!("{NAMED}It waits longer."));
    run(&story, &story.command("update", "dev1", 2, "/update"));
    assert_eq!(description(&story.github), "It waits longer.");
    story.finish();
}
